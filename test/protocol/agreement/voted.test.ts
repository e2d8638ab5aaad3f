// R1: whoever votes for a block has it, whatever happens between the vote and the QC1.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CONTENTS_MAX, VOTED_MAX } from '#protocol/agreement/limits.ts'
import { leaderOf } from '#protocol/agreement/members.ts'
import type { Effect, Restored } from '#protocol/agreement/port.ts'
import { RECORD_BYTES_MAX, recordFromBytes, recordToBytes, type VoteRecord } from '#protocol/agreement/record.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Block, blockHash } from '#protocol/message/block.ts'
import type { Request } from '#protocol/message/request.ts'
import type { WireMessage } from '#protocol/message/wire.ts'
import { Cluster, DOMAIN, requestAt, SETTINGS } from './cluster.ts'
import { Lone, START, sent } from './lone.ts'

type Persist = Extract<Effect, { type: 'persist' }>

/** The last record among the effects. */
function persisted(effects: readonly Effect[]): Persist {
  const found = effects.findLast((effect) => effect.type === 'persist')
  assert.ok(found?.type === 'persist')
  return found
}

function readRecord({ record }: Pick<Persist, 'record'>): VoteRecord {
  const read = recordFromBytes(record)
  assert.ok(read.ok)
  return read.value
}

const nameOf = (block: Block): string => hexFromBytes(blockHash(DOMAIN, block))
const votedOf = (record: VoteRecord): string[] => (record.voted ?? []).map((each) => hexFromBytes(each.block_hash))
const votesIn = (effects: readonly Effect[]): number => sent(effects, 'vote1').length

function afterCrash({ record, bodies }: Persist): Restored {
  return { record, abstain: false, recent: [], states: [{ height: 0, time: 0 }], firstBlock: 1, bodies }
}

/** The member votes for this block in this view. */
function vote(lone: Lone, block: Block, requests: readonly Request[], view: number): Persist {
  const tc = view === 0 ? {} : { tc: lone.tc(view - 1) }
  const heard = lone.hear(lone.propose(block, requests, { view, ...tc }), lone.leader(view))
  const effects = [...heard, ...lone.execute(heard)]
  assert.equal(votesIn(effects), 1)
  return persisted(effects)
}

/** Takes a body like one of a request that was shared. */
function shared(lone: Lone, text: string): Request {
  const body = new TextEncoder().encode(text)
  const request = requestAt(START, { body })
  lone.hear({ type: 'request', request, body })
  return request
}

test('R1 a VOTE1 leaves behind a record that holds its block and names its bodies', () => {
  const lone = new Lone()
  const request = shared(lone, 'hello')
  const block = lone.block([request])
  const saved = vote(lone, block, [request], 0)
  const [voted] = readRecord(saved).voted ?? []
  assert.deepEqual(voted, { view: 0, block_hash: blockHash(DOMAIN, block), content: { block, requests: [request] } })
  assert.deepEqual(saved.bodies, [request.body_hash])
})

test('R1 after a restart the block of a VOTE1 is executed, locked, voted on and shown without asking anybody for it', () => {
  const before = new Lone()
  const request = shared(before, 'hello')
  const block = before.block([request])
  const lone = new Lone({ restored: afterCrash(vote(before, block, [request], 0)) })
  const heard = lone.hear({ type: 'qc1', qc1s: [lone.qc1(block)], content: null })
  const effects = [...heard, ...lone.execute(heard)]
  assert.ok(!effects.some(({ type }) => type === 'fetchBodies'))
  assert.equal(sent(effects, 'vote2').length, 1)
  lone.now += SETTINGS.deltaMs
  const asker = lone.leader(1)
  const answer = lone.hear(
    {
      type: 'status',
      job: lone.group.job,
      epoch: 0,
      height: 0,
      view: 0,
      first: 1,
      snapshot: null,
      disputed: false,
      ask: true,
    },
    asker,
  )
  assert.deepEqual(
    sent(answer, 'qc1').map(({ content }) => content),
    [{ block, requests: [request] }],
  )
})

test('R1 R6 a leader proposes again the block of a VOTE1 that it gave before its restart', () => {
  const before = new Lone({ after: 1 })
  const block = before.block([])
  const lone = new Lone({ after: 1, restored: afterCrash(vote(before, block, [], 0)) })
  const heard = lone.hear({ type: 'tc', timeouts: lone.tc(0), qc1s: [lone.qc1(block)] })
  const [proposal] = sent([...heard, ...lone.execute(heard)], 'propose')
  assert.deepEqual(proposal?.block, block)
  assert.equal(proposal?.propose.body.view, 1)
})

test('R1 a vote for another block in a later view does not replace the earlier block: a QC1 may still come of either', () => {
  const before = new Lone({ after: 3 })
  const blocks = [before.block([]), before.block([], { time: START + 1 })]
  const [first, second] = blocks as [Block, Block]
  vote(before, first, [], 0)
  const saved = vote(before, second, [], 1)
  assert.deepEqual(votedOf(readRecord(saved)), [nameOf(first), nameOf(second)])
  for (const [view, block] of blocks.entries()) {
    const lone = new Lone({ after: 3, restored: afterCrash(saved) })
    const effects = lone.hear({ type: 'qc1', qc1s: [lone.qc1(block, view)], content: null })
    assert.ok(
      effects.some((effect) => effect.type === 'execute'),
      `view ${view}`,
    )
  }
})

test('R1 a lock voids the votes of its view and of those before it, not of those after it', () => {
  for (const [view, kept] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const lone = new Lone({ after: 3 })
    const first = lone.block([])
    const second = lone.block([], { time: START + 1 })
    vote(lone, first, [], 0)
    vote(lone, second, [], 1)
    const locked = view === 0 ? first : second
    lone.hear({ type: 'qc1', qc1s: [lone.qc1(locked, view)], content: null })
    lone.now += 60_000
    const record = readRecord(persisted(lone.give({ type: 'tick', now: lone.now })))
    assert.deepEqual(votedOf(record), kept === 1 ? [nameOf(second)] : [])
    assert.equal(record.locked === null ? '' : nameOf(record.locked.block), nameOf(locked))
  }
})

test('R1 a block stands in the record once, though it is voted for and locked or proposed', () => {
  const leader = new Lone({ after: 0 })
  const request = requestAt(START)
  const begun = leader.give({ type: 'submit', request, now: START })
  const record = readRecord(persisted(leader.execute(begun)))
  assert.deepEqual(
    record.voted?.map(({ content }) => content),
    [null],
  )
  assert.deepEqual(record.proposal?.content.requests, [request])
  assert.deepEqual(
    votedOf(record),
    [record.proposal?.signed.body.block_hash].map((hash) => hash && hexFromBytes(hash)),
  )
})

test(`R1 of more than ${VOTED_MAX} blocks at one height the one of the oldest vote goes`, () => {
  const lone = new Lone({ after: 0 })
  const blocks = Array.from({ length: VOTED_MAX + 1 }, (_, at) => lone.block([], { time: START + at }))
  const views = Array.from({ length: 2 * VOTED_MAX }, (_, view) => view).filter(
    (view) => lone.leader(view) !== lone.self,
  )
  let saved: Persist | undefined
  for (const [at, block] of blocks.entries()) saved = vote(lone, block, [], views[at] ?? -1)
  assert.ok(saved)
  assert.deepEqual(votedOf(readRecord(saved)), blocks.slice(1).map(nameOf))
})

test('R1 blocks that were proposed and not voted for push none out that was', () => {
  const lone = new Lone({ after: 3 })
  const request = shared(lone, 'hello')
  const block = lone.block([request])
  const views = Array.from({ length: 4 * CONTENTS_MAX }, (_, view) => view).filter(
    (view) => lone.leader(view) !== lone.self,
  )
  const [first = -1, ...others] = views
  const saved = vote(lone, block, [request], first)
  for (const [at, view] of others.entries()) {
    const wrong = lone.block([], { time: START + 1 + at }, true)
    const heard = lone.hear(lone.propose(wrong, [], { view, tc: lone.tc(view - 1) }), lone.leader(view))
    assert.equal(sent(lone.execute(heard), 'nay').length, 1)
  }
  lone.now += 60_000
  const later = persisted(lone.give({ type: 'tick', now: lone.now }))
  assert.deepEqual(readRecord(later).voted, readRecord(saved).voted)
  assert.deepEqual(later.bodies, [request.body_hash])
})

test('R1 a commit empties the record of blocks that were voted for', () => {
  const lone = new Lone()
  const block = lone.block([])
  vote(lone, block, [], 0)
  const effects = lone.fetched(lone.cert(block), [])
  const commit = effects.find((effect) => effect.type === 'commit')
  assert.ok(commit?.type === 'commit')
  assert.equal(readRecord(commit).voted, undefined)
})

test('a record as it was written before it held voted blocks is read, and its votes stand', () => {
  const before = new Lone()
  const block = before.block([])
  const saved = vote(before, block, [], 0)
  const { voted, ...old } = readRecord(saved)
  assert.equal(voted?.length, 1)
  const lone = new Lone({ restored: afterCrash({ ...saved, record: recordToBytes(old) }) })
  assert.equal(lone.member.abstain, false)
  assert.equal(votesIn(lone.hear(lone.propose(lone.block([], { time: START + 1 }), []))), 0)
  const asked = lone.hear({ type: 'qc1', qc1s: [lone.qc1(block)], content: { block, requests: [] } })
  assert.equal(sent(lone.execute(asked), 'vote2').length, 1)
})

test('the largest record fits its bound', () => {
  const lone = new Lone({ after: 0 })
  const many = Array.from({ length: 256 }, (_, at) => requestAt(START, { target: `/${String(at).padEnd(830, 'x')}` }))
  const blocks = Array.from({ length: VOTED_MAX }, (_, at) => lone.block(many, { time: START + at }))
  const views = Array.from({ length: 2 * VOTED_MAX }, (_, view) => view).filter(
    (view) => lone.leader(view) !== lone.self,
  )
  let saved: Persist | undefined
  for (const [at, block] of blocks.entries()) saved = vote(lone, block, many, views[at] ?? -1)
  assert.ok(saved)
  const each = saved.record.length / VOTED_MAX
  assert.ok(each > 240 * 1024 && each * (VOTED_MAX + 4) < RECORD_BYTES_MAX, `${each} bytes a block`)
})

test('R1 a group whose leader keeps all VOTE1s to itself, whose other members all crash, goes on with the block that they voted for', () => {
  for (const members of [4, 7]) {
    const cluster = new Cluster(members)
    cluster.start()
    const leader = leaderOf(cluster.group, 0)
    const others = cluster.nodes.map(({ index }) => index).filter((index) => index !== leader)
    cluster.drop = (_, __, message: WireMessage) => message.type === 'vote1'
    const body = new TextEncoder().encode('kept')
    cluster.submit(others[0] ?? -1, requestAt(cluster.now, { body }), body)
    cluster.run()
    const proposed = cluster.node(leader).member.proposal?.content
    assert.equal(proposed?.requests.length, 1)
    for (const { index } of cluster.nodes) cluster.crash(index)
    // The proposal is with nobody's memory and with the leader's disk, and the leader is gone.
    cluster.drop = () => false
    for (const index of others) cluster.restart(index)
    cluster.pass(30 * SETTINGS.deltaMs)
    for (const index of others) {
      assert.deepEqual(
        cluster.node(index).disk.blocks.get(1)?.cert.qc1.block_hash,
        proposed?.hash,
        `${index} of ${members}`,
      )
    }
  }
})
