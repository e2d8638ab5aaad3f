// Twins (Bano et al., OPODIS 2021): two instances run the honest machine under one key, each unaware of the other, and the net decides who hears
// whom. What two honest instances say under one key is every equivocation, amnesia and lost lock that a liar could commit without inventing
// a message; and the scenarios can be enumerated.
//
//   scenario = which keys have a twin × for every slot a partition of the instances
//   slot     = messages travel inside the blocks of its partition, for so many hops; a slot that ends a view ends all timers too
//
// The leader of a view is fixed by its number, so enumerating who is the twin enumerates the leaders.
// Asserted: G1 no two certificates that can be assembled differ (within the bound), G2 where they do a twin is guilty, G3 nobody else is.

import type { Verified } from '#protocol/agreement/door.ts'
import { createMember, type Member } from '#protocol/agreement/member.ts'
import type { Effect, FetchedBlock, Input } from '#protocol/agreement/port.ts'
import { step } from '#protocol/agreement/step.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import type { Request } from '#protocol/message/request.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { createWorld, execute, NOW, requestOf, SETTINGS, type World } from '#test/explorer/world.ts'
import { brief } from '#test/simulator/chronicle.ts'
import { recordOfMember, type Statement } from '#test/simulator/culprits.ts'

export type Slot = {
  /** Block of each instance; instances beyond the members are the twins, in order of their keys. */
  readonly partition: readonly number[]
  /** Messages sent in the slot travel so many hops in it; what is left is lost. */
  readonly hops: number
  /** All view timers end after it. */
  readonly endsView: boolean
}

export type Scenario = { readonly members: number; readonly twins: readonly number[]; readonly slots: readonly Slot[] }

export type Outcome = {
  readonly violations: readonly string[]
  /** Pairs of conflicting certificates. */
  readonly forks: number
  /** Keys that are provably guilty. */
  readonly guilty: readonly number[]
  /** Highest height that any instance committed, in the slots and after the net is whole again. */
  readonly heights: { readonly before: number; readonly after: number }
  readonly steps: number
}

type Instance = {
  readonly key: number
  readonly member: Member
  readonly blocks: { readonly cert: Cert; readonly requests: readonly Request[] }[]
  requests: number
}

type Mail = { readonly from: number; readonly to: number; readonly message: WireMessage; readonly hop: number }

const FOREVER = Number.POSITIVE_INFINITY
/** Views that the whole net gets in the end. */
const CALM_VIEWS = 6
/** Heights that are asked for in the slots; in the end one more. */
const HEIGHTS = 2
/** Messages of one scenario: far above what any needs. */
const STEPS_MAX = 50_000

const worlds = new Map<number, World>()
function worldOf(members: number): World {
  const known = worlds.get(members)
  if (known !== undefined) return known
  const world = createWorld({
    members,
    quorum: members === 3 ? 'all' : 'bft',
    views: 64,
    heights: 64,
    epochs: 1,
    crashes: 0,
    timeouts: 64,
    liar: null,
    handover: 'close',
  })
  worlds.set(members, world)
  return world
}

/** What a message says, and whose word it is: a member also shows what others signed. */
function statementOf(message: WireMessage): { readonly from: PublicKey; readonly statement: Statement } | undefined {
  switch (message.type) {
    case 'propose':
      return { from: message.propose.from, statement: { type: 'propose', body: message.propose.body } }
    case 'vote1':
      return { from: message.vote.from, statement: { type: 'vote1', body: message.vote.body } }
    case 'vote2':
      return { from: message.vote.from, statement: { type: 'vote2', body: message.vote.body } }
    case 'timeout':
      return { from: message.timeout.from, statement: { type: 'timeout', body: message.timeout.body } }
    default:
      return undefined
  }
}

type Poll = { readonly height: number; readonly block: number; readonly one: Set<number>; readonly two: Set<number> }

export function runTwins(scenario: Scenario): Outcome {
  const world = worldOf(scenario.members)
  const [group] = world.groups
  assert(group !== undefined, 'there is a group')
  const keys = [...world.signers.keys(), ...scenario.twins]
  const instances = keys.map((key): Instance => {
    const signer = world.signers[key]
    assert(signer !== undefined, 'a twin is of a member')
    return {
      key,
      member: createMember({ domain: world.domain, group, signer, settings: SETTINGS }),
      blocks: [],
      requests: 0,
    }
  })
  const keyOf = (from: PublicKey) => world.signers.findIndex(({ publicKey }) => bytesEqual(publicKey, from))
  const at = (index: number): Instance => instances[index] as Instance
  const records = world.signers.map(() => recordOfMember())
  const guilty = new Set<number>()
  const polls = new Map<string, Poll>()
  const conflicts = new Set<string>()
  const certifiable = new Map<string, Poll>()
  const violations: string[] = []
  let mails: Mail[] = []
  let now = NOW
  let steps = 0
  let heightsMax = HEIGHTS
  let slot: Slot = { partition: keys.map(() => 0), hops: FOREVER, endsView: false }

  const hear = (key: number, statement: Statement): void => {
    if (records[key]?.add(statement) !== undefined) guilty.add(key)
    if (statement.type !== 'vote1' && statement.type !== 'vote2') return
    const { height, view, block_hash } = statement.body
    const block = brief(block_hash)
    const name = `${height}.${view}.${block}`
    const poll = polls.get(name) ?? { height, block, one: new Set(), two: new Set() }
    polls.set(name, poll)
    const side = statement.type === 'vote1' ? poll.one : poll.two
    side.add(key)
    if (poll.one.size < world.quorum || poll.two.size < world.quorum) return
    certifiable.set(name, poll)
    for (const other of certifiable.values())
      if (other.height === height && other.block !== block) conflicts.add([other.block, block].sort().join())
  }

  const perform = (index: number, effect: Effect, hop: number): Input | undefined => {
    const own = at(index)
    switch (effect.type) {
      case 'send': {
        const said = statementOf(effect.message)
        if (said !== undefined) hear(keyOf(said.from), said.statement)
        // What only one instance was asked for stays with it: every leader has a block of its own.
        if (effect.message.type === 'request') return undefined
        for (const [to, { key }] of instances.entries()) {
          const meant = effect.to === 'all' || effect.to === key
          if (meant && key !== own.key && slot.partition[to] === slot.partition[index])
            mails.push({ from: own.key, to, message: effect.message, hop: hop + 1 })
        }
        return undefined
      }
      case 'execute':
        return { type: 'executed', ticket: effect.ticket, result: execute(effect.context), now }
      case 'commit':
        own.blocks.push({ cert: effect.cert, requests: effect.requests })
        return { type: 'committed', height: effect.cert.block.height, now }
      case 'fetchBlocks': {
        const from = instances.findIndex(
          ({ key }, each) => key === effect.from && slot.partition[each] === slot.partition[index],
        )
        const blocks = (from < 0 ? [] : at(from).blocks.slice(effect.fromHeight - 1)) as Verified<FetchedBlock>[]
        return { type: 'blocks', from: effect.from, blocks, now }
      }
      case 'fetchState':
        return { type: 'state', height: effect.height, now }
      default:
        return undefined
    }
  }

  const give = (index: number, input: Input, hop: number): void => {
    const own = at(index)
    const pending: Input[] = [input]
    for (let next = pending.shift(); next !== undefined; next = pending.shift()) {
      assert(steps++ < STEPS_MAX, 'a scenario comes to rest')
      for (const effect of step(own.member, next)) {
        const answer = perform(index, effect, hop)
        if (answer !== undefined) pending.push(answer)
      }
      const line = own.member.queue.lines[own.member.self]
      if (pending.length === 0 && line?.entries.size === 0 && own.member.head.height < heightsMax) {
        const request = { ...requestOf(world, index, own.member.head.height, own.requests++), time: now }
        pending.push({ type: 'submit', request, now })
      }
    }
  }

  const travel = (): void => {
    for (let head = 0; head < mails.length; head++) {
      const mail = mails[head] as Mail
      if (mail.hop > slot.hops) continue
      give(mail.to, { type: 'message', from: mail.from, message: mail.message as Verified<WireMessage>, now }, mail.hop)
    }
    mails = []
  }

  const endViews = (): void => {
    now += 4 * SETTINGS.deltaMs
    for (const [index, { member }] of instances.entries()) {
      // All timers end together, however often each has ended before.
      if (member.timerAt !== null) member.timerAt = now - 60_000
      give(index, { type: 'tick', now }, 0)
    }
  }

  const highest = () => Math.max(...instances.map(({ blocks }) => blocks.length))

  const [first, ...later] = scenario.slots
  if (first !== undefined) slot = first
  for (const index of instances.keys()) give(index, { type: 'tick', now }, 0)
  travel()
  if (first?.endsView) endViews()
  for (const next of later) {
    slot = next
    // What was said when the view ended travels in the partition that came after.
    mails = mails.filter(({ from, to }) =>
      instances.some(({ key }, index) => key === from && next.partition[index] === next.partition[to]),
    )
    if (!first?.endsView || mails.length === 0)
      for (const index of instances.keys()) give(index, { type: 'tick', now }, 0)
    travel()
    if (next.endsView) endViews()
  }
  const before = highest()
  heightsMax = before + 1
  slot = { partition: keys.map(() => 0), hops: FOREVER, endsView: true }
  for (const index of instances.keys()) give(index, { type: 'tick', now }, 0)
  for (let view = 0; view < CALM_VIEWS && highest() <= before; view++) {
    travel()
    endViews()
  }
  travel()
  const after = highest()

  const faults = world.signers.length - world.quorum
  if (conflicts.size > 0 && scenario.twins.length <= faults) violations.push(`G1 ${conflicts.size} forks`)
  if (conflicts.size > 0 && guilty.size === 0) violations.push('G2 a fork without a culprit')
  for (const key of guilty) if (!scenario.twins.includes(key)) violations.push(`G3 honest ${key} is provably guilty`)
  if (scenario.twins.length <= faults && after <= before) violations.push(`G10 no commit in ${CALM_VIEWS} calm views`)
  return { violations, forks: conflicts.size, guilty: [...guilty].sort(), heights: { before, after }, steps }
}
