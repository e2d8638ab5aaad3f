// The vote state that R1 makes durable: what this member signed and is bound to at the height above its head. Canonical CBOR with a
// version; bounded by the blocks and the QC1s of one height.

import { VOTED_MAX } from '#protocol/agreement/limits.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { keepEncoding } from '#protocol/codec/cbor-encode.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Result } from '#protocol/codec/result.ts'
import {
  array,
  boolean,
  digest,
  nullable,
  object,
  oneOf,
  optional,
  readCbor,
  type Shaped,
  uint,
} from '#protocol/codec/shape.ts'
import { certShape, MEMBERS_MAX, QC1S_MAX, qc1Shape } from '#protocol/message/certificate.ts'
import { startShape } from '#protocol/message/epoch.ts'
import { EPOCH_MAX, signedShape, VIEW_MAX } from '#protocol/message/statement.ts'
import { contentShape, WIRE_BYTES_MAX, type WireError } from '#protocol/message/wire.ts'

export const RECORD_VERSION = 1
export const RECORD_BYTES_MAX = 8 * WIRE_BYTES_MAX

const lastVote = object({ height: uint(), view: uint(VIEW_MAX) })

export const recordShape = object({
  version: oneOf(RECORD_VERSION),
  job: digest(),
  epoch: uint(EPOCH_MAX),
  /** R1: what was signed before this record is lost: nothing is signed in this epoch, however often the member restarts. */
  abstain: boolean(),
  /** The height that the statements below are about; they are void once the head has it. */
  height: uint(),
  /** Present view, and the TIMEOUTs that began it (null in view 0). */
  view: uint(VIEW_MAX),
  tc: nullable(array(signedShape('timeout'), MEMBERS_MAX)),
  /** The last ones signed: views only rise, so no older one can be repeated. */
  timeout: nullable(signedShape('timeout')),
  vote1: nullable(signedShape('vote1')),
  vote2: nullable(signedShape('vote2')),
  /** The lock is the last; those before it are what its votes rely on. */
  qc1s: array(qc1Shape, QC1S_MAX),
  /** The locked block, so that it can be executed and proposed again. */
  locked: nullable(contentShape),
  /** Blocks that VOTE1s above the lock were given to, oldest first, each with the last such view; without the block when it stands as `locked` or in `proposal`. */
  voted: optional(
    array(object({ view: uint(VIEW_MAX), block_hash: digest(), content: nullable(contentShape) }), VOTED_MAX),
  ),
  /** The proof of `epoch`'s start; absent in the first one, and before it was seen. */
  start: optional(startShape),
  /** A proof that a later epoch has started: nothing is signed in `epoch` any more. */
  next_start: optional(startShape),
  /** The head is the RECONFIG that ends `epoch`, and its proof is not here: the same. */
  ended: optional(boolean()),
  /** The own CLOSE of `epoch`, with what it names: the same. */
  close: optional(object({ close: signedShape('close'), cert: nullable(certShape), qc1s: array(qc1Shape, QC1S_MAX) })),
  /** The last votes of `epoch` at any height: a CLOSE lists them. */
  last_vote1: optional(lastVote),
  last_vote2: optional(lastVote),
  /** The last epoch to abstain in; absent: `epoch` when `abstain` says so. */
  abstain_through: optional(uint(EPOCH_MAX)),
  /** Own proposal of `height`, to be sent again byte for byte. */
  proposal: nullable(object({ signed: signedShape('propose'), content: contentShape })),
})
export type VoteRecord = Shaped<typeof recordShape>

/** All that is left of the votes of a member whose group went on without it: that it signs nothing up to this epoch. */
export function departedRecord(job: Digest, epoch: number): Uint8Array {
  return recordToBytes({
    version: RECORD_VERSION,
    job,
    epoch,
    abstain: true,
    abstain_through: epoch,
    height: 1,
    view: 0,
    tc: null,
    timeout: null,
    vote1: null,
    vote2: null,
    qc1s: [],
    locked: null,
    proposal: null,
  })
}

/** What it is made of stands in the next records too. */
export function recordToBytes(record: VoteRecord): Uint8Array {
  const { start, next_start, close, timeout, vote1, vote2, proposal, tc, qc1s } = record
  for (const part of [start, next_start, close, timeout, vote1, vote2, proposal?.signed, ...(tc ?? []), ...qc1s])
    if (part != null) keepEncoding(part)
  return cborFromValue(record)
}

export function recordFromBytes(bytes: Uint8Array): Result<VoteRecord, WireError> {
  return readCbor(recordShape, bytes, RECORD_BYTES_MAX)
}
