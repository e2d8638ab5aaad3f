// The leader: it executes first, then proposes a block with the roots (agreement §2). With a lock it proposes the locked block again,
// byte for byte (R6); else a fresh one of what its queue holds (R8), a HEARTBEAT when nothing waits and one is due.

import { mayRun } from '#protocol/agreement/admission.ts'
import { bodiesHere, bodyHere, fetchMissing } from '#protocol/agreement/bodies.ts'
import { durably } from '#protocol/agreement/durable.ts'
import { inheritedHere } from '#protocol/agreement/epoch.ts'
import { accuse } from '#protocol/agreement/evidence.ts'
import { dropExecution, ensureExecuted, meetBlock, outcome, startExecution } from '#protocol/agreement/execution.ts'
import { nextGroup, readySet, reconfigDue } from '#protocol/agreement/handover.ts'
import { TIME_PAST_MS, VIEWS_KEPT } from '#protocol/agreement/limits.ts'
import { blockClock, currentRound, leaderAt, leads, type Member, mayVote } from '#protocol/agreement/member.ts'
import { keyOf, memberIndex } from '#protocol/agreement/members.ts'
import type { ExecutionContext } from '#protocol/agreement/port.ts'
import { type Entry, takeBatch, UPDATE_METHOD } from '#protocol/agreement/queue.ts'
import { type Content, executionKeyOf, type Round, requestHashesOf } from '#protocol/agreement/round.ts'
import { askAll, heardRound, noteHeight } from '#protocol/agreement/sync.ts'
import { heartbeatDue } from '#protocol/agreement/timer.ts'
import { send, type Turn } from '#protocol/agreement/turn.ts'
import { proposalMessage } from '#protocol/agreement/view.ts'
import { place, showCert, showProposal, showVotes } from '#protocol/agreement/vote.ts'
import { windowWhole } from '#protocol/agreement/window.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { ZERO_DIGEST } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { type Block, type BlockKind, blockHash } from '#protocol/message/block.ts'
import { membersHash, reconfigRequest, startHeight } from '#protocol/message/epoch.ts'
import { type Request, requestsRoot } from '#protocol/message/request.ts'
import type { WireOf } from '#protocol/message/wire.ts'

export function lead(member: Member, turn: Turn): boolean {
  const round = currentRound(member)
  if (!leads(member) || !mayVote(member) || round.cert !== null) return abandon(member, turn)
  if (member.start !== null && startHeight(member.start) >= round.height) return abandon(member, turn)
  const made = member.proposal?.signed.body
  if (made !== undefined && made.height === round.height && made.view === member.view) return false
  if (round.lock !== null) {
    abandon(member, turn)
    if (round.lock.view >= member.view) return false
    const locked = round.contents.get(keyOf(round.lock.block_hash))
    if (locked === undefined) {
      askAll(member, turn)
      return false
    }
    // Nobody signs for roots that it did not compute, the leader of a locked block neither.
    ensureExecuted(member, turn, locked)
    return outcome(member, locked) === 'match' && propose(member, turn, round, locked)
  }
  // §6: what the epoch started from is proposed again, unless a QC1 of this epoch is known.
  const inherited = inheritedHere(member)
  if (inherited !== null) {
    abandon(member, turn)
    const content = round.contents.get(keyOf(inherited.block_hash))
    if (content === undefined) {
      askAll(member, turn)
      return false
    }
    ensureExecuted(member, turn, content)
    return outcome(member, content) === 'match' && propose(member, turn, round, content)
  }
  const { lead: begun } = member
  if (begun !== null && begun.view === member.view && begun.height === round.height) return finish(member, turn, round)
  abandon(member, turn)
  return begin(member, turn, round)
}

function abandon(member: Member, turn: Turn): boolean {
  const begun = member.lead
  member.lead = null
  if (begun !== null && ![...currentRound(member).contents.values()].some((c) => c.executionKey === begun.executionKey))
    dropExecution(member, turn, begun.executionKey)
  return false
}

function kindOf(batch: readonly Entry[]): BlockKind {
  if (batch.length === 0) return 'heartbeat'
  return batch[0]?.request.method === UPDATE_METHOD ? 'update' : 'normal'
}

/** Takes a batch and has it executed at the block time it will carry. */
function begin(member: Member, turn: Turn, round: Round): boolean {
  const { head, settings } = member
  const time = Math.max(blockClock(member), head.time + 1)
  // Who does not know all that ran within the window cannot say what has not.
  const whole = windowWhole(member.window, time)
  const next = reconfigDue(member) ? nextGroup(member) : undefined
  if (next !== undefined) {
    const facts = { epoch: next.epoch, membersHash: membersHash(next), ready: readySet(member) }
    const request = reconfigRequest(next.job, time, facts)
    start(member, turn, round, { time, kind: 'reconfig', requests: [request] })
    return false
  }
  const batch = takeBatch(member.queue, member.pace.batchMax, (entry) => {
    if (!whole || !mayRun(member, entry.request, entry.key, time)) return false
    if (bodyHere(member.bodies, entry.request)) return true
    fetchMissing(member.bodies, turn, [entry.request], entry.source, settings.deltaMs)
    return false
  })
  if (batch.length === 0 && !heartbeatDue(member, turn.now)) return false
  start(member, turn, round, { time, kind: kindOf(batch), requests: batch.map(({ request }) => request) })
  return false
}

function start(
  member: Member,
  turn: Turn,
  round: Round,
  { time, kind, requests }: Pick<Block, 'time' | 'kind'> & { readonly requests: readonly Request[] },
): void {
  const { head, settings } = member
  const requestHashes = requestHashesOf(requests)
  const draft: Block = {
    job: member.group.job,
    height: round.height,
    parent: head.hash,
    time,
    kind,
    image: settings.image,
    code_root: head.codeRoot,
    requests_root: requestsRoot(requests),
    receipts_root: ZERO_DIGEST,
    state_root: head.stateRoot,
  }
  const executionKey = executionKeyOf(draft)
  member.lead = { view: member.view, height: round.height, executionKey, draft }
  startExecution(member, turn, executionKey, {
    height: round.height,
    parent: head.hash,
    stateRoot: head.stateRoot,
    codeRoot: head.codeRoot,
    time,
    kind,
    requests,
    requestHashes,
  })
}

function finish(member: Member, turn: Turn, round: Round): boolean {
  const begun = member.lead
  const execution = begun === null ? undefined : member.executions.get(begun.executionKey)
  if (begun === null || execution === undefined || execution.result === null || execution.receiptsRoot === null)
    return false
  // R2: nobody takes a fresh block whose time lies that far back; executed once, it goes faster the second time.
  const onItsWayMs = Math.min(member.settings.deltaMs, TIME_PAST_MS / 2)
  const isLate = blockClock(member) - begun.draft.time > TIME_PAST_MS - onItsWayMs
  // R1: whoever votes holds the bodies; a request whose time was over meanwhile, by a clock that was set, took its own along.
  if (isLate || !bodiesHere(member.bodies, execution.context.requests)) {
    abandon(member, turn)
    return begin(member, turn, round)
  }
  member.lead = null
  // R8: what the block's fuel did not reach waits for the next one.
  const { requests, requestHashes } = cutExecution(member, begun)
  const { stateRoot, codeRoot } = execution.result
  const block: Block = {
    ...begun.draft,
    requests_root: requestsRoot(requests),
    code_root: codeRoot,
    receipts_root: execution.receiptsRoot,
    state_root: stateRoot,
  }
  const hash = blockHash(member.domain, block)
  return propose(
    member,
    turn,
    round,
    meetBlock(member, turn, round, { block, hash, requests, requestHashes, from: member.self }),
  )
}

/** The context of what ran: as it was begun, or its first requests when the execution ended there. */
function cutExecution(member: Member, begun: NonNullable<Member['lead']>): ExecutionContext {
  const execution = member.executions.get(begun.executionKey)
  assert(execution?.result != null, 'a block is proposed when it was executed')
  const { context, result } = execution
  const ran = result.leaves.length
  if (ran >= context.requests.length) return context
  const requests = context.requests.slice(0, ran)
  const cut = { ...context, requests, requestHashes: context.requestHashes.slice(0, ran) }
  member.executions.delete(begun.executionKey)
  member.executions.set(executionKeyOf({ ...begun.draft, requests_root: requestsRoot(requests) }), {
    ...execution,
    context: cut,
  })
  return cut
}

function propose(member: Member, turn: Turn, round: Round, content: Content): boolean {
  const signed = durably(member, turn, 'propose', { ...place(member, round, member.view), block_hash: content.hash })
  member.proposal = { signed, content }
  round.proposals.set(member.view, signed)
  if (member.start !== null) round.starts.set(member.view, member.start)
  const message = proposalMessage(member)
  // Whoever voted for an earlier block of this view has entered it; who missed that asks.
  send(turn, 'all', member.ledView === member.view ? { ...message, tc: null } : message)
  member.ledView = member.view
  return true
}

/** A PROPOSE that came; its TC and QC1s were taken in before. */
export function hearProposal(member: Member, turn: Turn, from: number, message: WireOf<'propose'>): void {
  const { propose: signed, block, requests } = message
  const { height, view, block_hash: hash } = signed.body
  const index = memberIndex(member.group, signed.from)
  if (index === undefined || index === member.self || index !== leaderAt(member, view)) return
  noteHeight(member, turn, index, height - 1)
  const round = heardRound(member, height)
  // Whoever has not entered the view by now lacks its TC and asks for it.
  if (view > member.view) askAll(member, turn)
  if (round === undefined || view > member.view) return
  const before = round.proposals.get(view)
  if (before === undefined) {
    if (round.proposals.size >= VIEWS_KEPT) round.proposals.delete(Math.min(...round.proposals.keys()))
    round.proposals.set(view, signed)
    round.starts.delete(view)
    showVotes(member, turn, round, view)
  } else if (!bytesEqual(before.body.block_hash, hash)) {
    accuse(member, turn, signed.from, { kind: 'double_proposal', first: before, second: signed })
    return
  }
  if (message.start !== null) round.starts.set(view, message.start)
  // It builds on another certificate than the one here.
  if (height === member.head.height + 1 && !bytesEqual(block.parent, member.head.hash))
    showCert(member, turn, member.headCert)
  if (height > member.head.height && (view === member.view || wanted(round, keyOf(hash), inheritedKey(member))))
    meetBlock(member, turn, round, { block, hash, requests, from })
  showProposal(member, turn, round)
}

/** The block that the epoch started from, at the height above the head. */
export function inheritedKey(member: Member): string | undefined {
  const inherited = inheritedHere(member)
  return inherited === null ? undefined : keyOf(inherited.block_hash)
}

/** The block of the lock or of the certificate, which this member lacks. */
export function wanted(round: Round, key: string, inherited?: string): boolean {
  const lock = round.lock === null ? undefined : keyOf(round.lock.block_hash)
  const cert = round.cert === null ? undefined : keyOf(round.cert.qc1.block_hash)
  if (round.contents.has(key)) return false
  if (key === lock || key === cert || key === inherited) return true
  return round.vote2.some((byView) => [...byView.values()].some(({ body }) => keyOf(body.block_hash) === key))
}
