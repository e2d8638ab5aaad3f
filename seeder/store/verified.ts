// Bytes from disk are hashed at their first read, so that a damaged byte is noticed before it is served or executed; at later
// reads their CRC-32 is compared, which costs a tenth of the hash and finds every change of one byte.

import { crc32 } from 'node:zlib'
import { blockMatches } from '#protocol/content/block.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'

/** Blocks remembered as checked, each in the one place that its digest gives it: who comes there later takes it, and the other is checked again. */
export const VERIFIED_PLACES = 32_768
const NOBODY = -1

/**
 * Remembers by the first 48 bits of the digest: enough against a disk, and what came from a stranger was checked in full
 * before it was kept. What it takes of memory it takes at once.
 */
export class VerifiedBlocks {
  readonly #keys = new Float64Array(VERIFIED_PLACES).fill(NOBODY)
  readonly #sums = new Uint32Array(VERIFIED_PLACES)

  /** True when the bytes are the CID's: as they were when they were hashed, or hashed now. */
  check(cid: Cid, bytes: Uint8Array): boolean {
    const key = keyOf(cid)
    const place = key % VERIFIED_PLACES
    const sum = crc32(bytes)
    if (this.#keys[place] === key) return this.#sums[place] === sum
    if (!blockMatches(cid, bytes, nativeSha256)) return false
    this.#keys[place] = key
    this.#sums[place] = sum
    return true
  }

  /** Bytes that come for this CID later are others: they are checked again. */
  forget(cid: Cid): void {
    const key = keyOf(cid)
    const place = key % VERIFIED_PLACES
    if (this.#keys[place] === key) this.#keys[place] = NOBODY
  }
}

function keyOf(cid: Cid): number {
  let key = 0
  for (let index = 4; index < 10; index++) key = key * 256 + (cid[index] ?? 0)
  return key
}
