// What the driver writes into the store's opaque records: the vote state with the names of the bodies it needs, and of each
// certified height what it takes to execute it again.

import { VOTED_MAX } from '#protocol/agreement/limits.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Result } from '#protocol/codec/result.ts'
import { array, bytes, digest, object, readCbor, type Shaped } from '#protocol/codec/shape.ts'
import { type Cert, certShape } from '#protocol/message/certificate.ts'
import { BODY_BYTES_MAX, type Request, requestShape } from '#protocol/message/request.ts'
import { BATCH_REQUESTS_MAX, type WireError } from '#protocol/message/wire.ts'

/** The machine's own record; its parts are bounded there. */
const MACHINE_RECORD_BYTES_MAX = 8 * 1024 * 1024
/** Bodies that a lock, an own proposal and the blocks that were voted for may need at once. */
const DURABLE_BODIES_MAX = (VOTED_MAX + 2) * BATCH_REQUESTS_MAX
const CERT_BYTES_MAX = 64 * 1024
/** Written by this member itself, from a block that kept the bounds of the wire. */
const HEIGHT_BYTES_MAX = 1024 * 1024 * 1024

const voteShape = object({
  record: bytes(MACHINE_RECORD_BYTES_MAX),
  /** Each is in the settings under `bodyKey`. */
  bodies: array(digest(), DURABLE_BODIES_MAX),
})
export type VoteRecord = Shaped<typeof voteShape>

export function voteToBytes(record: Uint8Array, bodies: readonly Digest[]): Uint8Array {
  return cborFromValue({ record, bodies })
}

export function voteFromBytes(encoded: Uint8Array): Result<VoteRecord, WireError> {
  return readCbor(voteShape, encoded, MACHINE_RECORD_BYTES_MAX + DURABLE_BODIES_MAX * 40)
}

const heightShape = object({
  requests: array(requestShape, BATCH_REQUESTS_MAX),
  /** In the order of the requests, empty ones left out, each once. */
  bodies: array(bytes(BODY_BYTES_MAX), BATCH_REQUESTS_MAX),
})
export type HeightRecord = Shaped<typeof heightShape>

export function heightToBytes(requests: readonly Request[], bodies: readonly Uint8Array[]): Uint8Array {
  return cborFromValue({ requests, bodies })
}

export function heightFromBytes(encoded: Uint8Array): Result<HeightRecord, WireError> {
  return readCbor(heightShape, encoded, HEIGHT_BYTES_MAX)
}

export function certToBytes(cert: Cert): Uint8Array {
  return cborFromValue(cert)
}

export function certFromBytes(encoded: Uint8Array): Result<Cert, WireError> {
  return readCbor(certShape, encoded, CERT_BYTES_MAX)
}
