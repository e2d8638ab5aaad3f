// Getting from other members what this one lacks: bodies by hash, certified blocks by height, whole trees by CID.
// Everything that comes is checked before it is believed, every question has a deadline, and when one member has no answer
// the next is asked. A transfer that was cut goes on where it stood: blocks that came are kept under a named root.

import type { Door, Verified } from '#protocol/agreement/door.ts'
import { verifyCert, verifyFetched } from '#protocol/agreement/door.ts'
import type { FetchedBlock } from '#protocol/agreement/port.ts'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import { TRANSFER_BLOCKS_MAX, TRANSFER_BODIES_MAX } from '#protocol/message/wire.ts'
import { type BodyKeeper, nativeSha256 } from '#seeder/agree/body-keeper.ts'
import {
  CONTENT_CIDS_MAX,
  type ContentMessage,
  type ContentOf,
  contentFromBytes,
  contentToBytes,
} from '#seeder/agree/content-message.ts'
import { incomingLabel, letIncomingGo } from '#seeder/agree/restore.ts'
import { verify } from '#seeder/identity/keys.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import type { Block, Store } from '#seeder/store/port.ts'

const QUESTION_DEADLINE_MS = 10_000
/** Rounds over all members before a transfer is given up; the machine asks again in its own time. */
const ROUNDS_MAX = 6
const ROUND_PAUSE_MS = 250
/** Blocks of a tree that is here already are looked at in turns of so many, with everything else in between. */
const VISITS_PER_TURN = 4_096
/** States half fetched that are kept: a later one shares most of its blocks with them. */
const INCOMING_MAX = 3

export type TransferOptions = {
  readonly job: Digest
  readonly door: Door
  /** All members but oneself. */
  readonly others: () => readonly PeerName[]
  readonly network: Pick<PeerNetwork, 'request' | 'link' | 'offend'>
  readonly store: Store
  readonly bodies: BodyKeeper
  readonly signal: AbortSignal
}

export class Transfer {
  readonly #options: TransferOptions

  constructor(options: TransferOptions) {
    this.#options = options
  }

  /** Those of the hashes that are with the keeper when it ends, each pinned once for the input that tells of it. */
  async fetchBodies(hashes: readonly Digest[], from: PeerName | undefined): Promise<readonly Digest[]> {
    const { bodies, job } = this.#options
    await this.#rounds(from, async (peer) => {
      for (;;) {
        const wanted = hashes.filter((hash) => !bodies.has(hash)).slice(0, TRANSFER_BODIES_MAX)
        if (wanted.length === 0) return true
        const answer = await this.#ask(peer, { type: 'want_bodies', job, hashes: [...wanted] }, 'bodies')
        if (answer === undefined || answer.bodies.length === 0) return false
        let useful = false
        for (const body of answer.bodies) {
          const hash = nativeSha256(body) as Digest
          if (!wanted.some((each) => bytesEqual(each, hash))) continue
          bodies.keepKnown(hash, body)
          useful = true
        }
        if (!useful) return false
      }
    })
    const found = hashes.filter((hash) => bodies.has(hash))
    for (const hash of found) bodies.pin(hash)
    return found
  }

  /** Contiguous blocks from a height on, verified; empty when nobody had them. Their bodies are with the keeper, pinned once a request. */
  async fetchBlocks(fromHeight: number, from: PeerName | undefined): Promise<readonly Verified<FetchedBlock>[]> {
    const { job, door, bodies } = this.#options
    let found: readonly Verified<FetchedBlock>[] = []
    await this.#rounds(from, async (peer) => {
      const question = { type: 'want_blocks', job, from: fromHeight, count: TRANSFER_BLOCKS_MAX } as const
      const answer = await this.#ask(peer, question, 'blocks')
      if (answer === undefined) return false
      const blocks: Verified<FetchedBlock>[] = []
      for (const { cert, requests, bodies: carried } of answer.blocks) {
        if (cert.block.height !== fromHeight + blocks.length) break
        const checked = verifyFetched(door, { cert, requests }, verify)
        if (!checked.ok) {
          // A certificate of another epoch is no offence: the sender holds an older or newer network file.
          if (checked.error.code !== 'wrong_epoch') this.#options.network.offend(peer)
          break
        }
        for (const body of carried) bodies.keepKnown(nativeSha256(body) as Digest, body)
        if (!requests.every((request) => bodies.has(request.body_hash))) break
        blocks.push(checked.value)
      }
      for (const { requests } of blocks) for (const { body_hash } of requests) bodies.pin(body_hash)
      found = blocks
      return blocks.length > 0
    })
    return found
  }

  /**
   * The certificate of a height, or of a later one when the group went on, with its whole state tree in the store under `incomingLabel`;
   * undefined when that failed. What came of an earlier attempt is kept: the next one fetches the difference.
   */
  async fetchState(height: number, from: PeerName | undefined): Promise<Verified<Cert> | undefined> {
    const { job, door, store } = this.#options
    let cert: Verified<Cert> | undefined
    await this.#rounds(from, async (peer) => {
      const answer = await this.#ask(peer, { type: 'want_state', job, height }, 'state')
      if (answer === undefined || answer.cert === null || answer.cert.block.height < height) return false
      const checked = verifyCert(door, answer.cert, verify)
      if (!checked.ok) return false
      const { height: found, state_root: stateRoot } = checked.value.block
      store.blocks.addRoot(job, incomingLabel(found), stateRoot)
      letIncomingGo(store, job, found, INCOMING_MAX)
      if (!(await this.#fillFrom(peer, stateRoot))) return false
      cert = checked.value
      return true
    })
    return cert
  }

  /** True when the whole tree is in the store; its root is named before, so that what comes is kept. `goesOn` is told the bytes of each answer, and ends it with false. */
  async fetchTree(root: Cid, from: PeerName | undefined, goesOn?: (bytes: number) => boolean): Promise<boolean> {
    if (await this.isWhole(root)) return true
    let isStopped = false
    const watched = (bytes: number): boolean => {
      isStopped ||= goesOn?.(bytes) === false
      return !isStopped
    }
    return this.#rounds(from, async (peer) => !isStopped && (await this.#fillFrom(peer, root, watched)))
  }

  async isWhole(root: Cid): Promise<boolean> {
    const walk = this.#options.store.blocks.missing(root)
    while (walk.next(1, VISITS_PER_TURN).length === 0) {
      if (walk.whole) return true
      await turn()
      if (this.#options.signal.aborted) return false
    }
    return false
  }

  async #fillFrom(peer: PeerName, root: Cid, goesOn?: (bytes: number) => boolean): Promise<boolean> {
    const { store, job, signal } = this.#options
    const walk = store.blocks.missing(root)
    let before = ''
    while (!signal.aborted) {
      const cids = walk.next(CONTENT_CIDS_MAX, VISITS_PER_TURN)
      if (cids.length === 0) {
        if (walk.whole) return true
        await turn()
        continue
      }
      const asked = cids.map(hexFromBytes).join()
      if (asked === before) return false
      before = asked
      const answer = await this.#ask(peer, { type: 'want_content', job, cids }, 'content')
      if (answer === undefined) return false
      const blocks: Block[] = []
      for (const [index, bytes] of answer.blocks.entries()) {
        const cid = cids[index]
        if (cid !== undefined && bytes !== null) blocks.push({ cid, bytes })
      }
      const kept = store.blocks.put(blocks)
      if (!kept.ok) {
        if (kept.error.code === 'block_invalid') this.#options.network.offend(peer)
        return false
      }
      if (goesOn?.(blocks.reduce((sum, { bytes }) => sum + bytes.length, 0)) === false) return false
    }
    return false
  }

  /** Asks one member after the other, `first` first, until one attempt succeeds. */
  async #rounds(first: PeerName | undefined, attempt: (peer: PeerName) => Promise<boolean>): Promise<boolean> {
    const { others, network, signal } = this.#options
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const ordered = [...others()].sort((a, b) => Number(b === first) - Number(a === first))
      for (const peer of ordered) {
        if (signal.aborted) return false
        if (network.link(peer).connected && (await attempt(peer))) return true
      }
      if (round + 1 < ROUNDS_MAX) await pause(ROUND_PAUSE_MS * (round + 1), signal)
    }
    return false
  }

  async #ask<T extends ContentMessage['type']>(
    peer: PeerName,
    question: ContentMessage,
    type: T,
  ): Promise<ContentOf<T> | undefined> {
    const answer = await this.#options.network.request(peer, contentToBytes(question), QUESTION_DEADLINE_MS)
    if (!answer.ok) return undefined
    const message = contentFromBytes(answer.value)
    if (!message.ok) {
      this.#options.network.offend(peer)
      return undefined
    }
    return message.value.type === type ? (message.value as ContentOf<T>) : undefined
  }
}

/** Sockets and timers come in between. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms)
    timer.unref()
    signal.addEventListener('abort', done, { once: true })
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
  })
}
