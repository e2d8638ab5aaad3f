// §8 of what the system must show, on real processes: a site survives whatever happens to any one of its members.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const LINES = join(import.meta.dirname, 'lines')

test('F2 a write through one member is read back from every other', async () => {
  await using seeders = await startSeeders()
  await seeders.publish(LINES)
  const [first] = seeders.all
  assert.ok(first)
  await until('the site', async () => (await first.site('lines'))?.origin !== undefined)
  const answer = await first.ask('lines', '/', { method: 'POST', body: Buffer.from('hello') })
  assert.equal(answer.status, 201)
  for (const seeder of seeders.all) {
    await until(`the line at ${seeder.label}`, async () => {
      const read = await seeder.ask('lines', '/')
      return read.body.toString() === '["hello"]'
    })
  }
})
