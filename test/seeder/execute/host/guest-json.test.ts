// The decoder of the host border: what it takes is what JSON.parse gives, what it refuses is beyond a bound or no JSON.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { JSON_CHARS_MAX, JSON_DEPTH_MAX, JSON_PARTS_MAX, jsonFromGuest } from '#seeder/execute/host/script-error.ts'

test('within the bounds it is the parser of the language', () => {
  const texts = fc.oneof(
    fc.json({ maxDepth: 5 }),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...'"\\[]{}:,a1 ') }),
  )
  fc.assert(
    fc.property(texts, (text) => {
      let expected: { value: unknown } | undefined
      try {
        expected = { value: JSON.parse(text) }
      } catch {}
      assert.deepEqual(jsonFromGuest(text), expected)
    }),
    { numRuns: 2_000 },
  )
})

test('depth, parts and length have their bounds, in pairs', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  const many = (parts: number) => `[${'[],'.repeat(parts - 2)}[]]`
  const long = (chars: number) => JSON.stringify('x'.repeat(chars - 2))
  for (const [make, most] of [
    [nested, JSON_DEPTH_MAX],
    [many, JSON_PARTS_MAX],
    [long, JSON_CHARS_MAX],
  ] as const) {
    assert.notEqual(jsonFromGuest(make(most)), undefined)
    assert.equal(jsonFromGuest(make(most + 1)), undefined)
  }
})

test('brackets inside of strings count for nothing, however they are escaped', () => {
  const text = JSON.stringify(['['.repeat(200_000), `${'\\'.repeat(9)}"[[[[`, '"'.repeat(1_000)])
  assert.deepEqual(jsonFromGuest(text)?.value, JSON.parse(text))
})
