// R1, G11: a seeder that ends at any moment at which something becomes durable has forgotten nothing that it said: persist points of a very
// first start, of a start that catches up, and of votes and commits. `npm run test:faults` has more of them, and the system calls in between.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { published } from '#test/support/faulty.ts'
import { agrees, levelLines, noEvidence, writeLine } from '#test/support/lines.ts'
import { endMemberAtEach, endNewAtEach, type Points } from '#test/support/persist-points.ts'
import { startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const CATCH_UP_POINTS = 2
const VOTE_POINTS = 4

test('R1 G11 killed before and after each of so many persist points: no acknowledged line is lost, nothing is said twice', async (context) => {
  await using seeders = await published()
  const points: Points = new Map()
  const lines = [
    ...(await endMemberAtEach(seeders, 'start', CATCH_UP_POINTS, points)),
    ...(await endMemberAtEach(seeders, 'now', VOTE_POINTS, points)),
  ]
  for (const [what, count] of points) context.diagnostic(`${count} × ${what}`)
  const [victim] = seeders.all
  assert.ok(victim)
  await until('it agrees again', () => agrees(victim))
  await writeLine(seeders, 'last', 0)
  assert.deepEqual(await levelLines(seeders), [...lines, 'last'])
  await noEvidence(seeders)
})

test('R1 killed at each persist point of its very first start: it starts, with a key and files that are whole', async (context) => {
  await using seeders = await startSeeders({ count: 1, faults: true })
  const points: Points = new Map()
  const started = await endNewAtEach(seeders, points, false)
  for (const [what, count] of points) context.diagnostic(`${count} × ${what}`)
  assert.ok(started.length >= 8, `only ${started.length} points`)
  for (const { ready } of started) {
    for (const file of ['key.pem', 'network.json', 'seeder.json']) assert.ok(existsSync(join(ready.dir, file)))
  }
  assert.equal(new Set(started.map(({ ready }) => ready.peer)).size, started.length)
})
