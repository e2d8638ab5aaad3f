// Who is provably guilty of what, judged from signed statements alone and independently of the product's own evidence code
// (agreement §2 "Provable lies"). The invariants G2 and G3 are asked here.
//
//   double_vote1, double_vote2, double_propose   two of one (epoch, height, view)
//   amnesia         VOTE2(x, v), then VOTE1(y ≠ x, v' > v) with jview < v
//   vote_after_close  a vote of an epoch that its CLOSE of that epoch does not list; close_hides_lock  a CLOSE that shows less than its VOTE2
//   hidden_lock     a TIMEOUT of a view ≥ v at its height without the lock which its own VOTE2(x, v) proves, or of a view > v below it

import type { Close, Propose, Timeout, Vote1, Vote2 } from '#protocol/message/statement.ts'
import { brief } from './chronicle.ts'

export type Statement =
  | { readonly type: 'propose'; readonly body: Propose }
  | { readonly type: 'vote1'; readonly body: Vote1 }
  | { readonly type: 'vote2'; readonly body: Vote2 }
  | { readonly type: 'timeout'; readonly body: Timeout }
  | { readonly type: 'close'; readonly body: Close }

export type Lie =
  | 'double_propose'
  | 'double_vote1'
  | 'double_vote2'
  | 'amnesia'
  | 'hidden_lock'
  | 'vote_after_close'
  | 'close_hides_lock'

type Vote = {
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly block: number
  readonly jview: number
}
type Late = {
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly high: number
}

/** Everything that one member signed, as far as known; tells the first lie that a new statement completes. */
export type Record = { add(statement: Statement): Lie | undefined }

export function recordOfMember(): Record {
  const firstByPlace = new Map<string, number>()
  const seen = new Set<string>()
  const vote1s: Vote[] = []
  const vote2s: Vote[] = []
  const timeouts: Late[] = []

  const double = (type: string, epoch: number, height: number, view: number, block: number): boolean => {
    const place = `${type}/${epoch}/${height}/${view}`
    const first = firstByPlace.get(place)
    if (first === undefined) firstByPlace.set(place, block)
    return first !== undefined && first !== block
  }
  const forgot = (two: Vote, one: Vote) =>
    one.epoch === two.epoch &&
    one.height === two.height &&
    one.block !== two.block &&
    one.view > two.view &&
    one.jview < two.view
  const hides = (two: Vote, late: Late) =>
    late.epoch === two.epoch &&
    ((late.view > two.view && late.height < two.height) ||
      (late.view >= two.view && late.height === two.height && late.high < two.view))

  const closes: Close[] = []
  const follows = (close: Close, last: Close['last_vote1'], vote: Vote) =>
    vote.epoch === close.epoch &&
    (last === null || vote.height > last.height || (vote.height === last.height && vote.view > last.view))
  const closeHides = (close: Close, two: Vote) => {
    if (two.epoch !== close.epoch || (close.high_cert?.height ?? 0) >= two.height) return false
    const shown = close.high_qc1
    return shown === null || shown.height !== two.height || shown.epoch !== two.epoch || shown.view < two.view
  }

  return {
    add(statement) {
      if (statement.type === 'close') {
        const close = statement.body
        closes.push(close)
        if (vote1s.some((one) => follows(close, close.last_vote1, one))) return 'vote_after_close'
        if (vote2s.some((two) => follows(close, close.last_vote2, two))) return 'vote_after_close'
        return vote2s.some((two) => closeHides(close, two)) ? 'close_hides_lock' : undefined
      }
      if (statement.type === 'timeout') {
        const { epoch, height, view, high } = statement.body
        const late = { epoch, height, view, high: high === null ? -1 : high.view }
        const name = `timeout/${epoch}/${height}/${view}/${late.high}`
        if (seen.has(name)) return undefined
        seen.add(name)
        timeouts.push(late)
        return vote2s.some((two) => hides(two, late)) ? 'hidden_lock' : undefined
      }
      const { epoch, height, view, block_hash: hash } = statement.body
      const block = brief(hash)
      const jview = statement.type === 'vote1' && statement.body.jview !== null ? statement.body.jview : -1
      const name = `${statement.type}/${epoch}/${height}/${view}/${block}/${jview}`
      if (seen.has(name)) return undefined
      seen.add(name)
      const vote = { epoch, height, view, block, jview }
      if (statement.type === 'propose') {
        return double('propose', epoch, height, view, block) ? 'double_propose' : undefined
      }
      if (statement.type === 'vote1') {
        vote1s.push(vote)
        if (closes.some((close) => follows(close, close.last_vote1, vote))) return 'vote_after_close'
        // Two VOTE1 of one place that differ in jview only are two votes all the same (R1).
        const doubled = double('vote1', epoch, height, view, block) || double('jview', epoch, height, view, jview)
        if (doubled) return 'double_vote1'
        return vote2s.some((two) => forgot(two, vote)) ? 'amnesia' : undefined
      }
      vote2s.push(vote)
      if (closes.some((close) => follows(close, close.last_vote2, vote))) return 'vote_after_close'
      if (closes.some((close) => closeHides(close, vote))) return 'close_hides_lock'
      if (double('vote2', epoch, height, view, block)) return 'double_vote2'
      if (vote1s.some((one) => forgot(vote, one))) return 'amnesia'
      return timeouts.some((late) => hides(vote, late)) ? 'hidden_lock' : undefined
    },
  }
}
