// What visitors share: no source can take all, and who waits is served in turns.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Share, sourceOf } from '#protocol/bounds/share.ts'
import { createTurns } from '#seeder/serve/turns.ts'

test('a source is an IPv4 address, however it is written, or an IPv6 network of 64 bits', () => {
  for (const [address, source] of [
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::6', '2001:db8:1:2'],
    ['2001:db8::1:2:3:4:5', '2001:db8:0:1'],
    ['2001:db8::5', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    [undefined, ''],
  ] as const)
    assert.equal(sourceOf(address), source)
})

test('one that takes all it can gets half, and the next one finds something', () => {
  const share = new Share(100)
  while (share.take('greedy'));
  assert.equal(share.of('greedy'), 50)
  while (share.take('second'));
  assert.equal(share.of('second'), 25)
  assert.ok(share.take('third'))
  assert.ok(!share.take('greedy'))
  assert.equal(share.total, 76)
})

test('a single place is given to whoever comes first, and what is given back is there again', () => {
  const share = new Share(1)
  assert.ok(share.take('one'))
  assert.ok(!share.take('two'))
  share.give('one')
  assert.ok(share.take('two'))
  assert.equal(share.of('one'), 0)
})

test('an amount fits whole or is not taken', () => {
  const share = new Share(10)
  assert.ok(!share.take('a', 11))
  assert.ok(share.take('a', 10))
  assert.ok(!share.fits('b'))
  assert.ok(share.fits('b', 0))
})

test('a visitor waits for one turn of each other visitor, however much another one asked for before', async () => {
  const turns = createTurns({ atOnce: 1, max: 64, waitMsMax: 5_000 })
  const order: string[] = []
  const first = await turns.enter('busy')
  assert.ok(first)
  const ask = async (source: string, name: string): Promise<void> => {
    const leave = await turns.enter(source)
    order.push(leave === undefined ? `no ${name}` : name)
    leave?.()
  }
  const all = [ask('busy', 'b1'), ask('busy', 'b2'), ask('busy', 'b3'), ask('calm', 'c1'), ask('other', 'o1')]
  first()
  await Promise.all(all)
  assert.deepEqual(order, ['b1', 'c1', 'o1', 'b2', 'b3'])
  assert.equal(turns.total, 0)
})

test('who waits too long is refused and leaves nothing behind', async () => {
  const turns = createTurns({ atOnce: 1, max: 8, waitMsMax: 20 })
  const leave = await turns.enter('one')
  assert.ok(leave)
  // The wait itself does not keep a process alive.
  const alive = setInterval(() => {}, 1_000)
  assert.equal(await turns.enter('two'), undefined)
  clearInterval(alive)
  leave()
  assert.equal(turns.total, 0)
  assert.ok(turns.enter('two'))
})
