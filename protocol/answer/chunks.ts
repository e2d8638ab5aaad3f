// A stream checked before it is passed on: the leaf hashes of a body's 64 KiB chunks come first, are held against the body root
// of the response hash, and then every chunk has to be the one its leaf names.

import { bytesConcat, bytesEqual } from '#protocol/codec/bytes.ts'
import { DIGEST_BYTES, type Digest, type Sha256Async, sha256 } from '#protocol/codec/digest.ts'
import { LEAF_PREFIX, merkleRoot } from '#protocol/codec/merkle.ts'
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
  push(bytes: Uint8Array): Promise<Result<readonly Uint8Array[], ChunkError>>
  /** Call at the end of the stream: gives the last, shorter chunk; `too_short` when leaves are left. */
  end(): Promise<Result<readonly Uint8Array[], ChunkError>>
}

/** `hash` is native where bodies are large. One call at a time. */
export function chunkChecker(
  leaves: readonly Digest[],
  from = 0,
  hash: Sha256Async = async (bytes) => sha256(bytes),
): ChunkChecker {
  /** The chunk that is coming, behind the byte that its leaf is hashed with: it is copied once. */
  let chunk: Uint8Array | undefined
  let length = 0
  let index = from
  const check = async (): Promise<Result<readonly Uint8Array[], ChunkError>> => {
    const hashed = chunk?.subarray(0, CHUNK_AT + length)
    chunk = undefined
    length = 0
    if (hashed === undefined) return ok([])
    const leaf = leaves[index]
    if (leaf === undefined) return err({ code: 'too_long', index })
    if (!bytesEqual(await hash(hashed), leaf)) return err({ code: 'chunk', index })
    index++
    return ok([hashed.subarray(CHUNK_AT)])
  }
  return {
    async push(bytes) {
      const proven: Uint8Array[] = []
      let offset = 0
      while (offset < bytes.length) {
        chunk ??= chunkBegun()
        const part = bytes.subarray(offset, offset + BODY_CHUNK_BYTES - length)
        chunk.set(part, CHUNK_AT + length)
        length += part.length
        offset += part.length
        if (length < BODY_CHUNK_BYTES) break
        const checked = await check()
        if (!checked.ok) return checked
        proven.push(...checked.value)
      }
      return ok(proven)
    },
    async end() {
      const last = await check()
      if (!last.ok) return last
      return index === leaves.length ? last : err({ code: 'too_short', index })
    },
  }
}

const CHUNK_AT = 1

function chunkBegun(): Uint8Array {
  const bytes = new Uint8Array(CHUNK_AT + BODY_CHUNK_BYTES)
  bytes[0] = LEAF_PREFIX
  return bytes
}
