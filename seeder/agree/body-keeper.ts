// Bodies of requests by their hash, while something needs them: in memory, and on disk those that a vote leans on.
//
// Invariant: a body is what its hash says. The empty body is always there and is never stored.

import { hash } from 'node:crypto'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Request } from '#protocol/message/request.ts'
import { NO_BODY } from '#protocol/site/response-hash.ts'
import type { Settings } from '#seeder/store/port.ts'

const EMPTY = new Uint8Array(0)
const NO_BODY_KEY = hexFromBytes(NO_BODY)

export function nativeSha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

export class BodyKeeper {
  readonly #job: string
  readonly #settings: Settings
  readonly #bodies = new Map<string, Uint8Array>()
  /** Keys of bodies that are on disk. */
  #durable = new Set<string>()

  constructor(job: Digest, settings: Settings) {
    this.#job = hexFromBytes(job)
    this.#settings = settings
  }

  get(bodyHash: Digest): Uint8Array | undefined {
    const key = hexFromBytes(bodyHash)
    return key === NO_BODY_KEY ? EMPTY : this.#bodies.get(key)
  }

  has(bodyHash: Digest): boolean {
    return this.get(bodyHash) !== undefined
  }

  /** False when the bytes are not what the hash says. */
  keep(bodyHash: Digest, body: Uint8Array): boolean {
    const key = hexFromBytes(bodyHash)
    if (key === NO_BODY_KEY) return body.length === 0
    if (this.#bodies.has(key)) return true
    if (hash('sha256', body, 'hex') !== key) return false
    this.#bodies.set(key, body)
    return true
  }

  /** Keeps bytes that were hashed just before. */
  keepKnown(bodyHash: Digest, body: Uint8Array): void {
    const key = hexFromBytes(bodyHash)
    if (key !== NO_BODY_KEY && !this.#bodies.has(key)) this.#bodies.set(key, body)
  }

  drop(bodyHash: Digest): void {
    this.#bodies.delete(hexFromBytes(bodyHash))
  }

  /** Bodies of a block's requests in their order, empty ones left out, each once. */
  ofRequests(requests: readonly Request[]): Uint8Array[] {
    const seen = new Set<string>()
    const bodies: Uint8Array[] = []
    for (const request of requests) {
      const key = hexFromBytes(request.body_hash)
      if (key === NO_BODY_KEY || seen.has(key)) continue
      seen.add(key)
      const body = this.#bodies.get(key)
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
      const body = this.#bodies.get(key)
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

  #diskKey(key: string): string {
    return `body/${this.#job}/${key}`
  }
}
