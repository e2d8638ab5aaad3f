// A stream checked before it is passed on: the leaf hashes of a body's 64 KiB chunks come first, are held against the body root
// of the response hash, and then every chunk has to be the one its leaf names.

import { bytesConcat, bytesEqual } from '#protocol/codec/bytes.ts'
import { DIGEST_BYTES, type Digest, type Sha256, sha256 } from '#protocol/codec/digest.ts'
import { merkleLeaf, merkleRoot } from '#protocol/codec/merkle.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { BODY_CHUNK_BYTES } from '#protocol/site/response-hash.ts'

/** 64 GiB of body. */
export const LEAVES_MAX = 1024 * 1024

export type ChunkError =
  | { readonly code: 'leaves_form'; readonly actualBytes: number }
  | { readonly code: 'body_root' }
  | { readonly code: 'chunk'; readonly index: number }
  | { readonly code: 'too_short'; readonly index: number }
  | { readonly code: 'too_long'; readonly index: number }

/** The leaves as they travel: 32 bytes each, in order. */
export function leavesFromBytes(bytes: Uint8Array, root: Digest): Result<readonly Digest[], ChunkError> {
  if (bytes.length % DIGEST_BYTES !== 0 || bytes.length / DIGEST_BYTES > LEAVES_MAX)
    return err({ code: 'leaves_form', actualBytes: bytes.length })
  const leaves: Digest[] = []
  for (let at = 0; at < bytes.length; at += DIGEST_BYTES) leaves.push(bytes.slice(at, at + DIGEST_BYTES) as Digest)
  return bytesEqual(merkleRoot(leaves), root) ? ok(leaves) : err({ code: 'body_root' })
}

/**
 * The chunks that together show how many there are, by their places: of a body with this root, and a list of so many leaves that gives it. The root
 * alone does not: in the place of a leaf a list may have the node above several. But a chunk that is its leaf's shows that this one is a leaf, and so
 * how deep the tree is there. The first shows how many the full half before the last fork has, the first behind that the same of the rest, and the
 * last one that the rest is full (RFC 6962 §2.1 gives each count one shape).
 */
export function tellingChunks(count: number): readonly number[] {
  const places: number[] = []
  let start = 0
  for (let left = count; left > 0; ) {
    places.push(start)
    let full = 1
    while (full * 2 < left) full *= 2
    // All of it is a full tree: its last leaf lies as deep as its first in no other one.
    if (left === 1 || full * 2 === left) break
    start += full
    left -= full
  }
  const last = count - 1
  return count > 0 && places.at(-1) !== last ? [...places, last] : places
}

export function leavesToBytes(leaves: readonly Digest[]): Uint8Array {
  return bytesConcat(...leaves)
}

/** Takes bytes as they come and gives back those that are proven. `from`: the index of the chunk that the stream begins with. */
export type ChunkChecker = {
  push(bytes: Uint8Array): Result<readonly Uint8Array[], ChunkError>
  /** Call at the end of the stream: gives the last, shorter chunk; `too_short` when leaves are left. */
  end(): Result<readonly Uint8Array[], ChunkError>
}

export function chunkChecker(leaves: readonly Digest[], from = 0, hash: Sha256 = sha256): ChunkChecker {
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  let index = from
  const check = (chunk: Uint8Array): Result<Uint8Array, ChunkError> => {
    const leaf = leaves[index]
    if (leaf === undefined) return err({ code: 'too_long', index })
    if (!bytesEqual(merkleLeaf(chunk, hash), leaf)) return err({ code: 'chunk', index })
    index++
    return ok(chunk)
  }
  return {
    push(bytes) {
      const proven: Uint8Array[] = []
      let offset = 0
      while (offset < bytes.length) {
        const part = bytes.subarray(offset, offset + BODY_CHUNK_BYTES - pendingBytes)
        pending.push(part.slice())
        pendingBytes += part.length
        offset += part.length
        if (pendingBytes < BODY_CHUNK_BYTES) break
        const checked = check(bytesConcat(...pending))
        if (!checked.ok) return checked
        proven.push(checked.value)
        pending = []
        pendingBytes = 0
      }
      return ok(proven)
    },
    end() {
      const proven: Uint8Array[] = []
      if (pendingBytes > 0) {
        const checked = check(bytesConcat(...pending))
        if (!checked.ok) return checked
        proven.push(checked.value)
        pending = []
        pendingBytes = 0
      }
      return index === leaves.length ? ok(proven) : err({ code: 'too_short', index })
    },
  }
}
