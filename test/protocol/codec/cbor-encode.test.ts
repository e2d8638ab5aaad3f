import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { encodeOnce, encodePlain, keepEncoding } from '#protocol/codec/cbor-encode.ts'

const leaf = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, -1, -24, -25),
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.uint8Array({ maxLength: 700 }),
  fc.boolean(),
  fc.constant(null),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('list'), tie('map')),
  list: fc.array(tie('any'), { maxLength: 30 }),
  map: fc.dictionary(fc.string({ unit: 'grapheme-ascii', maxLength: 40 }), tie('any'), { maxKeys: 30 }),
})).any

test('what the writer writes is byte for byte what the DAG-CBOR library writes', () => {
  fc.assert(
    fc.property(value, (plain) => {
      const own = encodePlain(plain)
      if (own !== undefined) assert.deepEqual(own, new Uint8Array(encode(plain)))
    }),
    { numRuns: 400 },
  )
})

test('a value whose encoding is kept gives the same bytes alone, inside another, and again', () => {
  fc.assert(
    fc.property(value, value, (plain, beside) => {
      const fresh = encodePlain({ beside, parts: [plain, plain] })
      if (typeof plain === 'object' && plain !== null) keepEncoding(plain)
      assert.deepEqual(encodePlain({ beside, parts: [plain, plain] }), fresh)
      assert.deepEqual(encodePlain({ beside, parts: [plain, plain] }), fresh)
    }),
    { numRuns: 400 },
  )
  const statement = { height: 1, view: 0 }
  assert.equal(encodeOnce(statement), encodeOnce(statement))
  assert.deepEqual(encodeOnce(statement), new Uint8Array(encode(statement)))
  assert.equal(encodeOnce({ fraction: 0.5 }), undefined)
})

for (const [name, plain] of [
  ['a fraction', 0.5],
  ['an undefined value', { a: undefined }],
  ['a bigint', 2n ** 63n],
  ['minus zero', -0],
  ['a key beyond ASCII', { ü: 1 }],
  ['a lone surrogate', '\ud800'],
  ['an instance of a class', new Date(0)],
] as const)
  test(`the writer leaves ${name} to the library`, () => assert.equal(encodePlain(plain), undefined))

test('the writer is left whole by a value that it gives up half-way', () => {
  assert.equal(encodePlain([1, 2, { a: 0.5 }]), undefined)
  assert.deepEqual(encodePlain([1, 2]), new Uint8Array(encode([1, 2])))
})
