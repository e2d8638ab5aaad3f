// npm run soak -- [--heartbeats 8640] [--heartbeat-ms 50] [--load-minutes 20] [--clients 4] [--writes 20] [--json FILE] [--samples FILE]
//
// A day of heartbeats on a fast profile, then load for a while, each on a new group of four real seeders: whether memory, disk and descriptors
// stay flat. What is kept is bounded by time (R9's window, idempotency keys, snapshots), so the first part of each run fills it and is
// not judged: `WARM` of the run.
//
// What shows a leak is judged by a line through the rest, which may rise by so much (95 %): what is alive after a forced collection, within the
// heap and outside of it, in the main thread and the worker (where one runs: without requests it ends); disk; descriptors, which come and go by the
// second and are looked at so often. Resident memory also holds garbage: up to what the young halves of both heaps may hold, which come and go
// over minutes. So of it the highest of the last part is compared with the highest before, for
// each member (which may come to that height late) and, closer, for all together. The last member is never made to collect: its resident
// memory is what an operator sees.

import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as pass } from 'node:timers/promises'
import { exchange } from '#cli/network/http.ts'
import { type Alive, aliveOf, descriptorsOf, PROBE, type Usage, usageOf } from '#test/soak/sample.ts'
import { SAMPLES_MIN, trendOf } from '#test/soak/trend.ts'
import { startedWith } from '#test/support/program.ts'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const SITE = 'cells'
const CELLS = 200
const TEXT_BYTES = 200
const IDEMPOTENCY_MS = 2 * 60_000
const SAMPLE_MS = 5_000
/** Between two looks at the descriptors; a sample has the mean of those since the one before. */
const LOOK_MS = 1_000
const WARM = 0.4
const READY_MS = 60_000
const LABELS = ['s1', 's2', 's3', 's4']
const PROBED = LABELS.slice(0, -1)

/** Between two forced collections of a member. */
const ALIVE_MS = 30_000
/** Of a run: the rest is compared with it. */
const RESIDENT_BEFORE = 0.7

/** What V8's young halves hold at most: twice 16 MiB in the main thread, 16 MiB in the worker (seeder/execute/pool/lane.ts). */
const YOUNG_BYTES = 48 * 2 ** 20

/** What may come over the judged part, as a share of the mean (resident memory: of the highest before, for all members together); descriptors in number. */
const BOUNDS = {
  residentBytes: 0.1,
  mainHeapBytes: 0.05,
  mainOutsideBytes: 0.05,
  workerHeapBytes: 0.05,
  workerOutsideBytes: 0.05,
  diskBytes: 0.1,
  descriptors: 2,
} as const
type Judged = keyof typeof BOUNDS
const NAMES: Readonly<Record<Judged, string>> = {
  residentBytes: 'resident memory, highest',
  mainHeapBytes: 'alive in the heap, main thread',
  mainOutsideBytes: 'alive outside, main thread',
  workerHeapBytes: 'alive in the heap, worker',
  workerOutsideBytes: 'alive outside, worker',
  diskBytes: 'disk',
  descriptors: 'descriptors',
}

const USAGE = `usage: npm run soak -- [options]

  --heartbeats N     of the first run (default 8640)
  --heartbeat-ms N   between two of them (default 50)
  --load-minutes N   of the second run (default 20)
  --clients N        that load it (default 4)
  --writes N         a second, of all of them (default 20)
  --json FILE        what was found
  --samples FILE     every sample

Exit codes: 0 flat, 1 not flat, 2 usage.`

const { values, count } = startedWith(USAGE, {
  options: {
    heartbeats: { type: 'string', default: '8640' },
    'heartbeat-ms': { type: 'string', default: '50' },
    'load-minutes': { type: 'string', default: '20' },
    clients: { type: 'string', default: '4' },
    writes: { type: 'string', default: '20' },
    json: { type: 'string' },
    samples: { type: 'string' },
  },
})
const number = (name: Exclude<keyof typeof values, 'json' | 'samples'>): number => count(`--${name}`, values[name], 0)

/** `at` in seconds; `descriptors` open on average since the sample before. */
type Sampled = {
  readonly label: string
  readonly at: number
  readonly usage: Usage & { readonly descriptors: number }
  readonly alive: Alive | undefined
}
type Row = {
  readonly phase: string
  readonly label: string
  readonly what: Judged
  /** Of resident memory the highest before the last part. */
  readonly mean: number
  readonly rise: number
  readonly riseAtMost: number
  readonly flat: boolean
}
type Phase = {
  readonly name: string
  readonly seconds: number
  readonly heights: number
  readonly facts: Readonly<Record<string, number>>
  readonly rows: readonly Row[]
}

async function group(heartbeatMs: number, probe: string): Promise<Seeders> {
  const quiet = ['--log-level', 'warn']
  const environment = Object.entries(PROBE(probe)).map(([name, value]) => `${name}=${value}`)
  const seeders = await startSeeders({
    settings: { heartbeat_ms: heartbeatMs, snapshot_heights: 256, idempotency_ms: IDEMPOTENCY_MS },
    arguments: Object.fromEntries(LABELS.map((label) => [label, quiet])),
    wraps: Object.fromEntries(
      PROBED.map((label) => [label, (command) => ['/usr/bin/env', ...environment, ...command]]),
    ),
  })
  await seeders.publish(join(import.meta.dirname, SITE))
  for (const seeder of seeders.all)
    await until(`${SITE} at ${seeder.label}`, async () => (await seeder.site(SITE))?.state === 'agreeing', READY_MS)
  return seeders
}

/** Samples all members until `over`. */
async function watch(
  seeders: Seeders,
  probe: string,
  name: string,
  over: (heights: number) => boolean,
): Promise<readonly Sampled[]> {
  const began = performance.now()
  const samples: Sampled[] = []
  const looks = new Map<string, number[]>()
  const look = ({ label, pid }: SeederProcess): readonly number[] => {
    const seen = [...(looks.get(label) ?? []), descriptorsOf(pid)]
    looks.set(label, seen)
    return seen
  }
  for (let turn = 1; ; turn++) {
    for (const seeder of seeders.all) {
      const at = (performance.now() - began) / 1000
      try {
        const seen = look(seeder)
        const descriptors = seen.reduce((sum, each) => sum + each, 0) / seen.length
        looks.delete(seeder.label)
        const usage = { ...(await usageOf(seeder, SITE)), descriptors }
        const isProbed = PROBED.includes(seeder.label) && turn % (ALIVE_MS / SAMPLE_MS) === 0
        const alive = isProbed ? await aliveOf(probe, seeder.pid) : undefined
        const sample = { label: seeder.label, at, usage, alive }
        samples.push(sample)
        if (values.samples !== undefined) appendFileSync(values.samples, `${JSON.stringify({ name, ...sample })}\n`)
      } catch (cause) {
        // A machine that is busy with something else answers late: one sample less.
        console.error(`${name}: no sample of ${seeder.label}: ${(cause as Error).message}`)
      }
    }
    const last = samples.at(-1)?.usage
    if (turn % 12 === 1)
      console.error(
        `${name}: ${Math.round((performance.now() - began) / 1000)} s, height ${last?.height}, ${mega(last?.residentBytes)} MB, disk ${mega(last?.diskBytes)} MB, ${last?.descriptors.toFixed(1)} descriptors`,
      )
    if (over((last?.height ?? 0) - (samples[0]?.usage.height ?? 0))) return samples
    for (let next = performance.now() + LOOK_MS; next < began + turn * SAMPLE_MS; next += LOOK_MS) {
      await pass(Math.max(0, next - performance.now()))
      for (const seeder of seeders.all) look(seeder)
    }
    await pass(Math.max(0, began + turn * SAMPLE_MS - performance.now()))
  }
}

const mega = (bytes = Number.NaN): string => (bytes / 2 ** 20).toFixed(1)

const isPresent = <T>(value: T | undefined): value is T => value !== undefined

/** What a sample says of it, if it does. */
function said({ usage, alive }: Sampled, what: Exclude<Judged, 'residentBytes'>): number | undefined {
  return what === 'diskBytes' || what === 'descriptors' ? usage[what] : alive?.[what]
}

function residentRow(
  phase: string,
  label: string,
  samples: readonly Sampled[],
  end: number,
  bound: (before: number) => number,
): Row {
  const highest = (part: readonly Sampled[]): number => Math.max(...part.map(({ usage }) => usage.residentBytes))
  const before = highest(samples.filter(({ at }) => at < RESIDENT_BEFORE * end))
  const rise = highest(samples.filter(({ at }) => at >= RESIDENT_BEFORE * end)) - before
  return { phase, label, what: 'residentBytes', mean: before, rise, riseAtMost: rise, flat: rise <= bound(before) }
}

function judge(phase: string, samples: readonly Sampled[]): Row[] {
  const end = Math.max(...samples.map(({ at }) => at))
  const together = residentRow(phase, 'all', samples, end, (before) => BOUNDS.residentBytes * before)
  const rows = LABELS.flatMap((label) =>
    (Object.keys(BOUNDS) as Judged[]).flatMap((what): Row[] => {
      const own = samples.filter((sample) => sample.label === label)
      if (what === 'residentBytes') return [residentRow(phase, label, own, end, () => YOUNG_BYTES)]
      const judged = own.filter(({ at }) => at >= WARM * end)
      const values = judged
        .map((sample) => ({ at: sample.at / 60, value: said(sample, what) }))
        .filter((each): each is { at: number; value: number } => isPresent(each.value))
      const looks = judged.filter(({ alive }) => alive !== undefined).length
      // It is never looked into, or there was no worker whenever it was.
      if (values.length === 0 && (!PROBED.includes(label) || looks >= SAMPLES_MIN)) return []
      // What could not be looked at often enough is not called flat.
      if (values.length < SAMPLES_MIN)
        return [{ phase, label, what, mean: Number.NaN, rise: Number.NaN, riseAtMost: Number.NaN, flat: false }]
      const { mean, rise, riseAtMost } = trendOf(values)
      const bound = what === 'descriptors' ? BOUNDS[what] : BOUNDS[what] * mean
      return [{ phase, label, what, mean, rise, riseAtMost, flat: riseAtMost <= bound }]
    }),
  )
  return [together, ...rows]
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

async function heartbeats(count: number, probe: string): Promise<Phase> {
  await using seeders = await group(number('heartbeat-ms'), probe)
  const samples = await watch(seeders, probe, 'heartbeats', (heights) => heights >= count)
  return phaseOf('heartbeats', samples, {})
}

async function load(minutes: number, probe: string): Promise<Phase> {
  await using seeders = await group(1_000, probe)
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
        const answer = await exchange(`${origin}/?cell=${cell}`, {
          method: 'POST',
          body,
          headers: { 'idempotency-key': randomBytes(16).toString('base64url') },
          timeoutMs: 20_000,
        })
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
  const samples = await watch(seeders, probe, 'load', () => performance.now() >= end)
  await Promise.all(working)
  took.sort((a, b) => a - b)
  const at = (share: number): number => took[Math.floor(took.length * share)] ?? Number.NaN
  return phaseOf('load', samples, { ...counts, writeMsP50: at(0.5), writeMsP99: at(0.99) })
}

function show(phase: Phase): void {
  const facts = Object.entries(phase.facts).map(([name, value]) => `${name} ${Math.round(value * 1000) / 1000}`)
  console.log(`\n${phase.name}: ${Math.round(phase.seconds)} s, ${phase.heights} heights; ${facts.join(', ')}\n`)
  console.log('| member | what | mean | rises by | at most | flat |')
  console.log('|---|---|---:|---:|---:|---|')
  for (const { label, what, mean, rise, riseAtMost, flat } of phase.rows) {
    const text = (value: number): string => (what === 'descriptors' ? value.toFixed(1) : (value / 2 ** 20).toFixed(2))
    const cells = [label, NAMES[what], text(mean), text(rise), text(riseAtMost), flat ? 'yes' : '**no**']
    console.log(`| ${cells.join(' | ')} |`)
  }
}

const probe = mkdtempSync(join(tmpdir(), 'soak-'))
const phases: Phase[] = []
if (number('heartbeats') > 0) phases.push(await heartbeats(number('heartbeats'), probe))
phases.forEach(show)
if (number('load-minutes') > 0) {
  const phase = await load(number('load-minutes'), probe)
  phases.push(phase)
  show(phase)
}
rmSync(probe, { recursive: true })
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(phases, undefined, 1)}\n`)
process.exitCode = phases.every(({ rows }) => rows.every(({ flat }) => flat)) ? 0 : 1
