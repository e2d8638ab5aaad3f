// R1: what is signed is durable before it is sent. `durably` signs and marks the turn; `seal` puts the record before everything else.

import { bodyHere } from '#protocol/agreement/bodies.ts'
import { currentRound, type Head, type Member } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import type { Effect } from '#protocol/agreement/port.ts'
import { RECORD_VERSION, recordToBytes, type VoteRecord } from '#protocol/agreement/record.ts'
import { type Content, chainTo } from '#protocol/agreement/round.ts'
import type { Turn } from '#protocol/agreement/turn.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import type { StatementBody, StatementType } from '#protocol/message/statement.ts'

type VoteType = Extract<StatementType, 'propose' | 'vote1' | 'vote2' | 'nay' | 'timeout'>

/** Signs a statement of the agreement; it leaves in this turn only after the record that knows of it. */
export function durably<T extends VoteType>(
  member: Member,
  turn: Turn,
  type: T,
  body: StatementBody<T>,
): Signed<StatementBody<T>> {
  turn.dirty = true
  return signStatement(member.domain, type, member.signer, body)
}

/** What a lock or an own proposal needs to be executed again. */
function boundContents(member: Member): { locked: Content | null; proposed: Content | null } {
  const round = currentRound(member)
  const locked = round.lock === null ? null : (round.contents.get(keyOf(round.lock.block_hash)) ?? null)
  const own = member.proposal
  const proposed = own !== null && own.signed.body.height === round.height ? own.content : null
  return { locked, proposed }
}

const plain = ({ block, requests }: Content) => ({ block, requests })

function voteRecord(member: Member): VoteRecord {
  const { group, view, tc, timeout, vote1, vote2, proposal } = member
  const round = currentRound(member)
  const { locked, proposed } = boundContents(member)
  const here = <T extends { readonly body: { readonly height: number } }>(signed: T | null): T | null =>
    signed !== null && signed.body.height === round.height ? signed : null
  return {
    version: RECORD_VERSION,
    job: group.job,
    epoch: group.epoch,
    abstain: member.abstain,
    height: round.height,
    view,
    tc,
    timeout,
    vote1: here(vote1),
    vote2: here(vote2),
    qc1s: round.lock === null ? [] : chainTo(round, round.lock.view),
    locked: locked === null || locked.key === proposed?.key ? null : plain(locked),
    proposal: proposal === null || proposed === null ? null : { signed: proposal.signed, content: plain(proposed) },
  }
}

function boundBodies(member: Member): readonly Digest[] {
  const { locked, proposed } = boundContents(member)
  const byKey = new Map<string, Digest>()
  for (const content of [locked, proposed])
    for (const request of content?.requests ?? [])
      if (request.body_bytes > 0 && bodyHere(member.bodies, request))
        byKey.set(keyOf(request.body_hash), request.body_hash)
  return [...byKey.values()]
}

/** The record as it is to be once `head` is the head: the view state stays, the votes of the height are void. */
export function recordAfter(member: Member, head: Head): Uint8Array {
  const { group, view, tc, timeout } = member
  return recordToBytes({
    version: RECORD_VERSION,
    job: group.job,
    epoch: group.epoch,
    abstain: member.abstain,
    height: head.height + 1,
    view,
    tc,
    timeout,
    vote1: null,
    vote2: null,
    qc1s: [],
    locked: null,
    proposal: null,
  })
}

/** The turn's effects, behind the record if it changed; bodies that came in the turn stand before it, for the record may name them. */
export function seal(member: Member, turn: Turn): Effect[] {
  if (!turn.dirty) return turn.effects
  turn.dirty = false
  const record = recordToBytes(voteRecord(member))
  const persist: Effect = { type: 'persist', record, bodies: boundBodies(member) }
  const came = turn.effects.filter(({ type }) => type === 'keepBody')
  return [
    ...came,
    persist,
    ...(came.length === 0 ? turn.effects : turn.effects.filter(({ type }) => type !== 'keepBody')),
  ]
}
