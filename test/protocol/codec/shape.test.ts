// Shapes: exact maps, bounds in pairs, the path to the first mismatch.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import {
  array,
  bytes,
  bytesExactly,
  mapOf,
  nullable,
  object,
  oneOf,
  optional,
  readCbor,
  readShape,
  type Shape,
  text,
  tuple,
  uint,
  union,
} from '#protocol/codec/shape.ts'

const fits = (shape: Shape<unknown>, value: unknown) => readShape(shape, value).ok

test('every bound holds at its edge and not beyond', () => {
  const pairs: readonly (readonly [Shape<unknown>, inside: unknown, outside: unknown])[] = [
    [uint(10), 10, 11],
    [uint(), 0, -1],
    [uint(), Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER + 1],
    [uint(), 1, 1.5],
    [uint(), 0, -0],
    [text(3), 'abc', 'abcd'],
    [text(3), '€', '€a'],
    [text(8, /^[a-z]+$/), 'abc', 'ABC'],
    [bytes(2), new Uint8Array(2), new Uint8Array(3)],
    [bytesExactly(2), new Uint8Array(2), new Uint8Array(1)],
    [array(uint(), 2), [1, 2], [1, 2, 3]],
    [tuple(uint(), text(1)), [1, 'a'], [1]],
    [nullable(uint()), null, undefined],
    [oneOf('a', 'b'), 'b', 'c'],
    [mapOf(text(1), uint(), 1), { a: 1 }, { a: 1, b: 2 }],
  ]
  for (const [shape, inside, outside] of pairs) {
    assert(fits(shape, inside))
    assert(!fits(shape, outside))
  }
})

const person = object({ name: text(10), age: optional(uint(200)) })

test('a map has exactly the keys it names', () => {
  assert(fits(person, { name: 'Ada', age: 36 }))
  assert(fits(person, { name: 'Ada' }))
  for (const wrong of [
    {},
    { age: 36 },
    { name: 'Ada', age: undefined },
    { name: 'Ada', more: 1 },
    [],
    null,
    'Ada',
    new Uint8Array(2),
  ]) {
    assert(!fits(person, wrong))
  }
})

test('a key of Object.prototype is no key of the map', () => {
  assert(!fits(object({ constructor: uint() }), {}))
  assert(!fits(person, JSON.parse('{"name":"Ada","__proto__":1}')))
})

test('the error names the place and what stood to be there', () => {
  const shape = object({ list: array(person, 4) })
  assert.deepEqual(readShape(shape, { list: [{ name: 'Ada' }, { name: 5 }] }), {
    ok: false,
    error: { code: 'shape', path: '.list[1].name', expected: 'text ≤ 10 bytes' },
  })
})

test('a union is told apart by its tag, and an unknown tag is refused', () => {
  const shape = union('kind', { one: object({ kind: oneOf('one'), n: uint() }), two: object({ kind: oneOf('two') }) })
  assert(fits(shape, { kind: 'one', n: 1 }))
  assert(!fits(shape, { kind: 'one' }))
  assert(!fits(shape, { kind: 'toString' }))
  assert(!fits(shape, null))
})

test('bytes are read through canonical CBOR, within their limit', () => {
  const encoded = cborFromValue({ name: 'Ada' })
  assert.deepEqual(readCbor(person, encoded, encoded.length), { ok: true, value: { name: 'Ada' } })
  assert.equal(readCbor(person, encoded, encoded.length - 1).ok, false)
  assert.equal(readCbor(person, cborFromValue({ name: 1 }), 64).ok, false)
})
