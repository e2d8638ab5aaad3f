// What a relay lets through in a time. That it holds nothing back in memory is in relay.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Rate } from '#seeder/network/relay-join.ts'

test('a second’s worth goes at once, and what is over is waited for', () => {
  let now = 0
  const meter = new Rate(1_000, () => now).enter()
  assert.equal(meter.owe(1_000), 0)
  assert.equal(meter.owe(500), 500)
  now = 250
  assert.equal(meter.owe(0), 250)
  now = 60_000
  assert.equal(meter.owe(1_000), 0, 'what was not used is not kept')
  assert.equal(meter.owe(1), 1)
  assert.equal(new Rate(Number.POSITIVE_INFINITY, () => now).enter().owe(1e12), 0)
})

test('who takes more than an equal part waits, and who takes less does not', () => {
  let now = 0
  const rate = new Rate(1_000, () => now)
  const [flood, quiet] = [rate.enter(), rate.enter()]
  assert.equal(flood.owe(900), 0, 'nobody else wants it')
  assert.equal(flood.owe(1_000), 900)
  assert.equal(quiet.owe(100), 0)
  for (now = 100; now <= 2_000; now += 100) assert.equal(quiet.owe(40), 0)
  now = 2_000
  assert.ok(flood.owe(1_000) > 0)
  quiet.leave()
  now = 10_000
  assert.equal(flood.owe(1_000), 0, 'alone it has all')
})
