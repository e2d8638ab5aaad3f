// R6: views. A view belongs to the epoch and only rises; TIMEOUTs of a quorum (a TC) start the next one, whatever heights they name.

import { durably } from '#protocol/agreement/durable.ts'
import { carriedStart } from '#protocol/agreement/epoch.ts'
import { inspectTimeout } from '#protocol/agreement/evidence.ts'
import { RESHARE_MAX } from '#protocol/agreement/limits.ts'
import { currentRound, gaveUp, leaderAt, type Member, voting } from '#protocol/agreement/member.ts'
import { faultsOf, memberIndex } from '#protocol/agreement/members.ts'
import { growCautious } from '#protocol/agreement/pace.ts'
import { entriesOf, pardon } from '#protocol/agreement/queue.ts'
import { chainTo } from '#protocol/agreement/round.ts'
import { noteHeight, statusOf } from '#protocol/agreement/sync.ts'
import { restartTimer, timerEnd } from '#protocol/agreement/timer.ts'
import { send, type Turn } from '#protocol/agreement/turn.ts'
import { place } from '#protocol/agreement/vote.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Timeout } from '#protocol/message/statement.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'

/** Keeps the newest TIMEOUT of each member: of the highest view, in it of the greatest height and lock. */
export function hearTimeout(member: Member, turn: Turn, timeout: Signed<Timeout>): void {
  const index = memberIndex(member.group, timeout.from)
  const peer = index === undefined ? undefined : member.peers[index]
  if (index === undefined || peer === undefined || index === member.self) return
  noteHeight(member, turn, index, timeout.body.height - 1)
  inspectTimeout(member, turn, index, timeout)
  if (peer.timeout === null || newer(timeout.body, peer.timeout.body)) peer.timeout = timeout
}

function newer(a: Timeout, b: Timeout): boolean {
  if (a.view !== b.view) return a.view > b.view
  if (a.height !== b.height) return a.height > b.height
  return (a.high?.view ?? -1) > (b.high?.view ?? -1)
}

/** A TC of the present view or a later one begins the next. True when the view rose. */
export function enterByTc(member: Member, turn: Turn, timeouts: readonly Signed<Timeout>[]): boolean {
  const view = timeouts[0]?.body.view
  if (view === undefined || timeouts[0]?.body.epoch !== member.group.epoch || view < member.view) return false
  countSilence(member)
  member.view = view + 1
  member.tc = timeouts
  pardon(member.queue)
  turn.dirty = true
  const next = leaderAt(member, member.view)
  const message = tcMessage(member, timeouts)
  if (member.straight) send(turn, 'all', message)
  else if (next !== member.self) send(turn, next, message)
  restartTimer(member, turn)
  return true
}

/** Silence is counted, never called a lie: the view ended and nothing of its leader had come. */
function countSilence(member: Member): void {
  const leader = leaderAt(member, member.view)
  const peer = member.peers[leader]
  if (leader !== member.self && peer !== undefined && !currentRound(member).proposals.has(member.view))
    peer.counts.silent++
}

function tcMessage(member: Member, timeouts: readonly Signed<Timeout>[]): WireOf<'tc'> {
  const round = currentRound(member)
  return { type: 'tc', timeouts, qc1s: round.lock === null ? [] : chainTo(round, round.lock.view) }
}

/** TC = TIMEOUT[≥ q] of one view, not below the present one. */
export function formTc(member: Member, turn: Turn): boolean {
  let waiting = 0
  for (const { timeout } of member.peers) if (timeout !== null && timeout.body.view >= member.view) waiting++
  if (waiting === 0) return false
  const byView = new Map<number, Signed<Timeout>[]>()
  for (const { timeout } of member.peers) {
    if (timeout === null || timeout.body.view < member.view) continue
    const same = byView.get(timeout.body.view)
    if (same === undefined) byView.set(timeout.body.view, [timeout])
    else same.push(timeout)
  }
  for (const timeouts of byView.values())
    if (timeouts.length >= member.quorum) return enterByTc(member, turn, timeouts.slice(0, member.quorum))
  return false
}

/**
 * TIMEOUTs of more members than may fail, of this view or later ones, are joined at once: an honest one among them gave up. Timers differ (k is
 * one's own), and waiting for the slowest of a quorum would make every view as long as its longest timer.
 */
export function joinTimeouts(member: Member, turn: Turn): void {
  if (gaveUp(member) || member.peers.length === 1) return
  const timedOut = member.peers.filter(({ timeout }) => timeout !== null && timeout.body.view >= member.view).length
  if (timedOut > faultsOf(member.group)) timeOut(member, turn)
}

/** Signs a TIMEOUT of the present view: it ends own voting in it until this height is certified; another one tells of a newer lock. */
export function timeOut(member: Member, turn: Turn): void {
  if (!voting(member) || member.abstain || member.stopped || member.committing !== null) return
  const round = currentRound(member)
  const high = round.lock === null ? null : { view: round.lock.view, block_hash: round.lock.block_hash }
  const before = member.timeout?.body
  const again = gaveUp(member)
  const same =
    again &&
    before !== undefined &&
    before.height === round.height &&
    before.high?.view === high?.view &&
    (high === null || before.high === null || bytesEqual(before.high.block_hash, high.block_hash))
  if (!again) {
    member.failures++
    growCautious(member)
    member.counts.timeouts++
  }
  if (!same) {
    member.timeout = durably(member, turn, 'timeout', { ...place(member, round, member.view), high })
    const self = member.peers[member.self]
    if (self !== undefined) self.timeout = member.timeout
  }
  for (const message of timeoutMessages(member)) send(turn, 'all', message)
}

function timeoutMessages(member: Member): WireMessage[] {
  const { timeout } = member
  const round = currentRound(member)
  if (timeout === null) return []
  return [{ type: 'timeout', timeout, qc1s: round.lock === null ? [] : chainTo(round, round.lock.view) }]
}

/** What is said again on every timer and to whoever restarts and asks: all that this member stands by at the height above the head. */
export function standing(member: Member): WireMessage[] {
  const round = currentRound(member)
  const { tc, vote1, vote2, proposal, view } = member
  const messages: WireMessage[] = []
  const here = <T extends { readonly height: number; readonly view: number }>(signed: Signed<T> | null): boolean =>
    signed !== null && signed.body.height === round.height && signed.body.view === view
  if (tc !== null) messages.push(tcMessage(member, tc))
  if (proposal !== null && here(proposal.signed)) messages.push(proposalMessage(member))
  if (vote1 !== null && here(vote1)) {
    const { jview } = vote1.body
    messages.push({ type: 'vote1', vote: vote1, qc1s: jview === null ? [] : chainTo(round, jview) })
  }
  if (vote2 !== null && vote2.body.height === round.height) messages.push({ type: 'vote2', vote: vote2 })
  const nay = round.nay[member.self]?.get(view)
  if (nay !== undefined) messages.push({ type: 'nay', nay })
  if (gaveUp(member)) messages.push(...timeoutMessages(member))
  return messages
}

/** The own proposal of the present view, with all that a member needs to enter the view and to believe it. */
export function proposalMessage(member: Member): WireOf<'propose'> {
  const { proposal, tc } = member
  const round = currentRound(member)
  assert(proposal !== null, 'there is a proposal')
  const { block, requests } = proposal.content
  const { view } = proposal.signed.body
  const before = tc?.[0]?.body.view === view - 1 ? tc : null
  const qc1s = round.lock === null ? [] : chainTo(round, round.lock.view)
  const start = carriedStart(member)
  return { type: 'propose', propose: proposal.signed, block, requests, tc: before, qc1s, start }
}

/** The timer ended: TIMEOUT, and everything else once more. */
export function onTimer(member: Member, turn: Turn): void {
  timeOut(member, turn)
  for (const message of standing(member)) if (message.type !== 'timeout') send(turn, 'all', message)
  const round = currentRound(member)
  if (round.lock !== null && member.vote2?.body.view !== round.lock.view)
    send(turn, 'all', { type: 'qc1', qc1s: chainTo(round, round.lock.view), content: null })
  const start = carriedStart(member)
  if (start !== null) send(turn, 'all', { type: 'start', start })
  send(turn, 'all', statusOf(member, true))
  let shared = 0
  for (const { request } of entriesOf(member.queue, member.self)) {
    if (shared++ >= RESHARE_MAX) break
    send(turn, 'all', { type: 'request', request, body: null })
  }
  member.timerAt = turn.now
}

export function timerEnded(member: Member, now: number): boolean {
  const end = timerEnd(member)
  return end !== null && now >= end && member.committing === null
}
