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

/** A wall clock is set: from then on it shows so much more than the member's timers; 0: it is put right. */
export type ClockSet = { readonly member: number; readonly at: number; readonly aheadMs: number }

/** A disk that takes no writes for a while (full, read-only, failing): what is to be durable waits for it, and inputs wait behind that. */
export type DiskStall = { readonly member: number; readonly at: number; readonly forMs: number }

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
  /** Where no progress is owed: how long the good phase is watched. */
  readonly watchMs: number
  readonly crashes: readonly Crash[]
  readonly skewMs: readonly number[]
  /** All are right again when the net gets good. */
  readonly clockSets: readonly ClockSet[]
  /** All are over when the net gets good. */
  readonly diskStalls: readonly DiskStall[]
  readonly malice: Malice
  readonly clients: number
  readonly writesPerClient: number
  readonly thinkMs: number
  /** A visitor waits about this long for an answer before it asks another member. */
  readonly patienceMs: number
  readonly executeMs: number
  /** R6: how often members are told what their links take, at random and mostly too little; 0: never. */
  readonly linksEveryMs: number
  /** R6: how likely a member is told, at each such time, that another's process is gone, whether it is or not. */
  readonly goneChance: number
  /** The groups, epoch after epoch, by the seats' numbers, and when each is made known. A seat is numbered when it first stands in one. */
  readonly epochs: readonly { readonly members: readonly number[]; readonly plannedAt: number }[]
  /** All that ever sit in one of them. */
  readonly seats: number
  readonly handoverMs: number
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

/** Most epochs that a world draws. */
const EPOCHS_MAX = 4

/** Later groups: one seat is replaced, now and then two or all; the faulty stay within the bound. */
function epochsOf(
  seed: number,
  size: number,
  count: number | undefined,
  bound: number,
  faults: Map<number, Fault>,
  goodAt: number,
) {
  const random = randomFromSeed(seed, 'epochs')
  const drawn = random.chance(0.45) ? 2 + random.below(EPOCHS_MAX - 1) : 1
  const epochs = [{ members: Array.from({ length: size }, (_, index) => index), plannedAt: 0 }]
  let seats = size
  let plannedAt = random.between(1_000, goodAt * 0.6)
  for (let epoch = 1; epoch < (count ?? drawn); epoch++) {
    const before = epochs[epoch - 1]?.members ?? []
    const many = random.pick([1, 1, 1, 1, 2, 2, size])
    const leaving = new Set(random.shuffled(before).slice(0, many))
    const staying = before.filter((seat) => !leaving.has(seat))
    const away = Array.from({ length: seats }, (_, seat) => seat).filter((seat) => !before.includes(seat))
    let faulty = staying.filter((seat) => faults.has(seat)).length
    const members = before.map((seat) => {
      if (!leaving.has(seat)) return seat
      const back = away.findIndex((each) => random.chance(0.15) && (!faults.has(each) || faulty < bound))
      const next = back < 0 ? seats++ : (away.splice(back, 1)[0] ?? seats++)
      if (back < 0 && faulty < bound && random.chance(faults.has(seat) ? 0.7 : 0.2)) faults.set(next, 'byzantine')
      if (faults.has(next)) faulty++
      return next
    })
    epochs.push({ members, plannedAt: Math.min(plannedAt, goodAt - 4_000) })
    plannedAt += random.pick([500, 4_000, 15_000]) * random.between(0.5, 1.5)
  }
  return { epochs, seats, handoverMs: random.pick([1_000, 6_000, 20_000]) }
}

/** A world with steady clocks and disks that take what they are given. `count`: so many epochs; absent: by the seed. */
export function scenarioFromSeed(seed: number, kind?: GroupKind, count?: number): Scenario {
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

  const over = epochsOf(seed, members, overBound ? 1 : count, bound, faults, goodAt)
  const skews = randomFromSeed(seed, 'late skews')

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
    watchMs: 15_000,
    crashes,
    skewMs: Array.from({ length: over.seats }, (_, seat) => (seat < members ? random : skews).between(-900, 900)),
    clockSets: [],
    diskStalls: [],
    malice: {
      everyMs: overBound ? 60 : random.pick([120, 300, 900]),
      reach: random.pick([0.3, 0.5, 0.8]),
      actsAfterGood: random.chance(0.5),
    },
    clients: 1 + random.below(3),
    writesPerClient: 1 + random.below(5),
    thinkMs: random.pick([100, 2_000, 8_000]),
    patienceMs: 12_000,
    executeMs: random.pick([1, 30, 400]),
    linksEveryMs: randomFromSeed(seed, 'links').pick([0, 700, 4_000]),
    goneChance: 0,
    ...over,
  }
}

/** Far enough for a block to be early or late (R2), and for a request to be untimely (R9). */
const CLOCK_JUMPS_MS = [-5_000, 5_000, -7_200_000, 7_200_000] as const
const CLOCKS_SET_SHARE = 0.3
const DISKS_STALL_SHARE = 0.3
/** The bad phase lasts for this share of what is drawn at first, at least. */
const SHORTEST_SHARE = 0.1
/** Nobody gives up sooner than two members that are well need. */
const PATIENCE_MIN_MS = 4_000

/** Wall clocks that jump: one member's, those of some, or those of all of them by the same. */
function clockSetsOf(seed: number, seats: number, goodAt: number): readonly ClockSet[] {
  const random = randomFromSeed(seed, 'clocks')
  if (!random.chance(CLOCKS_SET_SHARE)) return []
  const sets: ClockSet[] = []
  const share = random.pick([1 / seats, 0.5, 1])
  const together = random.chance(0.5) ? random.pick(CLOCK_JUMPS_MS) : undefined
  for (let member = 0; member < seats; member++) {
    if (!random.chance(share)) continue
    let at = random.between(0, goodAt * 0.9)
    for (let jumps = 1 + random.below(3); jumps > 0 && at < goodAt; jumps--) {
      sets.push({ member, at, aheadMs: together ?? random.pick(CLOCK_JUMPS_MS) })
      at += random.between(500, goodAt * 0.5)
      if (random.chance(0.5)) sets.push({ member, at: Math.min(at, goodAt), aheadMs: 0 })
      at += random.between(0, goodAt * 0.2)
    }
    sets.push({ member, at: goodAt, aheadMs: 0 })
  }
  return sets
}

/** Disks that take no writes: of one member, of some, or of all of them at once. */
function diskStallsOf(seed: number, seats: number, goodAt: number): readonly DiskStall[] {
  const random = randomFromSeed(seed, 'disks')
  if (!random.chance(DISKS_STALL_SHARE)) return []
  const share = random.pick([1 / seats, 1 / seats, 0.5, 1])
  const together = random.between(0, goodAt)
  return Array.from({ length: seats }, (_, member) => member).flatMap((member) => {
    if (!random.chance(share)) return []
    const at = random.chance(0.3) ? together : random.between(0, goodAt)
    return [{ member, at, forMs: Math.min(goodAt - at, random.pick([300, 2_000, 10_000]) * random.between(0.5, 1.5)) }]
  })
}

/** The same world with everything that is planned for its bad phase in this share of the time. */
function hurried(scenario: Scenario, share: number): Scenario {
  const sooner = <T extends { readonly at: number }>(each: T): T => ({ ...each, at: each.at * share })
  const goodAt = scenario.goodAt * share
  return {
    ...scenario,
    goodAt,
    endAt: goodAt + LIVENESS_MS,
    net: {
      ...scenario.net,
      goodAt,
      cutEveryMs: scenario.net.cutEveryMs * share,
      cutForMs: scenario.net.cutForMs * share,
    },
    crashes: scenario.crashes.map(sooner),
    clockSets: scenario.clockSets.map(sooner),
    diskStalls: scenario.diskStalls.map((stall) => ({ ...sooner(stall), forMs: stall.forMs * share })),
    thinkMs: scenario.thinkMs * share,
    patienceMs: Math.max(PATIENCE_MIN_MS, scenario.patienceMs * share),
    watchMs: Math.max(PATIENCE_MIN_MS, scenario.watchMs * share),
    // Measured half as often: the machine steps each time, mostly to no end.
    linksEveryMs: 2 * scenario.linksEveryMs,
    epochs: scenario.epochs.map((epoch) => ({ ...epoch, plannedAt: epoch.plannedAt * share })),
  }
}

/** What a walk or a campaign runs for a seed: clocks are set, disks stall, and bad phases are of any length from some seconds up, short ones as often as long ones. */
export function worldFromSeed(seed: number, kind?: GroupKind, count?: number): Scenario {
  const steady = scenarioFromSeed(seed, kind, count)
  const clockSets = clockSetsOf(seed, steady.seats, steady.goodAt)
  const share = SHORTEST_SHARE ** randomFromSeed(seed, 'haste').real()
  const diskStalls = diskStallsOf(seed, steady.seats, steady.goodAt)
  return hurried({ ...steady, clockSets, diskStalls }, share)
}

/** Where members take each other for gone, at random and mostly wrongly. */
export const mistaken = (scenario: Scenario): Scenario => ({ ...scenario, linksEveryMs: 700, goneChance: 0.15 })

/** Where every member waits for Δ: as it was before links were measured. */
export const unmeasured = (scenario: Scenario): Scenario => ({ ...scenario, linksEveryMs: 0 })

/**
 * A world by design: nothing arrives before the net is good, so every member times out alone; then the power goes for all of them at
 * once, and one member stays silent for ever. What each signed before the cut is all there is to go on from.
 */
export function powerCutFromSeed(seed: number): Scenario {
  const drawn = scenarioFromSeed(seed, '4', 1)
  const silent = seed % drawn.members
  const goodAt = 20_000
  const net = { goodAt, deltaMs: DELTA_MS / 2, fastMs: 20, cutLoses: true, loss: 1, double: 0, slow: 0, slowMs: 0 }
  const voters = Array.from({ length: drawn.members }, (_, index) => index).filter((member) => member !== silent)
  return {
    ...unmeasured(drawn),
    faults: new Map([[silent, 'byzantine']]),
    overBound: false,
    net: { ...net, cutEveryMs: 0, cutForMs: 0, oneWay: 0 },
    goodAt,
    endAt: goodAt + LIVENESS_MS,
    crashes: voters.map((member) => ({ member, at: goodAt - 400, afterEffects: 8, downMs: 100, losesDisk: false })),
    malice: { everyMs: 10 * LIVENESS_MS, reach: 0, actsAfterGood: false },
  }
}
