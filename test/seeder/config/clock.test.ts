import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steadyClock } from '#seeder/config/clock.ts'

test('a steady clock begins at the wall time of its start and follows the counter, in whole ms, never back', () => {
  let counter = 12_345.6
  const now = steadyClock(1_000_000, () => counter)
  assert.equal(now(), 1_000_000)
  counter += 500.9
  assert.equal(now(), 1_000_500)
  counter -= 200
  assert.equal(now(), 1_000_500)
  counter += 1_200
  assert.equal(now(), 1_001_500)
})
