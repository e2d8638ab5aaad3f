// What a seed means: who is in the group, who of them is faulty and how, what the net, disks and clocks do, and when.
// Two phases: until `goodAt` anything may happen; after it the net is good, everybody who still has a disk runs, and
// progress is owed (bft, faults within the bound).

import type { NetProfile } from './net.ts'
import { type Random, randomFromSeed } from './random.ts'

export const GROUP_KINDS = ['4', '7', '3all'] as const
export type GroupKind = (typeof GROUP_KINDS)[number]

export type Fault =
  /** Signs whatever its actor likes. */
  | 'byzantine'
  /** Follows the rules, but its executor computes something else. */
  | 'wrong_executor'

export type Crash = {
  readonly member: number
  /** From then on, the next step that has effects is cut off after `afterEffects` of them. */
  readonly at: number
  readonly afterEffects: number
  readonly downMs: number
  /** The disk comes back empty. */
  readonly losesDisk: boolean
}

/** How the Byzantine actor spends its time. */
export type Malice = {
  /** Mean pause between two acts, ms. */
  readonly everyMs: number
  /** Share of the honest members that an act is shown to. */
  readonly reach: number
  /** Its members also answer and execute like honest ones (a twin of the protocol), lying beside it. */
  readonly actsAfterGood: boolean
}

export type Scenario = {
  readonly seed: number
  readonly group: GroupKind
  readonly members: number
  readonly quorum: 'bft' | 'all'
  /** Members that may be faulty before a fork becomes possible. */
  readonly bound: number
  readonly faults: ReadonlyMap<number, Fault>
  /** More faults than the bound: forks may happen, and every one has to name a culprit. */
  readonly overBound: boolean
  readonly net: NetProfile
  readonly goodAt: number
  readonly endAt: number
  readonly crashes: readonly Crash[]
  readonly skewMs: readonly number[]
  readonly malice: Malice
  readonly clients: number
  readonly writesPerClient: number
  readonly thinkMs: number
  readonly executeMs: number
}

export const DELTA_MS = 1000
const OVER_BOUND_SHARE = 0.12
/** How long progress in the good net may take: a time-out may have grown to a minute by then. */
export const LIVENESS_MS = 240_000

function sizeOf(group: GroupKind): { members: number; quorum: 'bft' | 'all'; bound: number } {
  if (group === '4') return { members: 4, quorum: 'bft', bound: 1 }
  if (group === '7') return { members: 7, quorum: 'bft', bound: 2 }
  return { members: 3, quorum: 'all', bound: 2 }
}

function netOf(random: Random, goodAt: number): NetProfile {
  const kind = random.below(4)
  const base = { goodAt, deltaMs: DELTA_MS / 2, fastMs: random.pick([20, 200, 800]), cutLoses: random.chance(0.5) }
  const cuts = random.chance(0.6)
    ? {
        cutEveryMs: random.between(3_000, 20_000),
        cutForMs: random.between(2_000, 25_000),
        oneWay: random.pick([0, 0.5, 1]),
      }
    : { cutEveryMs: 0, cutForMs: 0, oneWay: 0 }
  if (kind === 0) return { ...base, ...cuts, loss: 0, double: 0.02, slow: 0.02, slowMs: 3_000 }
  if (kind === 1) return { ...base, ...cuts, loss: 0.05, double: 0.05, slow: 0.2, slowMs: 8_000 }
  if (kind === 2) return { ...base, ...cuts, loss: 0.2, double: 0.1, slow: 0.4, slowMs: 15_000 }
  return { ...base, ...cuts, loss: 0.35, double: 0.02, slow: 0.1, slowMs: 20_000 }
}

export function scenarioFromSeed(seed: number, kind?: GroupKind): Scenario {
  const random = randomFromSeed(seed, 'scenario')
  const drawn = random.real()
  const group = kind ?? (drawn < 0.7 ? '4' : drawn < 0.85 ? '7' : '3all')
  const { members, quorum, bound } = sizeOf(group)
  const everyone = Array.from({ length: members }, (_, index) => index)

  const overBound = group !== '3all' && random.chance(OVER_BOUND_SHARE)
  // Mostly as many as the bound allows; some runs leave room for lost disks, some have nobody faulty at all.
  const within = random.chance(0.6) ? bound : random.below(bound + 1)
  const faulty = overBound ? bound + 1 : random.chance(0.15) ? 0 : within
  const faults = new Map<number, Fault>()
  const order = random.shuffled(everyone)
  for (const member of order.slice(0, faulty)) {
    faults.set(member, !overBound && random.chance(0.12) ? 'wrong_executor' : 'byzantine')
  }

  const goodAt = random.between(12_000, 40_000)
  const crashes: Crash[] = []
  const stormy = random.real()
  let disksLeft = overBound ? 0 : bound - faults.size
  if (quorum === 'all') disksLeft = 0
  for (const member of order.slice(faulty)) {
    let at = random.between(0, goodAt)
    let again = 0
    while (at < goodAt - 1_000 && (random.chance(stormy * 0.8) || again-- > 0)) {
      const losesDisk = disksLeft > 0 && random.chance(0.4)
      if (losesDisk) {
        disksLeft--
        again = 1
      }
      const downMs = random.pick([20, 50, 1_000, 8_000]) * random.between(0.5, 2)
      crashes.push({ member, at, afterEffects: random.below(random.pick([2, 4, 8])), downMs, losesDisk })
      at += downMs + random.between(100, random.pick([1_500, 15_000]))
    }
  }

  // Now and then the power goes for everybody at once.
  if (random.chance(0.15)) {
    const at = goodAt - random.between(1, random.pick([500, 4_000, goodAt]))
    for (const member of order.slice(faulty)) {
      const afterEffects = random.below(random.pick([2, 8]))
      crashes.push({
        member,
        at: Math.min(at + random.below(200), goodAt - 1),
        afterEffects,
        downMs: random.between(20, 3_000),
        losesDisk: false,
      })
    }
  }

  return {
    seed,
    group,
    members,
    quorum,
    bound,
    faults,
    overBound,
    net: netOf(random, goodAt),
    goodAt,
    endAt: goodAt + LIVENESS_MS,
    crashes,
    skewMs: everyone.map(() => random.between(-900, 900)),
    malice: {
      everyMs: overBound ? 60 : random.pick([120, 300, 900]),
      reach: random.pick([0.3, 0.5, 0.8]),
      actsAfterGood: random.chance(0.5),
    },
    clients: 1 + random.below(3),
    writesPerClient: 1 + random.below(5),
    thinkMs: random.pick([100, 2_000, 8_000]),
    executeMs: random.pick([1, 30, 400]),
  }
}

/**
 * A world by design: nothing arrives before the net is good, so every member times out alone; then the power goes for all of them at
 * once, and one member stays silent for ever. What each signed before the cut is all there is to go on from.
 */
export function powerCutFromSeed(seed: number): Scenario {
  const drawn = scenarioFromSeed(seed, '4')
  const silent = seed % drawn.members
  const goodAt = 20_000
  const net = { goodAt, deltaMs: DELTA_MS / 2, fastMs: 20, cutLoses: true, loss: 1, double: 0, slow: 0, slowMs: 0 }
  const voters = Array.from({ length: drawn.members }, (_, index) => index).filter((member) => member !== silent)
  return {
    ...drawn,
    faults: new Map([[silent, 'byzantine']]),
    overBound: false,
    net: { ...net, cutEveryMs: 0, cutForMs: 0, oneWay: 0 },
    goodAt,
    endAt: goodAt + LIVENESS_MS,
    crashes: voters.map((member) => ({ member, at: goodAt - 400, afterEffects: 8, downMs: 100, losesDisk: false })),
    malice: { everyMs: 10 * LIVENESS_MS, reach: 0, actsAfterGood: false },
  }
}
