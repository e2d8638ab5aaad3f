// When the member wants its next tick: the earliest of everything that waits for a time. Said anew in every step.

import { bodiesHere } from '#protocol/agreement/bodies.ts'
import { closeAt, nextSaying } from '#protocol/agreement/handover.ts'
import { FETCH_DELTAS } from '#protocol/agreement/limits.ts'
import { currentRound, type Member } from '#protocol/agreement/member.ts'
import { pendingDeadlines } from '#protocol/agreement/pending.ts'
import { aheadOf, nextAnnouncement, nextGreeting, patienceMs } from '#protocol/agreement/sync.ts'
import { timerEnd } from '#protocol/agreement/timer.ts'
import type { Turn } from '#protocol/agreement/turn.ts'

export function wake(member: Member, turn: Turn): void {
  const { settings, headAt, behindSince, fetching } = member
  let next = Number.POSITIVE_INFINITY
  const at = (time: number | null | undefined): void => {
    if (time != null && time > turn.now && time < next) next = time
  }
  at(headAt + settings.heartbeatMs)
  for (const time of pendingDeadlines(member)) at(time)
  if (member.committing === null) at(timerEnd(member))
  at(nextGreeting(member))
  at(nextAnnouncement(member))
  const saying = nextSaying(member)
  if (saying !== undefined) {
    at(saying)
    at(closeAt(member))
  }
  if (behindSince !== null) {
    at(behindSince + patienceMs(member))
    for (const { restsUntil } of aheadOf(member)) at(restsUntil)
  }
  if (member.degraded) at(turn.now + settings.deltaMs)
  if (fetching !== null) at(fetching.at + FETCH_DELTAS * settings.deltaMs)
  for (const { requests } of currentRound(member).contents.values())
    if (!bodiesHere(member.bodies, requests)) at(turn.now + settings.deltaMs)
  next = Math.ceil(next)
  if (Number.isFinite(next)) turn.effects.push({ type: 'wakeAt', time: next })
}
