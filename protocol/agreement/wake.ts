// When the member wants its next tick: the earliest of everything that waits for a time. Said anew in every step.

import { bodiesHere } from '#protocol/agreement/bodies.ts'
import { closeAt, nextSaying } from '#protocol/agreement/handover.ts'
import { FETCH_DELTAS } from '#protocol/agreement/limits.ts'
import { currentRound, type Member } from '#protocol/agreement/member.ts'
import { pendingDeadlines } from '#protocol/agreement/pending.ts'
import { nextAnnouncement, nextGreeting, patienceMs } from '#protocol/agreement/sync.ts'
import { timerEnd } from '#protocol/agreement/timer.ts'
import type { Turn } from '#protocol/agreement/turn.ts'

export function wake(member: Member, turn: Turn): void {
  const { settings, headAt, behindSince, fetching } = member
  const times = [headAt + settings.heartbeatMs, ...pendingDeadlines(member)]
  const timer = timerEnd(member)
  if (timer !== null && member.committing === null) times.push(timer)
  const greeting = nextGreeting(member)
  if (greeting !== undefined) times.push(greeting)
  const announcement = nextAnnouncement(member)
  if (announcement !== undefined) times.push(announcement)
  const saying = nextSaying(member)
  if (saying !== undefined) times.push(saying, closeAt(member) ?? saying)
  if (behindSince !== null) {
    times.push(behindSince + patienceMs(member))
    for (const { height, restsUntil } of member.peers) if (height > member.head.height) times.push(restsUntil)
  }
  if (member.degraded) times.push(turn.now + settings.deltaMs)
  if (fetching !== null) times.push(fetching.at + FETCH_DELTAS * settings.deltaMs)
  for (const { requests } of currentRound(member).contents.values())
    if (!bodiesHere(member.bodies, requests)) times.push(turn.now + settings.deltaMs)
  const next = Math.ceil(Math.min(...times.filter((time) => time > turn.now)))
  if (Number.isFinite(next)) turn.effects.push({ type: 'wakeAt', time: next })
}
