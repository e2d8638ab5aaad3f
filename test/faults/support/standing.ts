// What every member of a group has in the end, and whether that is what it should be: the acknowledged lines, once and in one order; blocks
// without a gap, as far back as R9's window reaches, the same at all; nobody called a liar. What is not so is told with the facts of all.

import assert from 'node:assert/strict'
import { exchange } from '#cli/network/http.ts'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { certFromBytes } from '#seeder/agree/record.ts'
import { levelLines, linesAt, noEvidence, SITE } from '#test/support/lines.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

/** Heights that are asked for at one member, from its head down. */
const HEIGHTS_MAX = 400
/** Further heights that are asked for where one was not there: a gap has something below it. */
const GAP_MAX = 12
const ASK_MS = 30_000
const WINDOW_DEADLINE_MS = 2 * WINDOW_MS

type Kept = { readonly hash: string; readonly time: number; readonly kind: string }
/** Certificates by height, from the head down. */
type Blocks = ReadonlyMap<number, Kept>

async function blocksOf(seeder: SeederProcess): Promise<Blocks> {
  const blocks = new Map<number, Kept>()
  const site = await seeder.site(SITE)
  const head = site?.height ?? 0
  let missing = 0
  for (let height = head; height > Math.max(0, head - HEIGHTS_MAX) && missing < GAP_MAX; height--) {
    const url = `${site?.origin}/.well-known/interpeer/certificate/${height}`
    const answer = await exchange(url, { timeoutMs: ASK_MS })
    missing = answer.status === 200 ? 0 : missing + 1
    if (answer.status !== 200) continue
    const cert = certFromBytes(answer.body)
    assert.ok(cert.ok)
    const { qc1, block } = cert.value
    blocks.set(height, { hash: hexFromBytes(qc1.block_hash).slice(0, 12), time: block.time, kind: block.kind })
  }
  return blocks
}

/** As `3–17, 19`. */
function rangesOf(heights: Iterable<number>): string {
  const ranges: [number, number][] = []
  for (const height of [...heights].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === height - 1) last[1] = height
    else ranges.push([height, height])
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ')
}

/** For whoever reads why something failed. */
export async function factsOf(seeder: SeederProcess): Promise<string> {
  const site = await seeder.site(SITE)
  if (site === undefined) return `${seeder.label} ${seeder.ready.peer}: no answer, or no site`
  const { epoch, height, view, state, degraded, ageMs, members, evidence, counts, queued } = site
  const lines = await linesAt(seeder)
  const blocks = site.origin === undefined ? undefined : await blocksOf(seeder).catch(() => undefined)
  const kept = blocks === undefined ? 'unknown' : rangesOf(blocks.keys())
  const facts = { epoch, height, view, state, degraded, ageMs, queued, lines: lines?.length, last: lines?.at(-1), kept }
  const heard = members.map((member) => `${member.peer.slice(-6)} ${member.state} ${member.height}`)
  return `${seeder.label} ${seeder.ready.peer}: ${JSON.stringify({ ...facts, members: heard, evidence, counts })}`
}

/** Runs it; when it fails, says how each of them stood. */
export async function withFacts<T>(seeders: () => readonly SeederProcess[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    const facts = await Promise.all(seeders().map((seeder) => factsOf(seeder).catch(String)))
    throw new Error([(cause as Error).message, ...facts].join('\n'), { cause })
  }
}

/** ms between the lowest block and the head; 0 without any. */
function reachOf(blocks: Blocks): number {
  const times = [...blocks.values()].map(({ time }) => time)
  return (times[0] ?? 0) - (times.at(-1) ?? 0)
}

/** Who began with the state of a head, since nobody had an older one to offer, knows R9's window when that has passed, and votes from then on. */
async function untilWindows(members: readonly SeederProcess[]): Promise<void> {
  await until(
    'R9’s window at every member',
    async () => {
      const all = await Promise.all(members.map(blocksOf))
      return all.every((blocks) => blocks.has(1) || reachOf(blocks) > WINDOW_MS)
    },
    WINDOW_DEADLINE_MS,
  )
}

/** Returns what each has. */
async function haveWholeWindows(members: readonly SeederProcess[], how: 'RECONFIG' | 'CLOSE'): Promise<string> {
  const kept: string[] = []
  const seen = new Map<number, string>()
  for (const seeder of members) {
    const blocks = await blocksOf(seeder)
    const heights = [...blocks.keys()]
    const [head = 0] = heights
    const lowest = heights.at(-1) ?? 0
    assert.ok(heights.length > 0, `${seeder.label} has no certificate`)
    assert.equal(heights.length, head - lowest + 1, `${seeder.label} has gaps: ${rangesOf(heights)}`)
    const reach = reachOf(blocks)
    assert.ok(lowest === 1 || reach > WINDOW_MS, `${seeder.label} has ${rangesOf(heights)}, which is ${reach} ms only`)
    for (const [height, { hash }] of blocks) {
      const other = seen.get(height)
      assert.ok(other === undefined || other === hash, `${seeder.label} has another block at height ${height}`)
      seen.set(height, hash)
    }
    // A hand-over by CLOSE has no block of its own; that of one by RECONFIG is there as long as no block has been let go.
    const isNamed = [...blocks.values()].some(({ kind }) => kind === 'reconfig')
    const isAs = isNamed === (how === 'RECONFIG') || (!isNamed && lowest > 1)
    assert.ok(isAs, `${seeder.label} has gone to another epoch otherwise than by ${how}`)
    kept.push(`${seeder.label} ${rangesOf(heights)}`)
  }
  return kept.join('; ')
}

/** Every check is made, so that one failure does not hide another. Returns which heights each has. */
export async function standWell(
  members: readonly SeederProcess[],
  lines: readonly string[],
  how: 'RECONFIG' | 'CLOSE',
): Promise<string> {
  const failures: string[] = []
  let kept = ''
  const check = async (what: string, work: () => Promise<void>): Promise<void> => {
    await work().catch((cause: Error) => failures.push(`${what}: ${cause.message}`))
  }
  await check('the acknowledged lines', async () => assert.deepEqual(await levelLines({ all: members }), lines))
  await check('nobody is called a liar', () => noEvidence({ all: members }))
  await check('the blocks', async () => {
    await untilWindows(members).catch(() => {})
    kept = await haveWholeWindows(members, how)
  })
  assert.ok(failures.length === 0, failures.join('\n'))
  return kept
}
