import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QUEUE_PER_SOURCE_MAX, WINDOW_MS } from '#protocol/agreement/limits.ts'
import { keyOf, leaderOf } from '#protocol/agreement/members.ts'
import { createQueue, dequeue, enqueue, entryOf, passTurn, takeBatch } from '#protocol/agreement/queue.ts'
import { timerMs } from '#protocol/agreement/timer.ts'
import { createWindow, extendWindow, inWindow, windowWhole } from '#protocol/agreement/window.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { quorumOf } from '#protocol/message/certificate.ts'
import { orderedRequestHash } from '#protocol/message/request.ts'
import { BATCH_REQUESTS_MAX } from '#protocol/message/wire.ts'
import { groupOfSize, requestAt } from './cluster.ts'
import { Lone, START, sent } from './lone.ts'

const everything = () => true

function filled(lines: readonly (readonly string[])[]): ReturnType<typeof createQueue> {
  const queue = createQueue(lines.length)
  for (const [source, targets] of lines.entries()) {
    for (const target of targets) {
      const method = target === '/update' ? 'UPDATE' : 'POST'
      const request = requestAt(START, { target, method })
      enqueue(queue, entryOf({ request, hash: orderedRequestHash(request), source, arrivedAt: START }))
    }
  }
  return queue
}

const names = (queue: ReturnType<typeof createQueue>): string[] =>
  takeBatch(queue, BATCH_REQUESTS_MAX, everything).map(({ request }) => request.target)

test('R7 a batch takes from the members in turn, from each in its order', () => {
  assert.deepEqual(names(filled([['/a1', '/a2', '/a3'], ['/b1'], [], ['/d1', '/d2']])), [
    '/a1',
    '/b1',
    '/d1',
    '/a2',
    '/d2',
    '/a3',
  ])
})

test('R7 no member is always first', () => {
  const queue = filled([['/a1'], ['/b1']])
  passTurn(queue)
  assert.deepEqual(names(queue), ['/b1', '/a1'])
})

test('R8 a block holds at most 256 requests, and at most 256 KiB of them', () => {
  const many = filled([0, 1].map((line) => Array.from({ length: 200 }, (_, index) => `/${line}-${index}`)))
  assert.equal(names(many).length, 256)
  const long = `/${'x'.repeat(8_000)}`
  const large = filled([Array.from({ length: 64 }, () => long)])
  const batch = takeBatch(large, BATCH_REQUESTS_MAX, everything)
  const bytes = batch.reduce((sum, entry) => sum + entry.bytes, 0)
  const [one] = batch
  assert.ok(one !== undefined && bytes <= 256 * 1024 && bytes + one.bytes > 256 * 1024)
})

test('R8 an UPDATE stands alone, and keeps its place in its line', () => {
  const queue = filled([['/a1', '/update', '/a2'], ['/b1']])
  assert.deepEqual(names(queue), ['/a1', '/b1'])
  for (const { key } of takeBatch(queue, BATCH_REQUESTS_MAX, everything)) dequeue(queue, key)
  assert.deepEqual(names(queue), ['/update'])
})

test('R7 a line is bounded: what one member shares too much takes no place of another', () => {
  const queue = createQueue(2)
  const add = (source: number): string => {
    const request = requestAt(START)
    return enqueue(queue, entryOf({ request, hash: orderedRequestHash(request), source, arrivedAt: START }))
  }
  for (let count = 0; count < QUEUE_PER_SOURCE_MAX; count++) assert.equal(add(0), 'queued')
  assert.equal(add(0), 'full')
  assert.equal(add(1), 'queued')
})

test('R7 an own request above the bound is refused before it is shared', () => {
  const lone = new Lone()
  for (let count = 0; count < QUEUE_PER_SOURCE_MAX; count++)
    lone.give({ type: 'submit', request: requestAt(START), now: START })
  const effects = lone.give({ type: 'submit', request: requestAt(START), now: START })
  assert.equal(sent(effects, 'request').length, 0)
  assert.ok(effects.some((effect) => effect.type === 'refuse' && effect.code === 'queue_full'))
})

for (const [age, code] of [
  [60_000, undefined],
  [60_001, 'too_old'],
  [-60_000, undefined],
  [-60_001, 'too_old'],
] as const)
  test(`R9 an own request whose time is ${age} ms ago: ${code ?? 'taken'}`, () => {
    const lone = new Lone()
    const effects = lone.give({ type: 'submit', request: requestAt(START - age), now: START })
    const refusal = effects.find((effect) => effect.type === 'refuse')
    assert.equal(refusal?.type === 'refuse' ? refusal.code : undefined, code)
  })

test('R9 the same request twice is refused while it waits and while it stands in the window', () => {
  const lone = new Lone()
  const request = requestAt(START)
  lone.give({ type: 'submit', request, now: START })
  const again = (): (string | undefined)[] =>
    lone
      .give({ type: 'submit', request, now: START })
      .filter((effect) => effect.type === 'refuse')
      .map(({ code }) => code)
  assert.deepEqual(again(), ['duplicate'])
  lone.commit([request])
  assert.deepEqual(again(), ['duplicate'])
})

test('R9 a request that nobody could place in a block in time is refused as too old', () => {
  const lone = new Lone({ settings: { heartbeatMs: 1_000_000 } })
  lone.give({ type: 'submit', request: requestAt(START), now: START })
  const at = (now: number) => lone.give({ type: 'tick', now }).filter(({ type }) => type === 'refuse')
  assert.equal(at(START + 60_000).length, 0)
  assert.equal(at(START + 60_001).length, 1)
})

test('R9 the window holds what ran within 120 s of block time', () => {
  const window = createWindow(Number.NEGATIVE_INFINITY)
  const hash = taggedHash('request')
  extendWindow(window, START, [hash])
  assert.equal(inWindow(window, keyOf(hash), START + WINDOW_MS), true)
  assert.equal(inWindow(window, keyOf(hash), START + WINDOW_MS + 1), false)
  extendWindow(window, START + WINDOW_MS + 1, [])
  assert.equal(window.timeByKey.size, 0)
})

test('R9 a window that began later is whole once it reaches back far enough', () => {
  const window = createWindow(START)
  assert.equal(windowWhole(window, START + WINDOW_MS), false)
  assert.equal(windowWhole(window, START + WINDOW_MS + 1), true)
})

for (const [links, failures, ms] of [
  [1_000, 0, 4_000],
  [1_000, 1, 6_000],
  [1_000, 2, 9_000],
  [1_000, 6, 45_562.5],
  [1_000, 7, 60_000],
  [1_000, 1_000, 60_000],
  [750, 0, 4_000],
  [500, 0, 3_000],
  [100, 0, 1_400],
  [100, 1, 2_100],
  [100, 1_000, 60_000],
] as const)
  test(`R6 on links of ${links} ms, after ${failures} time-outs since the last commit, the timer is ${ms} ms`, () =>
    assert.equal(timerMs(1_000, links, failures), ms))

for (const [links, failures, ms] of [
  [1_000, 0, 1_000],
  [100, 0, 100],
  [100, 2, 225],
  [100, 1_000, 60_000],
] as const)
  test(`R6 of a leader that is gone, on links of ${links} ms, after ${failures} time-outs, the timer is ${ms} ms`, () =>
    assert.equal(timerMs(1_000, links, failures, true), ms))

test('R6 the turn goes round: N views in a row have N leaders', () => {
  for (const members of [1, 3, 4, 7]) {
    const group = groupOfSize(members)
    const leaders = Array.from({ length: members }, (_, view) => leaderOf(group, 2 ** 32 - 8 + view))
    assert.equal(new Set(leaders).size, members)
  }
})

for (const [members, quorum, q] of [
  [3, 'all', 3],
  [4, 'bft', 3],
  [7, 'bft', 5],
  [10, 'bft', 7],
  [1, 'bft', 1],
] as const)
  test(`§2 ${members} members, ${quorum}: a quorum of ${q}`, () =>
    assert.equal(quorumOf(groupOfSize(members, quorum)), q))
