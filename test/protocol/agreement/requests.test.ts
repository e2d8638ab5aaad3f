import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REQUEST_TIME_MS } from '#protocol/agreement/limits.ts'
import { keyOf, leaderOf } from '#protocol/agreement/members.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { orderedRequestHash } from '#protocol/message/request.ts'
import { INLINE_BODY_BYTES_MAX } from '#protocol/message/wire.ts'
import { Cluster, requestAt, SETTINGS } from './cluster.ts'

for (const [name, bytes, fetched] of [
  ['a small body travels with its request', INLINE_BODY_BYTES_MAX, false],
  ['a large body is fetched by its hash', INLINE_BODY_BYTES_MAX + 1, true],
] as const)
  test(`§2 ${name}, and is given up once it is certified`, () => {
    const cluster = new Cluster(4)
    cluster.start()
    const body = new Uint8Array(bytes).fill(7)
    cluster.submit(0, requestAt(cluster.now, { body }), body)
    cluster.run()
    assert.deepEqual(cluster.heights(), [1, 1, 1, 1])
    for (const { index, log, bodies, disk } of cluster.nodes) {
      if (index !== 0)
        assert.equal(
          log.some(({ type }) => type === 'fetchBodies'),
          fetched,
        )
      assert.equal(bodies.size, 0)
      assert.equal(disk.stored.size, 1)
    }
  })

test('§2 the body of a request that is refused at once is given up, unless another request has the same', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const body = new Uint8Array([1, 2, 3])
  const late = () => cluster.submit(0, requestAt(cluster.now - 2 * REQUEST_TIME_MS, { body }), body)
  const held = () => cluster.node(0).bodies.size
  late()
  assert.deepEqual([cluster.node(0).answers.map(({ type }) => type), held()], [['refuse'], 0])
  cluster.drop = () => true
  cluster.submit(0, requestAt(cluster.now, { body }), body)
  late()
  assert.equal(held(), 1)
})

test('R1 a locked block’s body survives with the lock when all members are killed at once', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const body = new Uint8Array([1, 2, 3])
  cluster.drop = (_, __, message) => message.type === 'vote2'
  const request = requestAt(cluster.now, { body })
  cluster.submit(0, request, body)
  cluster.run()
  for (const { index } of cluster.nodes) cluster.crash(index)
  cluster.drop = () => false
  for (const { index } of cluster.nodes) cluster.restart(index)
  cluster.pass(10 * SETTINGS.deltaMs)
  assert.ok(cluster.heights().every((height) => height >= 1))
  const [first] = cluster.nodes
  assert.deepEqual(first?.disk.blocks.get(1)?.requests, [request])
})

test('R7 a request that the leader never got is relayed to it by the others', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = leaderOf(cluster.group, 0)
  const asked = (leader + 1) % 4
  const request = requestAt(cluster.now)
  cluster.drop = (from, to, message) => message.type === 'request' && from === asked && to === leader
  cluster.submit(asked, request)
  cluster.run()
  // Others' requests go on being certified, so no view times out.
  for (let second = 0; second < 10; second++) {
    cluster.submit((leader + 2) % 4, requestAt(cluster.now))
    cluster.run()
    cluster.pass(500)
  }
  assert.ok(cluster.node(asked).answers.some(({ type }) => type === 'reply'))
  assert.equal(memberStatus(cluster.node(asked).member).view, 0)
})

test('R7 a leader that passes a request over for 5Δ loses its view', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = leaderOf(cluster.group, 0)
  const asked = (leader + 1) % 4
  const request = requestAt(cluster.now)
  const censored = keyOf(orderedRequestHash(request))
  cluster.drop = (_, to, message) =>
    to === leader && message.type === 'request' && keyOf(orderedRequestHash(message.request)) === censored
  cluster.submit(asked, request)
  cluster.run()
  for (let half = 0; half < 20; half++) {
    cluster.submit((leader + 2) % 4, requestAt(cluster.now))
    cluster.run()
    cluster.pass(500)
  }
  assert.ok(cluster.node(asked).answers.some(({ type }) => type === 'reply'))
  assert.equal(memberStatus(cluster.node(asked).member).view, 1)
})

test('R8 an UPDATE stands alone in its block, among other requests', () => {
  const cluster = new Cluster(4)
  cluster.start()
  for (const method of ['POST', 'UPDATE', 'POST', 'POST']) cluster.submit(0, requestAt(cluster.now, { method }))
  cluster.run()
  const [first] = cluster.nodes
  const kinds = [...(first?.disk.blocks.values() ?? [])].map(({ cert, requests }) => [cert.block.kind, requests.length])
  assert.equal(kinds.filter(([kind, count]) => kind === 'update' && count === 1).length, 1)
  assert.equal(
    kinds.reduce((sum, [, count]) => sum + Number(count), 0),
    4,
  )
})

test('R9 a request that was certified is not certified again when another member shares it anew', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const request = requestAt(cluster.now)
  cluster.submit(0, request)
  cluster.run()
  cluster.submit(1, request)
  cluster.run()
  cluster.pass(SETTINGS.deltaMs)
  assert.deepEqual(cluster.heights(), [1, 1, 1, 1])
  assert.ok(cluster.node(1).answers.some((answer) => answer.type === 'refuse' && answer.code === 'duplicate'))
})

test('a stop refuses what waits, and the member is silent from then on', () => {
  const cluster = new Cluster(4)
  cluster.start()
  cluster.drop = () => true
  cluster.submit(0, requestAt(cluster.now))
  const effects = cluster.give(0, { type: 'stop' })
  assert.deepEqual(
    effects.map((effect) => (effect.type === 'refuse' ? effect.code : effect.type)),
    ['stopped'],
  )
  assert.deepEqual(cluster.give(0, { type: 'tick', now: cluster.now + 1_000_000 }), [])
})
