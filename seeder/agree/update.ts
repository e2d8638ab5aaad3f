// UPDATE (§5): the uploader's signed order to run other code, as a request of its own method whose body is the statement.
// It is judged the same way by every member from the request's bytes and the uploader's key in the directory alone.

import { bytesEqual } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'
import { type Domain, type Signed, statementHash } from '#protocol/message/domain.ts'
import { signedShape, type Update } from '#protocol/message/statement.ts'
import { verify } from '#seeder/identity/keys.ts'

export const UPDATE_METHOD = 'UPDATE'
export const UPDATE_TARGET = '/'
export const UPDATE_BYTES_MAX = 4 * 1024

export type UpdateError =
  | { readonly code: 'update_form' }
  | { readonly code: 'update_job' }
  | { readonly code: 'not_the_uploader' }
  | { readonly code: 'bad_signature' }

export type UpdateRule = { readonly domain: Domain; readonly job: Digest; readonly uploader: PublicKey }

const shape = signedShape('update')

export function updateToBytes(update: Signed<Update>): Uint8Array {
  return cborFromValue(update)
}

/** Form, job, uploader and signature; the sequence is judged against the agreed state when it runs. */
export function updateFromBytes(rule: UpdateRule, bytes: Uint8Array): Result<Signed<Update>, UpdateError> {
  const read = readCbor(shape, bytes, UPDATE_BYTES_MAX)
  if (!read.ok) return err({ code: 'update_form' })
  const { from, body, signature } = read.value
  if (!bytesEqual(body.job, rule.job)) return err({ code: 'update_job' })
  if (!bytesEqual(from, rule.uploader)) return err({ code: 'not_the_uploader' })
  return verify(from, statementHash(rule.domain, 'update', body), signature)
    ? ok(read.value)
    : err({ code: 'bad_signature' })
}
