import assert from 'node:assert/strict'
import { test } from 'node:test'
import { steadyClock } from '#seeder/config/clock.ts'

test('time follows the wall clock, and goes on at half pace when that was put back', () => {
  let wall = 1_000_000
  let steady = 0
  const now = steadyClock(
    () => wall,
    () => steady,
  )
  const pass = (ms: number): void => {
    wall += ms
    steady += ms
  }
  assert.equal(now(), 1_000_000)
  pass(500)
  assert.equal(now(), 1_000_500)
  wall -= 10_000
  pass(1_000)
  assert.equal(now(), 1_001_000)
  pass(1_000)
  assert.equal(now(), 1_001_500)
  pass(20_000)
  assert.equal(now(), 1_012_500)
  wall += 60_000
  assert.equal(now(), wall)
})
