// Catch-up: who stands where, and how a member that was away gets back. It asks (`status` with `ask`); whoever is ahead says so, and it
// fetches certified blocks and executes them again; from far behind it takes the state of a snapshot height and the blocks after it.

import { bodyCame, freeBodies, useBodies } from '#protocol/agreement/bodies.ts'
import { hasLeft, otherEpoch } from '#protocol/agreement/epoch.ts'
import {
  FETCH_DELTAS,
  FETCHED_MAX,
  FUTURE_ROUNDS,
  GREETING_DELTAS,
  PAST_ROUNDS,
  RESHARE_MAX,
  REST_DELTAS,
} from '#protocol/agreement/limits.ts'
import { currentRound, type Member, type Peer, roundAt } from '#protocol/agreement/member.ts'
import { faultsOf, keyOf } from '#protocol/agreement/members.ts'
import type { FetchedBlock } from '#protocol/agreement/port.ts'
import { inheritedKey } from '#protocol/agreement/propose.ts'
import { entriesOf } from '#protocol/agreement/queue.ts'
import { chainTo, type Round } from '#protocol/agreement/round.ts'
import { offeredState } from '#protocol/agreement/snapshot.ts'
import { send, type Turn } from '#protocol/agreement/turn.ts'
import { standing } from '#protocol/agreement/view.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'

/** The height's round, if its messages are kept: a little below the head for evidence, a little above for what comes early. */
export function heardRound(member: Member, height: number): Round | undefined {
  const next = member.head.height + 1
  if (height > next + FUTURE_ROUNDS || height < next - PAST_ROUNDS) return undefined
  return height < next ? member.rounds.get(height) : roundAt(member, height)
}

/** Anybody of the roster, by place. */
export function peerAt(member: Member, place: number): Peer | undefined {
  return place < member.count ? member.peers[place] : member.guests[place - member.count]
}

/** Somebody signed something about `height` + 1: it holds `height`. */
export function noteHeight(member: Member, turn: Turn, index: number, height: number): void {
  const peer = peerAt(member, index)
  if (peer === undefined || index === member.self) return
  peer.heardAt = turn.now
  if (height > peer.height) peer.height = height
}

export function statusOf(member: Member, ask: boolean): WireOf<'status'> {
  return {
    type: 'status',
    job: member.group.job,
    epoch: member.group.epoch,
    height: member.head.height,
    view: member.view,
    first: member.firstBlock,
    snapshot: offeredState(member)?.height ?? null,
    disputed: member.disputed,
    ask,
  }
}

/** A head that stood for Δ/2 is told to all once, so that nobody stays behind unawares while the group is idle. */
export function announce(member: Member, turn: Turn): void {
  const next = nextAnnouncement(member)
  if (next === undefined || next > turn.now) return
  member.announced = member.head.height
  send(turn, 'all', statusOf(member, false))
}

export function nextAnnouncement(member: Member): number | undefined {
  return member.announced >= member.head.height ? undefined : member.headAt + member.settings.deltaMs / 2
}

/** A member that begins or comes back asks until so many have answered that one of them knows of every certificate. */
export function greet(member: Member, turn: Turn): void {
  const next = nextGreeting(member)
  if (next !== undefined && next <= turn.now) askAll(member, turn)
}

export function nextGreeting(member: Member): number | undefined {
  const greeted = member.peers.filter((peer) => peer.greeted).length
  return greeted >= member.quorum - 1 ? undefined : member.askedAt + GREETING_DELTAS * member.settings.deltaMs
}

/** Asks everybody for what is under way, not more often than every Δ/2. */
export function askAll(member: Member, turn: Turn): void {
  if (member.askedAt + member.settings.deltaMs / 2 > turn.now) return
  member.askedAt = turn.now
  send(turn, 'all', statusOf(member, true))
}

export function hearStatus(member: Member, turn: Turn, from: number, status: WireOf<'status'>): void {
  const peer = peerAt(member, from)
  if (peer === undefined || from === member.self) return
  peer.heardAt = turn.now
  peer.greeted = true
  peer.height = status.height
  peer.first = status.first
  peer.snapshot = status.snapshot
  const { epoch } = member.group
  if (status.epoch > epoch) askAll(member, turn)
  if (status.epoch < epoch && !status.ask) return otherEpoch(member, turn, from, status.epoch)
  if (!status.ask) return
  if (status.height < member.head.height) peer.counts.stale++
  if (peer.answeredAt + member.settings.deltaMs / 4 > turn.now) return
  peer.answeredAt = turn.now
  send(turn, from, statusOf(member, false))
  if (status.epoch < epoch && member.start !== null) send(turn, from, { type: 'start', start: member.start })
  for (const message of answers(member, status)) send(turn, from, message)
}

/** R6: everything under way at its height, and own requests that wait. */
function answers(member: Member, status: WireOf<'status'>): WireMessage[] {
  const messages: WireMessage[] = []
  const round = currentRound(member)
  if (status.height === member.head.height) {
    const { lock } = round
    const locked = lock === null ? undefined : round.contents.get(keyOf(lock.block_hash))
    if (lock !== null) {
      const content = locked === undefined ? null : { block: locked.block, requests: locked.requests }
      messages.push({ type: 'qc1', qc1s: chainTo(round, lock.view), content })
    }
    const inherited = lock === null ? round.contents.get(inheritedKey(member) ?? '') : undefined
    if (inherited !== undefined) {
      const { block, requests } = inherited
      messages.push({ type: 'qc1', qc1s: [], content: { block, requests } })
    }
    messages.push(...standing(member))
    if (round.cert !== null) messages.push({ type: 'cert', cert: round.cert })
  } else messages.push(...standing(member).filter(({ type }) => type === 'tc' || type === 'timeout'))
  let shared = 0
  for (const { request } of entriesOf(member.queue, member.self)) {
    if (shared++ >= RESHARE_MAX) break
    messages.push({ type: 'request', request, body: null })
  }
  return messages
}

/** More members than may lie say that they are two heights ahead: this one cannot serve writes now. */
export function joining(member: Member): boolean {
  const ahead = member.peers.filter(({ height }) => height >= member.head.height + 2).length
  return ahead > faultsOf(member.group)
}

/** How long a gap may last before it is fetched: a moment when others are two ahead, longer when votes may still be on their way. */
export function patienceMs(member: Member): number {
  const far = member.peers.some(({ height }) => height >= member.head.height + 2)
  return member.settings.deltaMs / (far ? 10 : 2)
}

export function catchUp(member: Member, turn: Turn): void {
  const { head, settings } = member
  const ahead = hasLeft(member) ? [] : aheadOf(member)
  if (ahead.length === 0 || member.committing !== null) {
    member.behindSince = null
    return
  }
  if (member.fetching !== null && turn.now - member.fetching.at < FETCH_DELTAS * settings.deltaMs) return
  if (member.fetched.has(head.height + 1) || certifiedHere(member)) return
  member.behindSince ??= turn.now
  if (turn.now - member.behindSince < patienceMs(member)) return
  const able = ahead.filter(({ restsUntil }) => restsUntil <= turn.now)
  if (able.length === 0) return
  const best = able.reduce((a, b) => (isAskedBefore(member, b, a) ? b : a))
  fetchFrom(member, turn, placeOf(member, best))
}

/**
 * Who has not been asked in this gap and has its blocks comes first: a state that is taken past them costs the window of R9, in which this
 * member would propose nothing, so that one liar's offer is not to be enough. The others in turn.
 */
function isAskedBefore(member: Member, a: Peer, b: Peer): boolean {
  const preferred = (peer: Peer) => peer.fetchedAt < (member.behindSince ?? 0) && !offersStateAlone(member, peer)
  if (preferred(a) !== preferred(b)) return preferred(a)
  return a.fetchedAt < b.fetchedAt || (a.fetchedAt === b.fetchedAt && a.height > b.height)
}

/** The next block is not to be had there, and the state that is would not save this member many. */
function offersStateAlone(member: Member, { first, snapshot }: Peer): boolean {
  return first > member.head.height + 1 && !isFar(member, snapshot)
}

/** Taking this state is better than executing all the blocks up to it. */
function isFar(member: Member, snapshot: number | null): snapshot is number {
  return snapshot !== null && snapshot > member.head.height + 2 * member.settings.snapshotHeights
}

/** Who has a certificate above this member's head, whoever has left included: of a group that was replaced as a whole nobody else has its last. */
export function aheadOf(member: Member): readonly Peer[] {
  return [...member.peers, ...member.guests].filter(({ height }) => height > member.head.height)
}

/** The place of somebody of the roster. */
export function placeOf(member: Member, peer: Peer): number {
  const index = member.peers.indexOf(peer)
  return index < 0 ? member.count + member.guests.indexOf(peer) : index
}

/** The next height is certified and its block is here: it is only to be executed. */
function certifiedHere(member: Member): boolean {
  const { cert, contents } = currentRound(member)
  return cert !== null && contents.has(keyOf(cert.qc1.block_hash))
}

function fetchFrom(member: Member, turn: Turn, from: number): void {
  const { head } = member
  const peer = peerAt(member, from)
  if (peer === undefined) return
  peer.fetchedAt = turn.now
  const { snapshot } = peer
  const next = head.height + 1
  if (snapshot !== null && snapshot > head.height && (isFar(member, snapshot) || peer.first > next))
    fetchState(member, turn, snapshot, from)
  else if (peer.first <= next) {
    member.fetching = { kind: 'blocks', height: next, from, at: turn.now }
    turn.effects.push({ type: 'fetchBlocks', fromHeight: next, from })
  } else send(turn, from, statusOf(member, true))
}

export function fetchState(member: Member, turn: Turn, height: number, from: number): void {
  member.fetching = { kind: 'state', height, from, at: turn.now }
  turn.effects.push({ type: 'fetchState', height, from })
}

/** The bodies came with the blocks: they are used until the block's turn comes, or it is not needed any more. */
function keepFetched(member: Member, turn: Turn, height: number, block: FetchedBlock): void {
  useBodies(member.bodies, block.requests)
  for (const request of block.requests) if (request.body_bytes > 0) bodyCame(member.bodies, request.body_hash)
  dropFetched(member, turn, height)
  member.fetched.set(height, block)
}

export function dropFetched(member: Member, turn: Turn, height: number): void {
  const held = member.fetched.get(height)
  if (held === undefined) return
  member.fetched.delete(height)
  freeBodies(member.bodies, turn, held.requests)
}

export function hearBlocks(member: Member, turn: Turn, from: number, blocks: readonly FetchedBlock[]): void {
  const asked = member.fetching?.kind === 'blocks' ? peerAt(member, member.fetching.from) : undefined
  if (asked !== undefined) member.fetching = null
  const { height: known } = member.head
  for (const block of blocks) {
    const { height } = block.cert.block
    if (height > known && height <= known + FETCHED_MAX) keepFetched(member, turn, height, block)
  }
  if (member.fetched.has(known + 1)) return
  if (asked !== undefined) asked.restsUntil = turn.now + REST_DELTAS * member.settings.deltaMs
  send(turn, from, statusOf(member, true))
}
