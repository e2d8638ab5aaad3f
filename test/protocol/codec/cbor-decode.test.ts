// The own reader takes canonical bytes only, and reads in them what the library reads.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { bytesFromHex } from '#protocol/codec/bytes.ts'
import { decodePlain } from '#protocol/codec/cbor-decode.ts'

const leaf = fc.oneof(
  fc.maxSafeInteger(),
  fc.constantFrom(
    0,
    23,
    24,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    Number.MAX_SAFE_INTEGER,
    -1,
    -24,
    -25,
    0.5,
  ),
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.uint8Array({ maxLength: 300 }),
  fc.boolean(),
  fc.constant(null),
)
const value = fc.letrec((tie) => ({
  any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('list'), tie('map')),
  list: fc.array(tie('any'), { maxLength: 30 }),
  map: fc.dictionary(fc.string({ unit: 'grapheme-ascii', maxLength: 40 }), tie('any'), { maxKeys: 30 }),
})).any

/** What the library makes of it, when it is what the library itself would write. */
function canonical(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    const read: unknown = decode(bytes)
    return Buffer.compare(encode(read), bytes) === 0 ? { value: read } : undefined
  } catch {
    return undefined
  }
}

test('what the reader takes is what the library reads, and canonical', () => {
  let taken = 0
  fc.assert(
    fc.property(value, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }), (plain, damages) => {
      const bytes = new Uint8Array(encode(plain))
      for (const [at, byte] of damages) if (bytes.length > 0) bytes[at % bytes.length] = byte
      const own = decodePlain(bytes)
      if (own === undefined) return
      taken++
      assert.deepEqual(own, canonical(bytes))
    }),
    { numRuns: 2_000 },
  )
  assert.ok(taken > 200, 'most of what the protocol writes is read here')
})

for (const [hex, why] of [
  ['', 'nothing'],
  ['1817', 'an integer longer than it needs'],
  ['190017', 'an integer longer than it needs'],
  ['1a0000ffff', 'an integer longer than it needs'],
  ['1b00000000ffffffff', 'an integer longer than it needs'],
  ['1b0020000000000000', 'an integer beyond the safe ones'],
  ['3b001fffffffffffff', 'a negative one beyond them'],
  ['5801', 'bytes that end early'],
  ['5f4101ff', 'indefinite length'],
  ['9bffffffffffffffff', 'a list longer than what is there'],
  ['a2626161f5616101', 'map keys out of order'],
  ['a2616101616102', 'a key twice'],
  ['a10102', 'a key that is no text'],
  ['a1695f5f70726f746f5f5f01', 'the key __proto__'],
  ['a162c3bc01', 'a key beyond ASCII'],
  ['62c3bc', 'text beyond ASCII'],
  ['f7', 'undefined'],
  ['f97e00', 'a float'],
  ['d82a4100', 'a link'],
  ['0000', 'bytes after the value'],
  ['81'.repeat(100), 'lists without end'],
] as const)
  test(`the reader leaves ${why} to the library (${hex.slice(0, 20)})`, () => {
    const bytes = bytesFromHex(hex)
    assert.ok(bytes.ok)
    assert.equal(decodePlain(bytes.value), undefined)
  })

test('what was read shares no memory with the bytes it came from', () => {
  const bytes = Uint8Array.of(0x42, 1, 2)
  const read = decodePlain(bytes)
  bytes.fill(0)
  assert.deepEqual(read, { value: Uint8Array.of(1, 2) })
})
