import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runStay } from '#test/continuity/stay.ts'

test('F28 while every member is replaced and some are killed, a visitor loses no login and posts nothing twice; a download and a stream of events go on', async (context) => {
  const stay = await runStay({ fileBytes: 48 * 1024 * 1024 + 777, note: (text) => context.diagnostic(text) })
  context.diagnostic(JSON.stringify(stay))
  assert.ok(stay.written > 0 && stay.reloads > 0)
})
