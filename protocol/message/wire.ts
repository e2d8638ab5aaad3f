// What members of a group say to each other, as it stands on the wire (agreement §2, Messages). Votes carry hashes, never
// bodies. A message that leans on QC1s carries them beside it in `qc1s`, lowest view first, so that each finds those that
// its own votes name (R3: a VOTE1 counts only with the QC1 of its jview at hand).
//
//   request · propose · vote1 · vote2 · nay · qc1 · cert · timeout · tc · status      agreement: `protocol/agreement`
//   ready · close · start                                                             from one epoch to the next (§6)
//   want_blocks · blocks · want_bodies · bodies                                       transfer: the driver asks and answers

import { type CborError, cborFromValue } from '#protocol/codec/cbor.ts'
import type { Result } from '#protocol/codec/result.ts'
import {
  array,
  boolean,
  bytes,
  digest,
  nullable,
  object,
  oneOf,
  readCbor,
  type Shaped,
  type ShapeError,
  uint,
  union,
} from '#protocol/codec/shape.ts'
import { blockShape } from '#protocol/message/block.ts'
import { certShape, MEMBERS_MAX, QC1S_MAX, qc1Shape } from '#protocol/message/certificate.ts'
import { startShape } from '#protocol/message/epoch.ts'
import { BODY_BYTES_MAX, requestShape } from '#protocol/message/request.ts'
import { EPOCH_MAX, signedShape, VIEW_MAX } from '#protocol/message/statement.ts'

/** A body up to this size travels inside `request`; a larger one is fetched by its hash. */
export const INLINE_BODY_BYTES_MAX = 64 * 1024
/** R8: requests of one block. */
export const BATCH_REQUESTS_MAX = 256
/** R8: bytes of the encoded REQUESTs of one block. */
export const BATCH_BYTES_MAX = 256 * 1024
/** One agreement message: a full block beside its justification. */
export const WIRE_BYTES_MAX = 1024 * 1024
/** Blocks and bodies in one transfer message. */
export const TRANSFER_BLOCKS_MAX = 64
export const TRANSFER_BODIES_MAX = 64
export const TRANSFER_BYTES_MAX = 16 * 1024 * 1024

const qc1s = array(qc1Shape, QC1S_MAX)
const requests = array(requestShape, BATCH_REQUESTS_MAX)
const timeouts = array(signedShape('timeout'), MEMBERS_MAX)
/** A block and what its `requests_root` stands for. */
export const contentShape = object({ block: blockShape, requests })

export const wireShape = union('type', {
  /** R7: a visitor's request is shared with all members. `body` is null when it is to be fetched (or is empty). */
  request: object({
    type: oneOf('request'),
    request: requestShape,
    body: nullable(bytes(INLINE_BODY_BYTES_MAX)),
  }),
  /** `tc`: the TIMEOUTs of the view before, or null in view 0. `start`: of the epoch, until its first certificate. */
  propose: object({
    type: oneOf('propose'),
    propose: signedShape('propose'),
    block: blockShape,
    requests,
    tc: nullable(timeouts),
    qc1s,
    start: nullable(startShape),
  }),
  vote1: object({ type: oneOf('vote1'), vote: signedShape('vote1'), qc1s }),
  vote2: object({ type: oneOf('vote2'), vote: signedShape('vote2') }),
  nay: object({ type: oneOf('nay'), nay: signedShape('nay') }),
  /** R4: a QC1 handed on (the last of `qc1s`); `content` goes to whoever asked, so that a lock can be executed and proposed again. */
  qc1: object({ type: oneOf('qc1'), qc1s, content: nullable(contentShape) }),
  cert: object({ type: oneOf('cert'), cert: certShape }),
  timeout: object({ type: oneOf('timeout'), timeout: signedShape('timeout'), qc1s }),
  tc: object({ type: oneOf('tc'), timeouts, qc1s }),
  /** A member of the epoch to come can vote in it. */
  ready: object({ type: oneOf('ready'), ready: signedShape('ready') }),
  /** With the certificate and, last, the QC1 that it names. */
  close: object({ type: oneOf('close'), close: signedShape('close'), cert: nullable(certShape), qc1s }),
  /** The sender is in this epoch. */
  start: object({ type: oneOf('start'), start: startShape }),
  /** Where the sender stands; not signed: the channel says who speaks, and nothing but help follows from it. */
  status: object({
    type: oneOf('status'),
    job: digest(),
    epoch: uint(EPOCH_MAX),
    /** Its head. */
    height: uint(),
    view: uint(VIEW_MAX),
    /** The lowest height whose block it can hand out; above `height` when it has none. */
    first: uint(),
    /** A height whose state it can hand out, or null. */
    snapshot: nullable(uint()),
    disputed: boolean(),
    /** It wants an answer, with everything that is under way at its height (R6). */
    ask: boolean(),
  }),
})
export type WireMessage = Shaped<typeof wireShape>
export type WireType = WireMessage['type']
export type WireOf<T extends WireType> = Extract<WireMessage, { type: T }>
export type Content = Shaped<typeof contentShape>

export type WireError = CborError | ShapeError

export function wireToBytes(message: WireMessage): Uint8Array {
  return cborFromValue(message)
}

export function wireFromBytes(encoded: Uint8Array): Result<WireMessage, WireError> {
  return readCbor(wireShape, encoded, WIRE_BYTES_MAX)
}

/** A certified height as it is handed to a member that was away: what it takes to execute it again. */
export const certifiedBlockShape = object({
  cert: certShape,
  requests,
  /** Bodies by the order of the requests, empty ones left out, each once. */
  bodies: array(bytes(BODY_BYTES_MAX), BATCH_REQUESTS_MAX),
})
export type CertifiedBlock = Shaped<typeof certifiedBlockShape>

export const transferShape = union('type', {
  /** Contiguous heights from `from` on, as many as fit into one answer. */
  want_blocks: object({ type: oneOf('want_blocks'), job: digest(), from: uint(), count: uint(TRANSFER_BLOCKS_MAX) }),
  blocks: object({
    type: oneOf('blocks'),
    job: digest(),
    blocks: array(certifiedBlockShape, TRANSFER_BLOCKS_MAX),
  }),
  want_bodies: object({ type: oneOf('want_bodies'), job: digest(), hashes: array(digest(), TRANSFER_BODIES_MAX) }),
  bodies: object({ type: oneOf('bodies'), job: digest(), bodies: array(bytes(BODY_BYTES_MAX), TRANSFER_BODIES_MAX) }),
})
export type TransferMessage = Shaped<typeof transferShape>
