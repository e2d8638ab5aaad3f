// Many runs over few threads: seeds go out in small ranges, results come back in any order, the summary is in seed order,
// so that neither the number of threads nor their speed shows in it.

import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import type { GroupKind } from './scenario.ts'
import { type Totals, totalsOf, type Violation } from './world.ts'

export const THREADS_MAX = 2
/** Seeds that a thread takes at a time. */
export const RANGE_SEEDS = 16

export type RunReport = {
  readonly seed: number
  readonly digest: string
  readonly violations: readonly Violation[]
  readonly totals: Totals
}

export type RangeOrder = {
  readonly from: number
  readonly count: number
  readonly group?: GroupKind
  readonly epochs?: number
  /** End the range at its first violation. */
  readonly untilViolation: boolean
}

export type FleetOptions = {
  readonly from: number
  readonly seeds: number
  readonly group?: GroupKind
  readonly epochs?: number
  readonly threads?: number
  /** Hand out nothing more once a run has failed. */
  readonly untilViolation?: boolean
  /** Nothing more is handed out after this many ms. */
  readonly withinMs?: number
  readonly onProgress?: (done: number, violations: number) => void
  readonly signal?: AbortSignal
}

export type FleetResult = {
  readonly runs: number
  /** Runs with at least one violation. */
  readonly violations: number
  /** The lowest seed with a violation. */
  readonly firstSeed: number | null
  readonly first: RunReport | null
  /** SHA-256 over every run's seed and digest, in seed order. */
  readonly digest: string
  readonly totals: Totals
}

export async function runFleet(options: FleetOptions): Promise<FleetResult> {
  const reports: RunReport[] = []
  const threads = Math.min(options.threads ?? THREADS_MAX, THREADS_MAX, Math.ceil(options.seeds / RANGE_SEEDS))
  const endsAt = performance.now() + (options.withinMs ?? Number.POSITIVE_INFINITY)
  let next = options.from
  let failed = 0

  const order = (): RangeOrder | undefined => {
    const left = options.from + options.seeds - next
    const halted = options.signal?.aborted || (options.untilViolation && failed > 0) || performance.now() > endsAt
    if (left <= 0 || halted) return undefined
    const count = Math.min(RANGE_SEEDS, left)
    const range = { from: next, count, untilViolation: options.untilViolation ?? false }
    next += count
    return {
      ...range,
      ...(options.group === undefined ? {} : { group: options.group }),
      ...(options.epochs === undefined ? {} : { epochs: options.epochs }),
    }
  }

  const worker = () =>
    new Promise<void>((resolve, reject) => {
      const thread = new Worker(new URL('./fleet-worker.ts', import.meta.url))
      const give = () => {
        const range = order()
        if (range === undefined) void thread.terminate().then(() => resolve(), reject)
        else thread.postMessage(range)
      }
      const abort = () => void thread.terminate().then(() => resolve(), reject)
      options.signal?.addEventListener('abort', abort, { once: true })
      thread.on('message', (batch: readonly RunReport[]) => {
        for (const report of batch) {
          reports.push(report)
          if (report.violations.length > 0) failed++
        }
        options.onProgress?.(reports.length, failed)
        give()
      })
      thread.on('error', reject)
      give()
    })

  await Promise.all(Array.from({ length: Math.max(1, threads) }, worker))
  reports.sort((a, b) => a.seed - b.seed)
  const hash = createHash('sha256')
  for (const report of reports) hash.update(`${report.seed}:${report.digest}\n`)
  const first = reports.find((report) => report.violations.length > 0) ?? null
  return {
    runs: reports.length,
    violations: failed,
    firstSeed: first?.seed ?? null,
    first,
    digest: hash.digest('hex'),
    totals: totalsOf(reports.map((report) => report.totals)),
  }
}
