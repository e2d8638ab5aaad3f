// Bytes from disk are hashed at their first read, so that a damaged byte is noticed before it is served or executed.

import { blockMatches } from '#protocol/content/block.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'

/** Blocks remembered as checked; the older half is forgotten at a time, and checked again when it is read again. */
export const VERIFIED_MAX = 65_536

/**
 * Remembers by the first 48 bits of the digest: enough against a disk, and what came from a stranger was checked in full
 * before it was kept.
 */
export class VerifiedBlocks {
  #young = new Set<number>()
  #old = new Set<number>()

  /** True when the bytes are the CID's: remembered, or hashed now. */
  check(cid: Cid, bytes: Uint8Array): boolean {
    const key = keyOf(cid)
    if (this.#young.has(key)) return true
    if (!this.#old.has(key) && !blockMatches(cid, bytes, nativeSha256)) return false
    this.#remember(key)
    return true
  }

  /** Bytes that come for this CID later are others: they are checked again. */
  forget(cid: Cid): void {
    const key = keyOf(cid)
    this.#young.delete(key)
    this.#old.delete(key)
  }

  #remember(key: number): void {
    if (this.#young.size >= VERIFIED_MAX / 2) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(key)
  }
}

function keyOf(cid: Cid): number {
  let key = 0
  for (let index = 4; index < 10; index++) key = key * 256 + (cid[index] ?? 0)
  return key
}
