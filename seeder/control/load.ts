// How busy this process is: what it took of the processors and how many visitors asked for each site, looked at every few seconds and kept for two minutes.

import { availableParallelism, loadavg } from 'node:os'
import process from 'node:process'

export const SAMPLE_MS = 2_000
/** Two minutes of them. */
const SAMPLES_KEPT = 60
/** Requests a second are told of so many samples: a burst is seen, and a lone request does not make the number jump. */
const RATE_SAMPLES = 5

export type LoadFacts = {
  /** Of one processor; above 1 when several are in use. */
  readonly cpuShare: number
  readonly processors: number
  /** Of the machine, over 1, 5 and 15 minutes. */
  readonly machine: readonly number[]
  readonly requestsPerSecond: number
  readonly requestsPerSecondBySite: Readonly<Record<string, number>>
  /** Newest last, one each `sampleMs`. */
  readonly history: {
    readonly sampleMs: number
    readonly cpuShare: readonly number[]
    readonly requestsPerSecond: readonly number[]
  }
}

export type LoadMeter = Disposable & { facts(): LoadFacts }

export type LoadSources = {
  /** By site, since the start; of those that are hosted now. */
  readonly visits: () => ReadonlyMap<string, number>
  /** Monotonic ms. */
  readonly now?: () => number
  /** µs of all threads since the start. */
  readonly cpuMicros?: () => number
}

type Sample = { readonly at: number; readonly cpuMicros: number; readonly visits: ReadonlyMap<string, number> }

function ownCpu(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

export function startLoadMeter({ visits, now = () => performance.now(), cpuMicros = ownCpu }: LoadSources): LoadMeter {
  const samples: Sample[] = []
  const take = (): void => {
    samples.push({ at: now(), cpuMicros: cpuMicros(), visits: visits() })
    if (samples.length > SAMPLES_KEPT + 1) samples.shift()
  }
  take()
  const timer = setInterval(take, SAMPLE_MS)
  timer.unref()

  const seconds = (from: Sample, to: Sample): number => Math.max(0.001, (to.at - from.at) / 1000)
  const cpuBetween = (from: Sample, to: Sample): number => (to.cpuMicros - from.cpuMicros) / 1e6 / seconds(from, to)
  const visitsBetween = (from: Sample, to: Sample): ReadonlyMap<string, number> =>
    // A site that was taken, given up and taken again counts from its second start.
    new Map(
      [...to.visits].map(([name, count]) => [
        name,
        Math.max(0, count - (from.visits.get(name) ?? 0)) / seconds(from, to),
      ]),
    )
  const sum = (rates: ReadonlyMap<string, number>): number => [...rates.values()].reduce((all, each) => all + each, 0)

  return {
    facts() {
      const last = samples.at(-1)
      const before = samples.at(-1 - RATE_SAMPLES) ?? samples[0]
      const rates =
        last === undefined || before === undefined || before === last
          ? new Map<string, number>()
          : visitsBetween(before, last)
      const steps = samples.slice(1).flatMap((to, index) => {
        const from = samples[index]
        return from === undefined ? [] : [{ cpu: cpuBetween(from, to), requests: sum(visitsBetween(from, to)) }]
      })
      return {
        cpuShare: last === undefined || before === undefined || before === last ? 0 : cpuBetween(before, last),
        processors: availableParallelism(),
        machine: loadavg(),
        requestsPerSecond: sum(rates),
        requestsPerSecondBySite: Object.fromEntries(rates),
        history: {
          sampleMs: SAMPLE_MS,
          cpuShare: steps.map(({ cpu }) => cpu),
          requestsPerSecond: steps.map(({ requests }) => requests),
        },
      }
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
