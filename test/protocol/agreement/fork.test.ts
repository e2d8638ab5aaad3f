// G2: over the bound two certificates of one height can be; a member that has one and hears of another shows its own, and names who made both.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { accusationOf } from '#protocol/agreement/evidence-shape.ts'
import { memberIndex } from '#protocol/agreement/members.ts'
import type { Effect } from '#protocol/agreement/port.ts'
import { type Block, blockHash } from '#protocol/message/block.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import { DOMAIN } from './cluster.ts'
import { Lone, START, sent } from './lone.ts'

function namedBy(lone: Lone, effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) =>
    effect.type === 'evidence'
      ? [`${effect.evidence.kind} ${memberIndex(lone.group, accusationOf(effect.evidence).from)}`]
      : [],
  )
}

function certBy(lone: Lone, block: Block, view: number, voters: readonly number[]): Cert {
  const sorted = voters.toSorted((a, b) => a - b)
  return { block, qc1: lone.qc1(block, view, null, sorted), qc2: lone.qc2(block, view, sorted) }
}

/** A member with a certified head, and another block of the same height. */
function certified(): { lone: Lone; mine: Block; other: Block; first: number; second: number; third: number } {
  const lone = new Lone()
  const other = lone.block([], { time: START + 1 })
  const mine = lone.commit([])
  const [first, second, third] = lone.others()
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  return { lone, mine, other, first, second, third }
}

test('G2 a VOTE2 for another block than the certified one has the certificate shown to all, once a height', () => {
  const { lone, mine, other, first, second } = certified()
  const [shown, ...more] = sent(lone.hear(lone.vote2(first, other), first), 'cert')
  assert.equal(more.length, 0)
  assert.deepEqual(shown?.cert.qc1.block_hash, blockHash(DOMAIN, mine))
  assert.deepEqual(sent(lone.hear(lone.vote2(second, other), second), 'cert'), [])
})

test('a VOTE2 of a view below the certificate is no sign of another one', () => {
  const lone = new Lone()
  const other = lone.block([], { time: START + 1 })
  const block = lone.block([])
  lone.execute(lone.fetched(lone.cert(block, 1), []))
  lone.give({ type: 'committed', height: 1, now: lone.now })
  const [first = 0] = lone.others()
  assert.deepEqual(sent(lone.hear(lone.vote2(first, other, 0), first), 'cert'), [])
})

test('F31 §7.2 G2 another certificate of the same height names whoever stands in both, and is answered with the own one', () => {
  const { lone, mine, other, first, second, third } = certified()
  const effects = lone.hear({ type: 'cert', cert: certBy(lone, other, 0, [first, second, lone.self]) }, third)
  const names = [first, second].flatMap((by) => [`double_vote1 ${by}`, `double_vote2 ${by}`])
  assert.deepEqual(namedBy(lone, effects).toSorted(), names.toSorted())
  assert.deepEqual(sent(effects, 'cert')[0]?.cert.qc1.block_hash, blockHash(DOMAIN, mine))
  assert.deepEqual(lone.member.head.hash, blockHash(DOMAIN, mine), 'the head stays')
})

test('the same certificate again, by other voters, names nobody and is not answered', () => {
  const { lone, mine, first, second, third } = certified()
  const effects = lone.hear({ type: 'cert', cert: certBy(lone, mine, 0, [first, second, lone.self]) }, third)
  assert.deepEqual(namedBy(lone, effects), [])
  assert.deepEqual(sent(effects, 'cert'), [])
})

test('G2 a proposal that builds on another certificate has the own one shown to all', () => {
  const { lone, mine, other } = certified()
  const next = lone.block([], { parent: blockHash(DOMAIN, other), time: START + 5 })
  const [shown] = sent(lone.hear(lone.propose(next, [])), 'cert')
  assert.deepEqual(shown?.cert.qc1.block_hash, blockHash(DOMAIN, mine))
})

test('G2 two QC1s of one view name whoever stands in both', () => {
  const lone = new Lone()
  const [x, y] = [lone.block([]), lone.block([], { time: START + 1 })]
  const [first = 0, second = 0, third = 0] = lone.others()
  lone.hear({ type: 'qc1', qc1s: [lone.qc1(x)], content: null }, third)
  const voters = [first, second, lone.self].toSorted((a, b) => a - b)
  const effects = lone.hear({ type: 'qc1', qc1s: [lone.qc1(y, 0, null, voters)], content: null }, third)
  assert.deepEqual(namedBy(lone, effects).toSorted(), [`double_vote1 ${first}`, `double_vote1 ${second}`].toSorted())
})
