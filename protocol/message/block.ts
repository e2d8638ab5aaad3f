// A block of a site's history: what was asked, in which order, and the roots that every honest member computes from it.
// It names no view and no epoch, so that a re-proposal is byte-identical.

import { cborFromValue, cborOnce } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { createMemo } from '#protocol/codec/memo.ts'
import { merkleLeaf, merkleRoot } from '#protocol/codec/merkle.ts'
import { cid, digest, object, oneOf, type Shaped, uint } from '#protocol/codec/shape.ts'
import { type Domain, domainHash } from '#protocol/message/domain.ts'

/**
 * `normal`: requests. `heartbeat`: none, keeps the block time fresh and runs due crons. `update`: exactly one request, the uploader's signed
 * UPDATE (new code, migrations). `reconfig`: the last block of an epoch.
 */
export const BLOCK_KINDS = ['normal', 'heartbeat', 'update', 'reconfig'] as const
export type BlockKind = (typeof BLOCK_KINDS)[number]

export const blockShape = object({
  job: digest(),
  height: uint(),
  /** Hash of the block before; of height 1, `genesisHash(job)`. */
  parent: digest(),
  /** Block time, ms since the epoch; rises strictly. */
  time: uint(),
  kind: oneOf(...BLOCK_KINDS),
  /** Hash of the runtime: instrumented binaries, glue and guest library. */
  image: digest(),
  /** CID of `app` after the block. */
  code_root: cid(),
  /** Merkle root over the hashes of the whole REQUEST records, in order. */
  requests_root: digest(),
  /** Merkle root over `receiptLeaf`s, in order. */
  receipts_root: digest(),
  /** CID of the state directory after the block. */
  state_root: cid(),
})
export type Block = Shaped<typeof blockShape>

const hashes = createMemo<Block, { readonly domain: Domain; readonly hash: Digest }>()

/** A block is never changed once it is made, so it is hashed once. */
export function blockHash(domain: Domain, block: Block): Digest {
  const known = hashes.get(block)
  if (known?.domain === domain) return known.hash
  const hash = domainHash(domain, 'block', cborOnce(block))
  hashes.set(block, { domain, hash })
  return hash
}

/** The parent of height 1; its state is the empty directory. */
export function genesisHash(domain: Domain, job: Digest): Digest {
  return domainHash(domain, 'genesis', cborFromValue({ job }))
}

/** What one step of a block came to. */
export type ReceiptLeaf = { readonly requestHash: Digest; readonly responseHash: Digest; readonly fuel: number }

const leafHashes = createMemo<ReceiptLeaf, Digest>()

/** The same object is hashed once. */
export function receiptLeaf(leaf: ReceiptLeaf): Digest {
  const known = leafHashes.get(leaf)
  if (known !== undefined) return known
  const { fuel, requestHash, responseHash } = leaf
  const hash = merkleLeaf(cborFromValue({ fuel, request_hash: requestHash, response_hash: responseHash }))
  leafHashes.set(leaf, hash)
  return hash
}

export function receiptsRoot(leaves: readonly ReceiptLeaf[]): Digest {
  return merkleRoot(leaves.map(receiptLeaf))
}

/** The seed of an ordered request's chance. */
export function writeSeed(parent: Digest, requestHash: Digest, salt: Uint8Array): Digest {
  return taggedHash('seed', parent, requestHash, salt)
}
