// R6: the view timer. It starts when something pends in the view, restarts after the own execution, and is min(4Δ, Δ + 4δ)·1.5^k, k = time-outs
// since the last commit, δ = the measured delay of the links (`pace.ts`), at most 60 s. A leader whose process is gone has δ·1.5^k. R8: while idle
// a HEARTBEAT is due every so often, and pends like a request.

import { hasLeft } from '#protocol/agreement/epoch.ts'
import { reconfigDue } from '#protocol/agreement/handover.ts'
import { TIMER_DELTAS, TIMER_GROWTH, TIMER_MS_MAX } from '#protocol/agreement/limits.ts'
import { currentRound, type Member } from '#protocol/agreement/member.ts'
import { isLeaderGone, linkDelta } from '#protocol/agreement/pace.ts'
import { queueLength } from '#protocol/agreement/queue.ts'
import type { Turn } from '#protocol/agreement/turn.ts'

export function timerMs(deltaMs: number, linkMs: number, failures: number, isGone = false): number {
  const first = isGone ? linkMs : Math.min(TIMER_DELTAS * deltaMs, deltaMs + TIMER_DELTAS * linkMs)
  return Math.min(TIMER_MS_MAX, first * TIMER_GROWTH ** failures)
}

/** What the leader of the present view is given. */
export function viewTimerMs(member: Member): number {
  return timerMs(member.settings.deltaMs, linkDelta(member), member.failures, isLeaderGone(member))
}

export function heartbeatDue(member: Member, now: number): boolean {
  return member.freshen || now >= member.headAt + member.settings.heartbeatMs
}

/** Something waits for this view: a request, a HEARTBEAT, a proposal, a lock, or others who timed out of it. */
export function pends(member: Member, now: number): boolean {
  if (hasLeft(member)) return false
  if (queueLength(member.queue) > 0 || heartbeatDue(member, now) || reconfigDue(member)) return true
  const round = currentRound(member)
  if (round.lock !== null || round.proposals.has(member.view) || round.cert !== null) return true
  return member.peers.some(({ timeout }) => timeout !== null && timeout.body.view >= member.view)
}

export function restartTimer(member: Member, turn: Turn): void {
  member.timerAt = pends(member, turn.now) ? turn.now : null
}

/** Starts the timer when something begins to pend, stops it when nothing does. */
export function settleTimer(member: Member, now: number): void {
  if (!pends(member, now)) member.timerAt = null
  else member.timerAt ??= now
}

export function timerEnd(member: Member): number | null {
  if (member.timerAt === null) return null
  return member.timerAt + viewTimerMs(member)
}
