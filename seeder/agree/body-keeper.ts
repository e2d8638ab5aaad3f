// Bodies of requests by their hash, while something needs them: in memory, and on disk those that a vote leans on.
//
// Invariants. A body is what its hash says. The empty body is always there and is never stored. What an input on its way to the
// machine counts on is there when the machine hears it.

import { hash } from 'node:crypto'
import { PAST_ROUNDS } from '#protocol/agreement/limits.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Request } from '#protocol/message/request.ts'
import { BATCH_REQUESTS_MAX } from '#protocol/message/wire.ts'
import { NO_BODY } from '#protocol/site/response-hash.ts'
import type { Settings } from '#seeder/store/port.ts'

/** Bodies that were let go and are kept a little longer: those of the last blocks. Small ones weigh less than what remembers them. */
export const LIMBO_MAX = PAST_ROUNDS * BATCH_REQUESTS_MAX
export const LIMBO_BYTES_MAX = 32 * 1024 * 1024
const EMPTY = new Uint8Array(0)
const NO_BODY_KEY = hexFromBytes(NO_BODY)

export function nativeSha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

export class BodyKeeper {
  readonly #job: string
  readonly #settings: Settings
  readonly #bodies = new Map<string, Uint8Array>()
  /** How many inputs on their way to the machine count on each. */
  readonly #pins = new Map<string, number>()
  /** Let go by the machine, oldest first: another request may have the same body, and who is a block behind still asks for it. */
  readonly #limbo = new Map<string, Uint8Array>()
  #limboBytes = 0
  /** Keys of bodies that are on disk. */
  #durable = new Set<string>()

  constructor(job: Digest, settings: Settings) {
    this.#job = hexFromBytes(job)
    this.#settings = settings
  }

  get(bodyHash: Digest): Uint8Array | undefined {
    const key = hexFromBytes(bodyHash)
    return key === NO_BODY_KEY ? EMPTY : this.#find(key)
  }

  has(bodyHash: Digest): boolean {
    return this.get(bodyHash) !== undefined
  }

  /** False when the bytes are not what the hash says. */
  keep(bodyHash: Digest, body: Uint8Array): boolean {
    const key = hexFromBytes(bodyHash)
    if (key === NO_BODY_KEY) return body.length === 0
    if (this.#find(key) === undefined && hash('sha256', body, 'hex') !== key) return false
    this.#put(key, body)
    return true
  }

  /** Keeps bytes that were hashed just before. */
  keepKnown(bodyHash: Digest, body: Uint8Array): void {
    const key = hexFromBytes(bodyHash)
    if (key !== NO_BODY_KEY) this.#put(key, body)
  }

  /** The machine needs it no more. While it is pinned it stays: the machine is about to hear of it anew. */
  drop(bodyHash: Digest): void {
    const key = hexFromBytes(bodyHash)
    const body = this.#bodies.get(key)
    if (body === undefined || this.#pins.has(key)) return
    this.#bodies.delete(key)
    this.#limbo.set(key, body)
    this.#limboBytes += body.length
    for (const [oldest, bytes] of this.#limbo) {
      if (this.#limbo.size <= LIMBO_MAX && this.#limboBytes <= LIMBO_BYTES_MAX) break
      this.#limbo.delete(oldest)
      this.#limboBytes -= bytes.length
    }
  }

  pin(bodyHash: Digest): void {
    const key = hexFromBytes(bodyHash)
    this.#pins.set(key, (this.#pins.get(key) ?? 0) + 1)
  }

  /** The machine has heard of it: from now on it says itself when it needs it no more. */
  unpin(bodyHash: Digest): void {
    const key = hexFromBytes(bodyHash)
    const left = (this.#pins.get(key) ?? 1) - 1
    if (left > 0) this.#pins.set(key, left)
    else this.#pins.delete(key)
  }

  /** Bodies of a block's requests in their order, empty ones left out, each once. */
  ofRequests(requests: readonly Request[]): Uint8Array[] {
    const seen = new Set<string>()
    const bodies: Uint8Array[] = []
    for (const request of requests) {
      const key = hexFromBytes(request.body_hash)
      if (key === NO_BODY_KEY || seen.has(key)) continue
      seen.add(key)
      const body = this.#find(key)
      assert(body !== undefined, 'bodies of a block are at hand before it is executed')
      bodies.push(body)
    }
    return bodies
  }

  /** Inside the caller's transaction: exactly these are on disk afterwards. Call `madeDurable` when it is committed. */
  writeDurable(hashes: readonly Digest[]): ReadonlySet<string> {
    const wanted = new Set(hashes.map(hexFromBytes))
    wanted.delete(NO_BODY_KEY)
    for (const key of wanted) {
      if (this.#durable.has(key)) continue
      const body = this.#find(key)
      assert(body !== undefined, 'a vote leans on bodies that are at hand')
      this.#settings.set(this.#diskKey(key), body)
    }
    for (const key of this.#durable) if (!wanted.has(key)) this.#settings.remove(this.#diskKey(key))
    return wanted
  }

  madeDurable(written: ReadonlySet<string>): void {
    this.#durable = new Set(written)
  }

  /** At start: the bodies named by the vote record; false when one is missing or damaged. */
  restore(hashes: readonly Digest[]): boolean {
    for (const bodyHash of hashes) {
      const key = hexFromBytes(bodyHash)
      if (key === NO_BODY_KEY) continue
      const body = this.#settings.get(this.#diskKey(key))
      if (body === undefined || !this.keep(bodyHash, body)) return false
      this.#durable.add(key)
    }
    return true
  }

  #find(key: string): Uint8Array | undefined {
    return this.#bodies.get(key) ?? this.#limbo.get(key)
  }

  #put(key: string, body: Uint8Array): void {
    const parked = this.#limbo.get(key)
    if (parked !== undefined) {
      this.#limbo.delete(key)
      this.#limboBytes -= parked.length
    }
    if (!this.#bodies.has(key)) this.#bodies.set(key, parked ?? body)
  }

  #diskKey(key: string): string {
    return `body/${this.#job}/${key}`
  }
}
