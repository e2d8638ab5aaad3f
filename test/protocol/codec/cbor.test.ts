// Canonical DAG-CBOR: one value, one encoding; nothing else decodes.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue, valueFromCbor } from '#protocol/codec/cbor.ts'

const bytes = (hex: string): Uint8Array => {
  const read = bytesFromHex(hex)
  assert(read.ok)
  return read.value
}

const VALID: readonly (readonly [hex: string, value: unknown])[] = [
  ['00', 0],
  ['17', 23],
  ['1818', 24],
  ['1903e8', 1000],
  ['1b001fffffffffffff', Number.MAX_SAFE_INTEGER],
  ['40', new Uint8Array(0)],
  ['420102', Uint8Array.of(1, 2)],
  ['60', ''],
  ['62c3bc', 'ü'],
  ['80', []],
  ['a0', {}],
  ['a2616101626161f5', { a: 1, aa: true }],
  ['f6', null],
]

/** What decodes in a lax reader and must not here. */
const INVALID: readonly (readonly [hex: string, why: string])[] = [
  ['', 'nothing'],
  ['1817', 'an integer longer than it needs'],
  ['190001', 'an integer longer than it needs'],
  ['5f4101ff', 'indefinite length'],
  ['9fff', 'indefinite length'],
  ['a26261610161610', 'half a byte of a map'],
  ['a2626161f5616101', 'map keys out of order'],
  ['a2616101616102', 'a key twice'],
  ['a10102', 'a key that is no text'],
  ['f7', 'undefined'],
  ['f97e00', 'a short float'],
  ['fb7ff8000000000000', 'NaN'],
  ['c001', 'a tag other than 42'],
  ['0000', 'bytes after the value'],
  ['62c328', 'text that is no UTF-8'],
  ['d82a4100', 'a link that is no CID'],
]

test('each value has the one encoding of the vectors, and decodes from it', () => {
  for (const [hex, value] of VALID) {
    assert.equal(hexFromBytes(cborFromValue(value)), hex)
    assert.deepEqual(valueFromCbor(bytes(hex), 64), { ok: true, value })
  }
})

test('no other bytes decode', () => {
  for (const [hex, why] of INVALID) {
    const read = bytesFromHex(hex)
    if (!read.ok) continue
    assert.equal(valueFromCbor(read.value, 64).ok, false, why)
  }
})

test('the limit is the first thing that is looked at', () => {
  const encoded = cborFromValue(new Uint8Array(100))
  assert.equal(valueFromCbor(encoded, encoded.length).ok, true)
  assert.deepEqual(valueFromCbor(encoded, encoded.length - 1), {
    ok: false,
    error: { code: 'too_large', actualBytes: encoded.length, maxBytes: encoded.length - 1 },
  })
})

const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.maxSafeInteger(),
    fc.boolean(),
    fc.constant(null),
    fc.string({ unit: 'grapheme' }),
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5, noNullPrototype: true }),
  ),
})).value

test('decode after encode is the value, for any value of the data model', () => {
  fc.assert(
    fc.property(value, (given) => {
      const encoded = cborFromValue(given)
      const decoded = valueFromCbor(encoded, encoded.length)
      assert(decoded.ok)
      assert.deepEqual(cborFromValue(decoded.value), encoded)
    }),
  )
})

test('bytes either decode to a value that encodes to them again, or are refused: never an exception', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (given) => {
      const decoded = valueFromCbor(given, 64)
      if (decoded.ok) assert.deepEqual(Uint8Array.from(cborFromValue(decoded.value)), given)
    }),
    { numRuns: 5000 },
  )
})
