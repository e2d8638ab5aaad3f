// A site that asks for much waits for itself (F25).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FairQueue } from '#seeder/execute/pool/fair-queue.ts'

function drained<T>(queue: FairQueue<T>): T[] {
  const all: T[] = []
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) all.push(item)
  return all
}

test('sites are served by turns, each in its own order', () => {
  const queue = new FairQueue<string>(9)
  for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(item.charAt(0), item)
  assert.deepEqual(drained(queue), ['a1', 'b1', 'c1', 'a2', 'c2', 'a3'])
})

test('a newcomer waits at most one turn of each other site', () => {
  const queue = new FairQueue<string>(100)
  for (let index = 0; index < 50; index++) queue.push('loud', `loud ${index}`)
  queue.shift()
  queue.push('quiet', 'quiet')
  assert.deepEqual([queue.shift(), queue.shift()], ['loud 1', 'quiet'])
})

test('when it is full, the longest queue gives up its newest for a site that waits for less', () => {
  const queue = new FairQueue<string>(3)
  for (const item of ['a1', 'a2', 'a3']) assert.equal(queue.push('a', item), undefined)
  assert.equal(queue.push('a', 'a4'), 'a4')
  assert.equal(queue.push('b', 'b1'), 'a3')
  assert.equal(queue.push('b', 'b2'), 'b2')
  assert.equal(queue.push('c', 'c1'), 'a2')
  assert.deepEqual(drained(queue), ['a1', 'b1', 'c1'])
})

test('it never holds more than its bound, loses nothing silently, and keeps the order of each site', () => {
  const pushes = fc.array(fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { nil: null, freq: 4 }), { maxLength: 60 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), pushes, (max, steps) => {
      const queue = new FairQueue<{ site: string; at: number }>(max)
      const out: { site: string; at: number }[] = []
      let refused = 0
      let pushed = 0
      for (const [at, site] of steps.entries()) {
        if (site === null) {
          const item = queue.shift()
          if (item !== undefined) out.push(item)
        } else {
          pushed++
          if (queue.push(site, { site, at }) !== undefined) refused++
        }
        assert(queue.length <= max)
      }
      out.push(...drained(queue))
      assert.equal(out.length + refused, pushed)
      for (const site of ['a', 'b', 'c', 'd']) {
        const order = out.filter((item) => item.site === site).map(({ at }) => at)
        assert.deepEqual(
          order,
          order.toSorted((a, b) => a - b),
        )
      }
    }),
  )
})
