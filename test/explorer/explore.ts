// The exhaustive explorer: every reachable state of a small group within its bounds (agreement §11), the real machine in every seat.
//
//   a state = (local state of each honest member, messages in the air, crashes used)
//   a move  = one member takes any deliveries that make it say nothing new, then one action that does
//
// Partial order: a delivery that makes a member say nothing new commutes with everything that others do, for what is in the air stays there;
// so all such deliveries wait until just before the next one that is heard of. Members meet only in the air: a member's inner states are
// numbered once (`local.ts`), and the states of the group are tuples of numbers.

import { assert } from '#protocol/codec/result.ts'
import { inheritedOf, startHeight } from '#protocol/message/epoch.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { type Air, createAirs, createPost } from './air.ts'
import { type Action, createLocals, type Local, type Move } from './local.ts'
import { hashName } from './names.ts'
import { offersTo } from './offers.ts'
import { type Bounds, createWorld, type World } from './world.ts'

export type Exploration = {
  readonly bounds: Bounds
  /** States of the group that were expanded; each is a different one. */
  readonly states: number
  readonly moves: number
  /** Different inner states of single members, and steps of the machine behind them. */
  readonly locals: number
  readonly steps: number
  readonly messages: number
  /** Longest chain of moves. */
  readonly depth: number
  /** States seen but not expanded: 0 when the exploration is complete. */
  readonly frontier: number
  readonly complete: boolean
  readonly seconds: number
  /** Highest heights, views and epochs that any member reached: what the bounds allowed to happen at all. */
  readonly reached: { readonly height: number; readonly view: number; readonly epoch: number }
  readonly violation: { readonly text: string; readonly path: readonly string[] } | null
}

export type ExploreOptions = {
  readonly statesMax?: number
  readonly withinMs?: number
  readonly onProgress?: (soFar: {
    states: number
    frontier: number
    depth: number
    seconds: number
    locals: number
  }) => void
}

type State = {
  readonly locals: readonly (Local | undefined)[]
  readonly sent: readonly number[]
  readonly crashes: number
  readonly depth: number
  readonly before: State | null
  readonly move: string
}

/** 53 bits of a tuple of numbers. Two of 10⁷ states share one by a chance of 1 in 200, and one of them is then left out. */
function stateHash(state: Pick<State, 'locals' | 'sent' | 'crashes'>): number {
  let a = 0x9e3779b9 ^ state.crashes
  let b = 0x85ebca6b
  const mix = (value: number) => {
    a = Math.imul(a ^ value, 0xcc9e2d51)
    a = (a << 15) | (a >>> 17)
    b = Math.imul(b + value, 0x1b873593) ^ (a >>> 3)
    b = (b << 13) | (b >>> 19)
  }
  for (const local of state.locals) mix(local === undefined ? -1 : local.id + 1)
  mix(-7)
  for (const id of state.sent) mix(id)
  a ^= a >>> 16
  a = Math.imul(a, 0x85ebca6b)
  b ^= b >>> 13
  b = Math.imul(b, 0xc2b2ae35)
  return ((a ^ (a >>> 13)) >>> 0) * 2 ** 21 + ((b ^ (b >>> 16)) >>> 11)
}

/** G1, G5, G6 of what is in the air and of the starts that members believe. */
function judge(world: World, air: Air, locals: readonly (Local | undefined)[]): string | undefined {
  const certified = new Map<number, { block: string; epoch: number }[]>()
  for (const poll of air.polls.values()) {
    if (poll.vote1.size < world.quorum || poll.vote2.size < world.quorum) continue
    const facts = air.blocks.get(poll.block)
    if (facts !== undefined && !facts.honest)
      return `G5 height ${poll.height} can be certified with a root that nobody gets`
    const there = certified.get(poll.height) ?? []
    for (const other of there)
      if (other.block !== poll.block)
        return `G1 height ${poll.height} can be certified as ${other.block} and as ${poll.block}`
    certified.set(poll.height, [...there, { block: poll.block, epoch: poll.epoch }])
  }
  for (const local of locals) {
    if (local === undefined) continue
    for (const { cert } of local.disk.blocks) {
      const { height } = cert.block
      const block = hashName(cert.qc1.block_hash)
      if (certified.get(height)?.some((other) => other.block !== block))
        return `G1 a member holds ${block} at height ${height}, another can be certified`
    }
    const { start } = local.member
    if (start === null) continue
    const from = startHeight(start)
    const inherited = inheritedOf(start)
    for (const [height, blocks] of certified)
      for (const { block, epoch } of blocks) {
        if (epoch >= start.epoch || height <= from) continue
        if (inherited !== null && height === from + 1 && hashName(inherited.block_hash) === block) continue
        return `G6 epoch ${start.epoch} starts at height ${from}, but height ${height} can be certified in epoch ${epoch}`
      }
  }
  return undefined
}

export function explore(bounds: Bounds, options: ExploreOptions = {}): Exploration {
  const world = createWorld(bounds)
  const post = createPost(world)
  const airOf = createAirs(world, post)
  const locals = createLocals(world)
  const honest = world.signers.map((_, index) => index).filter((index) => index !== world.liar)
  const began = performance.now()
  const endsAt = began + (options.withinMs ?? Number.POSITIVE_INFINITY)
  const statesMax = options.statesMax ?? Number.POSITIVE_INFINITY
  const seen = new Set<number>()
  const stack: State[] = []
  const totals = { states: 0, moves: 0, depth: 0 }
  const reached = { height: 0, view: 0, epoch: 0 }
  let violation: Exploration['violation'] = null

  const pathOf = (state: State | null): string[] => (state === null ? [] : [...pathOf(state.before), state.move])

  const sendAll = (sent: readonly number[], from: number, messages: readonly WireMessage[]): readonly number[] => {
    let all: Set<number> | undefined
    for (const message of messages) {
      const { id } = post.intern(from, message)
      if (sent.includes(id)) continue
      all ??= new Set(sent)
      all.add(id)
    }
    return all === undefined ? sent : [...all].sort((a, b) => a - b)
  }

  const push = (state: State): void => {
    totals.moves++
    const name = stateHash(state)
    if (seen.has(name)) return
    seen.add(name)
    stack.push(state)
  }

  /** Everything that `member` can say next from here. */
  const expand = (state: State, member: number, air: Air): void => {
    const first = state.locals[member]
    assert(first !== undefined, 'it is honest')
    const quiet = new Set<Local>([first])
    const land = (move: Move, from: Local, what: string, crashes: number): void => {
      const sent = sendAll(state.sent, member, move.sent)
      if (sent === state.sent && crashes === state.crashes) {
        quiet.add(move.to)
        if (move.to.wrong === undefined) return
      }
      const after = state.locals.map((local, index) => (index === member ? move.to : local))
      push({
        locals: after,
        sent,
        crashes,
        depth: state.depth + 1,
        before: state,
        move: `${member}: ${from === first ? '' : '… '}${what}`,
      })
    }
    // A set grows while it is walked through.
    for (const local of quiet) {
      const offers: Action[] = [...offersTo(world, air, member, local)]
      const { group, view, head } = local.member
      const open = head.height < bounds.heights
      if (open && view < bounds.views - 1 && local.timeouts < bounds.timeouts)
        offers.push({ type: 'timeout', name: 'timeout' })
      if (bounds.handover !== 'reconfig' && group.epoch < bounds.epochs - 1 && local.member.closed === null)
        offers.push({ type: 'close', name: 'close' })
      for (const action of offers) {
        const move = locals.move(local, action)
        land(move, local, action.name, state.crashes)
        if (state.crashes >= bounds.crashes) continue
        if (move.to !== local || move.sent.length > 0)
          for (const crash of locals.crashes(local, action))
            land(crash, local, `${action.name}, crash`, state.crashes + 1)
      }
      if (state.crashes < bounds.crashes)
        land(locals.move(local, { type: 'crash', name: 'crash' }), local, 'crash', state.crashes + 1)
    }
  }

  const begun = world.signers.map((_, index) => (index === world.liar ? undefined : locals.begin(index)))
  let sent: readonly number[] = []
  for (const [index, move] of begun.entries()) if (move !== undefined) sent = sendAll(sent, index, move.sent)
  push({ locals: begun.map((move) => move?.to), sent, crashes: 0, depth: 0, before: null, move: 'begin' })

  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    totals.states++
    totals.depth = Math.max(totals.depth, state.depth)
    const air = airOf(state.sent)
    const wrong = state.locals.find((local) => local?.wrong !== undefined)?.wrong ?? judge(world, air, state.locals)
    for (const local of state.locals) {
      if (local === undefined) continue
      const { member } = local
      reached.height = Math.max(reached.height, local.disk.blocks.length)
      reached.epoch = Math.max(reached.epoch, member.group.epoch)
      reached.view = Math.max(reached.view, member.view)
    }
    if (wrong !== undefined) {
      violation = { text: wrong, path: pathOf(state) }
      break
    }
    for (const member of honest) expand(state, member, air)
    if (totals.states % 1024 === 0) {
      const seconds = (performance.now() - began) / 1000
      options.onProgress?.({ ...totals, frontier: stack.length, seconds, locals: locals.count() })
      if (performance.now() > endsAt) break
    }
    if (totals.states >= statesMax) break
  }
  return {
    bounds,
    ...totals,
    locals: locals.count(),
    steps: locals.steps(),
    messages: post.count(),
    frontier: stack.length,
    complete: stack.length === 0 && violation === null,
    seconds: (performance.now() - began) / 1000,
    reached,
    violation,
  }
}
