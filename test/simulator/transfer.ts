// How members get blocks, bodies and states from each other in the simulated world: one question and one answer over the same
// bad net as everything else, then somebody else is asked, and in the end the asker is told that it failed. Malicious members
// answer with silence, with the truth, or with something spoiled.

import type { Door } from '#protocol/agreement/door.ts'
import { verifyCert, verifyFetched } from '#protocol/agreement/door.ts'
import type { Effect, FetchedBlock } from '#protocol/agreement/port.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import type { StoredBlock } from './disk.ts'
import type { Random } from './random.ts'
import type { Seat } from './seat.ts'
import type { Keyring } from './signatures.ts'

export type Want = Extract<Effect, { type: 'fetchBodies' | 'fetchBlocks' | 'fetchState' }>

export type TransferOptions = {
  door(seat: Seat): Door
  readonly keys: Keyring
  readonly seats: ReadonlyMap<number, Seat>
  /** So many seats are known to a seat. */
  reach(seat: Seat): number
  readonly random: Random
  at(time: number, event: (now: number) => void): void
  /** Arrival times of one message. */
  arrivals(from: number, to: number, now: number): number[]
  /** What the actor hands out for a malicious member: what was certified, as it could know it. */
  known(height: number): StoredBlock | undefined
}

const TRIES_MAX = 3
const PATIENCE_MS = 1_500
const ANSWER_BLOCKS_MAX = 6

type Answer =
  | { readonly type: 'bodies'; readonly hashes: readonly Digest[] }
  | { readonly type: 'blocks'; readonly blocks: readonly FetchedBlock[] }
  | { readonly type: 'state'; readonly cert: Cert }

export function createTransfer(options: TransferOptions): (seat: Seat, want: Want, now: number) => void {
  const { keys, seats, random } = options

  const blocksFrom = (at: (height: number) => StoredBlock | undefined, from: number): FetchedBlock[] => {
    const blocks: FetchedBlock[] = []
    const most = 1 + random.below(ANSWER_BLOCKS_MAX)
    for (let height = from; blocks.length < most; height++) {
      const stored = at(height)
      if (stored === undefined) break
      blocks.push({ cert: stored.cert, requests: stored.requests })
    }
    return blocks
  }

  const answerOf = (member: number, want: Want): Answer | undefined => {
    const seat = seats.get(member)
    if (seat === undefined) {
      // A malicious member.
      if (random.chance(0.4) || want.type === 'fetchBodies') return undefined
      if (want.type === 'fetchState') {
        const found = options.known(want.height)
        return found === undefined ? undefined : { type: 'state', cert: found.cert }
      }
      const blocks = blocksFrom((height) => options.known(height), want.fromHeight)
      const spoiled = random.chance(0.4)
        ? blocks.map((block) => ({ ...block, requests: block.requests.slice(1) }))
        : blocks
      return { type: 'blocks', blocks: spoiled }
    }
    if (!seat.up) return undefined
    const { image } = seat.disk
    if (want.type === 'fetchBodies') {
      const hashes = want.hashes.filter((hash) => seat.hasBody(hash))
      return hashes.length === 0 ? undefined : { type: 'bodies', hashes }
    }
    if (want.type === 'fetchState') {
      const state = image.states.get(want.height)
      const stored = image.blocks.get(want.height)
      return state === undefined || stored === undefined ? undefined : { type: 'state', cert: stored.cert }
    }
    const whole = (height: number) => (height < image.firstBlock ? undefined : image.blocks.get(height))
    const blocks = blocksFrom(whole, want.fromHeight)
    return blocks.length === 0 ? undefined : { type: 'blocks', blocks }
  }

  /** True when the answer was of use; it was then given to the machine. */
  const accept = (seat: Seat, from: number, want: Want, answer: Answer, now: number): boolean => {
    if (answer.type === 'bodies') {
      seat.deliver({ type: 'bodies', hashes: answer.hashes, now: 0 }, now)
      return true
    }
    if (answer.type === 'state') {
      const cert = verifyCert(options.door(seat), answer.cert, keys.verify)
      if (!cert.ok || want.type !== 'fetchState' || cert.value.block.height !== want.height) return false
      seat.deliver({ type: 'state', height: want.height, cert: cert.value, now: 0 }, now)
      return true
    }
    const blocks = []
    for (const fetched of answer.blocks) {
      const block = verifyFetched(options.door(seat), fetched, keys.verify)
      if (!block.ok) return false
      blocks.push(block.value)
    }
    if (blocks.length === 0) return false
    seat.deliver({ type: 'blocks', from, blocks, now: 0 }, now)
    return true
  }

  return (seat, want, now) => {
    const { life } = seat
    let settled = false
    const attempt = (target: number, tries: number, at: number) => {
      let over = false
      const next = (then: number) => {
        if (settled || over || !seat.up || seat.life !== life) return
        over = true
        if (tries < TRIES_MAX) {
          const others = Array.from({ length: options.reach(seat) }, (_, index) => index).filter(
            (index) => index !== seat.index && index !== target,
          )
          attempt(others.length === 0 ? target : random.pick(others), tries + 1, then)
          return
        }
        settled = true
        if (want.type === 'fetchBlocks') seat.deliver({ type: 'blocks', from: target, blocks: [], now: 0 }, then)
        if (want.type === 'fetchState') seat.deliver({ type: 'state', height: want.height, now: 0 }, then)
      }
      for (const asked of options.arrivals(seat.index, target, at).slice(0, 1)) {
        options.at(asked, (there) => {
          const answer = answerOf(target, want)
          if (answer === undefined) return
          for (const back of options.arrivals(target, seat.index, there).slice(0, 1)) {
            options.at(back, (here) => {
              if (settled || over || !seat.up || seat.life !== life) return
              if (accept(seat, target, want, answer, here)) settled = true
              else next(here)
            })
          }
        })
      }
      options.at(at + PATIENCE_MS, next)
    }
    attempt(want.from, 1, now)
  }
}
