// Evidence of a provable lie (agreement §2, Provable lies): what was signed, side by side, in bytes that anybody can check
// with the group's keys alone. How it is found stands in `evidence.ts`, how an outsider judges it in `evidence-verdict.ts`.

import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { type Result, unreachable } from '#protocol/codec/result.ts'
import { array, digest, nullable, object, oneOf, readCbor, type Shaped, union } from '#protocol/codec/shape.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'
import { blockShape } from '#protocol/message/block.ts'
import { certShape } from '#protocol/message/certificate.ts'
import type { Signed } from '#protocol/message/domain.ts'
import { HEADERS_MAX, headerPair, method, requestShape, target } from '#protocol/message/request.ts'
import { signedShape } from '#protocol/message/statement.ts'
import { BATCH_REQUESTS_MAX, WIRE_BYTES_MAX, type WireError } from '#protocol/message/wire.ts'

/** A statement that claims what a block's execution comes to. */
export const claimShape = union('type', {
  propose: object({ type: oneOf('propose'), signed: signedShape('propose') }),
  vote1: object({ type: oneOf('vote1'), signed: signedShape('vote1') }),
  vote2: object({ type: oneOf('vote2'), signed: signedShape('vote2') }),
  nay: object({ type: oneOf('nay'), signed: signedShape('nay') }),
})

export const evidenceShape = union('kind', {
  /** Two of one member in one (epoch, height, view) that differ. */
  double_vote1: object({
    kind: oneOf('double_vote1'),
    first: signedShape('vote1'),
    second: signedShape('vote1'),
  }),
  double_vote2: object({
    kind: oneOf('double_vote2'),
    first: signedShape('vote2'),
    second: signedShape('vote2'),
  }),
  double_proposal: object({
    kind: oneOf('double_proposal'),
    first: signedShape('propose'),
    second: signedShape('propose'),
  }),
  /** VOTE2(x, v), then VOTE1(y ≠ x, v' > v) with jview < v: it forgot its lock (R2, R3). */
  amnesia: object({ kind: oneOf('amnesia'), vote2: signedShape('vote2'), vote1: signedShape('vote1') }),
  /** A TIMEOUT of a view not below v that shows less than the lock which VOTE2(x, v) proves (R6). */
  hidden_lock: object({ kind: oneOf('hidden_lock'), vote2: signedShape('vote2'), timeout: signedShape('timeout') }),
  /** A vote of the epoch that its CLOSE says it votes in no more: later than the last one that the CLOSE lists (§6). */
  vote_after_close: object({
    kind: oneOf('vote_after_close'),
    close: signedShape('close'),
    vote: union('type', {
      vote1: object({ type: oneOf('vote1'), signed: signedShape('vote1') }),
      vote2: object({ type: oneOf('vote2'), signed: signedShape('vote2') }),
    }),
  }),
  /** A CLOSE that shows less than the lock which VOTE2(x, v) proves (§6). */
  close_hides_lock: object({
    kind: oneOf('close_hides_lock'),
    vote2: signedShape('vote2'),
    close: signedShape('close'),
  }),
  /**
   * `block` is the one that the claim names. With `cert`: a certified block of the same parent, requests, time, kind and image has other
   * roots than the claim. Without, the roots differ from a re-execution of `block` with `requests`. Running it again decides either way.
   */
  wrong_result: object({
    kind: oneOf('wrong_result'),
    claim: claimShape,
    block: blockShape,
    cert: nullable(certShape),
    requests: array(requestShape, BATCH_REQUESTS_MAX),
  }),
  /**
   * `cert` is of the receipt's height. Without `request` it is self-contained: the receipt names another state root than the certified
   * one. With it, the request that the receipt names answers otherwise when it is run again on that state.
   */
  wrong_receipt: object({
    kind: oneOf('wrong_receipt'),
    receipt: signedShape('receipt'),
    cert: certShape,
    request: nullable(object({ method, target, headers: array(headerPair, HEADERS_MAX), body_hash: digest() })),
  }),
})
export type Evidence = Shaped<typeof evidenceShape>

/** Who is accused, and where the last of what it signed stands. */
export type Accusation = {
  readonly from: PublicKey
  readonly job: Digest
  readonly epoch: number
  /** Absent where the statement names none. */
  readonly height?: number
  readonly view?: number
}

export function accusationOf(evidence: Evidence): Accusation {
  switch (evidence.kind) {
    case 'double_vote1':
    case 'double_vote2':
    case 'double_proposal':
      return accusation(evidence.first)
    case 'amnesia':
      return accusation(evidence.vote1)
    case 'hidden_lock':
    case 'close_hides_lock':
      return accusation(evidence.vote2)
    case 'vote_after_close':
      return accusation(evidence.vote.signed)
    case 'wrong_result':
      return accusation(evidence.claim.signed)
    case 'wrong_receipt':
      return accusation(evidence.receipt)
    default:
      return unreachable(evidence)
  }
}

function accusation({ from, body }: Signed<Omit<Accusation, 'from'>>): Accusation {
  const { job, epoch, height, view } = body
  return { from, job, epoch, ...(height === undefined ? {} : { height }), ...(view === undefined ? {} : { view }) }
}

export function evidenceToBytes(evidence: Evidence): Uint8Array {
  return cborFromValue(evidence)
}

export function evidenceFromBytes(bytes: Uint8Array): Result<Evidence, WireError> {
  return readCbor(evidenceShape, bytes, WIRE_BYTES_MAX)
}

/** The name of a piece of evidence. */
export function evidenceHash(evidence: Evidence): Digest {
  return taggedHash('evidence', evidenceToBytes(evidence))
}
