import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leaderOf } from '#protocol/agreement/members.ts'
import { offeredState } from '#protocol/agreement/snapshot.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { signStatement } from '#protocol/message/domain.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { Cluster, DOMAIN, requestAt, SETTINGS, signerOf } from './cluster.ts'

const alive = (cluster: Cluster): number[] =>
  cluster.nodes.filter(({ up }) => up).map(({ member }) => memberStatus(member).height)
const firstLeader = (cluster: Cluster): number => leaderOf(cluster.group, 0)

test('§2 R6 a silent leader costs one time-out of 4Δ, and the request commits in the next view', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = firstLeader(cluster)
  cluster.crash(leader)
  const other = (leader + 2) % 4
  cluster.submit(other, requestAt(cluster.now))
  cluster.run()
  cluster.pass(4 * SETTINGS.deltaMs - 1)
  assert.deepEqual(alive(cluster), [0, 0, 0])
  cluster.pass(1)
  assert.deepEqual(alive(cluster), [1, 1, 1])
  assert.equal(cluster.node(other).answers.length, 1)
  assert.equal(memberStatus(cluster.node(other).member).view, 1)
  assert.equal(memberStatus(cluster.node(other).member).members[leader]?.counts.silent, 1)
})

test('§2 R6 a view does not reset at a commit: a crashed leader costs one time-out, not one a height', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = firstLeader(cluster)
  cluster.crash(leader)
  const other = (leader + 2) % 4
  for (let index = 0; index < 5; index++) {
    cluster.submit(other, requestAt(cluster.now))
    cluster.run()
    cluster.pass(SETTINGS.deltaMs * 4)
  }
  assert.deepEqual(alive(cluster), [5, 5, 5])
  assert.equal(memberStatus(cluster.node(other).member).view, 1)
})

test('R8 an idle group makes a HEARTBEAT every heartbeat interval', () => {
  const cluster = new Cluster(4)
  cluster.start()
  cluster.pass(SETTINGS.heartbeatMs * 3)
  assert.deepEqual(cluster.heights(), [3, 3, 3, 3])
})

test('R8 an idle group whose leader is silent goes on under the next one', () => {
  const cluster = new Cluster(4)
  cluster.start()
  cluster.crash(firstLeader(cluster))
  cluster.pass(SETTINGS.heartbeatMs + 4 * SETTINGS.deltaMs)
  assert.deepEqual(alive(cluster), [1, 1, 1])
})

test('a member that was away for a few blocks fetches them, executes them again and goes on', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const away = (firstLeader(cluster) + 1) % 4
  cluster.crash(away)
  for (let index = 0; index < 3; index++) {
    cluster.submit((away + 1) % 4, requestAt(cluster.now))
    cluster.run()
  }
  cluster.restart(away)
  cluster.pass(2 * SETTINGS.deltaMs)
  assert.deepEqual(cluster.heights(), [3, 3, 3, 3])
  assert.equal(new Set(cluster.hashes(3)).size, 1)
  cluster.submit(away, requestAt(cluster.now))
  cluster.run()
  assert.equal(cluster.node(away).answers.length, 1)
})

test('a member that was away so long that blocks are gone takes a snapshot and the blocks after it', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const away = (firstLeader(cluster) + 1) % 4
  cluster.crash(away)
  cluster.pass(SETTINGS.heartbeatMs * 40)
  const height = Math.max(...alive(cluster))
  assert.ok(height >= 39)
  cluster.restart(away)
  cluster.pass(SETTINGS.deltaMs * 3)
  assert.equal(memberStatus(cluster.node(away).member).height, Math.max(...alive(cluster)))
  assert.ok(!cluster.node(away).disk.blocks.has(1), 'it did not replay from the start')
  cluster.submit(away, requestAt(cluster.now))
  cluster.run()
  assert.equal(cluster.node(away).answers.length, 1)
})

test('§6 R9 what a member offers it has, who began with a state itself too: the state, its certificate, and every block after it', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const away = (firstLeader(cluster) + 1) % 4
  cluster.crash(away)
  cluster.pass(SETTINGS.heartbeatMs * 40)
  cluster.restart(away)
  cluster.pass(SETTINGS.deltaMs * 3)
  let offers = 0
  for (let beat = 0; beat < 24; beat++) {
    if (beat % 5 === 4) {
      cluster.crash(away)
      cluster.restart(away)
    }
    for (const { index, member, disk } of cluster.nodes) {
      const offered = offeredState(member)
      if (offered === undefined) continue
      if (index === away) offers++
      assert.ok(disk.states.some(({ height }) => height === offered.height))
      for (let { height } = offered; height <= member.head.height; height++)
        assert.ok(disk.blocks.has(height), `member ${index} offers ${offered.height} without ${height}`)
    }
    cluster.pass(SETTINGS.heartbeatMs)
  }
  assert.ok(offers >= 20, `it offered a state at ${offers} of 24 heights`)
})

test('R1 all members killed at any message and restarted: the group goes on, no height differs', () => {
  for (let cut = 1; cut < 60; cut++) {
    const cluster = new Cluster(4)
    cluster.start()
    let sent = 0
    cluster.drop = () => ++sent > cut
    cluster.submit(0, requestAt(cluster.now))
    cluster.submit(1, requestAt(cluster.now))
    cluster.run()
    for (const { index } of cluster.nodes) cluster.crash(index)
    cluster.drop = () => false
    for (const { index } of cluster.nodes) cluster.restart(index)
    cluster.submit(2, requestAt(cluster.now))
    cluster.run()
    cluster.pass(30 * SETTINGS.deltaMs)
    const height = Math.min(...cluster.heights())
    assert.ok(height >= 1, `cut ${cut}: ${cluster.heights()}`)
    for (let at = 1; at <= height; at++) assert.equal(new Set(cluster.hashes(at)).size, 1, `cut ${cut}, height ${at}`)
    assert.ok(cluster.nodes.every(({ evidence }) => evidence.length === 0))
  }
})

test('R9 all members restarted after a long time: the window is whole at once, and a write commits without a time-out', () => {
  const cluster = new Cluster(4)
  cluster.start()
  cluster.pass(SETTINGS.heartbeatMs * 40)
  for (const { index } of cluster.nodes) cluster.crash(index)
  for (const { index } of cluster.nodes) cluster.restart(index)
  cluster.submit(2, requestAt(cluster.now))
  cluster.run()
  cluster.pass(SETTINGS.deltaMs)
  assert.ok(cluster.node(2).answers.some(({ type }) => type === 'reply'))
  assert.equal(memberStatus(cluster.node(2).member).view, 0)
})

test('R4 R6 a lock survives its leader: the next one proposes the locked block again, byte for byte', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = firstLeader(cluster)
  // VOTE2s are lost: a QC1 forms, a certificate does not.
  cluster.drop = (_, __, message: WireMessage) => message.type === 'vote2'
  cluster.submit((leader + 1) % 4, requestAt(cluster.now))
  cluster.run()
  assert.deepEqual(cluster.heights(), [0, 0, 0, 0])
  const proposal = cluster.node(leader).member.proposal
  assert.ok(proposal)
  cluster.crash(leader)
  cluster.drop = () => false
  cluster.pass(10 * SETTINGS.deltaMs)
  assert.ok(Math.min(...alive(cluster)) >= 1)
  const certified = cluster.node((leader + 1) % 4).disk.blocks.get(1)?.cert
  assert.deepEqual(certified?.qc1.block_hash, proposal.content.hash)
})

test('R1 a member without its vote state follows along and signs nothing in the epoch', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const lost = (firstLeader(cluster) + 1) % 4
  cluster.submit(lost, requestAt(cluster.now))
  cluster.run()
  cluster.crash(lost)
  cluster.restart(lost, true)
  const before = cluster.node(lost).log.length
  cluster.submit((lost + 1) % 4, requestAt(cluster.now))
  cluster.run()
  cluster.pass(SETTINGS.deltaMs)
  assert.deepEqual(cluster.heights(), [2, 2, 2, 2])
  const signed = cluster
    .node(lost)
    .log.slice(before)
    .filter((effect) => effect.type === 'send')
  assert.ok(signed.every(({ message }) => message.type === 'status' || message.type === 'request'))
  assert.equal(memberStatus(cluster.node(lost).member).state, 'abstaining')
})

test('§3 a leader with a wrong result is refused, shown, and the next one commits', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = firstLeader(cluster)
  cluster.node(leader).wrong = true
  cluster.submit((leader + 1) % 4, requestAt(cluster.now))
  cluster.run()
  const others = cluster.nodes.filter(({ index }) => index !== leader)
  assert.ok(others.every(({ member }) => memberStatus(member).height >= 1))
  assert.ok(others.every(({ evidence }) => evidence.some(({ kind }) => kind === 'wrong_result')))
  assert.ok(others.every(({ member }) => memberStatus(member).state === 'agreeing'))
})

test('§3 a follower with a wrong result is shown by the certificate, and takes the certified state', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const liar = (firstLeader(cluster) + 1) % 4
  cluster.node(liar).wrong = true
  cluster.submit((liar + 1) % 4, requestAt(cluster.now))
  cluster.run()
  cluster.pass(2 * SETTINGS.deltaMs)
  assert.deepEqual(cluster.heights(), [1, 1, 1, 1])
  for (const { index, evidence } of cluster.nodes) {
    if (index === liar) continue
    const [first] = evidence
    assert.ok(first?.kind === 'wrong_result' && first.cert !== null && first.claim.type === 'nay')
  }
})

test('§3 two against two: disputed, writes are refused, and it goes on once results agree again', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = firstLeader(cluster)
  cluster.node(leader).wrong = true
  cluster.node((leader + 1) % 4).wrong = true
  const asked = (leader + 2) % 4
  cluster.submit(asked, requestAt(cluster.now))
  cluster.run()
  assert.ok(cluster.nodes.every(({ member }) => memberStatus(member).state === 'disputed'))
  cluster.submit(asked, requestAt(cluster.now))
  assert.equal(cluster.node(asked).answers.at(-1)?.type, 'refuse')
  cluster.pass(20 * SETTINGS.deltaMs)
  assert.deepEqual(cluster.heights(), [0, 0, 0, 0])
  for (const node of cluster.nodes) node.wrong = false
  cluster.pass(60_000)
  assert.ok(cluster.heights().every((height) => height >= 1))
  assert.ok(cluster.nodes.every(({ member }) => memberStatus(member).state === 'agreeing'))
})

test('§2 Provable lies: two proposals sent to different members come together, and honest members go on', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = firstLeader(cluster)
  const twin = new Cluster(4)
  twin.start()
  // The same leader, seen by one half with another request: what it says there is carried over to the first two followers.
  const [a, b, c] = [1, 2, 3].map((offset) => (leader + offset) % 4) as [number, number, number]
  twin.drop = () => true
  twin.submit(leader, requestAt(twin.now))
  twin.run()
  const other = twin.node(leader).log.find((e) => e.type === 'send' && e.message.type === 'propose')
  assert.ok(other?.type === 'send')
  let crossed = false
  cluster.drop = (from, to, message) => {
    if (crossed || from !== leader || message.type !== 'propose' || to !== a) return false
    crossed = true
    cluster.deliver(leader, a, other.message)
    return true
  }
  cluster.submit(leader, requestAt(cluster.now))
  cluster.run()
  cluster.pass(10 * SETTINGS.deltaMs)
  assert.ok(cluster.heights().every((height) => height >= 1))
  for (const index of [a, b, c])
    assert.ok(
      cluster.node(index).evidence.some(({ kind }) => kind === 'double_proposal'),
      `member ${index} saw ${cluster.node(index).evidence.map(({ kind }) => kind)}`,
    )
})

/** Writes come so fast that the group never rests for a view timer's length: `count` of them, one each Δ. */
function steadily(cluster: Cluster, asked: number, count: number): void {
  for (let index = 0; index < count; index++) {
    cluster.submit(asked, requestAt(cluster.now))
    cluster.run()
    cluster.pass(SETTINGS.deltaMs)
  }
}

/** A group under steady writes in which one member heard nothing but requests for so long that it gave up view 0 alone. */
function withOneThatGaveUp(): { readonly cluster: Cluster; readonly alone: number; readonly asked: number } {
  const cluster = new Cluster(4)
  cluster.start()
  const alone = (firstLeader(cluster) + 1) % 4
  const asked = (alone + 1) % 4
  cluster.drop = (_, to, message) => to === alone && message.type !== 'request'
  steadily(cluster, asked, 6)
  assert.equal(cluster.node(alone).member.timeout?.body.view, 0)
  assert.equal(memberStatus(cluster.node(asked).member).height, 6)
  cluster.drop = () => false
  return { cluster, alone, asked }
}

test('§2 R6 a member that gave up a view alone votes in it again as soon as it has caught up', () => {
  const { cluster, alone, asked } = withOneThatGaveUp()
  const since = cluster.node(alone).log.length
  steadily(cluster, asked, 6)
  assert.deepEqual(cluster.heights(), [12, 12, 12, 12])
  assert.ok(cluster.nodes.every(({ member, evidence }) => member.view === 0 && evidence.length === 0))
  const later = cluster.node(alone).log.slice(since)
  assert.ok(later.some((effect) => effect.type === 'send' && effect.message.type === 'vote2'))
  // The group can do without any other member now, and at once.
  cluster.crash((alone + 2) % 4)
  cluster.submit(asked, requestAt(cluster.now))
  cluster.run()
  assert.deepEqual(alive(cluster), [13, 13, 13])
})

test('§2 Provable lies: who votes twice is proven a liar though it had given up the view alone', () => {
  const { cluster, alone, asked } = withOneThatGaveUp()
  cluster.drop = (from, to, message) => {
    if (from === alone && message.type === 'vote1') {
      const body = { ...message.vote.body, block_hash: taggedHash('another block') }
      cluster.deliver(from, to, { ...message, vote: signStatement(DOMAIN, 'vote1', signerOf(from), body) })
    }
    return false
  }
  steadily(cluster, asked, 6)
  for (const { index, evidence } of cluster.nodes) {
    if (index === alone) continue
    assert.ok(evidence.length > 0 && evidence.every(({ kind }) => kind === 'double_vote1'), `member ${index}`)
  }
})

for (const type of ['vote1', 'vote2'] as const) {
  test(`§2 Provable lies: two ${type} of one view told to different members come together`, () => {
    const cluster = new Cluster(4)
    cluster.start()
    const liar = (firstLeader(cluster) + 1) % 4
    const misled = (liar + 1) % 4
    cluster.drop = (from, to, message) => {
      if (from !== liar || to !== misled || message.type !== type) return false
      const block_hash = taggedHash('another block')
      const twin =
        message.type === 'vote1'
          ? { ...message, vote: signStatement(DOMAIN, 'vote1', signerOf(liar), { ...message.vote.body, block_hash }) }
          : { ...message, vote: signStatement(DOMAIN, 'vote2', signerOf(liar), { ...message.vote.body, block_hash }) }
      cluster.deliver(from, to, twin)
      return true
    }
    cluster.submit(misled, requestAt(cluster.now))
    cluster.run()
    assert.deepEqual(cluster.heights(), [1, 1, 1, 1])
    for (const { index, evidence } of cluster.nodes) {
      if (index !== liar && index !== misled)
        assert.deepEqual(
          evidence.map(({ kind }) => kind),
          [`double_${type}`],
        )
    }
  })
}

test('a member that lost the last votes before the group fell idle has the block within 2Δ', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const deaf = (firstLeader(cluster) + 1) % 4
  cluster.drop = (_, to, message) => to === deaf && (message.type === 'vote1' || message.type === 'vote2')
  cluster.submit(firstLeader(cluster), requestAt(cluster.now))
  cluster.run()
  assert.equal(memberStatus(cluster.node(deaf).member).height, 0)
  cluster.pass(2 * SETTINGS.deltaMs)
  assert.deepEqual(cluster.heights(), [1, 1, 1, 1])
  const { members } = memberStatus(cluster.node(deaf).member)
  assert.deepEqual(
    members.map(({ height }) => height),
    [1, 1, 1, 1],
  )
})
