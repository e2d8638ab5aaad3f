// Which of the members that a visitor may be sent to: the near ones, each as often as it has room.
//
//   distance (declared by both) ──┐
//   measured from here ───────────┼──> ms there and back ──+ what its load makes one wait ──> the least, and who is not much over it
//   how far the visitor is ───────┘                                                             each as often as it is idle
//
// What a member declares is believed within what was measured: from here to it is `m`, from the visitor to here `v`, so from the visitor to it is at
// least |m − v| and at most m + v. So nobody draws visitors by a place at which it does not stand.
//
// Made when a look-up is made, never for a request: a request takes the next of `turns`.

import { type Place, roundTripMs } from '#protocol/place/place.ts'

export type Candidate = {
  readonly origin: string
  /** Its own word, 0 … 1. */
  readonly load: number
  readonly place: Place | undefined
  /** There and back from here. */
  readonly measuredMs: number | undefined
}

/** Where this gateway stands; `edge`: near whoever asks it; undefined: nobody knows. */
export type Here = Place | 'edge' | undefined

export type Choice = {
  /** Origins, each as often in a round as it is to be chosen. */
  readonly turns: readonly string[]
  next: number
}

/** From a visitor to the edge that it was led to. */
const EDGE_MS = 20
/** Of whom nothing is known. */
const UNKNOWN_MS = 100
/** What an idle member takes for an answer; `ρ / (1 − ρ)` times as long one waits at a busy one (M/M/1). */
const SERVICE_MS = 10
const LOAD_MAX = 0.99
/** So much over the least is as near: nobody notices. */
const NEAR_MS = 20
const NEAR_FACTOR = 1.25
/** Turns of an idle member in a round. */
const TURNS_MAX = 8

function wayMs(candidate: Candidate, visitor: Place | undefined, here: Here): number {
  const { place, measuredMs } = candidate
  const declaredMs = visitor === undefined || place === undefined ? undefined : roundTripMs(visitor, place)
  if (declaredMs === undefined) return measuredMs ?? UNKNOWN_MS
  if (visitor === undefined || here === undefined || measuredMs === undefined) return declaredMs
  const visitorMs = here === 'edge' ? EDGE_MS : roundTripMs(visitor, here)
  return Math.min(measuredMs + visitorMs, Math.max(Math.abs(measuredMs - visitorMs), declaredMs))
}

/** `chance`: 0 … 1; the order of a round is drawn by it. */
export function choose(
  candidates: readonly Candidate[],
  visitor: Place | undefined,
  here: Here,
  chance: () => number,
): Choice {
  const costs = candidates.map((candidate) => {
    const load = Math.min(LOAD_MAX, candidate.load)
    return wayMs(candidate, visitor, here) + (SERVICE_MS * load) / (1 - load)
  })
  const near = Math.min(...costs) * NEAR_FACTOR + NEAR_MS
  const counted = candidates.flatMap(({ origin, load }, index) =>
    (costs[index] ?? near) > near ? [] : [{ origin, turns: Math.max(1, Math.round((1 - load) * TURNS_MAX)) }],
  )
  const shared = counted.reduce((divisor, { turns }) => greatestDivisor(divisor, turns), 0)
  const turns = counted.flatMap(({ origin, turns: count }) => Array.from({ length: count / shared }, () => origin))
  for (let last = turns.length - 1; last > 0; last--) {
    const other = last - Math.min(last, Math.floor(chance() * (last + 1)))
    const [a = '', b = ''] = [turns[last], turns[other]]
    turns[last] = b
    turns[other] = a
  }
  return { turns, next: 0 }
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

/** Whether it matters from where a visitor comes. */
export function isPlaced(candidates: readonly Candidate[]): boolean {
  const places = candidates.map(({ place }) => (place === undefined ? '' : `${place.latitude} ${place.longitude}`))
  return new Set(places).size > 1
}
