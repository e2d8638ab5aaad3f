// The exhaustive explorer: every reachable state of a small group within its bounds (agreement §11), the real machine in every seat.
//
//   a state = (local state of each honest member, messages in the air, crashes used)
//   a move  = one member takes any deliveries that make it say nothing new, then one action that does
//
// Partial order: a delivery that makes a member say nothing new commutes with everything that others do, for what is in the air stays there;
// so all such deliveries wait until just before the next one that is heard of. Members meet only in the air: a member's inner states are
// numbered once (`local.ts`), what is in the air too (a scene), and what a member can say next is found once for each inner state before each scene:
// the states of the group are tuples of numbers, and walking from one to the next is looking up.

import { assert } from '#protocol/codec/result.ts'
import { inheritedOf, startHeight } from '#protocol/message/epoch.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { type Air, createAirs, createPost } from './air.ts'
import { type Action, createLocals, type Local, type Move } from './local.ts'
import { hashName } from './names.ts'
import { offersTo } from './offers.ts'
import { createStates } from './states.ts'
import { type Bounds, createWorld, type World } from './world.ts'

/** Crashes of a run are below it. */
const CRASHES_RANGE = 4
const SCENES_MAX = 2 ** 32 / CRASHES_RANGE
const PARTS_MAX = 2 ** 16

export type Exploration = {
  readonly bounds: Bounds
  /** States of the group that were expanded; each is a different one. */
  readonly states: number
  readonly moves: number
  /** Different inner states of single members, and steps of the machine behind them. */
  readonly locals: number
  readonly steps: number
  readonly messages: number
  /** Different sets of what was sent. */
  readonly scenes: number
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

/** What is in the air, known by number, with all that follows from it alone. */
type Scene = {
  readonly id: number
  readonly sent: readonly number[]
  /** G1, G5 of what can be certified. */
  readonly wrong: string | undefined
  readonly certified: Certified
  /** What each of the alike members has sent, and all that the others have, by number. */
  readonly parts: readonly number[]
  readonly rest: number
  /** By the number of a member's inner state; without and with a crash left. */
  readonly views: readonly [Map<number, View>, Map<number, View>]
}

/** A member in an inner state that stands before a scene, whatever the others are in. */
type View = {
  readonly wrong: string | undefined
  /** What it can say next: inner state, scene and crashes used by it, one after another. */
  readonly next: Int32Array
}

type Certified = ReadonlyMap<number, readonly { readonly block: string; readonly epoch: number }[]>

/** G1 and G5 of what is in the air. */
function certifiedIn(world: World, air: Air): { readonly certified: Certified; readonly wrong: string | undefined } {
  const certified = new Map<number, { block: string; epoch: number }[]>()
  let wrong: string | undefined
  for (const poll of air.polls.values()) {
    if (poll.vote1.size < world.quorum || poll.vote2.size < world.quorum) continue
    const facts = air.blocks.get(poll.block)
    if (facts !== undefined && !facts.honest)
      wrong ??= `G5 height ${poll.height} can be certified with a root that nobody gets`
    const there = certified.get(poll.height) ?? []
    for (const other of there)
      if (other.block !== poll.block)
        wrong ??= `G1 height ${poll.height} can be certified as ${other.block} and as ${poll.block}`
    certified.set(poll.height, [...there, { block: poll.block, epoch: poll.epoch }])
  }
  return { certified, wrong }
}

/** G1 and G6 of what a member holds and of the start that it believes. */
function judge(certified: Certified, local: Local): string | undefined {
  if (local.wrong !== undefined) return local.wrong
  for (const { cert } of local.disk.blocks) {
    const { height } = cert.block
    const block = hashName(cert.qc1.block_hash)
    if (certified.get(height)?.some((other) => other.block !== block))
      return `G1 a member holds ${block} at height ${height}, another can be certified`
  }
  const { start } = local.member
  if (start === null) return undefined
  const from = startHeight(start)
  const inherited = inheritedOf(start)
  for (const [height, blocks] of certified)
    for (const { block, epoch } of blocks) {
      if (epoch >= start.epoch || height <= from) continue
      if (inherited !== null && height === from + 1 && hashName(inherited.block_hash) === block) continue
      return `G6 epoch ${start.epoch} starts at height ${from}, but height ${height} can be certified in epoch ${epoch}`
    }
  return undefined
}

type Onward = { readonly to: Local; readonly scene: Scene; readonly crashes: number; readonly what: string }

export function explore(bounds: Bounds, options: ExploreOptions = {}): Exploration {
  const world = createWorld(bounds)
  const post = createPost(world)
  const airOf = createAirs(world, post)
  const locals = createLocals(world)
  const honest = world.signers.map((_, index) => index).filter((index) => index !== world.liar)
  const began = performance.now()
  const endsAt = began + (options.withinMs ?? Number.POSITIVE_INFINITY)
  const statesMax = options.statesMax ?? Number.POSITIVE_INFINITY
  const known = createStates(honest.length)
  const stack: number[] = []
  const scenes: Scene[] = []
  const sceneByName = new Map<string, Scene>()
  const localById: Local[] = []
  const totals = { states: 0, moves: 0, depth: 0 }
  const reached = { height: 0, view: 0, epoch: 0 }
  let violation: Exploration['violation'] = null

  /** Places of members that lead nothing: which of them is which makes no difference. */
  const alike = honest.flatMap((member, place) => (world.alike.includes(member) ? [place] : []))
  const parted = new Map<string, number>()
  const rests = new Map<string, number>()
  const numberOf = (numbers: Map<string, number>, name: string): number => {
    const number = numbers.get(name) ?? numbers.size
    numbers.set(name, number)
    return number
  }
  const partsOf = (sent: readonly number[]) => {
    const bySeat = new Map<number, string[]>(alike.map((place) => [honest[place] ?? -1, []]))
    const others: number[] = []
    for (const id of sent) {
      const { from, said } = post.get(id)
      const own = bySeat.get(from)
      if (own === undefined) others.push(id)
      else own.push(said)
    }
    const parts = [...bySeat.values()].map((said) => numberOf(parted, said.sort().join()))
    assert(parted.size < PARTS_MAX, 'what one member can have sent is numbered within two bytes')
    return { parts, rest: numberOf(rests, others.join()) }
  }

  const sceneOf = (sent: readonly number[]): Scene => {
    const name = sent.join()
    let scene = sceneByName.get(name)
    if (scene === undefined) {
      const views = [new Map(), new Map()] as const
      scene = { id: scenes.length, sent, ...certifiedIn(world, airOf(sent)), ...partsOf(sent), views }
      assert(scene.id < SCENES_MAX, 'scenes are numbered within four bytes, with the crashes')
      scenes.push(scene)
      sceneByName.set(name, scene)
    }
    return scene
  }

  const sendAll = (scene: Scene, from: number, messages: readonly WireMessage[]): Scene => {
    let all: Set<number> | undefined
    for (const message of messages) {
      const { id } = post.intern(from, message)
      if (scene.sent.includes(id)) continue
      all ??= new Set(scene.sent)
      all.add(id)
    }
    return all === undefined ? scene : sceneOf([...all].sort((a, b) => a - b))
  }

  /** Everything that `member` can say next from here. */
  const onwards = (scene: Scene, member: number, first: Local, mayCrash: boolean): readonly Onward[] => {
    const found: Onward[] = []
    const air = airOf(scene.sent)
    const quiet = new Set<Local>([first])
    const land = (move: Move, from: Local, what: string, crashes: number): void => {
      const after = sendAll(scene, member, move.sent)
      if (after === scene && crashes === 0) {
        quiet.add(move.to)
        if (move.to.wrong === undefined) return
      }
      found.push({ to: move.to, scene: after, crashes, what: `${from === first ? '' : '… '}${what}` })
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
        land(move, local, action.name, 0)
        if (!mayCrash) continue
        if (move.to !== local || move.sent.length > 0)
          for (const crash of locals.crashes(local, action)) land(crash, local, `${action.name}, crash`, 1)
      }
      if (mayCrash) land(locals.move(local, { type: 'crash', name: 'crash' }), local, 'crash', 1)
    }
    return found
  }

  const viewOf = (scene: Scene, member: number, id: number, mayCrash: boolean): View => {
    const views = scene.views[mayCrash ? 1 : 0]
    const before = views.get(id)
    if (before !== undefined) return before
    const local = localById[id]
    assert(local !== undefined, 'it was met')
    reached.height = Math.max(reached.height, local.disk.blocks.length)
    reached.epoch = Math.max(reached.epoch, local.member.group.epoch)
    reached.view = Math.max(reached.view, local.member.view)
    const wrong = judge(scene.certified, local)
    const found = wrong === undefined ? onwards(scene, member, local, mayCrash) : []
    const next = new Int32Array(3 * found.length)
    for (const [at, { to, scene: after, crashes }] of found.entries()) {
      localById[to.id] = to
      next.set([to.id, after.id, crashes], 3 * at)
    }
    const view = { wrong, next }
    views.set(id, view)
    return view
  }

  const here: number[] = []
  const key: number[] = []
  const add = (ids: readonly number[], scene: number, crashes: number, parent: number, depth: number): void => {
    totals.moves++
    const { parts, rest } = scenes[scene] as Scene
    for (const [place, id] of ids.entries()) key[place] = id
    // The alike ones in order: each with what it is in and what it has sent.
    const pairs = alike.map((place, at) => (localById[ids[place] ?? -1]?.alike ?? 0) * PARTS_MAX + (parts[at] ?? 0))
    pairs.sort((a, b) => a - b)
    for (const [at, place] of alike.entries()) key[place] = pairs[at] ?? 0
    key[ids.length] = rest * CRASHES_RANGE + crashes
    const state = known.add(ids, scene * CRASHES_RANGE + crashes, key, parent, depth)
    if (state >= 0) stack.push(state)
  }

  /** The moves that led to a state, found again. */
  const pathOf = (state: number): string[] => {
    const parent = known.parentOf(state)
    if (parent < 0) return ['begin']
    const [from, to]: [number[], number[]] = [[], []]
    known.localsOf(parent, from)
    known.localsOf(state, to)
    const [before, after] = [known.restOf(parent), known.restOf(state)]
    const scene = scenes[Math.floor(before / CRASHES_RANGE)]
    assert(scene !== undefined, 'its scene was met')
    for (const [place, member] of honest.entries()) {
      if (from.some((id, at) => at !== place && id !== to[at])) continue
      const local = localById[from[place] ?? -1]
      assert(local !== undefined, 'it was met')
      const crashes = before % CRASHES_RANGE
      const step = onwards(scene, member, local, crashes < bounds.crashes).find(
        (each) => each.to.id === to[place] && each.scene.id * CRASHES_RANGE + crashes + each.crashes === after,
      )
      if (step !== undefined) return [...pathOf(parent), `${member}: ${step.what}`]
    }
    throw new Error('no move leads there')
  }

  let first = sceneOf([])
  const begun = honest.map((index) => {
    const move = locals.begin(index)
    first = sendAll(first, index, move.sent)
    localById[move.to.id] = move.to
    return move.to.id
  })
  add(begun, first.id, 0, -1, 0)

  for (let state = stack.pop(); state !== undefined; state = stack.pop()) {
    totals.states++
    const depth = known.depthOf(state)
    totals.depth = Math.max(totals.depth, depth)
    known.localsOf(state, here)
    const rest = known.restOf(state)
    const crashes = rest % CRASHES_RANGE
    const scene = scenes[Math.floor(rest / CRASHES_RANGE)]
    assert(scene !== undefined, 'its scene was met')
    let { wrong } = scene
    const views: View[] = []
    for (const [place, member] of honest.entries()) {
      const view = viewOf(scene, member, here[place] ?? -1, crashes < bounds.crashes)
      wrong ??= view.wrong
      views.push(view)
    }
    if (wrong !== undefined) {
      violation = { text: wrong, path: pathOf(state) }
      break
    }
    for (const [place, { next }] of views.entries()) {
      const own = here[place] ?? -1
      for (let at = 0; at < next.length; at += 3) {
        here[place] = next[at] ?? -1
        add(here, next[at + 1] ?? -1, crashes + (next[at + 2] ?? 0), state, depth + 1)
      }
      here[place] = own
    }
    if (totals.states % 1024 === 0) {
      const seconds = (performance.now() - began) / 1000
      if (totals.states % 65_536 === 0)
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
    scenes: scenes.length,
    frontier: stack.length,
    complete: stack.length === 0 && violation === null,
    seconds: (performance.now() - began) / 1000,
    reached,
    violation,
  }
}
