import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyCert } from '#protocol/agreement/door.ts'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import type { Restored } from '#protocol/agreement/port.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { type Block, blockHash } from '#protocol/message/block.ts'
import type { Request } from '#protocol/message/request.ts'
import { DOMAIN, requestAt, verify } from './cluster.ts'
import { Lone, START, sent } from './lone.ts'

test('R1 a VOTE1 leaves only behind the record that knows of it', () => {
  const lone = new Lone()
  const effects = lone.execute(lone.hear(lone.propose(lone.block([]), [])))
  const types = effects.map(({ type }) => type)
  assert.equal(types[0], 'persist')
  assert.equal(sent(effects, 'vote1').length, 1)
})

test('R1 one VOTE1 in a view: the same proposal again brings the same vote or none', () => {
  const lone = new Lone()
  const proposal = lone.propose(lone.block([]), [])
  lone.execute(lone.hear(proposal))
  assert.equal(sent(lone.hear(proposal), 'vote1').length, 0)
})

/** What the member does with one block of the first view: votes for it, says NAY, or is silent. */
function verdictOn(requests: readonly Request[], changes: Partial<Block>, before?: (lone: Lone) => unknown): string {
  const lone = new Lone()
  before?.(lone)
  const block = lone.block(requests, changes)
  const effects = lone.execute(lone.hear(lone.propose(block, requests)))
  if (sent(effects, 'vote1').length > 0) return 'vote1'
  return sent(effects, 'nay').length > 0 ? 'nay' : 'silent'
}

const minute = 60_000
const fresh = () => [requestAt(START)]
/** The clocks of its group were ahead. */
const ahead = (lone: Lone) => lone.commit([], { time: START + 10_000 })
/** Its wall clock was set two hours ahead. */
const set = (lone: Lone) => lone.give({ type: 'clock', aheadMs: 120 * minute, now: lone.now })
const table: readonly [string, string, () => string][] = [
  ['R2 a right block', 'vote1', () => verdictOn(fresh(), {})],
  ['R2 a HEARTBEAT', 'vote1', () => verdictOn([], {})],
  ['R2 another parent', 'silent', () => verdictOn(fresh(), { parent: taggedHash('other') })],
  ['R2 another state root', 'nay', () => verdictOn(fresh(), { state_root: new Lone().block(fresh()).state_root })],
  ['R2 another receipts root', 'nay', () => verdictOn(fresh(), { receipts_root: taggedHash('other') })],
  ['R2 another image', 'silent', () => verdictOn(fresh(), { image: taggedHash('other') })],
  ['R2 5 s before its receipt', 'vote1', () => verdictOn([], { time: START - 5_000 })],
  ['R2 more than 5 s before its receipt', 'silent', () => verdictOn([], { time: START - 5_001 })],
  ['R2 2 s after its receipt', 'vote1', () => verdictOn([], { time: START + 2_000 })],
  ['R2 more than 2 s after its receipt', 'silent', () => verdictOn([], { time: START + 2_001 })],
  ['R2 1 ms after a parent that is ahead of the clock', 'vote1', () => verdictOn([], { time: START + 10_001 }, ahead)],
  ['R2 2 ms after a parent that is ahead of the clock', 'silent', () => verdictOn([], { time: START + 10_002 }, ahead)],
  ['R2 the time of the steady clock when the wall clock was set', 'silent', () => verdictOn([], { time: START }, set)],
  [
    'R2 the time of the wall clock when that was set',
    'vote1',
    () => verdictOn([], { time: START + 120 * minute }, set),
  ],
  ['R2 a time later than its parent’s', 'vote1', () => verdictOn([], { time: START + 1 }, (lone) => lone.commit([]))],
  ['R2 the time of its parent', 'silent', () => verdictOn([], { time: START }, (lone) => lone.commit([]))],
  ['R8 a NORMAL block without requests', 'silent', () => verdictOn([], { kind: 'normal' })],
  ['R8 a HEARTBEAT with a request', 'silent', () => verdictOn(fresh(), { kind: 'heartbeat' })],
  ['R8 an UPDATE alone', 'vote1', () => verdictOn([requestAt(START, { method: 'UPDATE' })], { kind: 'update' })],
  ['R8 an UPDATE in a NORMAL block', 'silent', () => verdictOn([requestAt(START, { method: 'UPDATE' })], {})],
  ['R8 an UPDATE block of another method', 'silent', () => verdictOn(fresh(), { kind: 'update' })],
  [
    'R8 an UPDATE beside another request',
    'silent',
    () => verdictOn([requestAt(START, { method: 'UPDATE' }), requestAt(START)], { kind: 'update' }),
  ],
  [
    'R8 256 requests',
    'vote1',
    () =>
      verdictOn(
        Array.from({ length: 256 }, () => requestAt(START)),
        {},
      ),
  ],
  ['R9 a request 60 s older than the block', 'vote1', () => verdictOn([requestAt(START - minute)], {})],
  ['R9 a request more than 60 s older', 'silent', () => verdictOn([requestAt(START - minute - 1)], {})],
  ['R9 a request 60 s ahead of the block', 'vote1', () => verdictOn([requestAt(START + minute)], {})],
  ['R9 a request more than 60 s ahead', 'silent', () => verdictOn([requestAt(START + minute + 1)], {})],
  [
    'R9 the same request twice in one block',
    'silent',
    () => {
      const [one] = fresh()
      return one === undefined ? '' : verdictOn([one, one], {})
    },
  ],
]
for (const [name, expected, run] of table) test(`${name}: ${expected}`, () => assert.equal(run(), expected))

test('R9 a request that ran 120 s ago in block time does not run again, a moment later it may', () => {
  for (const [later, expected] of [
    [2 * minute, 'silent'],
    [2 * minute + 1, 'vote1'],
  ] as const) {
    const request = requestAt(START + minute)
    const again = { ...request, time: START + 2 * minute }
    const verdict = verdictOn([again], { time: START + later }, (lone) => {
      lone.commit([request])
      lone.now = START + later
    })
    assert.equal(verdict, expected, `${later} ms later`)
  }
})

/** What a member finds again that took the state of height 1, and has no block before it. */
function withoutBlocks(): Restored {
  const lone = new Lone()
  const block = lone.block([])
  const commit = lone.execute(lone.fetched(lone.cert(block), [])).find((effect) => effect.type === 'commit')
  assert.ok(commit?.type === 'commit')
  const states = [{ height: 1, time: block.time }]
  const verified = verifyCert(lone.door, commit.cert, verify)
  assert.ok(verified.ok)
  return { cert: verified.value, record: commit.record, abstain: false, recent: [], states, firstBlock: 2, bodies: [] }
}

test('R9 who does not know all that ran within the window votes for no block with requests, and proposes none', () => {
  for (const [waitMs, votes] of [
    [WINDOW_MS, 0],
    [WINDOW_MS + 1, 1],
  ] as const) {
    const follower = new Lone({ restored: withoutBlocks() })
    follower.now += waitMs
    const requests = [requestAt(follower.now)]
    const said = follower.execute(follower.hear(follower.propose(follower.block(requests), requests)))
    assert.equal(sent(said, 'vote1').length, votes)
    const leader = new Lone({ after: 0, restored: withoutBlocks(), settings: { heartbeatMs: 10 * WINDOW_MS } })
    leader.now += waitMs
    const begun = leader.give({ type: 'submit', request: requestAt(leader.now), now: leader.now })
    assert.equal(begun.filter(({ type }) => type === 'execute').length, votes)
  }
  const heartbeat = new Lone({ restored: withoutBlocks() })
  heartbeat.now += 1
  const said = heartbeat.execute(heartbeat.hear(heartbeat.propose(heartbeat.block([]), [])))
  assert.equal(sent(said, 'vote1').length, 1, 'a HEARTBEAT holds none')
})

test('R2 only the leader of the view proposes', () => {
  const lone = new Lone()
  const effects = lone.hear(lone.propose(lone.block([]), [], { by: lone.leader(1) }))
  assert.ok(!effects.some(({ type }) => type === 'execute'))
})

test('R2 R6 a proposal of a later view counts with its TC, and not without', () => {
  for (const [tc, expected] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const lone = new Lone()
    const block = lone.block([])
    const effects = lone.hear(lone.propose(block, [], tc ? { view: 1, tc: lone.tc(0) } : { view: 1 }))
    assert.equal(sent(lone.execute(effects), 'vote1').length, expected)
  }
})

test('R2 the parent’s certificate has to be here: a proposal of the next height waits for it', () => {
  const lone = new Lone()
  const first = lone.block([])
  const ahead = new Lone()
  ahead.commit([], { time: first.time })
  ahead.now = START + 1
  const second = ahead.block([])
  assert.ok(!lone.hear(ahead.propose(second, [])).some(({ type }) => type === 'execute'))
  lone.execute(lone.fetched(lone.cert(first), []))
  const effects = lone.give({ type: 'committed', height: 1, now: START })
  assert.equal(sent(lone.execute(effects), 'vote1').length, 1)
})

test('R2 R4 with a lock: the locked block in a later view, no other block, and nothing in the view of the lock', () => {
  const cases: readonly [string, (lone: Lone, locked: Block) => ReturnType<Lone['propose']>, number][] = [
    ['the locked block', (lone, locked) => lone.propose(locked, [], { view: 1, tc: lone.tc(0) }), 1],
    ['another block', (lone) => lone.propose(lone.block([], { time: START + 1 }), [], { view: 1, tc: lone.tc(0) }), 0],
    ['another block in the view of the lock', (lone) => lone.propose(lone.block([], { time: START + 1 }), []), 0],
    ['the locked block in the view of the lock', (lone, locked) => lone.propose(locked, []), 0],
  ]
  for (const [name, proposal, votes] of cases) {
    const lone = new Lone()
    const locked = lone.block([])
    lone.execute(lone.hear({ type: 'qc1', qc1s: [lone.qc1(locked)], content: { block: locked, requests: [] } }))
    const effects = lone.hear(proposal(lone, locked))
    const said = [...sent(effects, 'vote1'), ...sent(lone.execute(effects), 'vote1')]
    assert.equal(said.length, votes, name)
    for (const { vote, qc1s } of said) {
      assert.equal(vote.body.jview, 0, 'R3 it names the lock')
      assert.equal(qc1s.length, 1, 'R3 and carries it')
    }
  }
})

test('R2 a QC1 above the lock justifies another block, one below does not', () => {
  for (const [lockView, qcView, votes] of [
    [0, 1, 1],
    [1, 0, 0],
  ] as const) {
    const lone = new Lone()
    const locked = lone.block([])
    const other = lone.block([], { time: START + 1 })
    lone.hear({ type: 'tc', timeouts: lone.tc(1), qc1s: [] })
    lone.execute(
      lone.hear({ type: 'qc1', qc1s: [lone.qc1(locked, lockView)], content: { block: locked, requests: [] } }),
    )
    const lone2 = lone.leader(2) === lone.self ? 3 : 2
    if (lone2 === 3) lone.hear({ type: 'tc', timeouts: lone.tc(2), qc1s: [] })
    const effects = lone.hear(lone.propose(other, [], { view: lone2, qc1s: [lone.qc1(other, qcView)] }))
    const said = [...sent(effects, 'vote1'), ...sent(lone.execute(effects), 'vote1')]
    assert.equal(said.length, votes)
    for (const { vote } of said) assert.equal(vote.body.jview, qcView, 'R3 the highest QC1 relied on')
  }
})

test('R3 a VOTE1 counts only with the QC1 of its jview at hand', () => {
  const lone = new Lone({ after: 3 })
  const block = lone.block([])
  lone.hear({ type: 'tc', timeouts: lone.tc(0), qc1s: [] })
  const [a, b, c] = lone.others() as [number, number, number]
  lone.hear(lone.vote1(a, block, 1))
  lone.hear(lone.vote1(b, block, 1))
  lone.hear(lone.vote1(c, block, 1, 0))
  assert.equal(lone.member.rounds.get(1)?.lock ?? null, null)
  lone.hear({ type: 'qc1', qc1s: [lone.qc1(block, 0)], content: null })
  assert.equal(lone.member.rounds.get(1)?.lock?.view, 1)
})

test('R3 a QC1 counts only with the QC1s that its votes name', () => {
  const lone = new Lone()
  const block = lone.block([])
  lone.hear({ type: 'qc1', qc1s: [lone.qc1(block, 2, 1)], content: null })
  assert.equal(lone.member.rounds.get(1)?.lock ?? null, null)
  lone.hear({ type: 'qc1', qc1s: [lone.qc1(block, 1)], content: null })
  assert.equal(lone.member.rounds.get(1)?.lock?.view, 2)
})

test('R4 a QC1 of the present view brings VOTE2 after the own execution, one above it a lock alone', () => {
  const lone = new Lone()
  const block = lone.block([])
  const effects = lone.hear({ type: 'qc1', qc1s: [lone.qc1(block)], content: { block, requests: [] } })
  assert.equal(sent(effects, 'vote2').length, 0)
  assert.equal(sent(lone.execute(effects), 'vote2').length, 1)

  const above = new Lone()
  const asked = above.hear({ type: 'qc1', qc1s: [above.qc1(block, 1)], content: { block, requests: [] } })
  assert.equal(sent(above.execute(asked), 'vote2').length, 0)
  assert.equal(above.member.rounds.get(1)?.lock?.view, 1)
})

test('R4 no VOTE2 when the own execution came to something else', () => {
  const lone = new Lone()
  const block = lone.block([])
  const effects = lone.hear({ type: 'qc1', qc1s: [lone.qc1(block)], content: { block, requests: [] } })
  assert.equal(sent([...effects, ...lone.execute(effects, true)], 'vote2').length, 0)
})

test('R5 VOTE2s of a quorum commit nothing without the QC1 of their view', () => {
  const lone = new Lone()
  const block = lone.block([])
  lone.execute(lone.hear(lone.propose(block, [])))
  for (const by of lone.others()) {
    const effects = lone.hear(lone.vote2(by, block))
    assert.ok(!effects.some(({ type }) => type === 'commit'))
  }
  const effects = lone.hear({ type: 'qc1', qc1s: [lone.qc1(block)], content: null })
  assert.ok(effects.some(({ type }) => type === 'commit'))
})

test('R5 a QC1 of another view does not serve', () => {
  const lone = new Lone()
  const block = lone.block([])
  lone.execute(lone.hear(lone.propose(block, [])))
  lone.hear({ type: 'qc1', qc1s: [lone.qc1(block, 1)], content: null })
  const effects = lone.others().flatMap((by) => lone.hear(lone.vote2(by, block, 0)))
  assert.ok(!effects.some(({ type }) => type === 'commit'))
})

test('R5 q − 1 VOTE2s are not enough, q are', () => {
  const lone = new Lone()
  const block = lone.block([])
  const [a, b, c] = lone.others() as [number, number, number]
  lone.hear(lone.propose(block, []))
  const silent = lone.hear({ type: 'qc1', qc1s: [lone.qc1(block)], content: null })
  assert.ok(!silent.some(({ type }) => type === 'commit'))
  for (const by of [a, b]) assert.ok(!lone.hear(lone.vote2(by, block)).some(({ type }) => type === 'commit'))
  lone.hear(lone.vote2(c, block))
  assert.deepEqual(lone.member.rounds.get(1)?.cert?.qc1.block_hash, blockHash(DOMAIN, block))
})

/** A member that signed a TIMEOUT of view 0 at height 1. */
function timedOut(): Lone {
  const lone = new Lone()
  lone.now += 30_000
  lone.give({ type: 'tick', now: lone.now })
  lone.now += 4_000
  assert.equal(sent(lone.give({ type: 'tick', now: lone.now }), 'timeout').length, 1)
  return lone
}

test('R6 after the own TIMEOUT no vote in that view at that height, in the next view again', () => {
  const lone = timedOut()
  const block = lone.block([])
  assert.equal(sent(lone.execute(lone.hear(lone.propose(block, []))), 'vote1').length, 0)
  const again = lone.hear(lone.propose(block, [], { view: 1, tc: lone.tc(0) }))
  assert.equal(sent([...again, ...lone.execute(again)], 'vote1').length, 1)
})

test('R6 after the own TIMEOUT a vote in that view again once its height is certified, and a TIMEOUT ends that too', () => {
  const lone = timedOut()
  lone.commit([])
  const next = lone.block([], { time: lone.now + 1 })
  const effects = lone.execute(lone.hear(lone.propose(next, [])))
  const [first] = sent(effects, 'vote1')
  assert.deepEqual(first?.vote.body.block_hash, blockHash(DOMAIN, next))
  assert.equal(first.vote.body.view, 0)
  lone.now += 4_000
  const [late] = sent(lone.give({ type: 'tick', now: lone.now }), 'timeout')
  assert.deepEqual([late?.timeout.body.height, late?.timeout.body.view], [2, 0])
  const qc1 = lone.hear({ type: 'qc1', qc1s: [lone.qc1(next)], content: null })
  assert.equal(sent(qc1, 'vote2').length, 0)
})

test('R2 a leader whose execution took too long begins anew at a later time instead of proposing what nobody takes', () => {
  for (const [took, expected] of [
    [4_000, 'propose'],
    [4_001, 'execute'],
  ] as const) {
    const lone = new Lone({ after: 0 })
    const begun = lone.give({ type: 'submit', request: requestAt(START), now: START })
    lone.now = START + took
    const effects = lone.execute(begun)
    const again = effects.find((effect) => effect.type === 'execute')
    assert.equal(sent(effects, 'propose').length, expected === 'propose' ? 1 : 0)
    assert.equal(
      again?.type === 'execute' ? again.context.time : undefined,
      expected === 'execute' ? lone.now : undefined,
    )
  }
})

test('R2 a leader whose wall clock was set makes blocks of the new time, and no timer of its goes off for it', () => {
  const lone = new Lone({ after: 0 })
  const effects = lone.give({ type: 'clock', aheadMs: 120 * minute, now: lone.now })
  assert.equal(sent(effects, 'timeout').length, 0)
  assert.ok(!effects.some(({ type }) => type === 'execute'), 'no heartbeat is due')
  const request = requestAt(START + 120 * minute)
  const asked = lone.give({ type: 'submit', request, now: lone.now }).find(({ type }) => type === 'execute')
  assert.ok(asked?.type === 'execute')
  assert.equal(asked.context.time, START + 120 * minute)
})

test('R2 a member whose wall clock was put back takes requests of its head’s time, and refuses those of its clock', () => {
  const lone = new Lone()
  const head = lone.commit([], { time: START })
  lone.give({ type: 'clock', aheadMs: -120 * minute, now: lone.now })
  const submit = (time: number) =>
    lone.give({ type: 'submit', request: requestAt(time), now: lone.now }).some(({ type }) => type === 'refuse')
  assert.equal(submit(head.time), false)
  assert.equal(submit(START - 120 * minute), true)
})
