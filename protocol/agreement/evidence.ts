// Evidence of provable lies, found in what is kept of each height (agreement §2): a statement that came is held against the member's
// others. One's own statements are never suspected: R1 is what keeps them true. Silence and staleness are counted, never told of here.

import type { Evidence } from '#protocol/agreement/evidence-shape.ts'
import { LIES_MAX } from '#protocol/agreement/limits.ts'
import type { Member } from '#protocol/agreement/member.ts'
import { keyOf, memberIndex } from '#protocol/agreement/members.ts'
import { executionKeyOf, type Round } from '#protocol/agreement/round.ts'
import type { Turn } from '#protocol/agreement/turn.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { unreachable } from '#protocol/codec/result.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'
import type { Block } from '#protocol/message/block.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Nay, Place, Timeout, Vote1, Vote2 } from '#protocol/message/statement.ts'

function placeOf(evidence: Evidence): Pick<Place, 'height' | 'view'> {
  switch (evidence.kind) {
    case 'double_vote1':
    case 'double_vote2':
    case 'double_proposal':
      return evidence.first.body
    case 'amnesia':
      return evidence.vote1.body
    case 'hidden_lock':
      return evidence.vote2.body
    case 'wrong_result':
      return evidence.claim.signed.body
    case 'wrong_receipt':
      return { height: evidence.receipt.body.height, view: 0 }
    default:
      return unreachable(evidence)
  }
}

/** Tells of a lie, once for each kind, member, height and view. */
export function accuse(member: Member, turn: Turn, accused: PublicKey, evidence: Evidence): void {
  const index = memberIndex(member.group, accused)
  const told = index === undefined ? undefined : member.peers[index]?.lies
  if (told === undefined || index === member.self || told.size >= LIES_MAX) return
  const { height, view } = placeOf(evidence)
  const certified = evidence.kind === 'wrong_result' && evidence.cert !== null
  const key = `${evidence.kind} ${certified} ${height} ${view}`
  if (told.has(key)) return
  told.add(key)
  turn.effects.push({ type: 'evidence', evidence })
}

/** VOTE2(x, v), then VOTE1(y ≠ x, v' > v) with jview < v. */
export function forgets(vote2: Vote2, vote1: Vote1): boolean {
  return (
    vote1.height === vote2.height &&
    vote1.view > vote2.view &&
    (vote1.jview === null || vote1.jview < vote2.view) &&
    !bytesEqual(vote1.block_hash, vote2.block_hash)
  )
}

/** A TIMEOUT of a view not below v that shows less than VOTE2(x, v) proves: a lock of v at its height, or its height at all. */
export function hides(vote2: Vote2, timeout: Timeout): boolean {
  if (timeout.view < vote2.view || timeout.height > vote2.height) return false
  return timeout.height < vote2.height || timeout.high === null || timeout.high.view < vote2.view
}

export function inspectVote1(member: Member, turn: Turn, round: Round, index: number, vote1: Signed<Vote1>): void {
  for (const vote2 of round.vote2[index]?.values() ?? [])
    if (forgets(vote2.body, vote1.body)) accuse(member, turn, vote1.from, { kind: 'amnesia', vote2, vote1 })
}

export function inspectVote2(member: Member, turn: Turn, round: Round, index: number, vote2: Signed<Vote2>): void {
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
