// One input → one ordered list of effects. Each part looks at what is known and does what its rules allow, until nothing more follows.
//
//   input ──> take ──> [ TIMEOUT, TC (R6) → blocks that came → QC1 → VOTE2 (R4) → CERT (R5) → commit → propose → VOTE1 or NAY (R2) ]* ──> timers ──> seal (R1)

import { bodyCame } from '#protocol/agreement/bodies.ts'
import { adoptFetched, hearState, onCommitted, tryCommit } from '#protocol/agreement/commit.ts'
import { judgeClaims } from '#protocol/agreement/dispute.ts'
import { seal } from '#protocol/agreement/durable.ts'
import { hearPlan, hearStart, otherEpoch, tryEnter } from '#protocol/agreement/epoch.ts'
import { keepResult, meetBlock } from '#protocol/agreement/execution.ts'
import { handOver, hearClose, hearReady } from '#protocol/agreement/handover.ts'
import { formCert, formQc1, hearCert, hearQc1s, vote2OnLock } from '#protocol/agreement/lock.ts'
import type { Member } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import { hearLinks } from '#protocol/agreement/pace.ts'
import { expire, hearRequest, refuseAll, submit, watchLeader } from '#protocol/agreement/pending.ts'
import type { Effect, Input } from '#protocol/agreement/port.ts'
import { hearProposal, inheritedKey, lead, wanted } from '#protocol/agreement/propose.ts'
import { announce, askAll, catchUp, greet, hearBlocks, heardRound, hearStatus } from '#protocol/agreement/sync.ts'
import { restartTimer, settleTimer } from '#protocol/agreement/timer.ts'
import { createTurn, type Turn } from '#protocol/agreement/turn.ts'
import { enterByTc, formTc, hearTimeout, joinTimeouts, onTimer, timerEnded } from '#protocol/agreement/view.ts'
import { considerProposal, hearNay, hearVote1, hearVote2 } from '#protocol/agreement/vote.ts'
import { wake } from '#protocol/agreement/wake.ts'
import { assert, unreachable } from '#protocol/codec/result.ts'
import { blockHash } from '#protocol/message/block.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Timeout } from '#protocol/message/statement.ts'
import type { WireMessage } from '#protocol/message/wire.ts'

/** Passes over the rules in one turn; each pass that goes on has signed or learnt something, of which there is an end. */
const PASSES_MAX = 64

export function step(member: Member, input: Input): Effect[] {
  if (member.stopped) return []
  // Whole ms: a block's time is a whole number.
  const now = input.type === 'stop' ? member.now : Math.max(member.now, Math.floor(input.now))
  member.now = now
  const turn = createTurn(now)
  if (!member.started) {
    member.started = true
    member.headAt = now
    if (member.groups.has(member.group.epoch + 1)) member.plannedAt = now
    tryEnter(member, turn)
    askAll(member, turn)
  }
  take(member, turn, input)
  if (!member.stopped) {
    advance(member, turn)
    settleTimer(member, now)
    if (timerEnded(member, now)) {
      onTimer(member, turn)
      advance(member, turn)
    }
    wake(member, turn)
  }
  return seal(member, turn)
}

function take(member: Member, turn: Turn, input: Input): void {
  switch (input.type) {
    case 'message':
      return hear(member, turn, input.from, input.message)
    case 'submit':
      return submit(member, turn, input.request, input.body)
    case 'bodies':
      for (const hash of input.hashes)
        if (!bodyCame(member.bodies, hash)) turn.effects.push({ type: 'dropBodies', hashes: [hash] })
      return
    case 'blocks':
      return hearBlocks(member, turn, placeOf(member, input.from), input.blocks)
    case 'state':
      return hearState(member, turn, input.height, input.cert)
    case 'executed':
      if (keepResult(member, turn, input.ticket, input.result)) restartTimer(member, turn)
      return
    case 'committed':
      return onCommitted(member, turn, input.height)
    case 'plan':
      hearPlan(member, turn, input.group)
      tryEnter(member, turn)
      return
    case 'links':
      return hearLinks(member, input.roundTripsMs, input.gone ?? [])
    case 'clock':
      member.clockMs = Math.round(input.aheadMs)
      return expire(member, turn)
    case 'tick':
      return expire(member, turn)
    case 'stop':
      member.stopped = true
      return refuseAll(member, turn)
    default:
      return unreachable(input)
  }
}

/** The place of somebody whom the driver names by the roster. */
function placeOf(member: Member, index: number): number {
  const place = member.places.indexOf(index)
  assert(place >= 0, 'whoever speaks is in the roster')
  return place
}

/** The epoch that a statement of the agreement is of; undefined: it is of none, or every epoch hears it. */
function epochOf(message: WireMessage): number | undefined {
  switch (message.type) {
    case 'propose':
      return message.propose.body.epoch
    case 'vote1':
    case 'vote2':
      return message.vote.body.epoch
    case 'nay':
      return message.nay.body.epoch
    case 'timeout':
      return message.timeout.body.epoch
    case 'tc':
      return message.timeouts[0]?.body.epoch
    case 'close':
      return message.close.body.epoch
    default:
      return undefined
  }
}

function hear(member: Member, turn: Turn, index: number, message: WireMessage): void {
  if (message.type === 'propose' && message.start !== null) hearStart(member, turn, message.start)
  // Only now: the start may have given everybody another place.
  const from = placeOf(member, index)
  const epoch = epochOf(message)
  if (epoch === undefined || epoch === member.group.epoch) return hearNow(member, turn, from, message)
  otherEpoch(member, turn, from, epoch)
}

function hearNow(member: Member, turn: Turn, from: number, message: WireMessage): void {
  switch (message.type) {
    case 'request':
      return hearRequest(member, turn, from, message.request, message.body)
    case 'propose':
      hearQc1s(member, turn, message.qc1s)
      if (message.tc !== null) hearTc(member, turn, message.tc)
      return hearProposal(member, turn, from, message)
    case 'vote1':
      hearQc1s(member, turn, message.qc1s)
      return hearVote1(member, turn, message.vote)
    case 'vote2':
      return hearVote2(member, turn, message.vote)
    case 'nay':
      return hearNay(member, turn, message.nay)
    case 'qc1': {
      hearQc1s(member, turn, message.qc1s)
      if (message.content === null) return
      const { block, requests } = message.content
      const round = block.height > member.head.height ? heardRound(member, block.height) : undefined
      const hash = blockHash(member.domain, block)
      if (round !== undefined && wanted(round, keyOf(hash), inheritedKey(member)))
        meetBlock(member, turn, round, { block, hash, requests, from })
      return
    }
    case 'cert':
      return hearCert(member, turn, from, message.cert)
    case 'timeout':
      hearQc1s(member, turn, message.qc1s)
      return hearTimeout(member, turn, message.timeout)
    case 'tc':
      hearQc1s(member, turn, message.qc1s)
      return hearTc(member, turn, message.timeouts)
    case 'ready':
      return hearReady(member, message.ready)
    case 'close':
      return hearClose(member, turn, message)
    case 'start':
      return hearStart(member, turn, message.start)
    case 'status':
      return hearStatus(member, turn, from, message)
    default:
      return unreachable(message)
  }
}

function hearTc(member: Member, turn: Turn, timeouts: readonly Signed<Timeout>[]): void {
  for (const timeout of timeouts) hearTimeout(member, turn, timeout)
  enterByTc(member, turn, timeouts)
}

function advance(member: Member, turn: Turn): void {
  for (let pass = 0; pass < PASSES_MAX; pass++) {
    joinTimeouts(member, turn)
    let moved = handOver(member, turn)
    moved = formTc(member, turn) || moved
    if (member.committing === null) {
      moved = adoptFetched(member, turn) || moved
      moved = formQc1(member, turn) || moved
      moved = vote2OnLock(member, turn) || moved
      moved = formCert(member, turn) || moved
      tryCommit(member, turn)
      moved = lead(member, turn) || moved
      moved = considerProposal(member, turn) || moved
    }
    if (!moved) break
  }
  judgeClaims(member, turn)
  watchLeader(member, turn)
  catchUp(member, turn)
  greet(member, turn)
  announce(member, turn)
}
