// One honest member as the explorer sees it: the machine itself, its disk and what it has signed, as an immutable numbered state; and what an
// input makes of it. Members share nothing but messages, so a state of the whole group is a tuple of these numbers, and each
// (state, input, crash) is stepped by the machine once, however many states of the group it occurs in.
//
//   state ── input ──> copy ──> step ──> effects in order, cut off by a crash or not ──> settle ──> name ──> number
//
// `settle` sets what only paces a member to a fixed value, and forgets the ballots of others: a quorum of votes is handed over at once, with
// any quorum being on offer at any time, so that no vote short of a quorum has to be remembered.

import { type Verified, verifyCert } from '#protocol/agreement/door.ts'
import { createMember, type Member, roundAt } from '#protocol/agreement/member.ts'
import { createPace } from '#protocol/agreement/pace.ts'
import type { Effect, Input, Restored } from '#protocol/agreement/port.ts'
import { createRound } from '#protocol/agreement/round.ts'
import { step } from '#protocol/agreement/step.ts'
import { assert } from '#protocol/codec/result.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import type { Signed } from '#protocol/message/domain.ts'
import { orderedRequestHash, type Request } from '#protocol/message/request.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { brief } from '#test/simulator/chronicle.ts'
import { type Lie, recordOfMember, type Statement } from '#test/simulator/culprits.ts'
import { copyMember } from './member-copy.ts'
import { certName, closeName, contentName, hashName, messageName, qc1Name, startName } from './names.ts'
import { execute, NOW, requestOf, SETTINGS, type World } from './world.ts'

export type Disk = {
  readonly record: Uint8Array | undefined
  /** Of the vote state as it was written. */
  readonly recordName: string
  readonly blocks: readonly { readonly cert: Cert; readonly requests: readonly Request[] }[]
}

export type Local = {
  readonly id: number
  /** The same for members that are in one state but for who they are. */
  readonly alike: number
  readonly member: Member
  readonly disk: Disk
  /** Everything it ever signed, in that order. */
  readonly said: readonly Statement[]
  readonly lives: number
  readonly timeouts: number
  /** G3, G4, G6, G8 and R1 as far as this member alone can break them. */
  readonly wrong: string | undefined
}

export type Action =
  | {
      readonly type: 'messages'
      readonly name: string
      readonly messages: readonly WireMessage[]
      /** Key of the block that comes along with a certificate: only for who does not have it. */
      readonly content?: string | undefined
    }
  /** The view timer ends. */
  | { readonly type: 'timeout'; readonly name: 'timeout' }
  /** The hand-over time is over. */
  | { readonly type: 'close'; readonly name: 'close' }
  /** It crashes between two inputs. */
  | { readonly type: 'crash'; readonly name: 'crash' }

export type Move = {
  readonly to: Local
  readonly sent: readonly WireMessage[]
  /** Effects performed. */
  readonly effects: number
}

export type Locals = {
  readonly count: () => number
  readonly steps: () => number
  readonly begin: (member: number) => Move
  /** `crashAfter`: so many effects are performed, then it crashes and comes back. */
  readonly move: (from: Local, action: Action, crashAfter?: number) => Move
  /** Every way in which the action may end in a crash. */
  readonly crashes: (from: Local, action: Action) => readonly Move[]
}

const EMPTY: Disk = { record: undefined, recordName: '', blocks: [] }

/** The vote state as R1 keeps it. */
function voteName(member: Member): string {
  const { group, view, tc, timeout, vote1, vote2, proposal, start, nextStart, closed, lastVote1, lastVote2 } = member
  const round = roundAt(member, member.head.height + 1)
  const parts: (string | number)[] = [group.epoch, view, member.head.height, hashName(member.head.hash)]
  for (const { body } of tc ?? []) parts.push('t', body.view, body.height, body.high?.view ?? '-')
  if (timeout !== null) parts.push('T', timeout.body.view, timeout.body.height, timeout.body.high?.view ?? '-')
  if (vote1 !== null)
    parts.push('V', vote1.body.height, vote1.body.view, hashName(vote1.body.block_hash), vote1.body.jview ?? '-')
  if (vote2 !== null) parts.push('W', vote2.body.height, vote2.body.view, hashName(vote2.body.block_hash))
  if (proposal !== null) parts.push('P', proposal.signed.body.view, contentName(proposal.content))
  parts.push(start === null ? '' : startName(start), nextStart === null ? '' : startName(nextStart))
  if (closed !== null) parts.push(closeName(closed.close.body), closed.cert === null ? '' : certName(closed.cert))
  parts.push(lastVote1 === null ? '' : `l${lastVote1.height}.${lastVote1.view}`)
  parts.push(lastVote2 === null ? '' : `m${lastVote2.height}.${lastVote2.view}`)
  for (const qc1 of [...round.qc1s.values()].map(qc1Name).sort()) parts.push(qc1)
  for (const [key, voted] of round.voted)
    parts.push('v', hashName(bytesOf(key)), voted, round.contents.has(key) ? 1 : 0)
  if (round.lock !== null) parts.push('L', round.contents.has(String.fromCharCode(...round.lock.block_hash)) ? 1 : 0)
  return parts.join(',')
}

/** All but who it is, and its own requests. */
function stateName(member: Member, disk: Disk, said: readonly Statement[], lives: number, timeouts: number): string {
  const round = roundAt(member, member.head.height + 1)
  const contents = [...round.contents.values()].map(contentName).sort()
  const proposals = [...round.proposals].map(([view, { body }]) => `${view}${hashName(body.block_hash)}`).sort()
  const starts = [...round.starts].map(([view, start]) => `${view}${startName(start)}`).sort()
  const executions = [...member.executions].map(([key, { result }]) => `${key.length}${result === null}${key}`).sort()
  const readies = [...member.readies].map(([index, { body }]) => `${index}.${body.height}`).sort()
  const flags = [member.ended, member.disputed, member.degraded, member.freshen, member.abstainThrough, member.shown]
  return [
    voteName(member),
    disk.recordName,
    disk.blocks.length,
    contents.join(),
    proposals.join(),
    starts.join(),
    round.parked.map(qc1Name).sort().join(),
    round.cert === null ? '' : certName(round.cert),
    executions.map((key) => brief(bytesOf(key))).join(),
    readies.join(),
    flags.join(),
    member.lead === null ? '' : `${member.lead.view}.${member.lead.height}`,
    member.ledView,
    said.map(statementName).join(),
    lives,
    timeouts,
  ].join('|')
}

function bytesOf(key: string): Uint8Array {
  return Uint8Array.from(key, (character) => character.charCodeAt(0))
}

/** What a member does by itself. */
export function ownActions({ bounds }: World, { member, timeouts }: Local): readonly Action[] {
  const { group, view, head, closed } = member
  const actions: Action[] = []
  if (head.height < bounds.heights && view < bounds.views - 1 && timeouts < bounds.timeouts)
    actions.push({ type: 'timeout', name: 'timeout' })
  if (bounds.handover !== 'reconfig' && group.epoch < bounds.epochs - 1 && closed === null)
    actions.push({ type: 'close', name: 'close' })
  return actions
}

export function statementName(statement: Statement): string {
  if (statement.type === 'close') return closeName(statement.body)
  const { epoch, height, view } = statement.body
  if (statement.type === 'timeout') return `T${epoch}.${height}.${view}.${statement.body.high?.view ?? '-'}`
  const jview = statement.type === 'vote1' ? (statement.body.jview ?? '-') : ''
  return `${statement.type}${epoch}.${height}.${view}${hashName(statement.body.block_hash)}${jview}`
}

type SignedStatement = { readonly from: PublicKey; readonly signature: Signature; readonly statement: Statement }

function statementOf(message: WireMessage): SignedStatement | undefined {
  const of = <T extends Statement['type']>(type: T, { from, signature, body }: Signed<unknown>): SignedStatement => {
    return { from, signature, statement: { type, body } as Statement }
  }
  switch (message.type) {
    case 'propose':
      return of('propose', message.propose)
    case 'vote1':
      return of('vote1', message.vote)
    case 'vote2':
      return of('vote2', message.vote)
    case 'timeout':
      return of('timeout', message.timeout)
    case 'close':
      return of('close', message.close)
    default:
      return undefined
  }
}

/** What a step signed, in the order of signing: a member may send an earlier statement again behind a later one. */
function signedIn(member: Member, effects: readonly Effect[], made: readonly Signature[]): readonly Statement[] {
  const { proposal, vote1, vote2, timeout, closed } = member
  const found: { readonly signature: Signature; readonly statement: Statement }[] = []
  const add = (type: Statement['type'], signed: Signed<unknown> | null | undefined): void => {
    if (signed != null) found.push({ signature: signed.signature, statement: { type, body: signed.body } as Statement })
  }
  add('propose', proposal?.signed)
  add('vote1', vote1)
  add('vote2', vote2)
  add('timeout', timeout)
  add('close', closed?.close)
  for (const effect of effects) {
    const sent = effect.type === 'send' ? statementOf(effect.message) : undefined
    if (sent !== undefined) found.push(sent)
  }
  return made.flatMap((signature) => found.find((each) => each.signature === signature)?.statement ?? [])
}

/**
 * G3 and G4 of one more statement: no lie with any before it, and epochs, views, heights and locks never fall. `certified`: the height up to which this
 * member holds certificates durably as it signs.
 */
export function wrongOf(said: readonly Statement[], next: Statement, certified: number): string | undefined {
  const record = recordOfMember()
  for (const each of said) record.add(each)
  const lie: Lie | undefined = record.add(next)
  if (lie !== undefined) return `G3 honest, but provably guilty of ${lie}: ${statementName(next)}`
  // R2: it holds CERT(h − 1).
  if (next.type !== 'close' && next.body.height > certified + 1)
    return `G4 signs ${statementName(next)} without the certificate below it`
  for (const before of said) {
    if (next.body.epoch < before.body.epoch) return `G4 signs ${statementName(next)} after ${statementName(before)}`
    if (next.body.epoch > before.body.epoch || next.type === 'close') continue
    if (before.type === 'close') return `G4 signs ${statementName(next)} after its CLOSE`
    if (next.body.view < before.body.view) return `G4 signs ${statementName(next)} after ${statementName(before)}`
    if (next.body.height < before.body.height) return `G4 signs ${statementName(next)} after ${statementName(before)}`
    // A TIMEOUT of a height that was certified since is answered: at the next one the view goes on (R6). That it was certified, and durably here, the
    // check above has seen: whoever signs at a height holds the one below. So nothing gets by that is of the height given up, or in an earlier
    // view, or before the certificate.
    const gaveUp = before.type === 'timeout' && next.type !== 'timeout' && next.body.view === before.body.view
    if (gaveUp && next.body.height <= before.body.height)
      return `G4 signs ${statementName(next)} after ${statementName(before)}`
    const locks = [before, next].map((each) =>
      each.type === 'vote2'
        ? each.body.view
        : each.type === 'vote1'
          ? (each.body.jview ?? -1)
          : each.type === 'timeout'
            ? (each.body.high?.view ?? -1)
            : -1,
    )
    if (before.body.height === next.body.height && next.type !== 'propose' && (locks[1] ?? -1) < (locks[0] ?? -1))
      return `G4 signs ${statementName(next)} with a lower lock than ${statementName(before)}`
  }
  return undefined
}

function settle(member: Member): void {
  member.failures = 0
  member.timerAt = null
  member.fetching = null
  member.behindSince = null
  member.askedAt = Number.NEGATIVE_INFINITY
  member.announced = member.head.height
  member.queue.turn = 0
  if (member.plannedAt !== null) member.plannedAt = NOW
  Object.assign(member.pace, createPace())
  Object.assign(member.counts, { commits: 0, timeouts: 0, disputes: 0, refused: 0, dropped: 0 })
  for (const [at, peer] of [...member.peers, ...member.guests].entries()) {
    peer.height = -1
    peer.heardAt = null
    peer.greeted = true
    peer.answeredAt = Number.NEGATIVE_INFINITY
    peer.fetchedAt = Number.NEGATIVE_INFINITY
    peer.restsUntil = Number.NEGATIVE_INFINITY
    peer.lies.clear()
    Object.assign(peer.counts, { silent: 0, stale: 0, nays: 0 })
    if (at !== member.self) peer.timeout = null
  }
  for (const line of member.queue.lines) for (const entry of line.entries.values()) entry.passedAt = null
  const own = member.closes.get(member.self)
  member.closes.clear()
  if (own !== undefined) member.closes.set(member.self, own)
  const height = member.head.height + 1
  for (const at of [...member.rounds.keys()]) if (at !== height) member.rounds.delete(at)
  const round = roundAt(member, height)
  const empty = createRound(height, member.count)
  for (const kind of ['vote1', 'vote2', 'nay'] as const)
    for (const [index, byView] of round[kind].entries()) {
      if (index !== member.self) byView.clear()
      else empty[kind][index]?.clear()
    }
}

export function createLocals(world: World): Locals {
  const { bounds, domain, door, groups, keys, signers } = world
  const byName = new Map<string, Local>()
  const alikeByName = new Map<string, number>()
  /** Requests as all members alike have them. */
  const requests = new Map<string, string>()
  const moves = new WeakMap<Local, Map<string, Move>>()
  const crashed = new WeakMap<Local, Map<string, readonly Move[]>>()
  let steps = 0

  const create = (index: number, restored?: Restored): Member => {
    const [group, ...later] = groups
    const signer = signers[index]
    assert(group !== undefined && signer !== undefined, 'it is one of the members')
    const base = { domain, group, later, signer, settings: SETTINGS }
    const member = createMember(restored === undefined ? base : { ...base, restored })
    // Greetings are help: whoever has to be heard has been.
    for (const peer of [...member.peers, ...member.guests]) peer.greeted = true
    return member
  }

  const verified = (cert: Cert): Verified<Cert> => {
    const result = verifyCert(door, cert, keys.verify)
    assert(result.ok, 'the stored certificate verifies')
    return result.value
  }

  const comeBack = (index: number, disk: Disk): Member => {
    const head = disk.blocks.at(-1)
    if (head === undefined && disk.record === undefined) return create(index)
    return create(index, {
      ...(head === undefined ? {} : { cert: verified(head.cert) }),
      ...(disk.record === undefined ? {} : { record: disk.record }),
      abstain: false,
      recent: disk.blocks.map(({ cert, requests }) => ({
        height: cert.block.height,
        time: cert.block.time,
        requestHashes: requests.map(orderedRequestHash),
      })),
      states: [
        { height: 0, time: 0 },
        ...disk.blocks.map(({ cert }) => ({ height: cert.block.height, time: cert.block.time })),
      ],
      firstBlock: 1,
      bodies: [],
    })
  }

  /** Runs inputs with all that the driver answers to them, up to a crash; then the member has come back, with a new request of its own. */
  const run = (
    index: number,
    from: Local | undefined,
    begun: Member,
    inputs: readonly Input[],
    crashAfter: number,
  ): Move => {
    let member = begun
    let disk = from?.disk ?? EMPTY
    let lives = from?.lives ?? 0
    let wrong = from?.wrong
    const said = [...(from?.said ?? [])]
    const sent: WireMessage[] = []
    const pending = [...inputs]
    let left = crashAfter
    let performed = 0
    let signed: readonly Statement[] = []
    const note = (statement: Statement): void => {
      if (said.some((each) => statementName(each) === statementName(statement))) return
      wrong ??= wrongOf(said, statement, disk.blocks.length)
      said.push(statement)
    }
    const perform = (effect: Effect): void => {
      performed++
      switch (effect.type) {
        case 'persist':
          disk = { ...disk, record: effect.record, recordName: voteName(member) }
          // From here on it may have been said: it stands by it after any crash.
          signed.forEach(note)
          return
        case 'send': {
          const statement = statementOf(effect.message)
          if (messageName(effect.message) === '') return
          sent.push(effect.message)
          // A member also shows what others signed: two proposals of a leader, above all.
          if (statement !== undefined && statement.from === member.signer.publicKey) note(statement.statement)
          return
        }
        case 'execute':
          pending.unshift({ type: 'executed', ticket: effect.ticket, result: execute(effect.context), now: NOW })
          return
        case 'commit': {
          const { cert, requests, record } = effect
          const { height } = cert.block
          if (height !== disk.blocks.length + 1) wrong ??= `G6 commits height ${height} on ${disk.blocks.length}`
          const keysOf = (each: readonly Request[]) => each.map((request) => hashName(orderedRequestHash(request)))
          const ran = new Set(disk.blocks.flatMap((block) => keysOf(block.requests)))
          if (keysOf(requests).some((key) => ran.has(key))) wrong ??= `G8 a request runs twice at height ${height}`
          disk = { record, recordName: `c${height}${voteName(member)}`, blocks: [...disk.blocks, { cert, requests }] }
          pending.unshift({ type: 'committed', height, now: NOW })
          return
        }
        default:
      }
    }
    const offer = () => {
      if (member.head.height >= bounds.heights || (member.queue.lines[member.self]?.entries.size ?? 0) > 0) return
      const request = requestOf(world, index, member.head.height, lives)
      requests.set(hashName(orderedRequestHash(request)), `${member.head.height}.${lives}`)
      pending.push({ type: 'submit', request, now: NOW })
    }
    const drain = () => {
      for (let input = pending.shift(); input !== undefined; input = pending.shift()) {
        steps++
        const epoch = member.group.epoch
        const view = member.view
        world.made.length = 0
        const effects = step(member, input)
        signed = signedIn(member, effects, world.made)
        if (member.group.epoch < epoch || (member.group.epoch === epoch && member.view < view))
          wrong ??= 'G4 its view falls'
        for (const effect of effects) {
          if (left-- === 0) return true
          perform(effect)
        }
        if (pending.length === 0) offer()
      }
      return false
    }
    if (from === undefined || crashAfter === 0) offer()
    const crash = crashAfter === 0 ? true : drain()
    if (crash) {
      lives++
      left = Number.POSITIVE_INFINITY
      pending.length = 0
      member = comeBack(index, disk)
      pending.push({ type: 'tick', now: NOW })
      drain()
    }
    settle(member)
    const timeouts = (from?.timeouts ?? 0) + (inputs[0]?.type === 'tick' && from !== undefined ? 1 : 0)
    const queued = [...member.queue.sourceByKey.keys()].map((key) => hashName(bytesOf(key))).sort()
    const state = stateName(member, disk, said, lives, timeouts)
    const name = `${index}|${queued.join()}|${state}`
    let to = byName.get(name)
    if (to === undefined) {
      const general = `${queued.map((request) => requests.get(request) ?? request).join()}|${state}`
      const alike = alikeByName.get(general) ?? alikeByName.size
      alikeByName.set(general, alike)
      to = { id: byName.size, alike, member, disk, said, lives, timeouts, wrong }
      byName.set(name, to)
    }
    return { to, sent, effects: performed }
  }

  const inputsOf = (member: Member, action: Action): readonly Input[] => {
    switch (action.type) {
      case 'messages':
        return action.messages.map((message) => ({
          type: 'message',
          from: member.self === 0 ? 1 : 0,
          message: message as Verified<WireMessage>,
          now: NOW,
        }))
      case 'timeout':
        // The timer ended; whether it ran does not matter: a member may sign a TIMEOUT whenever something pends.
        member.timerAt = -1e15
        return [{ type: 'tick', now: NOW }]
      case 'close':
        member.plannedAt = Number.NEGATIVE_INFINITY
        member.handoverSaidAt = Number.NEGATIVE_INFINITY
        return [{ type: 'links', roundTripsMs: [], now: NOW }]
      default:
        return []
    }
  }

  const indexOf = (member: Member) => signers.findIndex(({ publicKey }) => publicKey === member.signer.publicKey)

  const apply = (from: Local, action: Action, crashAfter: number): Move => {
    const member = copyMember(from.member)
    return run(indexOf(member), from, member, inputsOf(member, action), crashAfter)
  }

  return {
    count: () => byName.size,
    steps: () => steps,
    begin: (index) => run(index, undefined, create(index), [{ type: 'tick', now: NOW }], Number.POSITIVE_INFINITY),
    move(from, action) {
      const known = moves.get(from) ?? new Map<string, Move>()
      moves.set(from, known)
      const before = known.get(action.name)
      if (before !== undefined) return before
      const move = apply(from, action, action.type === 'crash' ? 0 : Number.POSITIVE_INFINITY)
      known.set(action.name, move)
      return move
    },
    crashes(from, action) {
      const known = crashed.get(from) ?? new Map<string, readonly Move[]>()
      crashed.set(from, known)
      const before = known.get(action.name)
      if (before !== undefined) return before
      const { effects } = this.move(from, action)
      const distinct = new Map<string, Move>()
      for (let after = 1; after < effects; after++) {
        const move = apply(from, action, after)
        distinct.set(`${move.to.id}/${move.sent.map(messageName).join()}`, move)
      }
      const found = [...distinct.values()]
      known.set(action.name, found)
      return found
    },
  }
}
