// R2, R3: VOTE1 for the leader's block of the present view, or NAY when its roots are not what was computed here.

import { objection } from '#protocol/agreement/admission.ts'
import { durably } from '#protocol/agreement/durable.ts'
import { accuse, inspectNay, inspectVote1, inspectVote2 } from '#protocol/agreement/evidence.ts'
import { ensureExecuted, outcome } from '#protocol/agreement/execution.ts'
import { currentRound, leaderAt, type Member, mayVote } from '#protocol/agreement/member.ts'
import { keyOf, memberIndex } from '#protocol/agreement/members.ts'
import { type Content, cast, chainTo, type Round } from '#protocol/agreement/round.ts'
import { heardRound, noteHeight } from '#protocol/agreement/sync.ts'
import { restartTimer } from '#protocol/agreement/timer.ts'
import { send, type Turn } from '#protocol/agreement/turn.ts'
import { noteVoted } from '#protocol/agreement/voted.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Cert, Qc1 } from '#protocol/message/certificate.ts'
import type { Signed } from '#protocol/message/domain.ts'
import { FIRST_EPOCH, inheritedOf, startHeight } from '#protocol/message/epoch.ts'
import type { Nay, Propose, Vote1, Vote2 } from '#protocol/message/statement.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'

/** N ≤ 4: straight to all; star: to the leader of the view, who hands on what the votes make. */
export function sendVote(member: Member, turn: Turn, view: number, message: WireMessage): void {
  if (member.straight) return send(turn, 'all', message)
  const leader = leaderAt(member, view)
  if (leader !== member.self) send(turn, leader, message)
}

export function place(member: Member, round: Round, view: number): Pick<Propose, 'job' | 'epoch' | 'height' | 'view'> {
  return { job: member.group.job, epoch: member.group.epoch, height: round.height, view }
}

function votedHere(vote: Signed<Vote1 | Vote2> | null, round: Round, view: number): boolean {
  return vote !== null && vote.body.height === round.height && vote.body.view === view
}

/** R2: looks at the proposal of the present view and says VOTE1 (then true), NAY, or nothing yet. */
export function considerProposal(member: Member, turn: Turn): boolean {
  const round = currentRound(member)
  const { view } = member
  const propose = round.proposals.get(view)
  if (propose === undefined || votedHere(member.vote1, round, view) || !mayVote(member)) return false
  const content = round.contents.get(keyOf(propose.body.block_hash))
  if (content === undefined) return false
  const { lock } = round
  // Any QC1 that the TC or the leader carried is accepted by now, so the lock is the highest of them all.
  if (lock !== null && (lock.view >= view || !bytesEqual(lock.block_hash, content.hash))) return false
  const started = startedFrom(member, round, view)
  if (started === 'unknown') return false
  if (lock === null && started !== null && !bytesEqual(started.block_hash, content.hash)) return false
  if (objection(member, content, lock !== null || started !== null) !== undefined) return false
  ensureExecuted(member, turn, content)
  switch (outcome(member, content)) {
    case 'unknown':
      return false
    case 'match':
      vote1(member, turn, round, content)
      return true
    case 'mismatch':
      nay(member, turn, round, content, propose)
      return false
  }
}

/**
 * R2, §6: the QC1 above the head that the epoch started from, by the start that the proposal carries, whichever this member entered by.
 * `unknown`: the proposal has to carry one, and it does not, or this member has yet to reach its head.
 */
function startedFrom(member: Member, round: Round, view: number): Qc1 | null | 'unknown' {
  const { head, group } = member
  if (group.epoch === FIRST_EPOCH || head.epoch === group.epoch) return null
  const start = round.starts.get(view)
  if (start === undefined || start.epoch !== group.epoch || startHeight(start) >= round.height) return 'unknown'
  return startHeight(start) + 1 === round.height ? inheritedOf(start) : null
}

/** R3: `jview` names the highest QC1 relied on: by the rule above, the own lock. */
function vote1(member: Member, turn: Turn, round: Round, content: Content): void {
  const { view } = member
  const jview = round.lock?.view ?? null
  const body: Vote1 = { ...place(member, round, view), block_hash: content.hash, jview }
  const vote = durably(member, turn, 'vote1', body)
  member.vote1 = vote
  noteVoted(round, content.key, view)
  cast(round.vote1, member.self, view, vote)
  sendVote(member, turn, view, { type: 'vote1', vote, qc1s: jview === null ? [] : chainTo(round, jview) })
  restartTimer(member, turn)
}

/** "I executed it and got these roots instead", about a block of this view. False when it was said before. */
export function dissent(member: Member, turn: Turn, round: Round, content: Content, view: number): boolean {
  if (round.nay[member.self]?.has(view)) return false
  const execution = member.executions.get(content.executionKey)
  assert(execution?.result && execution.receiptsRoot, 'a mismatch has a result')
  const signed = durably(member, turn, 'nay', {
    ...place(member, round, view),
    block_hash: content.hash,
    receipts_root: execution.receiptsRoot,
    state_root: execution.result.stateRoot,
  })
  cast(round.nay, member.self, view, signed)
  send(turn, 'all', { type: 'nay', nay: signed })
  return true
}

function nay(member: Member, turn: Turn, round: Round, content: Content, propose: Signed<Propose>): void {
  if (!dissent(member, turn, round, content, member.view)) return
  accuse(member, turn, propose.from, {
    kind: 'wrong_result',
    claim: { type: 'propose', signed: propose },
    block: content.block,
    cert: null,
    requests: content.requests,
  })
  restartTimer(member, turn)
}

/** A vote that came, from whomever it came: who signed it counts. */
export function hearVote1(member: Member, turn: Turn, vote: Signed<Vote1>): void {
  const index = memberIndex(member.group, vote.from)
  if (index === undefined || index === member.self) return
  noteHeight(member, turn, index, vote.body.height - 1)
  const round = heardRound(member, vote.body.height)
  if (round === undefined) return
  const before = round.vote1[index]?.get(vote.body.view)
  const heard = cast(round.vote1, index, vote.body.view, vote)
  if (heard === 'different' && before !== undefined)
    accuse(member, turn, vote.from, { kind: 'double_vote1', first: before, second: vote })
  if (heard !== 'same') inspectVote1(member, turn, round, index, vote)
  if (heard === 'new') showVote(turn, round, { type: 'vote1', vote, qc1s: [] })
  showProposal(member, turn, round)
}

/**
 * A vote for another block than was proposed here in its view, or certified: its signer lies, or the leader does. Everybody gets to see it, so
 * that a lie of two halves, each told to others, comes together somewhere. Once: when the later of vote and proposal comes.
 */
function showVote(turn: Turn, round: Round, message: WireOf<'vote1' | 'vote2'>): void {
  const { view, block_hash } = message.vote.body
  const certified = round.cert?.qc1.view === view ? round.cert.qc1.block_hash : undefined
  const known = round.proposals.get(view)?.body.block_hash ?? certified
  if (known !== undefined && !bytesEqual(known, block_hash)) send(turn, 'all', message)
}

/** The votes of a view whose proposal came after them. */
export function showVotes(member: Member, turn: Turn, round: Round, view: number): void {
  for (let index = 0; index < member.count; index++) {
    if (index === member.self) continue
    const one = round.vote1[index]?.get(view)
    const two = round.vote2[index]?.get(view)
    if (one !== undefined) showVote(turn, round, { type: 'vote1', vote: one, qc1s: [] })
    if (two !== undefined) showVote(turn, round, { type: 'vote2', vote: two })
  }
}

/**
 * Somebody votes in this view for another block than the leader proposed here: one of the two lies. Everybody gets to see the proposal
 * that this member has, once a view, so that two of them come together somewhere.
 */
export function showProposal(member: Member, turn: Turn, round: Round): void {
  const { view } = member
  const propose = round.proposals.get(view)
  if (propose === undefined || member.shown >= view || round.height !== member.head.height + 1) return
  const content = round.contents.get(keyOf(propose.body.block_hash))
  const votes = round.vote1.map((byView) => byView.get(view))
  const differ = votes.some((vote) => vote !== undefined && !bytesEqual(vote.body.block_hash, propose.body.block_hash))
  if (content === undefined || !differ) return
  member.shown = view
  const { block, requests } = content
  send(turn, 'all', { type: 'propose', propose, block, requests, tc: null, qc1s: [], start: null })
}

/**
 * Somebody gives VOTE2 to another block than the one that is certified here, or builds on another one: everybody gets to see this certificate,
 * once a height, so that two of them come together and name who signed both (G2).
 */
export function showCert(member: Member, turn: Turn, cert: Cert | null): void {
  if (cert === null || member.certShown >= cert.block.height) return
  member.certShown = cert.block.height
  send(turn, 'all', { type: 'cert', cert })
}

/** As `showCert`, when a vote says so. */
export function showCertAgainstVotes(member: Member, turn: Turn, round: Round): void {
  const { cert } = round
  if (cert === null) return
  const differ = round.vote2.some((byView) =>
    [...byView.values()].some(
      ({ body }) => body.view >= cert.qc1.view && !bytesEqual(body.block_hash, cert.qc1.block_hash),
    ),
  )
  if (differ) showCert(member, turn, cert)
}

export function hearVote2(member: Member, turn: Turn, vote: Signed<Vote2>): void {
  const index = memberIndex(member.group, vote.from)
  if (index === undefined || index === member.self) return
  noteHeight(member, turn, index, vote.body.height - 1)
  const round = heardRound(member, vote.body.height)
  if (round === undefined) return
  const before = round.vote2[index]?.get(vote.body.view)
  const heard = cast(round.vote2, index, vote.body.view, vote)
  if (heard === 'different' && before !== undefined)
    accuse(member, turn, vote.from, { kind: 'double_vote2', first: before, second: vote })
  if (heard !== 'same') inspectVote2(member, turn, round, index, vote)
  if (heard === 'new') showVote(turn, round, { type: 'vote2', vote })
  if (heard === 'new' && vote.body.height <= member.head.height) showCertAgainstVotes(member, turn, round)
}

export function hearNay(member: Member, turn: Turn, signed: Signed<Nay>): void {
  const index = memberIndex(member.group, signed.from)
  if (index === undefined || index === member.self) return
  noteHeight(member, turn, index, signed.body.height - 1)
  const round = heardRound(member, signed.body.height)
  if (round === undefined) return
  const peer = member.peers[index]
  if (cast(round.nay, index, signed.body.view, signed) !== 'new' || peer === undefined) return
  peer.counts.nays++
  inspectNay(member, turn, round, signed)
}
