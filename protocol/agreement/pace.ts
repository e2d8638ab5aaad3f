// R6: Δ lowered on measured fast links. The view timer of a network's Δ has room for four message delays of Δ; where the links are known to be
// faster it has room for four delays as measured, and for one Δ in which a block runs (R8), and never more than before:
//
//   first timer = min(4Δ, Δ + 4δ)      δ = what a message to the slowest linked member and back takes, 100 ms … Δ, doubled by `caution`
//
// It is each member's own affair: nobody else sees δ and no rule of safety knows it. A δ that is too low costs a view change, and is doubled by it.
// A member that has not measured enough links for a quorum waits for Δ. From a leader whose process is gone nothing comes, so that it is given one
// delay in place of four and a block.
//
// R8: a leader takes as many requests into a block as ran here within Δ lately. A block that runs for longer than the others wait ends its view,
// is begun anew by the next leader, and again, and nothing is certified while the queue is full.

import { CALM_COMMITS, CAUTION_FIRST, CAUTION_MAX, EXECUTIONS_MAX, LINK_MS_MIN } from '#protocol/agreement/limits.ts'
import { leaderAt, type Member } from '#protocol/agreement/member.ts'
import { assert } from '#protocol/codec/result.ts'
import { BATCH_REQUESTS_MAX } from '#protocol/message/wire.ts'

export type Pace = {
  /** Round trips in ms at most, as measured, by index in the roster. */
  readonly roundTrips: Map<number, number>
  /** Members whose process is gone as far as is known, by index in the roster. */
  gone: ReadonlySet<number>
  /** Times that δ is doubled: at a start, and for time-outs that the measurement did not foresee. */
  caution: number
  /** Commits in a row without a time-out. */
  calm: number
  /** Requests that this member takes into a block when it leads. */
  batchMax: number
  /** Executions under way: requests, and when they began, by ticket. */
  readonly begun: Map<number, { readonly requests: number; readonly at: number }>
}

export const createPace = (): Pace => ({
  roundTrips: new Map(),
  gone: new Set(),
  caution: CAUTION_FIRST,
  calm: 0,
  batchMax: BATCH_REQUESTS_MAX,
  begun: new Map(),
})

export function executionBegan({ pace }: Member, ticket: number, requests: number, now: number): void {
  pace.begun.set(ticket, { requests, at: now })
  const [oldest] = pace.begun.keys()
  if (pace.begun.size > EXECUTIONS_MAX && oldest !== undefined) pace.begun.delete(oldest)
}

/** It ended, or is not waited for any longer: then it says only that it takes this long at least. */
export function executionEnded(member: Member, ticket: number, now: number, isWhole: boolean): void {
  const { pace, settings } = member
  const begun = pace.begun.get(ticket)
  if (begun === undefined) return
  pace.begun.delete(ticket)
  const { requests } = begun
  const ms = now - begun.at
  if (ms > settings.deltaMs) takeLess(member, Math.floor((requests * settings.deltaMs) / ms))
  else if (isWhole && 2 * ms <= settings.deltaMs && 2 * requests >= pace.batchMax)
    pace.batchMax = Math.min(BATCH_REQUESTS_MAX, 2 * pace.batchMax)
}

/** At least one of each line, so that none is passed over for it (R7). */
function takeLess({ pace, count }: Member, requests: number): void {
  pace.batchMax = Math.min(pace.batchMax, Math.max(count, requests))
}

export function hearLinks({ pace }: Member, roundTripsMs: readonly (number | null)[], gone: readonly number[]): void {
  const { roundTrips } = pace
  roundTrips.clear()
  pace.gone = new Set(gone)
  for (const [index, ms] of roundTripsMs.entries()) {
    assert(ms === null || ms >= 0, 'a round trip takes some time')
    if (ms !== null) roundTrips.set(index, ms)
  }
}

/** δ, ms. */
export function linkDelta({ pace, places, count, self, quorum, settings }: Member): number {
  const { deltaMs } = settings
  let slowest = LINK_MS_MIN
  let measured = 0
  for (let place = 0; place < count; place++) {
    const ms = place === self ? undefined : pace.roundTrips.get(places[place] ?? -1)
    if (ms === undefined) continue
    measured++
    slowest = Math.max(slowest, ms)
  }
  return measured < quorum - 1 ? deltaMs : Math.min(deltaMs, slowest * 2 ** pace.caution)
}

export function isLeaderGone(member: Member): boolean {
  const leader = leaderAt(member, member.view)
  return leader !== member.self && member.pace.gone.has(member.places[leader] ?? -1)
}

/** The own timer ended a view: whatever was measured did not hold, or its leader is gone; it is given more time for a while. */
export function growCautious(member: Member): void {
  const { pace } = member
  takeLess(member, Math.floor(pace.batchMax / 2))
  pace.calm = 0
  pace.caution = Math.min(CAUTION_MAX, pace.caution + 1)
}

export function growCalm({ pace, failures }: Member): void {
  pace.calm = failures === 0 ? pace.calm + 1 : 0
  if (pace.calm < CALM_COMMITS) return
  pace.calm = 0
  pace.caution = Math.max(0, pace.caution - 1)
}
