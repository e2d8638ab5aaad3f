// R4, R5: VOTE1s become a QC1, a QC1 becomes the lock and a VOTE2, VOTE2s with the QC1 of the same view become the certificate.

import { durably } from '#protocol/agreement/durable.ts'
import { certFits } from '#protocol/agreement/epoch.ts'
import { inspectFork, inspectQc1s } from '#protocol/agreement/evidence.ts'
import { ensureExecuted, outcome } from '#protocol/agreement/execution.ts'
import { currentRound, leaderAt, type Member, mayVote } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import { acceptQc1, cast, chainTo, type Round, supports, votersFor } from '#protocol/agreement/round.ts'
import { askAll, heardRound, noteHeight } from '#protocol/agreement/sync.ts'
import { send, type Turn } from '#protocol/agreement/turn.ts'
import { place, sendVote, showCert } from '#protocol/agreement/vote.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Cert, Qc1, Qc2 } from '#protocol/message/certificate.ts'

/** So few have voted here that nothing can come of it in any view. */
function tooFew(member: Member, ballots: Round['vote1'] | Round['vote2']): boolean {
  let voters = 0
  for (const byView of ballots) if (byView.size > 0) voters++
  return voters < member.quorum
}

/** Views in which somebody voted here, each with the blocks that were named there. */
function blocksByView(ballots: Round['vote1'] | Round['vote2']): Map<number, Digest[]> {
  const found = new Map<number, Digest[]>()
  for (const byView of ballots) {
    for (const [view, { body }] of byView) {
      const hashes = found.get(view)
      if (hashes === undefined) found.set(view, [body.block_hash])
      else if (!hashes.some((hash) => bytesEqual(hash, body.block_hash))) hashes.push(body.block_hash)
    }
  }
  return found
}

/** R3: a VOTE1 counts only with the QC1 of its jview at hand. True when a QC1 came of it. */
export function formQc1(member: Member, turn: Turn): boolean {
  const round = currentRound(member)
  if (tooFew(member, round.vote1)) return false
  let formed = false
  for (const [view, hashes] of blocksByView(round.vote1)) {
    if (round.qc1s.has(view)) continue
    for (const hash of hashes) {
      const votes = votersFor(round.vote1, view, hash)
        .filter(([, { body }]) => body.jview === null || supports(round, body.jview, hash))
        .map(([index, { body, signature }]) => [index, body.jview, signature] as const)
      if (votes.length < member.quorum) continue
      const qc1: Qc1 = { ...place(member, round, view), block_hash: hash, votes }
      if (!acceptQc1(round, qc1)) continue
      formed = true
      if (!member.straight && leaderAt(member, view) === member.self)
        send(turn, 'all', { type: 'qc1', qc1s: chainTo(round, view), content: null })
    }
  }
  return formed
}

/** QC1s that came with a message, lowest view first. A new lock of the present height is handed on once (R4). */
export function hearQc1s(member: Member, turn: Turn, qc1s: readonly Qc1[]): void {
  for (const qc1 of qc1s) {
    // §6: a new epoch's start voids the locks of the old one.
    if (qc1.epoch !== member.group.epoch) continue
    const round = qc1.height > member.head.height ? heardRound(member, qc1.height) : undefined
    if (round === undefined) {
      noteHeightOfVoters(member, turn, qc1)
      continue
    }
    const known = round.qc1s.get(qc1.view)
    if (known !== undefined) inspectQc1s(member, turn, known, qc1)
    const accepted = acceptQc1(round, qc1)
    if (!accepted || round.lock !== qc1 || !member.straight || round.height !== member.head.height + 1) continue
    send(turn, 'all', { type: 'qc1', qc1s: chainTo(round, qc1.view), content: null })
  }
}

function noteHeightOfVoters(member: Member, turn: Turn, qc1: Qc1): void {
  for (const [index] of qc1.votes) noteHeight(member, turn, index, qc1.height - 1)
}

/** R4: VOTE2 for the lock, if it is of the present view and the own execution matched. True when it was given. */
export function vote2OnLock(member: Member, turn: Turn): boolean {
  const round = currentRound(member)
  const { lock } = round
  const { view, vote2 } = member
  if (lock === null) return false
  const content = round.contents.get(keyOf(lock.block_hash))
  if (content !== undefined && member.committing === null) ensureExecuted(member, turn, content)
  if (lock.view !== view || !mayVote(member)) return false
  if (vote2 !== null && vote2.body.height === round.height && vote2.body.view === view) return false
  if (content === undefined) {
    askAll(member, turn)
    return false
  }
  if (outcome(member, content) !== 'match') return false
  const vote = durably(member, turn, 'vote2', { ...place(member, round, view), block_hash: lock.block_hash })
  member.vote2 = vote
  cast(round.vote2, member.self, view, vote)
  sendVote(member, turn, view, { type: 'vote2', vote })
  return true
}

/** R5: QC1 and QC2 of one (epoch, height, view, block). Votes of any view serve, past ones too. True when the height is certified by it. */
export function formCert(member: Member, turn: Turn): boolean {
  const round = currentRound(member)
  if (round.cert !== null || tooFew(member, round.vote2)) return false
  for (const [view, hashes] of blocksByView(round.vote2)) {
    for (const hash of hashes) {
      const votes = votersFor(round.vote2, view, hash).map(([index, { signature }]) => [index, signature] as const)
      if (votes.length < member.quorum) continue
      const qc1 = round.qc1s.get(view)
      const content = round.contents.get(keyOf(hash))
      if (qc1 === undefined || !bytesEqual(qc1.block_hash, hash) || content === undefined) {
        askAll(member, turn)
        continue
      }
      const qc2: Qc2 = { ...place(member, round, view), block_hash: hash, votes }
      round.cert = { block: content.block, qc1, qc2 }
      if (!member.straight && leaderAt(member, view) === member.self)
        send(turn, 'all', { type: 'cert', cert: round.cert })
      return true
    }
  }
  return false
}

export function hearCert(member: Member, turn: Turn, from: number, cert: Cert): void {
  noteHeight(member, turn, from, cert.block.height)
  const round = heardRound(member, cert.block.height)
  if (round === undefined) return
  if (round.cert !== null) {
    if (bytesEqual(round.cert.qc1.block_hash, cert.qc1.block_hash)) return
    inspectFork(member, turn, round.cert, cert)
    showCert(member, turn, round.cert)
  } else if (cert.block.height > member.head.height && certFits(member, cert)) round.cert = cert
}
