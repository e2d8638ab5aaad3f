// The virtual net. Until `goodAt` it delays, drops, duplicates, reorders, cuts in two and lets pass in one direction only;
// from then on every message arrives within `deltaMs`. It decides when copies of a message arrive and nothing else.
//
//   send ──> blocked? ──> lost? ──> delay per copy ──> event queue

import type { Random } from './random.ts'

export type NetProfile = {
  /** Until then the net is bad. */
  readonly goodAt: number
  /** Longest delay of the good net, ms. */
  readonly deltaMs: number
  /** Of the bad net: probability that a message is lost, is doubled, is slow. */
  readonly loss: number
  readonly double: number
  readonly slow: number
  readonly fastMs: number
  readonly slowMs: number
  /** A partition (or one-way cut) begins about this often; 0: never. */
  readonly cutEveryMs: number
  readonly cutForMs: number
  /** Share of the cuts that are of single directions. */
  readonly oneWay: number
  /** Messages that meet a cut are lost (a closed connection) or kept until it heals (a stalled one). */
  readonly cutLoses: boolean
}

export type Net = {
  /** Arrival times of the copies of a message sent now; empty when it is lost. */
  arrivals(from: number, to: number, now: number): number[]
}

export function virtualNet(profile: NetProfile, peers: number, random: Random): Net {
  // Cuts are drawn ahead of time: [from, until, blocked links as a bit a directed pair].
  const cuts: { readonly from: number; readonly until: number; readonly blocked: ReadonlySet<number> }[] = []
  if (profile.cutEveryMs > 0) {
    let at = random.between(0, profile.cutEveryMs)
    while (at < profile.goodAt) {
      const until = Math.min(profile.goodAt, at + random.between(0.2, 1) * profile.cutForMs)
      const blocked = new Set<number>()
      if (random.chance(profile.oneWay)) {
        for (let from = 0; from < peers; from++)
          for (let to = 0; to < peers; to++) if (from !== to && random.chance(0.35)) blocked.add(from * peers + to)
      } else {
        const side = Array.from({ length: peers }, () => random.chance(0.5))
        for (let from = 0; from < peers; from++)
          for (let to = 0; to < peers; to++) if (side[from] !== side[to]) blocked.add(from * peers + to)
      }
      cuts.push({ from: at, until, blocked })
      at = until + random.between(0.2, 1.8) * profile.cutEveryMs
    }
  }
  const cutUntil = (from: number, to: number, now: number): number => {
    const cut = cuts.find(({ until }) => until > now)
    return cut !== undefined && cut.from <= now && cut.blocked.has(from * peers + to) ? cut.until : 0
  }
  const goodDelay = () => random.between(0.05, 1) * profile.deltaMs
  return {
    arrivals(from, to, now) {
      if (now >= profile.goodAt) return [now + goodDelay()]
      const until = cutUntil(from, to, now)
      if (until > now) {
        if (profile.cutLoses || random.chance(profile.loss)) return []
        return [until + goodDelay()]
      }
      if (random.chance(profile.loss)) return []
      const copies = random.chance(profile.double) ? 2 : 1
      const out: number[] = []
      for (let copy = 0; copy < copies; copy++) {
        const delay = random.chance(profile.slow)
          ? random.between(0, profile.slowMs)
          : random.between(0.2, 1) * profile.fastMs
        out.push(Math.min(now + delay, profile.goodAt + goodDelay()))
      }
      return out
    },
  }
}
