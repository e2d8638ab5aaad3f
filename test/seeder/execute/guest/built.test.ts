import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { buildGuest, GUEST_FILE } from '#seeder/execute/guest-build.ts'

test('the committed guest library is what its sources build ("npm run build:guest" after a change)', async () => {
  assert.equal(await readFile(GUEST_FILE, 'utf8'), await buildGuest())
})
