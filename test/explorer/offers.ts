// What can be delivered to a member in its present state, as inputs that may change something: single statements, and quorums of votes all at once.
// Of quorums that no rule tells apart one is enough: it does not matter who voted, only which QC1s the votes rely on.

import { keyOf } from '#protocol/agreement/members.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'
import type { Air, Poll, Sent } from './air.ts'
import type { Action, Local } from './local.ts'
import { hashName } from './names.ts'
import type { World } from './world.ts'

function* choose<T>(items: readonly T[], count: number, from = 0): Generator<readonly T[]> {
  if (count === 0) yield []
  else
    for (let at = from; at <= items.length - count; at++)
      for (const rest of choose(items, count - 1, at + 1)) yield [items[at] as T, ...rest]
}

/** Every way to take one of each. */
function* product<T>(options: readonly (readonly T[])[]): Generator<readonly T[]> {
  const [first, ...rest] = options
  if (first === undefined) yield []
  else for (const one of first) for (const others of product(rest)) yield [one, ...others]
}

/** `content`: key of the block that comes along; whoever has it needs it no more. */
function add(offers: Map<string, Action>, name: string, messages: readonly WireMessage[], content?: string): void {
  if (!offers.has(name)) offers.set(name, { type: 'messages', name, messages, content })
}

function vote1Offers(
  offers: Map<string, Action>,
  world: World,
  self: number,
  poll: Poll,
): ReadonlyMap<string, readonly WireMessage[]> {
  const others = [...poll.vote1].filter(([member]) => member !== self)
  const need = world.quorum - (poll.vote1.has(self) ? 1 : 0)
  const bundles = new Map<string, readonly WireMessage[]>()
  for (const voters of choose(others, need)) {
    for (const votes of product(voters.map(([, said]) => said))) {
      const relied = votes
        .map(({ vote, qc1s }) => `${vote.body.jview ?? '-'}${qc1s.length}`)
        .sort()
        .join()
      if (bundles.has(relied)) continue
      add(offers, `v${poll.epoch}.${poll.height}.${poll.view}${poll.block}(${relied})`, votes)
      bundles.set(relied, votes)
    }
  }
  return bundles
}

const votesByPlace = new WeakMap<Air, Map<string, ReadonlyMap<string, Action>>>()

/** Blocks and votes: the same for all inner states of a member at one height of an epoch. */
function votesTo(world: World, air: Air, self: number, epoch: number, height: number): ReadonlyMap<string, Action> {
  const byPlace = votesByPlace.get(air) ?? new Map<string, ReadonlyMap<string, Action>>()
  votesByPlace.set(air, byPlace)
  const place = `${self}.${epoch}.${height}`
  const known = byPlace.get(place)
  if (known !== undefined) return known
  const offers = new Map<string, Action>()
  for (const { from, name, message } of air.proposes) {
    if (from === self || message.type !== 'propose') continue
    const { body } = message.propose
    const now = body.epoch === epoch && body.height === height
    if (now || (message.start !== null && body.epoch > epoch)) add(offers, name, [message])
  }
  for (const poll of air.polls.values()) {
    if (poll.epoch !== epoch || poll.height !== height) continue
    const bundles = vote1Offers(offers, world, self, poll)
    const others = [...poll.vote2].filter(([from]) => from !== self)
    const need = world.quorum - (poll.vote2.has(self) ? 1 : 0)
    if (others.length < need) continue
    const votes = others.slice(0, need).map(([, message]) => message)
    const contents = air.proposes.filter(
      ({ message, from }) =>
        from !== self &&
        message.type === 'propose' &&
        hashName(message.propose.body.block_hash) === poll.block &&
        message.propose.body.epoch === epoch,
    )
    for (const [relied, first] of bundles) {
      const name = `w${poll.epoch}.${poll.height}.${poll.view}${poll.block}`
      add(offers, `${name}/(${relied})`, [...first, ...votes])
      // The content last: with a certificate for it, it is wanted in any view.
      for (const { id, message } of contents)
        if (message.type === 'propose')
          add(offers, `${name}/${id}(${relied})`, [...first, ...votes, message], keyOf(message.propose.body.block_hash))
    }
  }
  byPlace.set(place, offers)
  return offers
}

export function offersTo(world: World, air: Air, self: number, local: Local): readonly Action[] {
  const { member } = local
  const epoch = member.group.epoch
  const height = member.head.height + 1
  if (member.head.height >= world.bounds.heights && epoch === world.bounds.epochs - 1) return []
  const offers = new Map<string, Action>()
  const contents = member.rounds.get(height)?.contents
  for (const [name, action] of votesTo(world, air, self, epoch, height))
    if (action.type !== 'messages' || action.content === undefined || contents?.has(action.content) !== true)
      offers.set(name, action)
  timeoutOffers(offers, world, air, self, local)
  if (member.closed === null || epoch === member.group.epoch) closeOffers(offers, world, air, self, epoch)
  return [...offers.values()]
}

function timeoutOffers(offers: Map<string, Action>, world: World, air: Air, self: number, { member }: Local): void {
  const byView = new Map<number, Map<number, Map<string, WireOf<'timeout'>>>>()
  for (const { from, message } of air.timeouts) {
    if (message.type !== 'timeout' || from === self) continue
    const { epoch, view, height, high } = message.timeout.body
    if (epoch !== member.group.epoch || view < member.view || view >= world.bounds.views - 1) continue
    const byFrom = byView.get(view) ?? new Map<number, Map<string, WireOf<'timeout'>>>()
    const kinds = byFrom.get(from) ?? new Map<string, WireOf<'timeout'>>()
    const kind = `${height > member.head.height + 1 ? '+' : height < member.head.height + 1 ? '-' : ''}${height === member.head.height + 1 && high !== null ? `${high.view}${hashName(high.block_hash)}` : ''}`
    if (!kinds.has(kind)) kinds.set(kind, message)
    byView.set(view, byFrom.set(from, kinds))
  }
  for (const [view, byFrom] of byView) {
    const own = member.timeout !== null && member.timeout.body.view === view
    const need = world.quorum - (own ? 1 : 0)
    for (const from of choose([...byFrom.values()], need)) {
      for (const timeouts of product(from.map((kinds) => [...kinds]))) {
        const name = `t${member.group.epoch}.${view}(${timeouts
          .map(([kind]) => kind)
          .sort()
          .join()})`
        add(
          offers,
          name,
          timeouts.map(([, message]) => message),
        )
      }
    }
  }
}

function closeOffers(offers: Map<string, Action>, world: World, air: Air, self: number, epoch: number): void {
  const others = (list: readonly Sent[], type: 'close' | 'ready', of: number) => {
    const byFrom = new Map<number, Sent[]>()
    for (const sent of list) {
      const { message, from } = sent
      const said =
        message.type === 'close' ? message.close.body.epoch : message.type === 'ready' ? message.ready.body.epoch : -1
      if (message.type !== type || from === self || said !== of) continue
      byFrom.set(from, [...(byFrom.get(from) ?? []), sent])
    }
    return [...byFrom.values()]
  }
  // Short of a quorum too: nothing may come of that.
  const bundle = (list: readonly Sent[], type: 'close' | 'ready', of: number, letter: string, least: number) => {
    const from = others(list, type, of)
    for (let need = Math.max(1, least); need <= world.quorum; need++)
      for (const some of choose(from, need))
        for (const all of product(some)) {
          const name = `${letter}${of}(${all
            .map(({ name }) => (letter === 'r' ? name : name.slice(1)))
            .sort()
            .join()})`
          add(
            offers,
            name,
            all.map(({ message }) => message),
          )
        }
  }
  bundle(air.closes, 'close', epoch, 'c', world.quorum - 2)
  bundle(air.readies, 'ready', epoch + 1, 'r', world.quorum - 1)
}
