// The parts of the simulator hold what its verdicts rest on: one seed one run, signatures that nobody forges, disks that lose
// what was not synced, a net that is good once it is good, and a judge of statements that errs in neither direction.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Digest } from '#protocol/codec/digest.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import type { Signature } from '#protocol/identity/keys.ts'
import { recordOfMember, type Statement } from '#test/simulator/culprits.ts'
import { createDisk } from '#test/simulator/disk.ts'
import { virtualNet } from '#test/simulator/net.ts'
import { eventQueue } from '#test/simulator/queue.ts'
import { randomFromSeed } from '#test/simulator/random.ts'
import { GROUP_KINDS, scenarioFromSeed } from '#test/simulator/scenario.ts'
import { keyring } from '#test/simulator/signatures.ts'

const JOB = taggedHash('job')
const X = taggedHash('block x')
const Y = taggedHash('block y')

function vote1(view: number, block: Digest, jview: number | null, height = 1): Statement {
  return { type: 'vote1', body: { job: JOB, epoch: 1, height, view, block_hash: block, jview } }
}
function vote2(view: number, block: Digest, height = 1): Statement {
  return { type: 'vote2', body: { job: JOB, epoch: 1, height, view, block_hash: block } }
}
function timeout(view: number, high: number | null, height = 1): Statement {
  const shown = high === null ? null : { view: high, block_hash: X }
  return { type: 'timeout', body: { job: JOB, epoch: 1, height, view, high: shown } }
}

const LIES: readonly { name: string; said: readonly Statement[]; lie: string | undefined }[] = [
  { name: 'the same vote twice', said: [vote1(0, X, null), vote1(0, X, null)], lie: undefined },
  { name: 'votes for two blocks in two views', said: [vote1(0, X, null), vote1(1, Y, null)], lie: undefined },
  { name: 'two VOTE1 in one view', said: [vote1(0, X, null), vote1(0, Y, null)], lie: 'double_vote1' },
  { name: 'two VOTE1 that differ in jview', said: [vote1(2, X, null), vote1(2, X, 1)], lie: 'double_vote1' },
  { name: 'two VOTE2 in one view', said: [vote2(0, X), vote2(0, Y)], lie: 'double_vote2' },
  { name: 'a lock forgotten', said: [vote2(1, X), vote1(2, Y, 0)], lie: 'amnesia' },
  { name: 'a lock forgotten, heard in the other order', said: [vote1(2, Y, null), vote2(1, X)], lie: 'amnesia' },
  { name: 'a lock released by a QC1 of its own view', said: [vote2(1, X), vote1(2, Y, 1)], lie: undefined },
  { name: 'a vote at another height', said: [vote2(1, X), vote1(2, Y, null, 2)], lie: undefined },
  { name: 'a TIMEOUT that hides a lock', said: [vote2(1, X), timeout(1, null)], lie: 'hidden_lock' },
  { name: 'a TIMEOUT that shows the lock', said: [vote2(1, X), timeout(1, 1)], lie: undefined },
  { name: 'a TIMEOUT of a view before the lock', said: [timeout(0, null), vote2(1, X)], lie: undefined },
  { name: 'a TIMEOUT of a lower height', said: [vote2(1, X, 5), timeout(3, null, 4)], lie: 'hidden_lock' },
  {
    name: 'a vote in the view of a TIMEOUT of a lower height',
    said: [timeout(1, null, 4), vote2(1, X, 5)],
    lie: undefined,
  },
]

for (const { name, said, lie } of LIES) {
  test(`§2 provable lies: ${name} is ${lie ?? 'no lie'}`, () => {
    const record = recordOfMember()
    const found = said.map((statement) => record.add(statement)).find((told) => told !== undefined)
    assert.equal(found, lie)
  })
}

test('one seed gives one stream of chance, and forks do not disturb it', () => {
  const a = randomFromSeed(7)
  const b = randomFromSeed(7)
  b.fork('aside').bytes(100)
  assert.deepEqual([a.real(), a.below(10), a.real()], [b.real(), b.below(10), b.real()])
  assert.notEqual(randomFromSeed(8).real(), randomFromSeed(7).real())
})

test('events come out by time, and by order of insertion at one time', () => {
  const queue = eventQueue<string>()
  for (const [at, name] of [
    [3, 'c'],
    [1, 'a'],
    [3, 'd'],
    [2, 'b'],
    [1, 'a2'],
  ] as const)
    queue.push(at, name)
  const out = Array.from({ length: queue.size }, () => queue.pop()?.event)
  assert.deepEqual(out, ['a', 'a2', 'b', 'c', 'd'])
})

test('a simulated signature is good for its key and message alone', () => {
  const keys = keyring(randomFromSeed(1))
  const a = keys.create()
  const b = keys.create()
  const message = taggedHash('message')
  const signature = a.sign(message)
  assert.ok(keys.verify(a.publicKey, message, signature))
  assert.ok(!keys.verify(b.publicKey, message, signature))
  assert.ok(!keys.verify(a.publicKey, taggedHash('other'), signature))
  for (let at = 0; at < signature.length; at++) {
    const spoiled = signature.slice() as Signature
    spoiled[at] = (spoiled[at] ?? 0) ^ 1
    assert.ok(!keys.verify(a.publicKey, message, spoiled))
  }
})

test('a disk keeps what was synced and at most a prefix of the rest', () => {
  const outcomes = new Set<number | undefined>()
  for (let seed = 0; seed < 40; seed++) {
    const disk = createDisk()
    disk.write({ type: 'votes', record: Uint8Array.of(1), bodies: [] })
    disk.sync()
    disk.write({ type: 'votes', record: Uint8Array.of(2), bodies: [] })
    disk.write({ type: 'votes', record: Uint8Array.of(3), bodies: [] })
    assert.equal(disk.image.record?.[0], 3)
    disk.crash(randomFromSeed(seed))
    outcomes.add(disk.image.record?.[0])
  }
  assert.deepEqual([...outcomes].sort(), [1, 2, 3])
})

test('once the net is good every message arrives once, within its bound', () => {
  for (let seed = 0; seed < 50; seed++) {
    const { net: profile, goodAt } = scenarioFromSeed(seed)
    const net = virtualNet(profile, 4, randomFromSeed(seed))
    for (let sent = 0; sent < goodAt; sent += 500) {
      for (const arrival of net.arrivals(sent % 4, (sent + 1) % 4, sent)) {
        assert.ok(arrival >= sent && arrival <= Math.max(goodAt, sent + profile.slowMs) + profile.deltaMs)
      }
    }
    const [arrival, ...more] = net.arrivals(0, 1, goodAt)
    assert.ok(arrival !== undefined && arrival <= goodAt + profile.deltaMs && more.length === 0)
  }
})

test('scenarios keep within the faults that their promises allow', () => {
  for (const kind of GROUP_KINDS) {
    for (let seed = 0; seed < 200; seed++) {
      const scenario = scenarioFromSeed(seed, kind)
      const disks = new Set(scenario.crashes.filter((crash) => crash.losesDisk).map((crash) => crash.member))
      const faultyIn = (members: readonly number[]) => members.filter((member) => scenario.faults.has(member)).length
      const first = Array.from({ length: scenario.members }, (_, member) => member)
      assert.ok(scenario.overBound || faultyIn(first) + disks.size <= scenario.bound)
      assert.ok(scenario.overBound || scenario.epochs.every(({ members }) => faultyIn(members) <= scenario.bound))
      assert.ok(scenario.crashes.every((crash) => !scenario.faults.has(crash.member) && crash.at < scenario.goodAt))
    }
  }
})
