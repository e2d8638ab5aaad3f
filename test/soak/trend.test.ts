import assert from 'node:assert/strict'
import { test } from 'node:test'
import { trendOf } from '#test/soak/trend.ts'

const line = (slope: number, noise: (index: number) => number) =>
  Array.from({ length: 100 }, (_, at) => ({ at, value: 500 + slope * at + noise(at) }))

test('a line is found again with its slope, and without an error when nothing disturbs it', () => {
  const trend = trendOf(line(2, () => 0))
  assert.ok(Math.abs(trend.slope - 2) < 1e-9)
  assert.ok(trend.slopeError < 1e-9)
  assert.ok(Math.abs(trend.rise - 198) < 1e-6)
})

test('noise around a flat line is flat within its error', () => {
  const trend = trendOf(line(0, (index) => ((index * 7_919) % 101) - 50))
  assert.ok(Math.abs(trend.slope) < 2 * trend.slopeError, JSON.stringify(trend))
})

test('a rise that is small beside the noise is within the bound that is given, and a large one is not flat', () => {
  const noise = (index: number) => ((index * 7_919) % 101) - 50
  const small = trendOf(line(0.2, noise))
  assert.ok(small.riseAtMost > 0.2 * 99)
  const large = trendOf(line(5, noise))
  assert.ok(large.slope - 2 * large.slopeError > 0)
})

test('waves that last long leave the slope less certain than noise of the same height', () => {
  const waves = trendOf(line(0, (index) => 50 * Math.sin(index / 10)))
  const noise = trendOf(line(0, (index) => ((index * 7_919) % 101) - 50))
  assert.ok(waves.slopeError > noise.slopeError)
})
