// REQUEST: a visitor's write (or an uploader's UPDATE) on its way into a block. Bodies travel beside it, by hash.

import { bytesConcat } from '#protocol/codec/bytes.ts'
import { cborFromValue, cborOnce } from '#protocol/codec/cbor.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { createMemo } from '#protocol/codec/memo.ts'
import { merkleLeaf, merkleRoot } from '#protocol/codec/merkle.ts'
import { array, bytesExactly, digest, object, type Shaped, text, tuple, uint } from '#protocol/codec/shape.ts'

export const TARGET_BYTES_MAX = 8 * 1024
export const HEADER_VALUE_BYTES_MAX = 8 * 1024
export const HEADERS_MAX = 32
export const SALT_BYTES = 16
/** One REQUEST without its body. */
export const REQUEST_BYTES_MAX = 32 * 1024
/** A body that is ordered; larger uploads are refused with 413. */
export const BODY_BYTES_MAX = 8 * 1024 * 1024

/** An HTTP token (RFC 9110 §5.6.2), upper case; `UPDATE` is reserved for the uploader's signed update. */
export const method = text(32, /^[A-Z][A-Z0-9!#$%&'*+.^_`|~-]*$/)
export const target = text(TARGET_BYTES_MAX, /^\/[\x21-\x7e]*$/)
export const headerPair = tuple(text(64, /^[a-z0-9!#$%&'*+.^_`|~-]+$/), text(HEADER_VALUE_BYTES_MAX))

export const requestShape = object({
  job: digest(),
  method,
  target,
  /** The listed headers only, as `requestHeaders` puts them. */
  headers: array(headerPair, HEADERS_MAX),
  body_hash: digest(),
  body_bytes: uint(BODY_BYTES_MAX),
  salt: bytesExactly(SALT_BYTES),
  /** When a member took it, ms since the epoch; within 60 s of the block's time (R9). */
  time: uint(),
})
export type Request = Shaped<typeof requestShape>

export function saltHash(salt: Uint8Array): Digest {
  return taggedHash('salt', salt)
}

/** What a request is to everybody, visitors included: no time and no salt, so that equal reads are equal. */
export type RequestFacts = {
  readonly job: Digest
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [string, string])[]
  readonly bodyHash: Digest
  /** Of an ordered request; a read has none. */
  readonly saltHash?: Digest
}

export function requestHash(facts: RequestFacts): Digest {
  const body: Record<string, unknown> = {
    body_hash: facts.bodyHash,
    headers: facts.headers,
    job: facts.job,
    method: facts.method,
    target: facts.target,
  }
  if (facts.saltHash !== undefined) body.salt_hash = facts.saltHash
  return taggedHash('request', cborFromValue(body))
}

const hashes = createMemo<Request, Digest>()

/** The same object is hashed once. */
export function orderedRequestHash(request: Request): Digest {
  const known = hashes.get(request)
  if (known !== undefined) return known
  const { job, method: verb, target: path, headers, body_hash: bodyHash, salt } = request
  const hash = requestHash({ job, method: verb, target: path, headers, bodyHash, saltHash: saltHash(salt) })
  hashes.set(request, hash)
  return hash
}

/** Canonical bytes of a REQUEST record; the same object is encoded once. */
export function requestToBytes(request: Request): Uint8Array {
  return cborOnce(request)
}

const leaves = createMemo<Request, Digest>()

function requestLeaf(request: Request): Digest {
  const known = leaves.get(request)
  if (known !== undefined) return known
  const leaf = merkleLeaf(requestToBytes(request))
  leaves.set(request, leaf)
  return leaf
}

/** Merkle root over whole REQUEST records: time and salt are bound, the order too. The same object is hashed once. */
export function requestsRoot(requests: readonly Request[]): Digest {
  return merkleRoot(requests.map(requestLeaf))
}

/** R9: the agreed key of a request that carries `Idempotency-Key`. */
export function idempotencyKey(key: string, verb: string, path: string): Digest {
  return taggedHash('idempotency', cborFromValue([key, verb, path]))
}

/** The seed of a read's chance: 16 random bytes of the serving member make it unguessable from outside. */
export function readSeed(stateRoot: Uint8Array, hash: Digest, nonce: Uint8Array): Digest {
  return taggedHash('seed', bytesConcat(stateRoot, hash, nonce))
}
