// The end of an epoch (agreement §6). Normal: who can vote in the next epoch says READY; with READYs of a quorum the leader makes
// RECONFIG the last block. Fallback: when that has not come within the hand-over time, members CLOSE, and a quorum of CLOSEs is the start.

import { durably } from '#protocol/agreement/durable.ts'
import { hearStart, inheritedHere } from '#protocol/agreement/epoch.ts'
import { inspectClose } from '#protocol/agreement/evidence.ts'
import { CLOSE_DELTAS, HANDOVER_RESEND_DELTAS } from '#protocol/agreement/limits.ts'
import { hearCert, hearQc1s } from '#protocol/agreement/lock.ts'
import { blockClock, currentRound, isMember, type Member, type ShownClose, voting } from '#protocol/agreement/member.ts'
import { faultsOf, memberIndex } from '#protocol/agreement/members.ts'
import { chainTo } from '#protocol/agreement/round.ts'
import { joining, nextGreeting } from '#protocol/agreement/sync.ts'
import { send, type Turn } from '#protocol/agreement/turn.ts'
import { windowWhole } from '#protocol/agreement/window.ts'
import type { Group, Qc1 } from '#protocol/message/certificate.ts'
import { quorumOf } from '#protocol/message/certificate.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import { membersHash, type ReadySet, type Start, startHeight } from '#protocol/message/epoch.ts'
import type { Close, Ready } from '#protocol/message/statement.ts'
import type { WireOf } from '#protocol/message/wire.ts'

export function nextGroup(member: Member): Group | undefined {
  return member.groups.get(member.group.epoch + 1)
}

/** READYs of a quorum of the next group: RECONFIG is to be the next block. */
export function reconfigDue(member: Member): boolean {
  const next = nextGroup(member)
  return next !== undefined && voting(member) && member.readies.size >= quorumOf(next)
}

export function readySet(member: Member): ReadySet {
  return [...member.readies]
    .sort(([a], [b]) => a - b)
    .map(([index, { body, signature }]) => ({ index, height: body.height, state_root: body.state_root, signature }))
}

/** The state is here, and everything that R9's window reaches was executed here: this member can vote in the next epoch. */
function canVoteNext(member: Member, next: Group): boolean {
  if (member.start !== null && member.head.height < startHeight(member.start)) return false
  const caughtUp = !joining(member) && !member.degraded && nextGreeting(member) === undefined
  return caughtUp && member.abstainThrough < next.epoch && windowWhole(member.window, blockClock(member))
}

export function hearReady(member: Member, ready: Signed<Ready>): void {
  const next = nextGroup(member)
  if (next === undefined || ready.body.epoch !== next.epoch || ready.body.height > member.head.height + 1) return
  const index = memberIndex(next, ready.from)
  if (index !== undefined) member.readies.set(index, ready)
}

/** A CLOSE came with what it names; the first of each member counts. */
export function hearClose(member: Member, turn: Turn, message: WireOf<'close'>): void {
  const { close, cert, qc1s } = message
  if (cert !== null) hearCert(member, turn, memberIndex(member.group, close.from) ?? -1, cert)
  hearQc1s(member, turn, qc1s)
  const index = memberIndex(member.group, close.from)
  if (index === undefined || index === member.self || member.closes.has(index)) return
  member.closes.set(index, { close, cert, qc1s })
  inspectClose(member, turn, index, close)
}

/** When this member CLOSEs if no RECONFIG has come. */
export function closeAt(member: Member): number | undefined {
  const { plannedAt, settings } = member
  if (plannedAt === null || nextGroup(member) === undefined) return undefined
  return plannedAt + settings.handoverMs + CLOSE_DELTAS * settings.deltaMs
}

/** The time is over, or more members than may lie say so. */
function closeDue(member: Member, now: number): boolean {
  const at = closeAt(member)
  return at !== undefined && (at <= now || member.closes.size > faultsOf(member.group))
}

function mayClose(member: Member): boolean {
  return voting(member) && !member.abstain && !member.stopped && member.committing === null
}

/** The highest that this member can show: its head with its lock above it, or what the epoch started from while that is higher. */
function highest(member: Member): Pick<ShownClose, 'cert' | 'qc1s'> {
  const { head, headCert, start } = member
  if (start !== null && startHeight(start) > head.height) return { cert: start.cert, qc1s: start.qc1s }
  const cert = head.height === 0 ? null : headCert
  const round = currentRound(member)
  if (round.lock !== null) return { cert, qc1s: chainTo(round, round.lock.view) }
  return { cert, qc1s: inheritedHere(member) === null ? [] : (start?.qc1s ?? []) }
}

function close(member: Member, turn: Turn, next: Group): void {
  const { group } = member
  const { cert, qc1s } = highest(member)
  const high = qc1s.at(-1) ?? null
  const named = ({ epoch, height, view, block_hash }: Qc1) => ({ epoch, height, view, block_hash })
  const body: Close = {
    job: group.job,
    epoch: group.epoch,
    high_cert: cert === null ? null : named(cert.qc1),
    high_qc1: high === null ? null : named(high),
    last_vote1: member.lastVote1,
    last_vote2: member.lastVote2,
    members_hash: membersHash(next),
  }
  member.closed = { close: durably(member, turn, 'close', body), cert, qc1s }
  member.lead = null
  member.handoverSaidAt = Number.NEGATIVE_INFINITY
  member.closes.set(member.self, member.closed)
}

/** ≥ q CLOSEs: the next epoch starts at the highest head, with the highest QC1 above it. */
function startOfCloses(member: Member, next: Group): Start | undefined {
  const shown = [...member.closes.values()]
  if (shown.length < member.quorum) return undefined
  const top = shown.reduce((a, b) => ((b.cert?.block.height ?? 0) > (a.cert?.block.height ?? 0) ? b : a))
  const height = top.cert?.block.height ?? 0
  let qc1s: readonly Qc1[] = []
  for (const each of shown) {
    const best = qc1s.at(-1)
    const last = each.qc1s.at(-1)
    if (last === undefined || last.height !== height + 1) continue
    if (best === undefined || last.epoch > best.epoch || (last.epoch === best.epoch && last.view > best.view))
      qc1s = each.qc1s
  }
  const closes = shown.map((each) => each.close)
  return { job: next.job, epoch: next.epoch, cert: top.cert, reconfig: null, closes, qc1s }
}

/** What the hand-over asks of this member now. True when the epoch changed. */
export function handOver(member: Member, turn: Turn): boolean {
  const next = nextGroup(member)
  if (next === undefined || member.nextStart !== null) return false
  if (mayClose(member) && closeDue(member, turn.now)) close(member, turn, next)
  const start = startOfCloses(member, next)
  if (start !== undefined) {
    hearStart(member, turn, start)
    return true
  }
  say(member, turn, next)
  return false
}

/** READY and CLOSE, once every so often: whoever was away hears them too. */
function say(member: Member, turn: Turn, next: Group): void {
  const at = nextSaying(member)
  if (at === undefined || at > turn.now) return
  member.handoverSaidAt = turn.now
  const index = memberIndex(next, member.signer.publicKey)
  if (index !== undefined && !member.stopped && canVoteNext(member, next)) {
    const { height, stateRoot } = member.head
    const body: Ready = { job: next.job, epoch: next.epoch, height, state_root: stateRoot }
    const ready = signStatement(member.domain, 'ready', member.signer, body)
    member.readies.set(index, ready)
    send(turn, 'all', { type: 'ready', ready })
  }
  const own = isMember(member) ? member.closes.get(member.self) : undefined
  if (own !== undefined) send(turn, 'all', { type: 'close', ...own, qc1s: [...own.qc1s] })
}

export function nextSaying(member: Member): number | undefined {
  if (nextGroup(member) === undefined) return undefined
  return member.handoverSaidAt + HANDOVER_RESEND_DELTAS * member.settings.deltaMs
}
