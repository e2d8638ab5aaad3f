import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Cluster, requestAt } from './cluster.ts'

test('§2 a request of one member is certified, durable and answered, and every member has the same block', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const requestHash = cluster.submit(0, requestAt(cluster.now))
  cluster.run()
  assert.deepEqual(cluster.heights(), [1, 1, 1, 1])
  assert.equal(new Set(cluster.hashes(1)).size, 1)
  assert.deepEqual(cluster.node(0).answers, [{ type: 'reply', requestHash, height: 1, index: 0 }])
})

for (const members of [1, 3, 4, 5, 7]) {
  test(`§2 a group of ${members} commits a hundred requests of all members, each once`, () => {
    const cluster = new Cluster(members)
    cluster.start()
    for (let index = 0; index < 100; index++) cluster.submit(index % members, requestAt(cluster.now))
    cluster.run()
    const answers = cluster.nodes.flatMap((node) => node.answers)
    assert.equal(answers.length, 100)
    assert.ok(answers.every(({ type }) => type === 'reply'))
    const [first] = cluster.nodes
    let certified = 0
    for (const { requests } of first?.disk.blocks.values() ?? []) certified += requests.length
    assert.equal(certified, 100)
    for (const [height] of first?.disk.blocks ?? []) assert.equal(new Set(cluster.hashes(height)).size, 1)
  })
}
