import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Verify } from '#protocol/agreement/door.ts'
import { forkEvidence } from '#protocol/agreement/evidence.ts'
import { accusationOf, type Evidence, evidenceFromBytes, evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { contradictedBlock, contradictedReceipt, verifyEvidence } from '#protocol/agreement/evidence-verdict.ts'
import { leaderOf, memberIndex } from '#protocol/agreement/members.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { CODEC_RAW, cidFromDigest, EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { orderedRequestHash, requestHash } from '#protocol/message/request.ts'
import type { Vote1 } from '#protocol/message/statement.ts'
import { Cluster, DOMAIN, execute, groupOfSize, JOB, requestAt, signerOf, verify } from './cluster.ts'

const group = groupOfSize(4)
const X = taggedHash('x')
const Y = taggedHash('y')

const vote1 = (hash: Digest, view: number, jview: number | null = null, height = 5, by = 1) =>
  signStatement(DOMAIN, 'vote1', signerOf(by), { job: JOB, epoch: 0, height, view, block_hash: hash, jview })
const vote2 = (hash: Digest, view: number, height = 5, by = 1) =>
  signStatement(DOMAIN, 'vote2', signerOf(by), { job: JOB, epoch: 0, height, view, block_hash: hash })
const propose = (hash: Digest, view: number, height = 5) =>
  signStatement(DOMAIN, 'propose', signerOf(1), { job: JOB, epoch: 0, height, view, block_hash: hash })
const timeout = (view: number, high: { view: number; block_hash: Digest } | null, height = 5) =>
  signStatement(DOMAIN, 'timeout', signerOf(1), { job: JOB, epoch: 0, height, view, high })

const cases: readonly [string, Evidence, string][] = [
  ['two VOTE1 in one view', { kind: 'double_vote1', first: vote1(X, 2), second: vote1(Y, 2) }, 'self-contained'],
  [
    'two VOTE1 that differ in jview',
    { kind: 'double_vote1', first: vote1(X, 2), second: vote1(X, 2, 1) },
    'self-contained',
  ],
  ['the same VOTE1 twice', { kind: 'double_vote1', first: vote1(X, 2), second: vote1(X, 2) }, 'no_contradiction'],
  ['VOTE1 in two views', { kind: 'double_vote1', first: vote1(X, 2), second: vote1(Y, 3) }, 'different_places'],
  [
    'VOTE1 at two heights',
    { kind: 'double_vote1', first: vote1(X, 2), second: vote1(Y, 2, null, 6) },
    'different_places',
  ],
  [
    'VOTE1 of two members',
    { kind: 'double_vote1', first: vote1(X, 2), second: vote1(Y, 2, null, 5, 2) },
    'different_signers',
  ],
  [
    'VOTE1 of no member',
    { kind: 'double_vote1', first: vote1(X, 2, null, 5, 9), second: vote1(Y, 2, null, 5, 9) },
    'unknown_signer',
  ],
  ['two VOTE2 in one view', { kind: 'double_vote2', first: vote2(X, 2), second: vote2(Y, 2) }, 'self-contained'],
  [
    'two proposals in one view',
    { kind: 'double_proposal', first: propose(X, 2), second: propose(Y, 2) },
    'self-contained',
  ],
  ['a lock forgotten', { kind: 'amnesia', vote2: vote2(X, 2), vote1: vote1(Y, 3) }, 'self-contained'],
  [
    'a lock forgotten, an older QC1 named',
    { kind: 'amnesia', vote2: vote2(X, 2), vote1: vote1(Y, 3, 1) },
    'self-contained',
  ],
  [
    'a lock left for a QC1 of its own view',
    { kind: 'amnesia', vote2: vote2(X, 2), vote1: vote1(Y, 3, 2) },
    'no_contradiction',
  ],
  ['a vote for the locked block', { kind: 'amnesia', vote2: vote2(X, 2), vote1: vote1(X, 3) }, 'no_contradiction'],
  ['a vote in the view of the lock', { kind: 'amnesia', vote2: vote2(X, 2), vote1: vote1(Y, 2) }, 'no_contradiction'],
  [
    'a vote at the next height',
    { kind: 'amnesia', vote2: vote2(X, 2), vote1: vote1(Y, 3, null, 6) },
    'no_contradiction',
  ],
  [
    'a TIMEOUT without the lock',
    { kind: 'hidden_lock', vote2: vote2(X, 2), timeout: timeout(2, null) },
    'self-contained',
  ],
  [
    'a TIMEOUT with an older lock',
    { kind: 'hidden_lock', vote2: vote2(X, 2), timeout: timeout(4, { view: 1, block_hash: Y }) },
    'self-contained',
  ],
  [
    'a TIMEOUT with the lock',
    { kind: 'hidden_lock', vote2: vote2(X, 2), timeout: timeout(2, { view: 2, block_hash: X }) },
    'no_contradiction',
  ],
  [
    'a TIMEOUT of the view before',
    { kind: 'hidden_lock', vote2: vote2(X, 2), timeout: timeout(1, null) },
    'no_contradiction',
  ],
  [
    'a TIMEOUT of a later view at a lower height',
    { kind: 'hidden_lock', vote2: vote2(X, 2), timeout: timeout(3, null, 4) },
    'self-contained',
  ],
  [
    'a TIMEOUT of the same view at a lower height',
    { kind: 'hidden_lock', vote2: vote2(X, 2), timeout: timeout(2, null, 4) },
    'no_contradiction',
  ],
  [
    'a TIMEOUT of the next height',
    { kind: 'hidden_lock', vote2: vote2(X, 2), timeout: timeout(2, null, 6) },
    'no_contradiction',
  ],
]

for (const [name, evidence, expected] of cases) {
  test(`§2 Provable lies: ${name}: ${expected}`, () => {
    const again = evidenceFromBytes(evidenceToBytes(evidence))
    assert.ok(again.ok)
    const verdict = verifyEvidence(DOMAIN, group, again.value, verify)
    assert.equal(verdict.ok ? verdict.value.proof : verdict.error.code, expected)
    if (verdict.ok) assert.deepEqual(verdict.value.accused, signerOf(1).publicKey)
  })
}

test('§6 votes of two epochs in one height and view are no lie: what an epoch leaves is voted on again in the next', () => {
  const next = { ...group, epoch: 1 }
  const later = (block_hash: Digest): Vote1 => ({ job: JOB, epoch: 1, height: 5, view: 2, block_hash, jview: null })
  for (const hash of [X, Y]) {
    const again = signStatement(DOMAIN, 'vote1', signerOf(1), later(hash))
    const { jview: _, ...same } = later(hash)
    const again2 = signStatement(DOMAIN, 'vote2', signerOf(1), same)
    for (const evidence of [
      { kind: 'double_vote1', first: vote1(X, 2), second: again },
      { kind: 'double_vote2', first: vote2(X, 2), second: again2 },
      { kind: 'double_proposal', first: propose(X, 2), second: signStatement(DOMAIN, 'propose', signerOf(1), same) },
    ] satisfies Evidence[]) {
      const verdict = verifyEvidence(DOMAIN, [group, next], evidence, verify)
      assert.equal(verdict.ok ? 'convicted' : verdict.error.code, 'different_places')
    }
  }
})

test('§2 Provable lies: a signature that does not verify proves nothing', () => {
  const forged: Vote1 = { job: JOB, epoch: 0, height: 5, view: 2, block_hash: Y, jview: null }
  const second = { ...vote1(X, 2), body: forged }
  const verdict = verifyEvidence(DOMAIN, group, { kind: 'double_vote1', first: vote1(X, 2), second }, verify)
  assert.equal(verdict.ok ? '' : verdict.error.code, 'bad_signature')
})

/** A group in which one member computes wrongly, after one request. */
function afterLie(leading: boolean): { evidence: Evidence; liar: number } {
  const cluster = new Cluster(4)
  cluster.start()
  const leader = leaderOf(cluster.group, 0)
  const liar = leading ? leader : (leader + 1) % 4
  cluster.node(liar).wrong = true
  cluster.submit((leader + 2) % 4, requestAt(cluster.now))
  cluster.run()
  const [evidence] = cluster.node((leader + 2) % 4).evidence
  assert.ok(evidence !== undefined)
  return { evidence, liar }
}

test('§2 Provable lies: a NAY against a certified block names its signer, and running the block decides', () => {
  const { evidence, liar } = afterLie(false)
  const verdict = verifyEvidence(DOMAIN, group, evidence, verify)
  assert.ok(verdict.ok)
  assert.deepEqual(verdict.value, { accused: signerOf(liar).publicKey, proof: 'by re-execution' })
})

test('§2 Provable lies: a wrong proposal is shown by re-execution, and a right one is not', () => {
  const { evidence, liar } = afterLie(true)
  const verdict = verifyEvidence(DOMAIN, group, evidence, verify)
  assert.ok(verdict.ok)
  assert.deepEqual(verdict.value, { accused: signerOf(liar).publicKey, proof: 'by re-execution' })
  assert.ok(evidence.kind === 'wrong_result')
  const { block, requests } = evidence
  const { parent, time, kind } = block
  const requestHashes = requests.map(orderedRequestHash)
  const context = {
    height: 1,
    parent,
    stateRoot: EMPTY_DIRECTORY,
    codeRoot: EMPTY_DIRECTORY,
    time,
    kind,
    requests,
    requestHashes,
  }
  assert.equal(contradictedBlock(evidence, execute(context)), true)
  assert.equal(contradictedBlock(evidence, execute(context, true)), false)
})

test('§2 Provable lies: a RECEIPT for another state is self-contained, for another answer by re-execution', () => {
  const cluster = new Cluster(4)
  cluster.start()
  cluster.submit(0, requestAt(cluster.now))
  cluster.run()
  const cert = cluster.node(0).disk.blocks.get(1)?.cert
  assert.ok(cert !== undefined)
  const request = { method: 'GET', target: '/', headers: [], body_hash: taggedHash('none') }
  const named = requestHash({ job: JOB, method: 'GET', target: '/', headers: [], bodyHash: request.body_hash })
  const receipt = (stateRoot = cert.block.state_root) =>
    signStatement(DOMAIN, 'receipt', signerOf(2), {
      job: JOB,
      epoch: 0,
      height: 1,
      state_root: stateRoot,
      request_hash: named,
      response_hash: X,
    })
  const other = cidFromDigest(CODEC_RAW, Y)
  const table: readonly [Evidence, string][] = [
    [{ kind: 'wrong_receipt', receipt: receipt(other), cert, request: null }, 'self-contained'],
    [{ kind: 'wrong_receipt', receipt: receipt(), cert, request: null }, 'no_contradiction'],
    [{ kind: 'wrong_receipt', receipt: receipt(), cert, request }, 'by re-execution'],
    [{ kind: 'wrong_receipt', receipt: receipt(), cert, request: { ...request, target: '/x' } }, 'wrong_request_hash'],
  ]
  for (const [evidence, expected] of table) {
    const verdict = verifyEvidence(DOMAIN, group, evidence, verify)
    assert.equal(verdict.ok ? verdict.value.proof : verdict.error.code, expected)
  }
  const third = table[2]?.[0]
  assert.ok(third?.kind === 'wrong_receipt')
  assert.equal(contradictedReceipt(third, Y), true)
  assert.equal(contradictedReceipt(third, X), false)
})

test('§2 Provable lies: every signature of the evidence is checked', () => {
  const { evidence } = afterLie(false)
  let count = 0
  const counting: Verify = (...args) => {
    count++
    return verify(...args)
  }
  assert.ok(verifyEvidence(DOMAIN, group, evidence, counting).ok)
  for (let bad = 1; bad <= count; bad++) {
    let at = 0
    const verdict = verifyEvidence(DOMAIN, group, evidence, (...args) => ++at !== bad && verify(...args))
    assert.equal(verdict.ok ? '' : verdict.error.code, 'bad_signature')
  }
})

/** Certificates are compared by their QCs alone; `forkEvidence` is given valid ones. */
function certified(
  hash: Digest,
  view: number,
  voters: readonly number[],
  jviews: Readonly<Record<number, number>> = {},
): Cert {
  const common = { job: JOB, epoch: 0, height: 5, view, block_hash: hash }
  const ones = voters.map(
    (by) => [by, jviews[by] ?? null, vote1(hash, view, jviews[by] ?? null, 5, by).signature] as const,
  )
  const twos = voters.map((by) => [by, vote2(hash, view, 5, by).signature] as const)
  return { block: { height: 5 } as Cert['block'], qc1: { ...common, votes: ones }, qc2: { ...common, votes: twos } }
}

function namedBy(one: Cert, other: Cert): readonly string[] {
  return forkEvidence(group, one, other).map((evidence) => {
    const verdict = verifyEvidence(DOMAIN, group, evidence, verify)
    assert.ok(verdict.ok && verdict.value.proof === 'self-contained')
    return `${evidence.kind} ${memberIndex(group, accusationOf(evidence).from)}`
  })
}

test('G2 two certificates of one view name whoever stands in both', () => {
  const both = ['double_vote1 0', 'double_vote1 2', 'double_vote2 0', 'double_vote2 2']
  assert.deepEqual(namedBy(certified(X, 3, [0, 1, 2]), certified(Y, 3, [0, 2, 3])), both)
  assert.deepEqual(namedBy(certified(Y, 3, [0, 2, 3]), certified(X, 3, [0, 1, 2])), both)
})

test('G2 two certificates of two views name whoever forgot its lock, and nobody who relied on a QC1 that is not below it', () => {
  const names = ['amnesia 0', 'amnesia 2']
  assert.deepEqual(namedBy(certified(X, 2, [0, 1, 2]), certified(Y, 4, [0, 2, 3])), names)
  assert.deepEqual(namedBy(certified(Y, 4, [0, 2, 3]), certified(X, 2, [0, 1, 2])), names)
  assert.deepEqual(namedBy(certified(X, 2, [0, 1, 2]), certified(Y, 4, [0, 2, 3], { 0: 3, 2: 1 })), ['amnesia 2'])
})

test('G2 one block certified twice names nobody', () => {
  assert.deepEqual(namedBy(certified(X, 2, [0, 1, 2]), certified(X, 2, [1, 2, 3])), [])
  assert.deepEqual(namedBy(certified(X, 2, [0, 1, 2]), certified(X, 4, [1, 2, 3])), [])
})
