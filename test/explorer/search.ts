// One walk through the states of a group. A member's inner states are numbered (`local.ts`), what is in the air too (a scene), and what a member can
// say next is found once for each inner state before each scene: the states of the group are tuples of numbers, and walking from one to the
// next is looking up.

import { assert } from '#protocol/codec/result.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import type { Air, Post } from './air.ts'
import type { Covering, Stand } from './covering.ts'
import { type Certified, certifiedIn, judge, RULE_LETTERS } from './judge.ts'
import { type Action, type Local, type Locals, type Move, ownActions } from './local.ts'
import { offersTo } from './offers.ts'
import { createStates } from './states.ts'
import type { Bounds, World } from './world.ts'

/** Crashes of a run are below it. */
const CRASHES_RANGE = 4
const SCENES_MAX = 2 ** 32 / CRASHES_RANGE
const PARTS_MAX = 2 ** 16
/** Between two reports of progress. */
const SAYS_MS = 1000

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
  /** Passes until no message was new, and pairs of one member's states that were compared in the last one. */
  readonly passes: number
  readonly pairs: number
  /** What was sent in states from which nothing new can be said, and the invariants that break anywhere. */
  readonly ends: ReadonlySet<string>
  readonly broken: readonly string[]
}

export type ExploreOptions = {
  /** Without the states and moves that covered ones stand for (`covering.ts`): fewer states, each at a higher price. */
  readonly reduced?: boolean
  /** Goes on behind what is wrong, so that every invariant that breaks anywhere is found. */
  readonly all?: boolean
  readonly statesMax?: number
  readonly withinMs?: number
  readonly onProgress?: (soFar: {
    states: number
    frontier: number
    depth: number
    seconds: number
    locals: number
    pairs: number
  }) => void
}

/** What is in the air, known by number, with all that follows from it alone. */
type Scene = {
  readonly id: number
  readonly sent: readonly number[]
  /** G1, G5 of what can be certified. */
  readonly wrong: readonly string[]
  readonly certified: Certified
  /** What each of the alike members has sent, and all that the others have, by number. */
  readonly parts: readonly number[]
  readonly rest: number
  /** By the number of a member's inner state; without and with a crash left. */
  readonly views: readonly [Map<number, View>, Map<number, View>]
}

/** A member in an inner state that stands before a scene, whatever the others are in. */
type View = {
  readonly wrong: readonly string[]
  /** What it can say next: inner state, scene and crashes used by it, one after another. */
  readonly next: Int32Array
  /** The first of those loses nothing: it is taken at once, and alone. */
  readonly free: boolean
}

type Worthwhile = { readonly found: readonly Onward[]; readonly free: boolean }
const NOTHING: Worthwhile = { found: [], free: false }

type Onward = { readonly to: Local; readonly scene: Scene; readonly crashes: number; readonly what: string }

/** What all passes share: the machine is stepped once. */
export type Workshop = {
  readonly world: World
  readonly post: Post
  readonly airOf: (ids: readonly number[]) => Air
  readonly locals: Locals
  /** All that honest members sent in any pass. */
  readonly met: Set<number>
}

/** One walk through all states, or as many as time and `statesMax` allow; `covering`: what may be left out. */
export function search(
  { world, post, airOf, locals, met }: Workshop,
  options: ExploreOptions,
  statesMax: number,
  endsAt: number,
  covering: Covering | null,
): Exploration {
  const { bounds } = world
  const began = performance.now()
  const honest = world.signers.map((_, index) => index).filter((index) => index !== world.liar)
  const known = createStates(honest.length)
  const stack: number[] = []
  let saysAt = began + SAYS_MS
  const scenes: Scene[] = []
  const sceneByName = new Map<string, Scene>()
  /** Inner states that a state of the group has, in the order in which they were met; comparing made many more. */
  const localById: Local[] = []
  const idByLocal = new Map<Local, number>()
  const alikes = new Map<number, number>()
  const idOf = (local: Local): number => {
    let id = idByLocal.get(local)
    if (id === undefined) {
      id = localById.length
      localById.push(local)
      idByLocal.set(local, id)
    }
    return id
  }
  const totals = { states: 0, moves: 0, depth: 0 }
  const reached = { height: 0, view: 0, epoch: 0 }
  const ends = new Set<string>()
  const broken = new Set<string>()
  const endOf = ({ sent }: Scene): string =>
    sent
      .map((id) => post.get(id).name)
      .sort()
      .join('\n')
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
      for (const id of sent) met.add(id)
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
        if (move.to === from) return
        quiet.add(move.to)
        if (judge(scene.certified, move.to).length === 0) return
      }
      found.push({ to: move.to, scene: after, crashes, what: `${from === first ? '' : '… '}${what}` })
    }
    // A set grows while it is walked through.
    for (const local of quiet) {
      const offers: Action[] = [...offersTo(world, air, member, local), ...ownActions(world, local)]
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

  const note = ({ disk, member }: Local): void => {
    reached.height = Math.max(reached.height, disk.blocks.length)
    reached.epoch = Math.max(reached.epoch, member.group.epoch)
    reached.view = Math.max(reached.view, member.view)
  }

  const stand = (by: Covering, scene: Scene, member: number, local: Local): Stand =>
    by.standOf(
      member,
      local,
      scene.sent.filter((id) => post.get(id).from === member),
    )

  /** Of what it can say next: not what its present state covers or another of them does. One that covers it comes alone. */
  const worthwhile = (scene: Scene, member: number, local: Local, mayCrash: boolean): Worthwhile => {
    const all = onwards(scene, member, local, mayCrash)
    for (const { to } of all) note(to)
    if (covering === null) return { found: all, free: false }
    const own = stand(covering, scene, member, local)
    const reach = all.map((onward) => ({ onward, at: stand(covering, onward.scene, member, onward.to) }))
    const lossless = reach.find(({ onward, at }) => onward.crashes === 0 && at !== own && covering.covers(at, own))
    if (lossless !== undefined) return { found: [lossless.onward], free: true }
    const kept: typeof reach = []
    for (const each of reach) {
      const covered = (by: (typeof reach)[number]) =>
        by.onward.crashes <= each.onward.crashes && covering.covers(by.at, each.at)
      if (covering.covers(own, each.at) || kept.some(covered)) continue
      // Whoever was kept before, and is covered by this one, goes.
      for (let at = kept.length - 1; at >= 0; at--) {
        const other = kept[at]
        if (other !== undefined && each.onward.crashes <= other.onward.crashes && covering.covers(each.at, other.at))
          kept.splice(at, 1)
      }
      kept.push(each)
    }
    return { found: kept.map(({ onward }) => onward), free: false }
  }

  const viewOf = (scene: Scene, member: number, id: number, mayCrash: boolean): View => {
    // A number of an inner state is one member's.
    const views = scene.views[mayCrash ? 1 : 0]
    const before = views.get(id)
    if (before !== undefined) return before
    const local = localById[id]
    assert(local !== undefined, 'it was met')
    note(local)
    const wrong = judge(scene.certified, local)
    const goesOn = wrong.length === 0 || options.all === true
    const { found, free } = goesOn ? worthwhile(scene, member, local, mayCrash) : NOTHING
    const next = new Int32Array(3 * found.length)
    for (const [at, { to, scene: after, crashes }] of found.entries()) {
      next.set([idOf(to), after.id, crashes], 3 * at)
    }
    const view = { wrong, next, free }
    views.set(id, view)
    return view
  }

  const alikeOf = (id: number): number => {
    const general = localById[id]?.alike ?? -1
    const number = alikes.get(general) ?? alikes.size
    assert(number < PARTS_MAX, 'kinds of inner states are numbered within two bytes')
    alikes.set(general, number)
    return number
  }

  const here: number[] = []
  const key: number[] = []
  const add = (ids: readonly number[], scene: number, crashes: number, parent: number, depth: number): void => {
    totals.moves++
    const { parts, rest } = scenes[scene] as Scene
    for (const [place, id] of ids.entries()) key[place] = id
    // The alike ones in order: each with what it is in and what it has sent.
    const pairs = alike.map((place, at) => alikeOf(ids[place] ?? -1) * PARTS_MAX + (parts[at] ?? 0))
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
        (each) => idOf(each.to) === to[place] && each.scene.id * CRASHES_RANGE + crashes + each.crashes === after,
      )
      if (step !== undefined) return [...pathOf(parent), `${member}: ${step.what}`]
    }
    throw new Error('no move leads there')
  }

  let first = sceneOf([])
  const begun = honest.map((index) => {
    const move = locals.begin(index)
    first = sendAll(first, index, move.sent)
    return idOf(move.to)
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
    const wrong = [...scene.wrong]
    const views: View[] = []
    for (const [place, member] of honest.entries()) {
      const view = viewOf(scene, member, here[place] ?? -1, crashes < bounds.crashes)
      wrong.push(...view.wrong)
      views.push(view)
    }
    const [text] = wrong
    if (text !== undefined) {
      violation ??= { text, path: pathOf(state) }
      for (const each of wrong) broken.add(each.slice(0, RULE_LETTERS))
      if (options.all !== true) break
    }
    const alone = views.findIndex(({ free }) => free)
    if (views.every(({ next }) => next.length === 0)) ends.add(endOf(scene))
    for (const [place, { next }] of views.entries()) {
      if (alone >= 0 && place !== alone) continue
      const own = here[place] ?? -1
      for (let at = 0; at < next.length; at += 3) {
        here[place] = next[at] ?? -1
        add(here, next[at + 1] ?? -1, crashes + (next[at + 2] ?? 0), state, depth + 1)
      }
      here[place] = own
    }
    const now = performance.now()
    if (now > saysAt) {
      saysAt = now + SAYS_MS
      const seconds = (now - began) / 1000
      const pairs = covering?.pairs() ?? 0
      options.onProgress?.({ ...totals, frontier: stack.length, seconds, locals: locals.count(), pairs })
    }
    if (now > endsAt) break
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
    complete: stack.length === 0 && (violation === null || options.all === true),
    seconds: (performance.now() - began) / 1000,
    reached,
    violation,
    passes: 1,
    pairs: covering?.pairs() ?? 0,
    ends,
    broken: [...broken].sort(),
  }
}
