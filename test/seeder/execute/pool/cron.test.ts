// Cron expressions as crontab(5) has them, in UTC.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cronFromText, newestTick } from '#seeder/execute/pool/cron.ts'

function tick(text: string, after: string, until: string): string | undefined {
  const cron = cronFromText(text)
  assert(cron.ok, text)
  const time = newestTick(cron.value, Date.parse(after), Date.parse(until))
  return time === undefined ? undefined : new Date(time).toISOString().slice(0, 16)
}

for (const [text, after, until, expected] of [
  ['* * * * *', '2026-01-01T00:00:30Z', '2026-01-01T00:00:59Z', undefined],
  ['* * * * *', '2026-01-01T00:00:30Z', '2026-01-01T00:01:00Z', '2026-01-01T00:01'],
  ['*/15 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:50:00Z', '2026-01-01T00:45'],
  ['0 3 * * *', '2026-01-01T03:00:00Z', '2026-01-02T02:59:00Z', undefined],
  ['0 3 * * *', '2026-01-01T03:00:00Z', '2026-01-02T03:00:00Z', '2026-01-02T03:00'],
  ['5,10 8-10 * * *', '2026-01-01T00:00:00Z', '2026-01-01T23:00:00Z', '2026-01-01T10:10'],
  ['0 0 1 jan *', '2025-06-01T00:00:00Z', '2026-03-01T00:00:00Z', '2026-01-01T00:00'],
  ['0 0 * * mon', '2026-01-01T00:00:00Z', '2026-01-07T00:00:00Z', '2026-01-05T00:00'],
  ['0 0 * * 7', '2026-01-01T00:00:00Z', '2026-01-07T00:00:00Z', '2026-01-04T00:00'],
  ['0 0 13 * fri', '2026-01-01T00:00:00Z', '2026-01-15T00:00:00Z', '2026-01-13T00:00'],
  ['0 0 29 2 *', '2024-03-01T00:00:00Z', '2025-03-01T00:00:00Z', undefined],
  ['30/10 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:45:00Z', '2026-01-01T00:40'],
] as const) {
  test(`"${text}" in (${after}, ${until}] is ${expected ?? 'not due'}`, () => {
    assert.equal(tick(text, after, until), expected)
  })
}

for (const text of [
  '',
  '* * * *',
  '* * * * * *',
  '60 * * * *',
  '* 24 * * *',
  '* * 0 * *',
  '5-1 * * * *',
  '*/0 * * * *',
  '*-3 * * * *',
  'x * * * *',
  '1,, * * * *',
]) {
  test(`"${text}" is refused`, () => {
    assert.equal(cronFromText(text).ok, false)
  })
}
