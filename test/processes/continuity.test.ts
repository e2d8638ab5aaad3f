import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runStay } from '#test/continuity/stay.ts'
import { runWander } from '#test/continuity/wander.ts'

test('F28 while every member is replaced and some are killed, a visitor loses no login and posts nothing twice; a download and a stream of events go on', async (context) => {
  const stay = await runStay({ fileBytes: 48 * 1024 * 1024 + 777, note: (text) => context.diagnostic(text) })
  context.diagnostic(JSON.stringify(stay))
  assert.ok(stay.written > 0 && stay.reloads > 0)
})

test('F28 a visitor of the wiki whose hosts are replaced and killed one after the other sees no page but the wiki’s, and each text is there once', async (context) => {
  const { saved, hosts, afterDeath } = await runWander((text) => context.diagnostic(text))
  assert.ok(saved > 2 * afterDeath && hosts > 2)
})
