// A block and its name: bytes hash to their CID, or they are nobody's.

import { bytesEqual } from '#protocol/codec/bytes.ts'
import { type Sha256, sha256By } from '#protocol/codec/digest.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import { type Cid, type CODEC_DAG_PB, type CODEC_RAW, cidFromDigest } from '#protocol/content/cid.ts'
import { BLOCK_BYTES_MAX } from '#protocol/content/limits.ts'
import { type ContentNode, decodeNode, type NodeError } from '#protocol/content/node.ts'

export type BlockError = { readonly code: 'block_hash' } | NodeError

/** The CID of bytes that we made. */
export function cidOfBytes(codec: typeof CODEC_DAG_PB | typeof CODEC_RAW, bytes: Uint8Array, hash: Sha256): Cid {
  assert(bytes.length <= BLOCK_BYTES_MAX, 'we make no block above the limit')
  return cidFromDigest(codec, sha256By(hash, bytes))
}

/** True when the bytes hash to the CID. */
export function blockMatches(cid: Cid, bytes: Uint8Array, hash: Sha256): boolean {
  return bytes.length <= BLOCK_BYTES_MAX && bytesEqual(hash(bytes), cid.subarray(4))
}

/** A fetched block: it hashes to its CID and is well-formed, so it may be kept and its links followed. */
export function verifyBlock(cid: Cid, bytes: Uint8Array, hash: Sha256): Result<ContentNode, BlockError> {
  if (!blockMatches(cid, bytes, hash)) return err({ code: 'block_hash' })
  const node = decodeNode(cid, bytes)
  return node.ok ? ok(node.value) : node
}
