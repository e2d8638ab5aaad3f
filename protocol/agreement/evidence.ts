// Evidence of provable lies, found in what is kept of each height (agreement §2): a statement that came is held against the member's
// others. One's own statements are never suspected: R1 is what keeps them true. Silence and staleness are counted, never told of here.

import { accusationOf, type Evidence } from '#protocol/agreement/evidence-shape.ts'
import { LIES_MAX } from '#protocol/agreement/limits.ts'
import type { Member } from '#protocol/agreement/member.ts'
import { keyOf, memberIndex } from '#protocol/agreement/members.ts'
import { executionKeyOf, type Round } from '#protocol/agreement/round.ts'
import type { Turn } from '#protocol/agreement/turn.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'
import type { Block } from '#protocol/message/block.ts'
import type { Cert, Group, Qc1, Qc2 } from '#protocol/message/certificate.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Close, Nay, Timeout, Vote1, Vote2 } from '#protocol/message/statement.ts'

/** Tells of a lie, once for each kind, member, height and view. */
export function accuse(member: Member, turn: Turn, accused: PublicKey, evidence: Evidence): void {
  const index = memberIndex(member.group, accused)
  const told = index === undefined ? undefined : member.peers[index]?.lies
  if (told === undefined || index === member.self || told.size >= LIES_MAX) return
  const { height, view } = accusationOf(evidence)
  const certified = evidence.kind === 'wrong_result' && evidence.cert !== null
  const key = `${evidence.kind} ${certified} ${height} ${view}`
  if (told.has(key)) return
  told.add(key)
  turn.effects.push({ type: 'evidence', evidence })
}

/** VOTE2(x, v), then VOTE1(y ≠ x, v' > v) with jview < v. */
export function forgets(vote2: Vote2, vote1: Vote1): boolean {
  return (
    vote1.epoch === vote2.epoch &&
    vote1.height === vote2.height &&
    vote1.view > vote2.view &&
    (vote1.jview === null || vote1.jview < vote2.view) &&
    !bytesEqual(vote1.block_hash, vote2.block_hash)
  )
}

/**
 * A TIMEOUT that shows less than VOTE2(x, v) proves: of a view not below v at its height, no lock of v; of a view above v, not its height at
 * all. A TIMEOUT of v itself at a lower height came before the vote: that height was certified, and its signer voted on (R6).
 */
export function hides(vote2: Vote2, timeout: Timeout): boolean {
  if (timeout.epoch !== vote2.epoch || timeout.view < vote2.view || timeout.height > vote2.height) return false
  if (timeout.height < vote2.height) return timeout.view > vote2.view
  return timeout.high === null || timeout.high.view < vote2.view
}

/** A vote that its signer's CLOSE of the same epoch does not know: it was given after it. */
export function followsClose(close: Close, type: 'vote1' | 'vote2', vote: Vote1 | Vote2): boolean {
  if (vote.epoch !== close.epoch) return false
  const last = type === 'vote1' ? close.last_vote1 : close.last_vote2
  if (last === null || vote.height > last.height) return true
  return vote.height === last.height && vote.view > last.view
}

/** A CLOSE of the epoch of VOTE2(x, v) that shows neither its height nor a lock of v there. */
export function closeHides(vote2: Vote2, close: Close): boolean {
  if (close.epoch !== vote2.epoch) return false
  const height = close.high_cert?.height ?? 0
  if (height >= vote2.height) return false
  const high = close.high_qc1
  if (height < vote2.height - 1 || high === null) return true
  return high.epoch !== vote2.epoch || high.view < vote2.view
}

type Cast =
  | { readonly type: 'vote1'; readonly signed: Signed<Vote1> }
  | { readonly type: 'vote2'; readonly signed: Signed<Vote2> }

function againstClose(member: Member, turn: Turn, index: number, vote: Cast): void {
  const close = member.closes.get(index)?.close
  if (close === undefined || index === member.self) return
  const { from, body } = vote.signed
  if (followsClose(close.body, vote.type, body)) accuse(member, turn, from, { kind: 'vote_after_close', close, vote })
  if (vote.type === 'vote2' && closeHides(vote.signed.body, close.body))
    accuse(member, turn, from, { kind: 'close_hides_lock', vote2: vote.signed, close })
}

/** A CLOSE against the votes of its signer that are known. */
export function inspectClose(member: Member, turn: Turn, index: number, close: Signed<Close>): void {
  if (member.closes.get(index)?.close !== close) return
  for (const round of member.rounds.values()) {
    for (const signed of round.vote1[index]?.values() ?? [])
      againstClose(member, turn, index, { type: 'vote1', signed })
    for (const signed of round.vote2[index]?.values() ?? [])
      againstClose(member, turn, index, { type: 'vote2', signed })
  }
}

export function inspectVote1(member: Member, turn: Turn, round: Round, index: number, vote1: Signed<Vote1>): void {
  againstClose(member, turn, index, { type: 'vote1', signed: vote1 })
  for (const vote2 of round.vote2[index]?.values() ?? [])
    if (forgets(vote2.body, vote1.body)) accuse(member, turn, vote1.from, { kind: 'amnesia', vote2, vote1 })
}

export function inspectVote2(member: Member, turn: Turn, round: Round, index: number, vote2: Signed<Vote2>): void {
  againstClose(member, turn, index, { type: 'vote2', signed: vote2 })
  for (const vote1 of round.vote1[index]?.values() ?? [])
    if (forgets(vote2.body, vote1.body)) accuse(member, turn, vote2.from, { kind: 'amnesia', vote2, vote1 })
  const timeout = member.peers[index]?.timeout
  if (timeout && hides(vote2.body, timeout.body))
    accuse(member, turn, vote2.from, { kind: 'hidden_lock', vote2, timeout })
}

export function inspectTimeout(member: Member, turn: Turn, index: number, timeout: Signed<Timeout>): void {
  for (const round of member.rounds.values())
    for (const vote2 of round.vote2[index]?.values() ?? [])
      if (hides(vote2.body, timeout.body)) accuse(member, turn, timeout.from, { kind: 'hidden_lock', vote2, timeout })
}

/** True when both blocks have the same roots; they are of the same parent, time, kind, image and requests. */
export function sameRoots(a: Block, b: Block): boolean {
  return (
    bytesEqual(a.code_root, b.code_root) &&
    bytesEqual(a.receipts_root, b.receipts_root) &&
    bytesEqual(a.state_root, b.state_root)
  )
}

export function nayContradicts(nay: Nay, block: Block): boolean {
  return !bytesEqual(nay.receipts_root, block.receipts_root) || !bytesEqual(nay.state_root, block.state_root)
}

/** A certificate came to be: whoever claimed other roots for the same execution is shown by it. */
export function inspectCert(member: Member, turn: Turn, round: Round, cert: Cert): void {
  for (const byView of round.nay) for (const nay of byView.values()) inspectNay(member, turn, round, nay)
  const certified = executionKeyOf(cert.block)
  for (const { block, key } of round.contents.values()) {
    if (executionKeyOf(block) !== certified || sameRoots(block, cert.block)) continue
    const about = { kind: 'wrong_result', block, cert, requests: [] } as const
    for (const signed of round.proposals.values())
      if (keyOf(signed.body.block_hash) === key)
        accuse(member, turn, signed.from, { ...about, claim: { type: 'propose', signed } })
    for (const byView of round.vote1)
      for (const signed of byView.values())
        if (keyOf(signed.body.block_hash) === key)
          accuse(member, turn, signed.from, { ...about, claim: { type: 'vote1', signed } })
    for (const byView of round.vote2)
      for (const signed of byView.values())
        if (keyOf(signed.body.block_hash) === key)
          accuse(member, turn, signed.from, { ...about, claim: { type: 'vote2', signed } })
  }
}

const placeOf = ({ job, epoch, height, view, block_hash }: Qc1 | Qc2): Vote2 => ({
  job,
  epoch,
  height,
  view,
  block_hash,
})

/** A QC's votes as their voters signed them, by index. */
function vote1sOf(group: Group, qc: Qc1): Map<number, Signed<Vote1>> {
  const found = new Map<number, Signed<Vote1>>()
  for (const [index, jview, signature] of qc.votes) {
    const from = group.members[index]
    if (from !== undefined) found.set(index, { from, body: { ...placeOf(qc), jview }, signature })
  }
  return found
}

function vote2sOf(group: Group, qc: Qc2): Map<number, Signed<Vote2>> {
  const found = new Map<number, Signed<Vote2>>()
  for (const [index, signature] of qc.votes) {
    const from = group.members[index]
    if (from !== undefined) found.set(index, { from, body: placeOf(qc), signature })
  }
  return found
}

/** Two QC1s of one view for different blocks: whoever stands in both voted twice. */
function doubleVotes(group: Group, one: Qc1, other: Qc1): readonly Evidence[] {
  const samePlace = one.epoch === other.epoch && one.height === other.height && one.view === other.view
  if (!samePlace || one.epoch !== group.epoch || bytesEqual(one.block_hash, other.block_hash)) return []
  const others = vote1sOf(group, other)
  return [...vote1sOf(group, one)].flatMap(([index, first]): readonly Evidence[] => {
    const second = others.get(index)
    return second === undefined ? [] : [{ kind: 'double_vote1', first, second }]
  })
}

/**
 * G2: two certificates of one height for different blocks, both valid. Their quorums share members, and those of one view voted twice; of two
 * views, whoever gave the lower one VOTE2 and the higher one a VOTE1 that does not know of it forgot its lock. `group`: of their epoch.
 */
export function forkEvidence(group: Group, one: Cert, other: Cert): readonly Evidence[] {
  const samePlace = one.qc1.epoch === other.qc1.epoch && one.qc1.height === other.qc1.height
  if (!samePlace || one.qc1.epoch !== group.epoch || bytesEqual(one.qc1.block_hash, other.qc1.block_hash)) return []
  const [lower, higher] = one.qc1.view <= other.qc1.view ? [one, other] : [other, one]
  const found = [...doubleVotes(group, lower.qc1, higher.qc1)]
  const isOneView = lower.qc1.view === higher.qc1.view
  const votes1 = vote1sOf(group, higher.qc1)
  const votes2 = vote2sOf(group, higher.qc2)
  for (const [index, vote2] of vote2sOf(group, lower.qc2)) {
    const [vote1, second] = [votes1.get(index), votes2.get(index)]
    if (isOneView && second !== undefined) found.push({ kind: 'double_vote2', first: vote2, second })
    if (vote1 !== undefined && forgets(vote2.body, vote1.body)) found.push({ kind: 'amnesia', vote2, vote1 })
  }
  return found
}

export function inspectQc1s(member: Member, turn: Turn, one: Qc1, other: Qc1): void {
  const group = member.groups.get(one.epoch)
  if (group === undefined) return
  for (const evidence of doubleVotes(group, one, other)) accuse(member, turn, accusationOf(evidence).from, evidence)
}

export function inspectFork(member: Member, turn: Turn, one: Cert, other: Cert): void {
  const group = member.groups.get(one.qc1.epoch)
  if (group === undefined) return
  for (const evidence of forkEvidence(group, one, other)) accuse(member, turn, accusationOf(evidence).from, evidence)
}

/** A NAY against the certificate of its height, when that is known. */
export function inspectNay(member: Member, turn: Turn, round: Round, nay: Signed<Nay>): void {
  const { cert } = round
  if (cert === null) return
  const named = bytesEqual(nay.body.block_hash, cert.qc1.block_hash)
    ? cert.block
    : round.contents.get(keyOf(nay.body.block_hash))?.block
  if (named === undefined || executionKeyOf(named) !== executionKeyOf(cert.block)) return
  if (!nayContradicts(nay.body, cert.block)) return
  const claim = { type: 'nay', signed: nay } as const
  accuse(member, turn, nay.from, { kind: 'wrong_result', claim, block: named, cert, requests: [] })
}
