// Which states of a member lose nothing against which: the reduction of the explorer.
//
// `covers(b, a)`: whatever a member in `a` can still do, it can in `b`, whatever the others do. `b` has sent all that `a` has, is found wrong where
// `a` is, and each action x of `a` is answered in `b` by nothing (then `b` covers what x leads to) or by one action that asks for no more messages
// and no more crashes and leads to what covers it: a simulation, found from the pair by walking both as far as they go (a member only
// ever gets on, so there is an end).
//
// Why that loses no violation. What was sent stays sent and members meet in that alone, so a member's moves are never taken away by others; and each
// invariant is broken by what was sent together with one member's state, and stays broken as more is sent. Let s be a state of the group on
// the way to a violation, and t one that is explored and from which each member can get, by itself, to what covers its state in s. From t
// every next move of s is answered; if the exploration left that answer out, it explored one that leads to what covers it, or found that where it
// stands covers it. A move that leads to what covers the place it came from can be taken at once and alone, whosever it is: all answers
// are still there afterwards. So t gets to a violation of the same invariant.
//
// What others may ever say has to be known: `universe` is all messages of an earlier pass, and a pass that meets a new one is repeated. In the last
// pass none is missing: the first message outside it that any run sends would, by the argument above, be sent in the pass too.

import { startHeight } from '#protocol/message/epoch.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import type { Air, Post } from './air.ts'
import { RULE_LETTERS } from './judge.ts'
import { type Action, type Local, type Locals, ownActions } from './local.ts'
import { hashName, startName } from './names.ts'
import { offersTo } from './offers.ts'
import type { World } from './world.ts'

/** Steps that are looked ahead before a pair is walked to its end. */
const LOOK_DEPTH = 2

/** A member's inner state with all that it has sent. */
export type Stand = {
  readonly member: number
  readonly local: Local
  readonly sent: ReadonlySet<number>
  readonly sentName: string
  /** The start that it believes (G6). */
  readonly start: string
  /** Blocks that it holds as certified while the votes for that were not all sent: what G1 asks of a member beside what is in the air. */
  readonly holds: ReadonlySet<string>
}

type Step = { readonly action: string; readonly crashes: number; readonly to: Stand }

export type Covering = {
  readonly standOf: (member: number, local: Local, sent: readonly number[]) => Stand
  readonly covers: (by: Stand, what: Stand) => boolean
  readonly pairs: () => number
  readonly stands: () => number
}

/** `universe`: messages of honest members by number. */
export function createCovering(
  world: World,
  post: Post,
  locals: Locals,
  airOf: (ids: readonly number[]) => Air,
  universe: readonly number[],
  endsAt: number,
): Covering {
  const byName = new Map<string, Stand>()
  const airs = new Map<string, Air>()
  const stepsOf = new Map<Stand, readonly Step[]>()
  const judged = new Map<Stand, Map<Stand, boolean>>()
  let pairs = 0

  const create = (member: number, local: Local, sent: readonly number[]): Stand => {
    const sentName = sent.join()
    const name = `${member}/${local.id}/${sentName}`
    const known = byName.get(name)
    if (known !== undefined) return known
    const { start } = local.member
    const stand: Stand = {
      member,
      local,
      sent: new Set(sent),
      sentName,
      start: start === null ? '' : `${startName(start)}${startHeight(start)}`,
      holds: heldAlone(world, post, member, local, sent),
    }
    byName.set(name, stand)
    return stand
  }

  const airBefore = ({ member, sent, sentName }: Stand): Air => {
    const name = `${member}/${sentName}`
    let air = airs.get(name)
    if (air === undefined) {
      const others = universe.filter((id) => post.get(id).from !== member)
      air = airOf([...new Set([...others, ...sent])].sort((a, b) => a - b))
      airs.set(name, air)
    }
    return air
  }

  const stepsFrom = (stand: Stand): readonly Step[] => {
    const before = stepsOf.get(stand)
    if (before !== undefined) return before
    const { member, local } = stand
    const steps = new Map<string, Step>()
    const land = (action: string, crashes: number, to: Local, said: readonly WireMessage[]): void => {
      const sent = new Set(stand.sent)
      for (const message of said) sent.add(post.intern(member, message).id)
      const next = create(
        member,
        to,
        [...sent].sort((a, b) => a - b),
      )
      if (next !== stand) steps.set(`${action}/${crashes}/${to.id}/${next.sentName}`, { action, crashes, to: next })
    }
    const actions: readonly Action[] = [
      ...ownActions(world, local),
      ...offersTo(world, airBefore(stand), member, local),
    ]
    const mayCrash = local.lives < world.bounds.crashes
    for (const action of actions) {
      const move = locals.move(local, action)
      land(action.name, 0, move.to, move.sent)
      if (mayCrash && (move.to !== local || move.sent.length > 0))
        for (const crash of locals.crashes(local, action)) land(action.name, 1, crash.to, crash.sent)
    }
    if (mayCrash) {
      const crash = locals.move(local, { type: 'crash', name: 'crash' })
      land('crash', 1, crash.to, crash.sent)
    }
    const found = [...steps.values()]
    stepsOf.set(stand, found)
    return found
  }

  const keep = (by: Stand, what: Stand, found: boolean): boolean => {
    const answers = judged.get(by) ?? new Map<Stand, boolean>()
    judged.set(by, answers)
    answers.set(what, found)
    return found
  }

  const covers = (by: Stand, what: Stand): boolean => {
    if (by === what) return true
    const before = judged.get(by)?.get(what)
    // Whoever has no time left says no: nothing is left out for that.
    if (before !== undefined || performance.now() > endsAt) return before ?? false
    pairs++
    if (differs(by, what) || !mayCover(by, what, LOOK_DEPTH)) return keep(by, what, false)
    // A pair that comes back to itself counts for nothing: what is found true rests on pairs found true before.
    keep(by, what, false)
    return keep(by, what, answersAll(by, what, covers))
  }

  /** What shows without walking on. */
  const differs = (by: Stand, what: Stand): boolean => {
    const [own, other] = [by.local.wrong, what.local.wrong]
    const wrong = other !== undefined && own?.slice(0, RULE_LETTERS) !== other.slice(0, RULE_LETTERS)
    if (by.member !== what.member || wrong || (what.start !== '' && what.start !== by.start)) return true
    return !isWithin(what.sent, by.sent) || !isWithin(what.holds, by.holds)
  }

  /** Each step of `what` has an answer in `by`, as `answered` sees it. */
  const answersAll = (by: Stand, what: Stand, answered: (by: Stand, what: Stand) => boolean): boolean => {
    const sameHeight = by.local.member.head.height === what.local.member.head.height
    const own = stepsFrom(by)
    return stepsFrom(what).every(
      (step) =>
        own.some(
          ({ action, crashes, to }) =>
            crashes <= step.crashes &&
            asksNoMore(action, step.action, sameHeight) &&
            (to === step.to || answered(to, step.to)),
        ) || answered(by, step.to),
    )
  }

  /** Most that do not cover show it within a few steps: that is looked at first, for it is far less than walking as far as it goes. */
  const mayCover = (by: Stand, what: Stand, depth: number): boolean => {
    if (by === what) return true
    const before = judged.get(by)?.get(what)
    if (before !== undefined && !before) return false
    if (before === true || depth === 0) return !differs(by, what)
    if (!differs(by, what) && answersAll(by, what, (one, other) => mayCover(one, other, depth - 1))) return true
    keep(by, what, false)
    return false
  }

  return { standOf: create, covers, pairs: () => pairs, stands: () => byName.size }
}

/**
 * Whoever can be given `than` can be given `action`. Names list what a quorum is made of, so that fewer of the same are there too;
 * what TIMEOUTs are called is relative to the own height.
 */
function asksNoMore(action: string, than: string, sameHeight: boolean): boolean {
  const type = action.charAt(0)
  if (type === 't' && action !== 'timeout' && !sameHeight) return false
  if (action === than || action === 'timeout' || action === 'close' || action === 'crash') return true
  if (!'vwtcr'.includes(type) || than === 'timeout' || than === 'close' || than === 'crash') return false
  const [at, other] = [listAt(action), listAt(than)]
  const [asked, offered] = [action.slice(0, at), than.slice(0, other)]
  // The block beside a certificate may be left out.
  const withoutBlock = type === 'w' && asked === offered.slice(0, offered.indexOf('/') + 1)
  if (asked !== offered && !withoutBlock) return false
  const there = than.slice(other + 1, -1).split(',')
  return action
    .slice(at + 1, -1)
    .split(',')
    .every((each) => {
      const place = there.indexOf(each)
      if (place >= 0) there.splice(place, 1)
      return place >= 0
    })
}

function isWithin<T>(some: ReadonlySet<T>, all: ReadonlySet<T>): boolean {
  if (some.size > all.size) return false
  for (const each of some) if (!all.has(each)) return false
  return true
}

const listAt = (name: string): number => name.indexOf('(')

/** Votes of others came out of the air; the own one may have been kept back by a crash. Where a quorum of both was sent, the air itself says so. */
function heldAlone(
  world: World,
  post: Post,
  member: number,
  local: Local,
  sent: readonly number[],
): ReadonlySet<string> {
  const held = new Set<string>()
  for (const { cert } of local.disk.blocks) {
    const { height, view, block_hash } = cert.qc1
    const block = hashName(block_hash)
    const said = (type: 'vote1' | 'vote2') =>
      sent.some((id) => {
        const { message } = post.get(id)
        return (
          message.type === type &&
          message.vote.body.height === height &&
          message.vote.body.view === view &&
          hashName(message.vote.body.block_hash) === block
        )
      })
    const shown = (type: 'vote1' | 'vote2', voters: readonly (readonly [number, ...unknown[]])[]) =>
      voters.filter(([voter]) => voter !== member).length + (said(type) ? 1 : 0) >= world.quorum
    if (!shown('vote1', cert.qc1.votes) || !shown('vote2', cert.qc2.votes)) held.add(`${height}${block}`)
  }
  return held
}
