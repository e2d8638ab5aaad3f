import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RoundTrip } from '#seeder/network/round-trip.ts'

test('RFC 6298 §2: the first sample R gives R and at most R + 4·R/2', () => {
  const trip = new RoundTrip()
  assert.equal(trip.smoothed, undefined)
  assert.equal(trip.atMost, undefined)
  trip.add(100)
  assert.equal(trip.smoothed, 100)
  assert.equal(trip.atMost, 300)
})

test('RFC 6298 §2: later samples move the mean by 1/8 and the deviation, taken from the old mean, by 1/4', () => {
  const trip = new RoundTrip()
  trip.add(100)
  trip.add(180)
  // RTTVAR = 3/4 · 50 + 1/4 · 80 = 57.5; SRTT = 7/8 · 100 + 1/8 · 180 = 110
  assert.equal(trip.smoothed, 110)
  assert.equal(trip.atMost, 110 + 4 * 57.5)
})

test('a steady link is known within a millisecond, and one stall is forgotten in time', () => {
  const trip = new RoundTrip()
  for (let index = 0; index < 60; index++) trip.add(3)
  assert.ok((trip.atMost ?? 0) <= 4.01, `${trip.atMost}`)
  trip.add(10_000)
  assert.ok((trip.atMost ?? 0) > 10_000)
  for (let index = 0; index < 60; index++) trip.add(3)
  assert.ok((trip.atMost ?? 0) < 50, `${trip.atMost}`)
})
