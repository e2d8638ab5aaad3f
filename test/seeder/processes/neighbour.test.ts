// F25 on a real seeder: whatever one site's script does, its visitors get a page that says so and its author a line in the log, and
// the site beside it in the same process is served as before, a turn of the other's later.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { exchange, type HttpAnswer } from '#cli/network/http.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const ATTACKS = ['loop', 'memory', 'depth', 'regexp', 'bigint', 'promises', 'sql', 'host', 'answer', 'error']
/** How each may end: the code on its page. */
const ENDINGS: Readonly<Record<string, RegExp>> = {
  loop: /fuel/,
  memory: /memory/,
  depth: /depth/,
  regexp: /fuel/,
  bigint: /fuel|memory|exception/,
  promises: /memory|fuel/,
  sql: /fuel/,
  host: /fuel|memory/,
  answer: /response_size|memory|fuel/,
  error: /exception/,
}
const ATTACKERS = 24
const ATTACK_MS = 8_000
const LOOKS = 40
/** A look waits for what runs and for one turn of the other site, each within one request's fuel; with a wait for all of them it would never come. */
const LOOK_MS = 60_000
const RESIDENT_MAX_KIB = 900 * 1024

async function originOf(seeder: SeederProcess, site: string): Promise<string> {
  return until(`${site} at ${seeder.label}`, async () => {
    const known = await seeder.site(site)
    return known !== undefined && known.height > 0 && known.state === 'agreeing' ? known.origin : undefined
  })
}

function residentKib(seeder: SeederProcess): number {
  const line = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${seeder.ready.pid}/status`, 'utf8'))
  return Number(line?.[1])
}

async function look(origin: string, mark: string): Promise<number> {
  const begun = performance.now()
  const answer = await exchange(`${origin}/?${mark}`, { timeoutMs: LOOK_MS })
  assert.equal(answer.status, 200, answer.body.toString())
  return performance.now() - begun
}

async function looks(origin: string, mark: string, count: number): Promise<number[]> {
  const took: number[] = []
  for (let index = 0; index < count; index++) took.push(await look(origin, `${mark}-${index}`))
  return took.sort((a, b) => a - b)
}

const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? 0

async function published(): Promise<Seeders> {
  const seeders = await startSeeders()
  try {
    await seeders.publish(join(import.meta.dirname, 'lines'))
    await seeders.publish(join(import.meta.dirname, 'hostile'))
  } catch (cause) {
    await seeders[Symbol.asyncDispose]()
    throw cause
  }
  return seeders
}

test('F25 a site that attacks its seeder harms itself alone', async (context) => {
  await using seeders = await published()
  const [seeder] = seeders.all
  assert(seeder !== undefined)
  const hostile = await originOf(seeder, 'hostile')
  const quiet = await originOf(seeder, 'lines')

  await context.test('each attack ends with a page that says why, and its next visitor is served', async () => {
    for (const name of ATTACKS) {
      const begun = performance.now()
      const answer: HttpAnswer = await exchange(`${hostile}/${name}`, { timeoutMs: 30_000 })
      const page = answer.body.toString()
      assert([502, 503, 504].includes(answer.status), `${name}: ${answer.status}`)
      assert.match(page, ENDINGS[name] ?? /$^/, name)
      assert.match(page, /<h1>[^<]+<\/h1><p>[^<]+<\/p>/)
      assert.doesNotMatch(page, /on purpose|app\/script/)
      assert.equal((await exchange(`${hostile}/`)).status, 200)
      context.diagnostic(`${name}: ${(performance.now() - begun).toFixed(0)} ms, ${/<code>(\w+)/.exec(page)?.[1]}`)
    }
  })

  await context.test('the author finds what happened in the log, of reads and of writes', async () => {
    const answer = await exchange(`${hostile}/error`, { method: 'POST', body: Buffer.from('x'), timeoutMs: 30_000 })
    assert.equal(answer.status, 502)
    await until('lines in the log', async () => {
      const log = (await exchange(`${hostile}/.well-known/interpeer/log?limit=1000`)).body.toString()
      return log.split('exception: Error: on purpose').length > 2 && /fuel:/.test(log) && /memory:/.test(log)
    })
  })

  await context.test('the site beside it is served while it is attacked', async () => {
    const before = await looks(quiet, 'before', LOOKS)
    const idleKib = residentKib(seeder)
    const over = performance.now() + ATTACK_MS
    let asked = 0
    const attackers = Array.from({ length: ATTACKERS }, async (_, index) => {
      for (let turn = 0; performance.now() < over; turn++) {
        const name = ATTACKS[(index + turn) % ATTACKS.length]
        const write = index % 8 === 7
        const options = write ? { method: 'POST', body: Buffer.from('x'), timeoutMs: 60_000 } : { timeoutMs: 60_000 }
        await exchange(`${hostile}/${name}?${index}-${turn}`, options).catch(() => undefined)
        asked++
      }
    })
    const during: number[] = []
    let mostKib = 0
    for (let index = 0; performance.now() < over; index++) {
      during.push(await look(quiet, `during-${index}`))
      mostKib = Math.max(mostKib, residentKib(seeder))
    }
    await Promise.all(attackers)
    during.sort((a, b) => a - b)
    const after = await looks(quiet, 'after', LOOKS)
    const shown = (all: readonly number[]) =>
      `median ${median(all).toFixed(1)} ms, 95 % ${(all[Math.floor(all.length * 0.95)] ?? 0).toFixed(1)} ms, most ${(all.at(-1) ?? 0).toFixed(1)} ms of ${all.length}`
    context.diagnostic(`before: ${shown(before)}`)
    context.diagnostic(`during: ${shown(during)} (${asked} attacks by ${ATTACKERS})`)
    context.diagnostic(`after: ${shown(after)}`)
    context.diagnostic(`memory: ${idleKib} KiB, at most ${mostKib} KiB`)
    assert(asked > 0 && during.length > 0)
    assert(mostKib < RESIDENT_MAX_KIB)
  })
})
