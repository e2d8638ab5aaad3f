// response_hash = H(canonical { status, headers but a fixed list, body_root }): what is certified about an answer is the
// representation itself, so that compression, ranges and the connection may differ from member to member.

import { HOP_FIELDS } from '#protocol/answer/hop-fields.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, type Sha256, type Sha256Async, sha256, taggedHash } from '#protocol/codec/digest.ts'
import { LEAF_PREFIX, merkleLeaf, merkleRoot } from '#protocol/codec/merkle.ts'

/** A stream is checked chunk by chunk before it is passed on. */
export const BODY_CHUNK_BYTES = 64 * 1024

/** Not covered: hop by hop, the date, how the representation was coded or cut, and our own evidence. */
export const UNCOVERED_HEADERS: ReadonlySet<string> = new Set([
  ...HOP_FIELDS,
  'via',
  'date',
  'age',
  'server',
  'accept-ranges',
  'content-encoding',
  'content-length',
  'content-range',
  'vary',
  'content-digest',
  'repr-digest',
  'signature',
  'signature-input',
  'link',
])
export const UNCOVERED_PREFIX = 'interpeer-'

export type Headers = readonly (readonly [name: string, value: string])[]

/** Lower-case names, the uncovered ones out, sorted by name; of one name in the order they were set. */
export function coveredHeaders(headers: Headers): Headers {
  return headers
    .map(([name, value]) => [name.toLowerCase(), value] as const)
    .filter(([name]) => !UNCOVERED_HEADERS.has(name) && !name.startsWith(UNCOVERED_PREFIX))
    .map((pair, index) => ({ pair, index }))
    .sort((a, b) => (a.pair[0] < b.pair[0] ? -1 : a.pair[0] > b.pair[0] ? 1 : a.index - b.index))
    .map(({ pair }) => pair)
}

/** Merkle root over the chunks of the identity body; `hash` is native where bodies are large. */
export function bodyRoot(body: Uint8Array, hash: Sha256 = sha256): Digest {
  const leaves: Digest[] = []
  for (let offset = 0; offset < body.length; offset += BODY_CHUNK_BYTES) {
    leaves.push(merkleLeaf(body.subarray(offset, offset + BODY_CHUNK_BYTES), hash))
  }
  return merkleRoot(leaves)
}

/** The same by a hash that answers later. */
export async function bodyRootAsync(body: Uint8Array, hash: Sha256Async): Promise<Digest> {
  const leaves: Digest[] = []
  const hashed = new Uint8Array(1 + Math.min(body.length, BODY_CHUNK_BYTES))
  hashed[0] = LEAF_PREFIX
  for (let offset = 0; offset < body.length; offset += BODY_CHUNK_BYTES) {
    const chunk = body.subarray(offset, offset + BODY_CHUNK_BYTES)
    hashed.set(chunk, 1)
    leaves.push((await hash(hashed.subarray(0, 1 + chunk.length))) as Digest)
  }
  return merkleRoot(leaves)
}

export function responseHash(status: number, headers: Headers, root: Digest): Digest {
  return taggedHash('response', cborFromValue({ body_root: root, headers: coveredHeaders(headers), status }))
}

/** The body hash of a request without a body. */
export const NO_BODY: Digest = sha256(bytesFromText(''))
