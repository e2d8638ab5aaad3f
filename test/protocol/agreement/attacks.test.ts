// F31: the attacks of the paper that are on a group itself, on the real state machines. Over the bound (§7.2) they are in fork.test.ts and, on real
// processes, in test/seeder/processes/byzantine.test.ts.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leaderOf } from '#protocol/agreement/members.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { quorumOf } from '#protocol/message/certificate.ts'
import { orderedRequestHash } from '#protocol/message/request.ts'
import { Cluster, requestAt, SETTINGS } from './cluster.ts'

/** How long the group is disturbed, and how long it has afterwards: view timers have grown meanwhile. */
const DISTURBED_MS = 21 * SETTINGS.deltaMs
const HEALED_MS = 120 * SETTINGS.deltaMs

const all = (members: number): number[] => Array.from({ length: members }, (_, index) => index)
const isIn = (mask: number, index: number): boolean => (mask & (1 << index)) !== 0

/** In every height that anybody has there is one block, and each request stands in one. */
function assertOneChain(cluster: Cluster): void {
  const seen = new Map<string, number>()
  for (let height = 1; height <= Math.max(...cluster.heights()); height++) {
    const blocks = new Set(cluster.hashes(height).filter((hash) => hash !== 'none'))
    assert.ok(blocks.size <= 1, `height ${height} has ${blocks.size} blocks`)
    const block = cluster.nodes.map(({ disk }) => disk.blocks.get(height)).find((each) => each !== undefined)
    for (const request of block?.requests ?? []) {
      const key = hexFromBytes(orderedRequestHash(request))
      assert.equal(seen.get(key), undefined, `a request stands in ${seen.get(key)} and ${height}`)
      seen.set(key, height)
    }
  }
}

/** A write at each member; how many of them its member has answered later is `answered`. */
function submitAtEach(cluster: Cluster): void {
  for (const index of cluster.nodes.keys()) cluster.submit(index, requestAt(cluster.now))
  cluster.run()
}
const answered = (cluster: Cluster): number[] =>
  cluster.nodes.map(({ answers }) => answers.filter(({ type }) => type === 'reply').length)

for (const members of [4, 5])
  test(`F31 §7.5 splitting: ${members} members cut in two in every way; less than a quorum certifies nothing, and healed they have one chain and every write`, () => {
    for (let mask = 1; mask < 2 ** (members - 1); mask++) {
      const cluster = new Cluster(members)
      cluster.start()
      submitAtEach(cluster)
      cluster.pass(SETTINGS.deltaMs)
      const before = Math.max(...cluster.heights())
      assert.ok(before > 0)
      const isCut = (a: number, b: number): boolean => isIn(mask, a) !== isIn(mask, b)
      cluster.drop = isCut
      cluster.reaches = (a, b) => !isCut(a, b)
      submitAtEach(cluster)
      cluster.pass(DISTURBED_MS)
      const quorum = quorumOf(cluster.group)
      for (const side of [true, false]) {
        const here = all(members).filter((index) => isIn(mask, index) === side)
        const heights = here.map((index) => cluster.heights()[index] ?? 0)
        if (here.length < quorum)
          assert.ok(
            heights.every((height) => height <= before),
            `${here} certify alone`,
          )
        else
          assert.ok(
            heights.every((height) => height > before),
            `${here} are a quorum and stand still`,
          )
      }
      assertOneChain(cluster)
      cluster.drop = () => false
      cluster.reaches = () => true
      cluster.pass(HEALED_MS)
      assert.equal(new Set(cluster.heights()).size, 1, `cut by ${mask}: ${cluster.heights()}`)
      assert.deepEqual(
        answered(cluster),
        all(members).map(() => 2),
        `cut by ${mask}`,
      )
      assertOneChain(cluster)
      assert.ok(cluster.nodes.every(({ evidence }) => evidence.length === 0))
    }
  })

for (const [name, isSilent] of [
  [
    'tells them nothing',
    (liar: number, victims: number) => (from: number, to: number) => from === liar && isIn(victims, to),
  ],
  [
    'hears nothing of them',
    (liar: number, victims: number) => (from: number, to: number) => to === liar && isIn(victims, from),
  ],
  [
    'tells them nothing and hears nothing of them',
    (liar: number, victims: number) => (from: number, to: number) =>
      (from === liar && isIn(victims, to)) || (to === liar && isIn(victims, from)),
  ],
] as const)
  test(`F31 §7.7 off-line general: a member, leading or not, that ${name}, whoever they are, makes nobody off-line`, () => {
    const members = 4
    for (const liar of all(members))
      for (let victims = 1; victims < 2 ** members; victims++) {
        if (isIn(victims, liar)) continue
        const cluster = new Cluster(members)
        cluster.start()
        cluster.drop = isSilent(liar, victims)
        cluster.reaches = (a, b) => ![a, b].includes(liar) || !isIn(victims, a === liar ? b : a)
        const honest = all(members).filter((index) => index !== liar)
        for (let round = 0; round < 3; round++) {
          submitAtEach(cluster)
          cluster.pass(DISTURBED_MS)
        }
        // Whoever is told nothing of a block asks for it within 2Δ, and a heartbeat may just have been.
        cluster.pass(3 * SETTINGS.deltaMs)
        const at = `${liar}${liar === leaderOf(cluster.group, 0) ? ', which leads' : ''}, against ${honest.filter((index) => isIn(victims, index))}`
        assert.deepEqual(
          honest.map((index) => answered(cluster)[index]),
          [3, 3, 3],
          at,
        )
        assert.equal(new Set(honest.map((index) => cluster.heights()[index])).size, 1, at)
        assertOneChain(cluster)
        // Silence that cannot be proven is counted, and costs nothing; nobody is accused of anything.
        for (const index of honest) {
          assert.equal(memberStatus(cluster.node(index).member).state, 'agreeing', at)
          assert.equal(cluster.node(index).evidence.length, 0, at)
        }
      }
  })
