// Ours and the others in alternating rounds: the same client asks each in turn, who goes first moves on each round.

import { load, type Target } from '#test/bench/client.ts'
import { type BenchResult, compared, median } from '#test/bench/report.ts'

export type Side = {
  readonly name: string
  /** Connections are dealt to them in turn. */
  readonly targets: readonly Target[]
  readonly status: number
  /** The whole request, as it goes on the wire. */
  readonly request: (index: number, target: Target) => string
  /** Of all its processes so far. */
  readonly cpuMs: () => number
}

export type Asked = { readonly perSecond: number; readonly p50Ms: number; readonly cpuUs: number }

/** `turn` moves on which target gets the odd connection. */
export async function ask(side: Side, connections: number, durationMs: number, turn: number): Promise<Asked> {
  const dealt = side.targets.map(() => 0)
  for (let index = 0; index < connections; index++) {
    const at = (index + turn) % dealt.length
    dealt[at] = (dealt[at] ?? 0) + 1
  }
  const before = side.cpuMs()
  const shares = await Promise.all(
    side.targets.flatMap((target, index) => {
      const count = dealt[index] ?? 0
      if (count === 0) return []
      const request = (at: number): string => side.request(at, target)
      return [load([target], { connections: count, durationMs, status: side.status, request })]
    }),
  )
  const answers = shares.reduce((sum, share) => sum + share.answers, 0)
  return {
    perSecond: shares.reduce((sum, share) => sum + share.perSecond, 0),
    p50Ms: median(shares.map((share) => share.p50Ms)),
    cpuUs: (1000 * (side.cpuMs() - before)) / answers,
  }
}

export type Sizes = {
  readonly connections: number
  readonly rounds: number
  readonly roundMs: number
  readonly warmMs: number
}

const BAR = /<script async="" src="\/\.well-known\/interpeer\/bar-[0-9a-f]+\.js"[^>]*><\/script>/

/** A page as the site made it: every page of ours carries one element more, for the bar (decision 0040). Throws for one that has none. */
export function withoutBar(page: string): string {
  if (!BAR.test(page)) throw new Error(`a page of ours without its bar: ${page.slice(0, 200)}`)
  return page.replace(BAR, '')
}

const QUICK = { rounds: 1, roundMs: 300, warmMs: 300 }

/** As they are measured, or one short round. */
export function sizesOf(sizes: Sizes, quick: boolean): Sizes {
  return quick ? { ...sizes, ...QUICK } : sizes
}

/** All rounds of each side, by name; every side is warm before the first. */
export async function alternate(sides: readonly Side[], sizes: Sizes): Promise<ReadonlyMap<string, Asked[]>> {
  const rounds = new Map<string, Asked[]>(sides.map(({ name }) => [name, []]))
  for (const side of sides) await ask(side, sizes.connections, sizes.warmMs, 0)
  for (let round = 0; round < sizes.rounds; round++) {
    for (let index = 0; index < sides.length; index++) {
      const side = sides[(index + round) % sides.length]
      if (side === undefined) throw new Error('there is a side')
      rounds.get(side.name)?.push(await ask(side, sizes.connections, sizes.roundMs, round))
    }
  }
  return rounds
}

/** One figure of ours against the same of another, round by round. */
export function against(
  name: string,
  unit: string,
  figure: keyof Asked,
  ours: readonly Asked[] | undefined,
  theirs: readonly Asked[] | undefined,
  scale = 1,
): BenchResult {
  if (ours === undefined || theirs === undefined) throw new Error('both were measured')
  return compared(
    name,
    unit,
    ours.map((asked, round) => ({
      ours: scale * asked[figure],
      peer: scale * (theirs[round]?.[figure] ?? Number.NaN),
    })),
  )
}

/** Requests a second and CPU a request of `ours` against each of the others. */
export async function sideBySide(
  what: string,
  ours: Side,
  others: readonly Side[],
  sizes: Sizes,
): Promise<BenchResult[]> {
  const rounds = await alternate([ours, ...others], sizes)
  return others.flatMap(({ name }) => [
    against(`${what}, against ${name}`, 'requests/s', 'perSecond', rounds.get(ours.name), rounds.get(name)),
    against(`${what}, CPU, against ${name}`, 'µs/request', 'cpuUs', rounds.get(ours.name), rounds.get(name)),
  ])
}
