// npm run soak -- [--heartbeats 8640] [--heartbeat-ms 50] [--load-minutes 20] [--clients 4] [--writes 20] [--json FILE]
//
// A day of heartbeats on a fast profile, then load for a while, each on a new group of four real seeders: whether memory, disk and descriptors
// stay flat. What is kept on disk is bounded by time (R9's window and snapshots), so the first part of each run fills it and is not
// judged: `WARM` of the run. Flat: what the line through the rest rises by, at most (95 %), is below the bounds beneath, for every member.

import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as pass } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { exchange } from '#cli/network/http.ts'
import { FRUGAL_MALLOC } from '#cli/up/child.ts'
import { type Usage, usageOf } from '#test/soak/sample.ts'
import { type Trend, trendOf } from '#test/soak/trend.ts'
import { type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const SITE = 'cells'
const CELLS = 200
const TEXT_BYTES = 200
const SAMPLE_MS = 5_000
const WARM = 0.4
const READY_MS = 60_000

/** Over the judged part of a run, as a share of the mean; descriptors in number. */
const BOUNDS = { residentBytes: 0.1, heapBytes: 0.25, diskBytes: 0.1, descriptors: 2 } as const
type Judged = keyof typeof BOUNDS

const { values } = parseArgs({
  options: {
    heartbeats: { type: 'string', default: '8640' },
    'heartbeat-ms': { type: 'string', default: '50' },
    'load-minutes': { type: 'string', default: '20' },
    clients: { type: 'string', default: '4' },
    writes: { type: 'string', default: '20' },
    json: { type: 'string' },
  },
})
const number = (name: Exclude<keyof typeof values, 'json'>): number => Number(values[name])

type Sampled = { readonly label: string; readonly at: number; readonly usage: Usage }
type Row = {
  readonly phase: string
  readonly label: string
  readonly what: Judged
  readonly trend: Trend
  readonly flat: boolean
}
type Phase = {
  readonly name: string
  readonly seconds: number
  readonly heights: number
  readonly facts: Readonly<Record<string, number>>
  readonly rows: readonly Row[]
}

async function group(heartbeatMs: number): Promise<Seeders> {
  const labels = ['s1', 's2', 's3', 's4']
  const quiet = ['--log-level', 'warn']
  // As `interpeer seed` and `up` start them.
  const malloc = Object.entries(FRUGAL_MALLOC).map(([name, value]) => `${name}=${value}`)
  const seeders = await startSeeders({
    settings: { heartbeat_ms: heartbeatMs, snapshot_heights: 256 },
    arguments: Object.fromEntries(labels.map((label) => [label, quiet])),
    wraps: Object.fromEntries(labels.map((label) => [label, (words) => ['/usr/bin/env', ...malloc, ...words]])),
  })
  await seeders.publish(join(import.meta.dirname, SITE))
  for (const seeder of seeders.all)
    await until(`${SITE} at ${seeder.label}`, async () => (await seeder.site(SITE))?.state === 'agreeing', READY_MS)
  return seeders
}

/** Samples all members until `over`. */
async function watch(seeders: Seeders, name: string, over: (heights: number) => boolean): Promise<readonly Sampled[]> {
  const began = performance.now()
  const samples: Sampled[] = []
  for (let turn = 1; ; turn++) {
    for (const seeder of seeders.all) {
      const at = (performance.now() - began) / 1000
      try {
        samples.push({ label: seeder.label, at, usage: await usageOf(seeder, SITE) })
      } catch (cause) {
        // A machine that is busy with something else answers late: one sample less.
        console.error(`${name}: no sample of ${seeder.label}: ${(cause as Error).message}`)
      }
    }
    const last = samples.at(-1)?.usage
    if (turn % 12 === 1)
      console.error(
        `${name}: ${Math.round((performance.now() - began) / 1000)} s, height ${last?.height}, ${mega(last?.residentBytes)} MB, disk ${mega(last?.diskBytes)} MB, ${last?.descriptors} descriptors`,
      )
    if (over((last?.height ?? 0) - (samples[0]?.usage.height ?? 0))) return samples
    await pass(Math.max(0, began + turn * SAMPLE_MS - performance.now()))
  }
}

const mega = (bytes = Number.NaN): string => (bytes / 2 ** 20).toFixed(1)

function judge(phase: string, samples: readonly Sampled[]): Row[] {
  const end = Math.max(...samples.map(({ at }) => at))
  const labels = [...new Set(samples.map(({ label }) => label))]
  return labels.flatMap((label) =>
    (Object.keys(BOUNDS) as Judged[]).map((what) => {
      const own = samples.filter((sample) => sample.label === label && sample.at >= WARM * end)
      const trend = trendOf(own.map(({ at, usage }) => ({ at: at / 60, value: usage[what] })))
      const bound = what === 'descriptors' ? BOUNDS[what] : BOUNDS[what] * trend.mean
      return { phase, label, what, trend, flat: trend.riseAtMost <= bound }
    }),
  )
}

function phaseOf(name: string, samples: readonly Sampled[], facts: Readonly<Record<string, number>>): Phase {
  const first = samples[0]
  const last = samples.at(-1)
  const seconds = last?.at ?? 0
  const heights = (last?.usage.height ?? 0) - (first?.usage.height ?? 0)
  const cpu = [...new Set(samples.map(({ label }) => label))].map((label) => {
    const own = samples.filter((sample) => sample.label === label)
    return ((own.at(-1)?.usage.cpuSeconds ?? 0) - (own[0]?.usage.cpuSeconds ?? 0)) / seconds
  })
  return {
    name,
    seconds,
    heights,
    facts: { ...facts, cpuPerMember: cpu.reduce((sum, each) => sum + each, 0) / cpu.length },
    rows: judge(name, samples),
  }
}

async function heartbeats(count: number): Promise<Phase> {
  await using seeders = await group(number('heartbeat-ms'))
  const samples = await watch(seeders, 'heartbeats', (heights) => heights >= count)
  return phaseOf('heartbeats', samples, {})
}

async function load(minutes: number): Promise<Phase> {
  await using seeders = await group(1_000)
  const origins = await Promise.all(
    seeders.all.map(async (seeder) => (await until('an origin', () => seeder.site(SITE))).origin ?? ''),
  )
  const clients = number('clients')
  const pauseMs = (1000 * clients) / number('writes')
  const end = performance.now() + minutes * 60_000
  const counts = { writes: 0, reads: 0, refused: 0 }
  const took: number[] = []
  const working = Array.from({ length: clients }, async (_, client) => {
    for (let turn = 0; performance.now() < end; turn++) {
      const began = performance.now()
      const origin = origins[(client + turn) % origins.length] ?? ''
      const body = Buffer.from(randomBytes(TEXT_BYTES / 2).toString('hex'))
      try {
        const cell = (turn * clients + client) % CELLS
        const answer = await exchange(`${origin}/?cell=${cell}`, { method: 'POST', body, timeoutMs: 20_000 })
        if (answer.status === 201) counts.writes++
        else counts.refused++
        took.push(performance.now() - began)
        const read = await exchange(`${origin}/`, { timeoutMs: 20_000 })
        if (read.status === 200) counts.reads++
        else counts.refused++
      } catch {
        counts.refused++
      }
      await pass(Math.max(0, began + pauseMs - performance.now()))
    }
  })
  const samples = await watch(seeders, 'load', () => performance.now() >= end)
  await Promise.all(working)
  took.sort((a, b) => a - b)
  const at = (share: number): number => took[Math.floor(took.length * share)] ?? Number.NaN
  return phaseOf('load', samples, { ...counts, writeMsP50: at(0.5), writeMsP99: at(0.99) })
}

function show(phase: Phase): void {
  const facts = Object.entries(phase.facts).map(([name, value]) => `${name} ${Math.round(value * 1000) / 1000}`)
  console.log(`\n${phase.name}: ${Math.round(phase.seconds)} s, ${phase.heights} heights; ${facts.join(', ')}\n`)
  console.log('| member | what | mean | a minute | ± | rises by | at most | flat |')
  console.log('|---|---|---|---|---|---|---|---|')
  for (const { label, what, trend, flat } of phase.rows) {
    const text = (value: number): string =>
      what === 'descriptors' ? value.toFixed(2) : `${(value / 2 ** 20).toFixed(3)} MiB`
    const cells = [trend.mean, trend.slope, trend.slopeError, trend.rise, trend.riseAtMost].map(text)
    console.log(`| ${label} | ${what} | ${cells.join(' | ')} | ${flat ? 'yes' : '**no**'} |`)
  }
}

const phases: Phase[] = []
if (number('heartbeats') > 0) phases.push(await heartbeats(number('heartbeats')))
phases.forEach(show)
if (number('load-minutes') > 0) {
  const phase = await load(number('load-minutes'))
  phases.push(phase)
  show(phase)
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(phases, undefined, 1)}\n`)
process.exitCode = phases.every(({ rows }) => rows.every(({ flat }) => flat)) ? 0 : 1
