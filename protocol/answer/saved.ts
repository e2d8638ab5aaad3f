// A saved answer: canonical DAG-CBOR of the request, the covered answer and the evidence, for anyone to check later and elsewhere.
//
// Invariant: every byte of it is checked. There is nothing in it that a hash or a signature does not cover, and no second way
// to write the same thing, so that a file with any one byte changed is refused.

import type { Answer, Asked } from '#protocol/answer/check.ts'
import { type Evidence, receiptShape, stepsShape } from '#protocol/answer/evidence.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { type Sha256, sha256, sha256By } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { array, bytes, digest, object, oneOf, readCbor, text, tuple, uint, union } from '#protocol/codec/shape.ts'
import { certShape } from '#protocol/message/certificate.ts'
import { BODY_BYTES_MAX, HEADERS_MAX, headerPair, method, target } from '#protocol/message/request.ts'
import { coveredHeaders, type Headers } from '#protocol/site/response-hash.ts'

export const SAVED_FORMAT = 'interpeer-answer/1'
/** An answer larger than this is not saved. */
export const SAVED_BODY_BYTES_MAX = 64 * 1024 * 1024
export const SAVED_BYTES_MAX = SAVED_BODY_BYTES_MAX + BODY_BYTES_MAX + 1024 * 1024
const ANSWER_HEADERS_MAX = 256
const ANSWER_HEADER_BYTES_MAX = 64 * 1024

const savedShape = object({
  format: oneOf(SAVED_FORMAT),
  request: object({
    job: digest(),
    method,
    target,
    headers: array(headerPair, HEADERS_MAX),
    body: bytes(BODY_BYTES_MAX),
  }),
  answer: object({
    status: uint(599),
    headers: array(tuple(text(256), text(ANSWER_HEADER_BYTES_MAX)), ANSWER_HEADERS_MAX),
    body: bytes(SAVED_BODY_BYTES_MAX),
  }),
  evidence: union('kind', {
    read: object({ kind: oneOf('read'), receipt: receiptShape, cert: certShape }),
    write: object({ kind: oneOf('write'), cert: certShape, fuel: uint(), path: stepsShape, salt_hash: digest() }),
  }),
})

export type SavedAnswer = {
  readonly asked: Asked
  readonly answer: Extract<Answer, { form: 'covered' }>
  readonly evidence: Evidence
}

export type SavedError = { readonly code: 'saved_form'; readonly detail: string }

/** `requestBody` belongs to `asked.bodyHash`; `covered` are the headers as they were hashed. */
export function savedAnswerToBytes(
  asked: Asked,
  requestBody: Uint8Array,
  answer: { readonly status: number; readonly covered: Headers; readonly body: Uint8Array },
  evidence: Evidence,
): Uint8Array {
  return cborFromValue({
    format: SAVED_FORMAT,
    request: {
      job: asked.job,
      method: asked.method === 'HEAD' ? 'GET' : asked.method,
      target: asked.target,
      headers: asked.headers,
      body: requestBody,
    },
    answer: { status: answer.status, headers: answer.covered, body: answer.body },
    evidence:
      evidence.kind === 'read'
        ? { kind: 'read', receipt: evidence.receipt, cert: evidence.cert }
        : {
            kind: 'write',
            cert: evidence.cert,
            fuel: evidence.fuel,
            path: evidence.path,
            salt_hash: evidence.saltHash,
          },
  })
}

function sameHeaders(a: Headers, b: Headers): boolean {
  return a.length === b.length && a.every(([name, value], index) => b[index]?.[0] === name && b[index]?.[1] === value)
}

/** The form of the file; hand what it gives to `checkAnswer`. */
export function savedAnswerFromBytes(file: Uint8Array, hash: Sha256 = sha256): Result<SavedAnswer, SavedError> {
  const read = readCbor(savedShape, file, SAVED_BYTES_MAX)
  if (!read.ok) {
    const { error } = read
    return err({ code: 'saved_form', detail: error.code === 'shape' ? `${error.path}: ${error.expected}` : error.code })
  }
  const { request, answer, evidence } = read.value
  if (request.method === 'HEAD') return err({ code: 'saved_form', detail: 'a HEAD is saved as its GET' })
  // Whatever the response hash would drop, fold or sort could be changed without a trace.
  if (!sameHeaders(answer.headers, coveredHeaders(answer.headers)))
    return err({ code: 'saved_form', detail: 'headers are not in the order and form of the response hash' })
  const { body: requestBody, ...facts } = request
  const bodyHash: Digest = sha256By(hash, requestBody)
  return ok({
    asked: { ...facts, bodyHash },
    answer: { form: 'covered', ...answer },
    evidence:
      evidence.kind === 'read'
        ? evidence
        : {
            kind: 'write',
            cert: evidence.cert,
            fuel: evidence.fuel,
            path: evidence.path,
            saltHash: evidence.salt_hash,
          },
  })
}
