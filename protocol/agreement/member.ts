// A member of a group: all that it knows, and how it begins or comes back (agreement §2, R1). Changed by `step` alone.
//
//   durable:  head (certificates, states)  ·  vote state: view, TC, own TIMEOUT, VOTE1, VOTE2, their blocks, lock, own proposal
//   volatile: rounds (what others said), queue, executions, what it heard of the others

import { type Bodies, bodyCame, useBodies } from '#protocol/agreement/bodies.ts'
import type { Execution } from '#protocol/agreement/execution.ts'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import { keyOf, leaderOffset, rosterOf, STRAIGHT_VOTES_MAX } from '#protocol/agreement/members.ts'
import { createPace, type Pace } from '#protocol/agreement/pace.ts'
import type {
  FetchedBlock,
  MemberCounts,
  MemberOptions,
  MemberSettings,
  MemberStatus,
  Restored,
} from '#protocol/agreement/port.ts'
import { createQueue, type Queue } from '#protocol/agreement/queue.ts'
import { recordFromBytes, type VoteRecord } from '#protocol/agreement/record.ts'
import {
  acceptQc1,
  type Content,
  cast,
  contentOf,
  createRound,
  type Round,
  requestHashesOf,
} from '#protocol/agreement/round.ts'
import { noteVoted } from '#protocol/agreement/voted.ts'
import { createWindow, extendWindow, type Window } from '#protocol/agreement/window.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { type Cid, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import type { PublicKey, Signer } from '#protocol/identity/keys.ts'
import { type Block, blockHash, genesisHash } from '#protocol/message/block.ts'
import { type Cert, type Group, type Qc1, quorumOf } from '#protocol/message/certificate.ts'
import type { Domain, Signed } from '#protocol/message/domain.ts'
import { FIRST_EPOCH, type Start } from '#protocol/message/epoch.ts'
import type { Close, Propose, Ready, Timeout, Vote1, Vote2 } from '#protocol/message/statement.ts'

/** The newest height that is certified and durable here. */
export type Head = {
  readonly height: number
  readonly hash: Digest
  readonly stateRoot: Cid
  readonly codeRoot: Cid
  /** Block time; 0 at height 0. */
  readonly time: number
  /** The epoch it was certified in; -1 at height 0. */
  readonly epoch: number
}

export type Proposal = { readonly signed: Signed<Propose>; readonly content: Content }

/** A fresh block of this member's own that is being executed. */
export type Lead = {
  readonly view: number
  readonly height: number
  readonly executionKey: string
  /** The block but for its roots. */
  readonly draft: Block
}

/** A commit that the driver is making durable. */
export type Committing = {
  readonly cert: Cert
  readonly head: Head
  readonly content: Content | null
  /** The head is the RECONFIG that ends the epoch, taken over as a state: its proof is not here. */
  readonly ends: boolean
  readonly indexes: ReadonlyMap<string, number>
}

export type Peer = {
  /** Its head as far as it is known; -1 before anything was heard. */
  height: number
  heardAt: number | null
  /** It has said where it stands since this member began. */
  greeted: boolean
  /** What its last status offered. */
  first: number
  snapshot: number | null
  /** When it was last helped, and last asked for blocks or state. */
  answeredAt: number
  fetchedAt: number
  /** It had nothing of use to give: it is not asked again before. */
  restsUntil: number
  timeout: Signed<Timeout> | null
  /** Its lies that were told of. */
  readonly lies: Set<string>
  readonly counts: { -readonly [K in keyof MemberCounts]: MemberCounts[K] }
}

export type Fetching = {
  readonly kind: 'blocks' | 'state'
  readonly height: number
  readonly from: number
  readonly at: number
}

/** A CLOSE with what it names: all that a start needs of it. */
export type ShownClose = {
  readonly close: Signed<Close>
  readonly cert: Cert | null
  readonly qc1s: readonly Qc1[]
}

/**
 * Who is who in the present epoch. Inside, everybody is named by a place: the members of the group by their index in it, behind them the
 * guests, which are the others of the roster in its order.
 */
export type Seating = {
  group: Group
  /** Roster index by place. */
  places: readonly number[]
  /** The own place: at or above `count` when it is no member of the group. */
  self: number
  count: number
  quorum: number
  offset: number
  /** N ≤ 4: votes go straight to all. */
  straight: boolean
}

export type Member = Seating & {
  readonly domain: Domain
  readonly signer: Signer
  readonly settings: MemberSettings
  readonly groups: Map<number, Group>
  roster: readonly PublicKey[]
  /** R1: its vote state is lost: it follows along and signs nothing in this epoch. */
  abstain: boolean
  /** The last epoch that it abstains in; -1: none. */
  abstainThrough: number
  started: boolean
  stopped: boolean
  /** Of the latest input. */
  now: number
  /** R2: what is added to `now` for the wall clock, ms. */
  clockMs: number

  head: Head
  /** When the head became durable, by the own clock. */
  headAt: number
  committing: Committing | null
  states: { readonly height: number; readonly time: number }[]
  firstBlock: number

  view: number
  tc: readonly Signed<Timeout>[] | null
  timeout: Signed<Timeout> | null
  vote1: Signed<Vote1> | null
  vote2: Signed<Vote2> | null
  proposal: Proposal | null

  /** §6: the proof that this epoch has started; null in the first one, and while it is not known to have. */
  start: Start | null
  /** A later one's, which waits for a commit or for the group's being known. Nothing is signed in this epoch any more. */
  nextStart: Start | null
  /** The head ends this epoch, and the proof is with others. */
  ended: boolean
  /** The own CLOSE of this epoch. */
  closed: ShownClose | null
  /** The last votes given in this epoch. */
  lastVote1: { readonly height: number; readonly view: number } | null
  lastVote2: { readonly height: number; readonly view: number } | null
  headCert: Cert | null
  /** CLOSEs of this epoch by place, READYs for the next by index in its group. */
  readonly closes: Map<number, ShownClose>
  readonly readies: Map<number, Signed<Ready>>
  /** Since when the next epoch's group is known here. */
  plannedAt: number | null
  /** When READY or CLOSE was last said. */
  handoverSaidAt: number

  readonly rounds: Map<number, Round>
  readonly queue: Queue
  readonly window: Window
  readonly bodies: Bodies
  /** Own visitors' requests that wait for an answer. */
  readonly own: Set<string>
  readonly executions: Map<string, Execution>
  nextTicket: number
  lead: Lead | null
  /** The view it last proposed in since it began: only the first proposal of a view carries its TC. */
  ledView: number

  /** R6: when the present timer began (null: nothing pends), and the time-outs since the last commit. */
  timerAt: number | null
  failures: number
  readonly pace: Pace
  /** §3: results differ at this height and no certificate can form. */
  disputed: boolean
  /** Own results differ from the certified ones at this height: its state has to come from others. */
  degraded: boolean
  /** The head's time is stale: a HEARTBEAT is due at once (R6). */
  freshen: boolean

  /** The members of the group, by index. */
  peers: readonly Peer[]
  guests: readonly Peer[]
  fetching: Fetching | null
  /** Certified blocks that came and wait for their turn, by height. */
  readonly fetched: Map<number, FetchedBlock>
  behindSince: number | null
  /** The height that was last told to all. */
  announced: number
  askedAt: number
  /** The last view whose proposal was shown to all, because votes named another block. */
  shown: number
  /** The last height whose certificate was shown to all, because of another one. */
  certShown: number
  readonly counts: { -readonly [K in keyof MemberStatus['counts']]: number }
}

function genesisHead(domain: Domain, group: Group): Head {
  return {
    height: 0,
    hash: genesisHash(domain, group.job),
    stateRoot: EMPTY_DIRECTORY,
    codeRoot: EMPTY_DIRECTORY,
    time: 0,
    epoch: -1,
  }
}

/** The QCs of a certificate that was verified or formed here name its block's hash. */
export function headOf(cert: Cert): Head {
  const { height, state_root: stateRoot, code_root: codeRoot, time } = cert.block
  return { height, hash: cert.qc1.block_hash, stateRoot, codeRoot, time, epoch: cert.qc1.epoch }
}

export function createPeer(): Peer {
  return {
    height: -1,
    heardAt: null,
    greeted: false,
    first: 0,
    snapshot: null,
    answeredAt: Number.NEGATIVE_INFINITY,
    fetchedAt: Number.NEGATIVE_INFINITY,
    restsUntil: Number.NEGATIVE_INFINITY,
    timeout: null,
    lies: new Set(),
    counts: { silent: 0, stale: 0, nays: 0 },
  }
}

/** The record a restart finds, or none when this member must abstain: lost, damaged, or of a height its head does not reach. */
function usableRecord(options: MemberOptions, head: Head): { record: VoteRecord | null; abstain: boolean } {
  const { restored, group, later = [] } = options
  if (restored === undefined) return { record: null, abstain: false }
  if (restored.abstain) return { record: null, abstain: true }
  if (restored.record === undefined) return { record: null, abstain: head.height > 0 }
  const decoded = recordFromBytes(restored.record)
  if (!decoded.ok || !bytesEqual(decoded.value.job, group.job)) return { record: null, abstain: true }
  const { epoch } = decoded.value
  if (![group, ...later].some((known) => known.epoch === epoch)) return { record: null, abstain: true }
  return { record: decoded.value, abstain: decoded.value.abstain || decoded.value.height > head.height + 1 }
}

export function seatingOf(group: Group, roster: readonly PublicKey[], signer: Signer): Seating {
  const indexes = new Map(roster.map((key, index) => [keyOf(key), index]))
  const members = group.members.map((key) => {
    const index = indexes.get(keyOf(key))
    assert(index !== undefined, 'the roster has every member')
    return index
  })
  const sits = new Set(members)
  const places = [...members, ...[...roster.keys()].filter((index) => !sits.has(index))]
  const own = indexes.get(keyOf(signer.publicKey))
  const count = group.members.length
  return {
    group,
    places,
    self: own === undefined ? places.length : places.indexOf(own),
    count,
    quorum: quorumOf(group),
    offset: leaderOffset(group),
    straight: count <= STRAIGHT_VOTES_MAX,
  }
}

export function createMember(options: MemberOptions): Member {
  const { domain, signer, settings, restored } = options
  const known = [options.group, ...(options.later ?? [])]
  const head = restored?.cert === undefined ? genesisHead(domain, options.group) : headOf(restored.cert)
  const { record, abstain } = usableRecord(options, head)
  const group = known.find(({ epoch }) => epoch === record?.epoch) ?? options.group
  const roster = rosterOf(known)
  const seating = seatingOf(group, roster, signer)
  const { count, places, self } = seating
  // Who lost its votes may have given some in every epoch whose group was known.
  const newest = Math.max(...known.map(({ epoch }) => epoch))
  const through = record === null ? newest : (record.abstain_through ?? group.epoch)
  const abstainThrough = abstain ? (record?.abstain === true ? through : newest) : -1
  const member: Member = {
    ...seating,
    domain,
    signer,
    settings,
    groups: new Map(known.map((each) => [each.epoch, each])),
    roster,
    abstain: abstainThrough >= group.epoch,
    abstainThrough,
    started: false,
    stopped: false,
    now: 0,
    clockMs: 0,
    head,
    headAt: 0,
    committing: null,
    states: restored === undefined ? [{ height: 0, time: 0 }] : [...restored.states],
    firstBlock: restored?.firstBlock ?? 1,
    view: record?.view ?? 0,
    tc: record?.tc ?? null,
    timeout: record?.timeout ?? null,
    vote1: null,
    vote2: null,
    proposal: null,
    start: record?.start ?? null,
    nextStart: record?.next_start ?? null,
    ended: record?.ended ?? false,
    closed: record?.close ?? null,
    lastVote1: record?.last_vote1 ?? null,
    lastVote2: record?.last_vote2 ?? null,
    headCert: restored?.cert ?? null,
    closes: new Map(),
    readies: new Map(),
    plannedAt: null,
    handoverSaidAt: Number.NEGATIVE_INFINITY,
    rounds: new Map(),
    queue: createQueue(count),
    window: restoredWindow(restored, head),
    bodies: new Map(),
    own: new Set(),
    executions: new Map(),
    nextTicket: 1,
    lead: null,
    ledView: -1,
    timerAt: null,
    failures: 0,
    pace: createPace(),
    disputed: false,
    degraded: false,
    freshen: false,
    peers: Array.from({ length: count }, createPeer),
    guests: Array.from({ length: places.length - count }, createPeer),
    fetching: null,
    fetched: new Map(),
    behindSince: null,
    announced: head.height,
    askedAt: Number.NEGATIVE_INFINITY,
    shown: -1,
    certShown: -1,
    counts: { commits: 0, timeouts: 0, disputes: 0, refused: 0, dropped: 0 },
  }
  if (record !== null && !abstain && record.height === head.height + 1) resumeVotes(member, record)
  for (const hash of restored?.bodies ?? []) bodyCame(member.bodies, hash)
  // The own TIMEOUT counts towards a TC as it did before the stop.
  if (member.closed !== null && self < count) member.closes.set(self, member.closed)
  const own = self < count ? member.peers[self] : undefined
  if (own !== undefined) own.timeout = member.timeout
  return member
}

/** R9's window as the stored blocks give it, and since when it is whole. */
function restoredWindow(restored: Restored | undefined, head: Head): Window {
  const window = createWindow(wholeSince(restored, head))
  for (const { time, requestHashes } of restored?.recent ?? []) extendWindow(window, time, requestHashes)
  return window
}

function wholeSince(restored: Restored | undefined, head: Head): number {
  const oldest = restored?.recent[0]
  if (restored === undefined || head.height === 0 || oldest?.height === 1) return Number.NEGATIVE_INFINITY
  if (oldest === undefined) return head.time
  // Block times rise: what came before the oldest is older. When older ones are kept too, the list was cut where the window ends.
  const cut = oldest.height > restored.firstBlock ? head.time - WINDOW_MS : oldest.time
  return Math.min(oldest.time, cut) - 1
}

/** Votes with their blocks, lock and own proposal of the height above the head stand again as they were signed. */
function resumeVotes(member: Member, record: VoteRecord): void {
  const round = roundAt(member, record.height)
  member.vote1 = record.vote1
  member.vote2 = record.vote2
  for (const qc1 of record.qc1s) acceptQc1(round, qc1)
  const resume = ({ block, requests }: { block: Content['block']; requests: Content['requests'] }): Content => {
    const hash = blockHash(member.domain, block)
    // Its time was judged when it was signed.
    const content = contentOf(block, hash, requests, requestHashesOf(requests), block.time, member.self)
    const known = round.contents.get(content.key)
    if (known !== undefined) return known
    round.contents.set(content.key, content)
    useBodies(member.bodies, requests)
    return content
  }
  if (record.vote1 !== null) cast(round.vote1, member.self, record.vote1.body.view, record.vote1)
  if (record.vote2 !== null) cast(round.vote2, member.self, record.vote2.body.view, record.vote2)
  if (record.locked !== null) resume(record.locked)
  if (record.proposal !== null) {
    member.proposal = { signed: record.proposal.signed, content: resume(record.proposal.content) }
    const { view } = record.proposal.signed.body
    round.proposals.set(view, record.proposal.signed)
    if (member.start !== null) round.starts.set(view, member.start)
  }
  for (const { view, block_hash: hash, content } of record.voted ?? []) {
    if (content !== null) resume(content)
    noteVoted(round, keyOf(hash), view)
  }
}

export function roundAt(member: Member, height: number): Round {
  const known = member.rounds.get(height)
  if (known !== undefined) return known
  const round = createRound(height, member.count)
  member.rounds.set(height, round)
  return round
}

/** The height that is being decided. */
export function currentRound(member: Member): Round {
  return roundAt(member, member.head.height + 1)
}

/** R6. */
export function leaderAt(member: Member, view: number): number {
  return (member.offset + (view % member.count)) % member.count
}

export function leads(member: Member): boolean {
  return leaderAt(member, member.view) === member.self
}

/** It sits in the present epoch's group. */
export function isMember(member: Member): boolean {
  return member.self < member.count
}

/** §6: the present epoch has started and, as far as this member knows or has said, it has not ended: its members vote. */
export function voting(member: Member): boolean {
  const { group, start, closed, nextStart, ended, head } = member
  const begun = group.epoch === FIRST_EPOCH || start !== null
  return isMember(member) && begun && closed === null && nextStart === null && !ended && head.epoch <= group.epoch
}

/**
 * R6: it has timed out of the present view, at the height above the head or a later one. A TIMEOUT of a height that was certified since is
 * answered: the view works, and who gave it up alone goes on in it.
 */
export function gaveUp({ timeout, view, head }: Member): boolean {
  if (timeout === null || timeout.body.view < view) return false
  return timeout.body.view > view || timeout.body.height > head.height
}

/** R6: no vote in a view at a height at which it has timed out of it. */
export function mayVote(member: Member): boolean {
  const over = gaveUp(member)
  return voting(member) && !member.abstain && !member.stopped && !over && member.committing === null
}

/** R2: the time that a block made now would be of. Where the clocks of a group were ahead, block time waits for them at its last height. */
export function blockClock(member: Member): number {
  return Math.max(member.now + member.clockMs, member.head.time)
}
