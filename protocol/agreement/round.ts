// What a member knows about one height: blocks, statements, QC1s, and the certificate that ends it. Everything here came through
// the door or was signed here; everything is bounded by member and view, so that nobody can push out what another said.

import { CONTENTS_MAX, PARKED_MAX, VIEWS_KEPT } from '#protocol/agreement/limits.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Block } from '#protocol/message/block.ts'
import { type Cert, QC1S_MAX, type Qc1 } from '#protocol/message/certificate.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Start } from '#protocol/message/epoch.ts'
import { orderedRequestHash, type Request } from '#protocol/message/request.ts'
import type { Nay, Propose, Vote1, Vote2 } from '#protocol/message/statement.ts'

/** A block with its requests, as it was first met. */
export type Content = {
  readonly block: Block
  readonly hash: Digest
  /** `keyOf(hash)`. */
  readonly key: string
  readonly requests: readonly Request[]
  readonly requestHashes: readonly Digest[]
  /** Blocks with equal ones have equal roots on every honest member. */
  readonly executionKey: string
  /** When it came, by the own clock: what R2 judges its time by. */
  readonly receivedAt: number
  /** Who is asked for its bodies. */
  readonly from: number
}

/** One statement a view of each member, the first that came; by member index, then view. */
export type Ballots<T> = readonly Map<number, Signed<T>>[]

export type Round = {
  readonly height: number
  readonly contents: Map<string, Content>
  readonly proposals: Map<number, Signed<Propose>>
  /** The start that the proposal of a view carried. */
  readonly starts: Map<number, Start>
  readonly vote1: Ballots<Vote1>
  readonly vote2: Ballots<Vote2>
  readonly nay: Ballots<Nay>
  /** Accepted QC1s by view: all that their votes rely on are here too (R3). */
  readonly qc1s: Map<number, Qc1>
  /** The highest of them (R4). */
  lock: Qc1 | null
  parked: Qc1[]
  cert: Cert | null
  /** Blocks that this member gave VOTE1, by key, oldest vote first: the last view in which it did. Read by `votedContents`. */
  readonly voted: Map<string, number>
}

export function createRound(height: number, members: number): Round {
  const ballots = <T>(): Ballots<T> => Array.from({ length: members }, () => new Map<number, Signed<T>>())
  return {
    height,
    contents: new Map(),
    proposals: new Map(),
    starts: new Map(),
    vote1: ballots(),
    vote2: ballots(),
    nay: ballots(),
    qc1s: new Map(),
    lock: null,
    parked: [],
    cert: null,
    voted: new Map(),
  }
}

/** All that a block's roots are a function of, at one height. */
export function executionKeyOf({ parent, time, kind, image, requests_root }: Block): string {
  return `${kind} ${time} ${keyOf(parent)}${keyOf(image)}${keyOf(requests_root)}`
}

export function contentOf(
  block: Block,
  hash: Digest,
  requests: readonly Request[],
  requestHashes: readonly Digest[],
  receivedAt: number,
  from: number,
): Content {
  return {
    block,
    hash,
    key: keyOf(hash),
    requests,
    requestHashes,
    executionKey: executionKeyOf(block),
    receivedAt,
    from,
  }
}

export function requestHashesOf(requests: readonly Request[]): readonly Digest[] {
  return requests.map(orderedRequestHash)
}

/** Keeps a new block. When there are too many, the oldest whose key is not `held` goes and is returned. */
export function addContent(round: Round, content: Content, held: (key: string) => boolean): Content | undefined {
  let evicted: Content | undefined
  if (round.contents.size >= CONTENTS_MAX) {
    evicted = [...round.contents.values()].find(({ key }) => !held(key))
    if (evicted !== undefined) round.contents.delete(evicted.key)
  }
  round.contents.set(content.key, content)
  return evicted
}

export type Cast = 'new' | 'same' | 'different'

/** Keeps the first statement of a member in a view. `different`: it said something else before. */
export function cast<T>(ballots: Ballots<T>, member: number, view: number, signed: Signed<T>): Cast {
  const byView = ballots[member]
  if (byView === undefined) return 'same'
  const before = byView.get(view)
  if (before !== undefined) return sameStatement(before, signed) ? 'same' : 'different'
  if (byView.size >= VIEWS_KEPT) {
    const lowest = Math.min(...byView.keys())
    if (view < lowest) return 'same'
    byView.delete(lowest)
  }
  byView.set(view, signed)
  return 'new'
}

function sameStatement<T>(a: Signed<T>, b: Signed<T>): boolean {
  return a === b || a.body === b.body || bytesEqual(cborFromValue(a.body), cborFromValue(b.body))
}

/** A QC1 of this height; it counts when every QC1 that its votes name is here, of the same block (R3). True when it is new and counts. */
export function acceptQc1(round: Round, qc1: Qc1): boolean {
  if (qc1.height !== round.height || round.qc1s.has(qc1.view)) return false
  const supported = qc1.votes.every(([, jview]) => jview === null || supports(round, jview, qc1.block_hash))
  if (!supported) {
    if (round.parked.length >= PARKED_MAX) round.parked.shift()
    round.parked.push(qc1)
    return false
  }
  round.qc1s.set(qc1.view, qc1)
  if (round.lock === null || qc1.view > round.lock.view) round.lock = qc1
  const parked = round.parked
  round.parked = []
  for (const waiting of parked) acceptQc1(round, waiting)
  return true
}

/** True when the QC1 of `jview` for this block is at hand. */
export function supports(round: Round, jview: number, blockHash: Digest): boolean {
  const qc1 = round.qc1s.get(jview)
  return qc1 !== undefined && bytesEqual(qc1.block_hash, blockHash)
}

/** Members whose statement in this view names this block. */
export function votersFor<T extends { readonly block_hash: Digest }>(
  ballots: Ballots<T>,
  view: number,
  blockHash: Digest,
): (readonly [number, Signed<T>])[] {
  const found: (readonly [number, Signed<T>])[] = []
  for (const [member, byView] of ballots.entries()) {
    const signed = byView.get(view)
    if (signed !== undefined && bytesEqual(signed.body.block_hash, blockHash)) found.push([member, signed])
  }
  return found
}

/** The QC1s of a height, lowest view first, up to and with `view`: what a message that leans on that one carries. */
export function chainTo(round: Round, view: number): readonly Qc1[] {
  const chain = [...round.qc1s.values()].filter((qc1) => qc1.view <= view).sort((a, b) => a.view - b.view)
  return chain.slice(-QC1S_MAX)
}
