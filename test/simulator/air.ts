// Everything that honest members ever signed and sent, whether or not it arrived: what the Byzantine actor may know, and
// what could be assembled from it. A vote counts as said when it leaves its sender.

import { bytesEqual } from '#protocol/codec/bytes.ts'
import { type Block, blockHash } from '#protocol/message/block.ts'
import type { Cert, Group, Qc1, Qc2 } from '#protocol/message/certificate.ts'
import type { Domain, Signed } from '#protocol/message/domain.ts'
import type { Start } from '#protocol/message/epoch.ts'
import type { Request } from '#protocol/message/request.ts'
import type { Ready, Timeout, Vote1, Vote2 } from '#protocol/message/statement.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'
import { brief } from './chronicle.ts'

export type Known = { readonly block: Block; readonly hash: Uint8Array; readonly requests: readonly Request[] }

/** Votes of one (epoch, height, view, block), by seat. */
export type Poll = {
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly hash: Vote1['block_hash']
  readonly vote1: Map<number, Signed<Vote1>>
  readonly vote2: Map<number, Signed<Vote2>>
}

/** Messages kept for replays. */
const HEARD_MAX = 256

export type Air = {
  /** Blocks whose content was said, by the brief name of their hash. */
  readonly blocks: Map<number, Known>
  readonly blocksByHeight: Map<number, Known[]>
  readonly polls: Map<string, Poll>
  readonly pollsByHeight: Map<number, Poll[]>
  /** TIMEOUTs by epoch and view, then seat, the latest last. */
  readonly timeouts: Map<string, Map<number, Signed<Timeout>[]>>
  /** CLOSEs of honest members with what they name, and starts, by epoch. */
  readonly closes: Map<number, WireOf<'close'>[]>
  readonly starts: Map<number, Start[]>
  readonly readies: Signed<Ready>[]
  /** Valid QC1s by (height, view, block). */
  readonly qc1s: Map<string, Qc1>
  /** Certificates by height. */
  readonly certs: Map<number, Cert>
  readonly requests: Request[]
  readonly heard: WireMessage[]
  poll(epoch: number, height: number, view: number, hash: Vote1['block_hash']): Poll
  addBlock(block: Block, requests: readonly Request[]): Known
  addQc1(qc1: Qc1): void
  hear(message: WireMessage): void
}

export function placeName(epoch: number, height: number, view: number, hash: Uint8Array): string {
  return `${epoch}/${height}/${view}/${brief(hash)}`
}

export function createAir(domain: Domain): Air {
  const blocks = new Map<number, Known>()
  /** Hashing a block once is enough. */
  const knownByBlock = new Map<Block, Known>()
  const blocksByHeight = new Map<number, Known[]>()
  const polls = new Map<string, Poll>()
  const pollsByHeight = new Map<number, Poll[]>()
  const qc1s = new Map<string, Qc1>()
  const certs = new Map<number, Cert>()
  const heard: WireMessage[] = []
  const requests: Request[] = []
  const closes = new Map<number, WireOf<'close'>[]>()
  const starts = new Map<number, Start[]>()
  let turn = 0
  const air: Air = {
    blocks,
    blocksByHeight,
    polls,
    pollsByHeight,
    timeouts: new Map(),
    closes,
    starts,
    readies: [],
    qc1s,
    certs,
    requests,
    heard,
    poll(epoch, height, view, hash) {
      const name = placeName(epoch, height, view, hash)
      let poll = polls.get(name)
      if (poll === undefined) {
        poll = { epoch, height, view, hash, vote1: new Map(), vote2: new Map() }
        polls.set(name, poll)
        const of = pollsByHeight.get(height)
        if (of === undefined) pollsByHeight.set(height, [poll])
        else of.push(poll)
      }
      return poll
    },
    addBlock(block, of) {
      const met = knownByBlock.get(block)
      if (met !== undefined) return met
      const hash = blockHash(domain, block)
      const name = brief(hash)
      let known = blocks.get(name)
      if (known === undefined) {
        known = { block, hash, requests: of }
        blocks.set(name, known)
        const there = blocksByHeight.get(block.height)
        if (there === undefined) blocksByHeight.set(block.height, [known])
        else there.push(known)
      }
      knownByBlock.set(block, known)
      return known
    },
    addQc1(qc1) {
      const name = placeName(qc1.epoch, qc1.height, qc1.view, qc1.block_hash)
      if (!qc1s.has(name)) qc1s.set(name, qc1)
    },
    hear(message) {
      if (heard.length < HEARD_MAX) heard.push(message)
      else heard[turn++ % HEARD_MAX] = message
      if ('qc1s' in message) for (const qc1 of message.qc1s) air.addQc1(qc1)
      if (message.type === 'propose') air.addBlock(message.block, message.requests)
      if (message.type === 'qc1' && message.content !== null) {
        air.addBlock(message.content.block, message.content.requests)
      }
      if (message.type === 'ready' && air.readies.length < HEARD_MAX) air.readies.push(message.ready)
      if (message.type === 'close') {
        const of = closes.get(message.close.body.epoch) ?? []
        closes.set(message.close.body.epoch, of)
        if (!of.some(({ close }) => close.from === message.close.from)) of.push(message)
      }
      const start = message.type === 'start' || message.type === 'propose' ? message.start : null
      if (start !== null) {
        const of = starts.get(start.epoch) ?? []
        starts.set(start.epoch, of)
        if (of.length < 16 && !of.includes(start)) of.push(start)
      }
      if (message.type === 'cert') {
        air.addQc1(message.cert.qc1)
        if (!certs.has(message.cert.block.height)) certs.set(message.cert.block.height, message.cert)
      }
      if (message.type === 'request' && requests.length < HEARD_MAX) requests.push(message.request)
    },
  }
  return air
}

/** Their indices in the group, in order, with the seats' votes. */
function inOrder<T>(group: Group, votes: ReadonlyMap<number, Signed<T>>, some: readonly number[]) {
  return some
    .map((seat) => {
      const vote = votes.get(seat)
      if (vote === undefined) throw new Error(`no vote of seat ${seat}`)
      return [group.members.findIndex((key) => bytesEqual(key, vote.from)), vote] as const
    })
    .sort(([a], [b]) => a - b)
}

/** QC1 of these votes: member order, each once. */
export function qc1OfVotes(group: Group, votes: ReadonlyMap<number, Signed<Vote1>>, some: readonly number[]): Qc1 {
  const first = votes.get(some[0] ?? -1)
  if (first === undefined) throw new Error(`no vote of member ${some[0]}`)
  const { job, epoch, height, view, block_hash } = first.body
  const entries = inOrder(group, votes, some).map(([index, vote]) => [index, vote.body.jview, vote.signature] as const)
  return { job, epoch, height, view, block_hash, votes: entries }
}

export function qc2OfVotes(group: Group, votes: ReadonlyMap<number, Signed<Vote2>>, some: readonly number[]): Qc2 {
  const first = votes.get(some[0] ?? -1)
  if (first === undefined) throw new Error(`no vote of member ${some[0]}`)
  const { job, epoch, height, view, block_hash } = first.body
  const entries = inOrder(group, votes, some).map(([index, vote]) => [index, vote.signature] as const)
  return { job, epoch, height, view, block_hash, votes: entries }
}
