// A part of the enumerated spaces in every test run; all of them by `npm run twins` (docs/EXPLORATION.md).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partitions, type Space, scenarioAt, scenarioFromSeed, sizeOf } from './scenarios.ts'
import { type Outcome, runTwins } from './twins.ts'

const FOUR: Space = { members: 4, views: 2, halves: false, blocks: 2, twins: 1 }

function runAll(outcomes: Iterable<Outcome>): { runs: number; forks: number; commits: number; guilty: number } {
  const totals = { runs: 0, forks: 0, commits: 0, guilty: 0 }
  for (const { violations, forks, heights, guilty } of outcomes) {
    assert.deepEqual(violations, [], `run ${totals.runs}`)
    totals.runs++
    totals.forks += forks
    totals.commits += heights.before > 0 ? 1 : 0
    totals.guilty += guilty.length
  }
  return totals
}

test('partitions are each listed once: Bell numbers without a bound, halves with one of two', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((count) => partitions(count, count).length),
    [1, 2, 5, 15, 52],
  )
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((count) => partitions(count, 2).length),
    [1, 2, 4, 8, 16],
  )
  assert.equal(new Set(partitions(5, 5).map(String)).size, 52)
})

test('the numbers of a space name different scenarios', () => {
  const size = sizeOf(FOUR)
  assert.equal(size, 4 * 16 ** 2)
  const names = new Set(Array.from({ length: size }, (_, number) => JSON.stringify(scenarioAt(FOUR, number))))
  assert.equal(names.size, size)
})

test('§11 N = 4 with one twin, two views: every fifth scenario is safe, and the whole net commits again', () => {
  const numbers = Array.from({ length: Math.ceil(sizeOf(FOUR) / 5) }, (_, index) => index * 5)
  const totals = runAll(numbers.map((number) => runTwins(scenarioAt(FOUR, number))))
  assert.equal(totals.forks, 0)
  assert.ok(totals.commits > 20, `${totals.commits} commit in the slots`)
})

test('§11 N = 3, where all must agree, with one twin, two views: every scenario is safe, and the whole net commits again', () => {
  const space: Space = { ...FOUR, members: 3 }
  const numbers = Array.from({ length: sizeOf(space) }, (_, index) => index)
  const totals = runAll(numbers.map((number) => runTwins(scenarioAt(space, number))))
  assert.deepEqual([totals.runs, totals.forks], [3 * 8 ** 2, 0])
  assert.ok(totals.commits > 20, `${totals.commits} commit in the slots`)
})

test('§11 N = 4 with one twin, partitions that change within a view: a sample is safe', () => {
  const space: Space = { ...FOUR, views: 3, halves: true, blocks: 3 }
  const totals = runAll(Array.from({ length: 100 }, (_, seed) => runTwins(scenarioFromSeed(space, seed + 1))).values())
  assert.equal(totals.forks, 0)
  assert.ok(totals.guilty > 0, 'a twin is caught in a lie now and then')
})

test('§11 N = 7 with two twins: a sample is safe', () => {
  const space: Space = { members: 7, views: 2, halves: true, blocks: 2, twins: 2 }
  const totals = runAll(Array.from({ length: 60 }, (_, seed) => runTwins(scenarioFromSeed(space, seed + 1))).values())
  assert.equal(totals.forks, 0)
})

test('G2 over the bound twins fork the chain, and each fork names a twin', () => {
  const space: Space = { members: 4, views: 2, halves: true, blocks: 3, twins: 2 }
  const totals = runAll(Array.from({ length: 200 }, (_, seed) => runTwins(scenarioFromSeed(space, seed + 1))).values())
  assert.ok(totals.forks > 0, 'two twins of four can fork')
})
