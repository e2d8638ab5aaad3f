// Bytes from disk are hashed at their first read, so that a damaged byte is noticed before it is served or executed; at later
// reads their CRC-32 is compared, which costs a tenth of the hash and finds every change of one byte.

import { crc32 } from 'node:zlib'
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
  #young = new Map<number, number>()
  #old = new Map<number, number>()

  /** True when the bytes are the CID's: as they were when they were hashed, or hashed now. */
  check(cid: Cid, bytes: Uint8Array): boolean {
    const key = keyOf(cid)
    const sum = crc32(bytes)
    const young = this.#young.get(key)
    if (young !== undefined) return young === sum
    const old = this.#old.get(key)
    if (old === undefined ? !blockMatches(cid, bytes, nativeSha256) : old !== sum) return false
    this.#remember(key, sum)
    return true
  }

  /** Bytes that come for this CID later are others: they are checked again. */
  forget(cid: Cid): void {
    const key = keyOf(cid)
    this.#young.delete(key)
    this.#old.delete(key)
  }

  #remember(key: number, sum: number): void {
    if (this.#young.size >= VERIFIED_MAX / 2) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, sum)
  }
}

function keyOf(cid: Cid): number {
  let key = 0
  for (let index = 4; index < 10; index++) key = key * 256 + (cid[index] ?? 0)
  return key
}
