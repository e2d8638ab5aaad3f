// R1: what is signed is durable before it is sent. `durably` signs and marks the turn; `seal` puts the record before everything else.

import { bodyHere } from '#protocol/agreement/bodies.ts'
import { currentRound, type Head, type Member } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import type { Effect } from '#protocol/agreement/port.ts'
import { RECORD_VERSION, recordToBytes, type VoteRecord } from '#protocol/agreement/record.ts'
import { type Content, chainTo } from '#protocol/agreement/round.ts'
import type { Turn } from '#protocol/agreement/turn.ts'
import { votedContents } from '#protocol/agreement/voted.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import type { StatementBody, StatementType, Vote1, Vote2 } from '#protocol/message/statement.ts'

type VoteType = Extract<StatementType, 'propose' | 'vote1' | 'vote2' | 'nay' | 'timeout' | 'close'>

/** Signs a statement of the agreement; it leaves in this turn only after the record that knows of it. */
export function durably<T extends VoteType>(
  member: Member,
  turn: Turn,
  type: T,
  body: StatementBody<T>,
): Signed<StatementBody<T>> {
  turn.dirty = true
  if (type === 'vote1') member.lastVote1 = placeOf(body as Vote1)
  if (type === 'vote2') member.lastVote2 = placeOf(body as Vote2)
  return signStatement(member.domain, type, member.signer, body)
}

const placeOf = ({ height, view }: Vote1 | Vote2) => ({ height, view })

type Bound = {
  readonly locked: Content | null
  readonly proposed: Content | null
  /** Each with the view of its vote. */
  readonly voted: readonly (readonly [Content, number])[]
}

/** What a lock, an own proposal or an own VOTE1 needs to be executed again. */
function boundContents(member: Member): Bound {
  const round = currentRound(member)
  const locked = round.lock === null ? null : (round.contents.get(keyOf(round.lock.block_hash)) ?? null)
  const own = member.proposal
  const proposed = own !== null && own.signed.body.height === round.height ? own.content : null
  return { locked, proposed, voted: votedContents(round) }
}

const plain = ({ block, requests }: Content) => ({ block, requests })

/** A block stands in the record once. */
function votedRecord(content: Content, view: number, elsewhere: readonly (Content | null)[]) {
  const twice = elsewhere.some((other) => other?.key === content.key)
  return { view, block_hash: content.hash, content: twice ? null : plain(content) }
}

/** What is known and said of the epoch's start and end. */
function epochRecord(member: Member): Partial<VoteRecord> {
  const { start, nextStart, ended, closed, lastVote1, lastVote2, abstainThrough } = member
  return {
    ...(start === null ? {} : { start }),
    ...(nextStart === null ? {} : { next_start: nextStart }),
    ...(ended ? { ended } : {}),
    ...(closed === null ? {} : { close: closed }),
    ...(lastVote1 === null ? {} : { last_vote1: lastVote1 }),
    ...(lastVote2 === null ? {} : { last_vote2: lastVote2 }),
    ...(abstainThrough < 0 ? {} : { abstain_through: abstainThrough }),
  }
}

function voteRecord(member: Member): VoteRecord {
  const { group, view, tc, timeout, vote1, vote2, proposal } = member
  const round = currentRound(member)
  const { locked, proposed, voted } = boundContents(member)
  const here = <T extends { readonly body: { readonly height: number } }>(signed: T | null): T | null =>
    signed !== null && signed.body.height === round.height ? signed : null
  return {
    version: RECORD_VERSION,
    job: group.job,
    epoch: group.epoch,
    abstain: member.abstain,
    height: round.height,
    ...epochRecord(member),
    view,
    tc,
    timeout,
    vote1: here(vote1),
    vote2: here(vote2),
    qc1s: round.lock === null ? [] : chainTo(round, round.lock.view),
    locked: locked === null || locked.key === proposed?.key ? null : plain(locked),
    ...(voted.length === 0
      ? {}
      : { voted: voted.map(([content, view]) => votedRecord(content, view, [locked, proposed])) }),
    proposal: proposal === null || proposed === null ? null : { signed: proposal.signed, content: plain(proposed) },
  }
}

function boundBodies(member: Member): readonly Digest[] {
  const { locked, proposed, voted } = boundContents(member)
  const byKey = new Map<string, Digest>()
  for (const content of [locked, proposed, ...voted.map(([each]) => each)])
    for (const request of content?.requests ?? [])
      if (request.body_bytes > 0 && bodyHere(member.bodies, request))
        byKey.set(keyOf(request.body_hash), request.body_hash)
  return [...byKey.values()]
}

/** The record as it is to be once `head` is the head: the view state stays, the votes of the height are void. */
export function recordAfter(member: Member, head: Head, ends: boolean): Uint8Array {
  const { group, view, tc, timeout } = member
  return recordToBytes({
    version: RECORD_VERSION,
    job: group.job,
    epoch: group.epoch,
    abstain: member.abstain,
    height: head.height + 1,
    ...epochRecord(member),
    ...(ends ? { ended: true } : {}),
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

/** Inside, members are named by places of the present epoch; outside, by the roster. */
export function nameEffects(member: Member, turn: Turn): void {
  const { places } = member
  const nameOf = (place: number): number => {
    const index = places[place]
    assert(index !== undefined, 'whoever is named has a place')
    return index
  }
  for (; turn.named < turn.effects.length; turn.named++) {
    const effect = turn.effects[turn.named]
    if (effect === undefined) continue
    if (effect.type === 'send') {
      if (effect.to !== 'all') turn.effects[turn.named] = { ...effect, to: nameOf(effect.to) }
    } else if ('from' in effect) turn.effects[turn.named] = { ...effect, from: nameOf(effect.from) }
  }
}

/** The turn's effects, behind the record if it changed; bodies that came in the turn stand before it, for the record may name them. */
export function seal(member: Member, turn: Turn): Effect[] {
  nameEffects(member, turn)
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
