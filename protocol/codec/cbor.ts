// Canonical DAG-CBOR (IPLD DAG-CBOR specification, strict): one value has one encoding, and no other bytes decode to it.

import { decode as dagDecode, encode as dagEncode } from '@ipld/dag-cbor'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { decodePlain } from '#protocol/codec/cbor-decode.ts'
import { encodeOnce, encodePlain } from '#protocol/codec/cbor-encode.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'

export type CborError =
  | { readonly code: 'too_large'; readonly actualBytes: number; readonly maxBytes: number }
  | { readonly code: 'not_cbor' }
  | { readonly code: 'not_canonical' }

export function cborFromValue(value: unknown): Uint8Array {
  return encodePlain(value) ?? dagEncode(value)
}

/** Of a value that is never changed: encoded once, wherever it stands. Nobody writes to what is returned. */
export function cborOnce(value: object): Uint8Array {
  return encodeOnce(value) ?? dagEncode(value)
}

/** Refuses anything above `maxBytes` before it looks, and anything that would not encode to the very same bytes. */
export function valueFromCbor(bytes: Uint8Array, maxBytes: number): Result<unknown, CborError> {
  if (bytes.length > maxBytes) return err({ code: 'too_large', actualBytes: bytes.length, maxBytes })
  const plain = decodePlain(bytes)
  if (plain !== undefined) return ok(plain.value)
  let value: unknown
  let again: Uint8Array
  try {
    value = dagDecode(bytes)
    again = cborFromValue(value)
  } catch {
    return err({ code: 'not_cbor' })
  }
  return bytesEqual(again, bytes) ? ok(value) : err({ code: 'not_canonical' })
}
