import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RELAYING_DEFAULTS, relayingOf } from '#seeder/config/relaying.ts'

test('what a seeder relays is bounded by what its operator says, or by default', () => {
  assert.deepEqual(relayingOf(undefined, undefined), { ok: true, value: RELAYING_DEFAULTS })
  assert.deepEqual(relayingOf('0', '16K'), { ok: true, value: { reservations: 0, bytesPerSecond: 16 * 1024 } })
  assert.deepEqual(relayingOf('1024', 'none'), {
    ok: true,
    value: { reservations: 1024, bytesPerSecond: Number.POSITIVE_INFINITY },
  })
  for (const [relay, bandwidth, words] of [
    ['1025', undefined, /^--relay takes a whole number from 0 to 1024/],
    ['-1', undefined, /^--relay takes/],
    ['many', undefined, /^--relay takes/],
    [undefined, '1', /^--relay-bandwidth takes a size .* from 16K to 1T/],
    [undefined, 'fast', /^--relay-bandwidth takes/],
  ] as const) {
    const read = relayingOf(relay, bandwidth)
    assert.ok(!read.ok)
    assert.match(read.error, words)
  }
})
