// R5: what a certificate is made of, and that nothing less is one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { taggedHash, ZERO_DIGEST } from '#protocol/codec/digest.ts'
import { EMPTY_DIRECTORY } from '#protocol/content/cid.ts'
import type { Signature, Signer } from '#protocol/identity/keys.ts'
import { type Block, blockHash, genesisHash } from '#protocol/message/block.ts'
import { type Cert, certChecks, type Group, quorumOf, runChecks } from '#protocol/message/certificate.ts'
import { type Domain, statementHash } from '#protocol/message/domain.ts'
import { verify } from '#seeder/identity/keys.ts'
import { signerNamed } from '#test/support/network.ts'

const domain: Domain = { chainId: taggedHash('chain', bytesFromText('certificates')), generation: 0 }
const job = taggedHash('job', bytesFromText('site'))
const signers = ['a', 'b', 'c', 'd'].map(signerNamed)
const group: Group = { job, epoch: 2, members: signers.map((signer) => signer.publicKey), quorum: 'bft' }
const block: Block = {
  job,
  height: 1,
  parent: genesisHash(domain, job),
  time: 1000,
  kind: 'heartbeat',
  image: ZERO_DIGEST,
  code_root: EMPTY_DIRECTORY,
  requests_root: ZERO_DIGEST,
  receipts_root: ZERO_DIGEST,
  state_root: EMPTY_DIRECTORY,
}

function certified(
  by: readonly number[],
  change: { block?: Block; view?: number; jview?: number | null; inDomain?: Domain } = {},
): Cert {
  const { view = 3, jview = null, inDomain = domain } = change
  const content = change.block ?? block
  const place = { job, epoch: group.epoch, height: content.height, view, block_hash: blockHash(domain, content) }
  const signed = (type: 'vote1' | 'vote2', body: object) =>
    by.map((index) => [index, (signers[index] as Signer).sign(statementHash(inDomain, type, body))] as const)
  return {
    block: content,
    qc1: {
      ...place,
      votes: signed('vote1', { ...place, jview }).map(([index, signature]) => [index, jview, signature] as const),
    },
    qc2: { ...place, votes: signed('vote2', place) },
  }
}

function verdict(cert: Cert, of: Group = group): string {
  const checks = certChecks(domain, of, cert)
  if (!checks.ok) return checks.error.code
  const run = runChecks(checks.value, verify)
  return run.ok ? 'ok' : run.error.code
}

test('heads are counted: the quorums of the table', () => {
  const members = (count: number) =>
    Array.from({ length: count }, () => signers[0]?.publicKey ?? group.members[0]) as Group['members']
  const table = [3, 4, 5, 6, 7, 10, 13].map((count) => quorumOf({ members: members(count), quorum: 'bft' }))
  assert.deepEqual(table, [3, 3, 4, 5, 5, 7, 9])
  assert.equal(quorumOf({ members: members(3), quorum: 'all' }), 3)
  assert.equal(quorumOf({ members: members(4), quorum: 'all' }), 4)
})

test('R5 a quorum of both votes for one place is a certificate, any quorum is', () => {
  for (const by of [
    [0, 1, 2],
    [1, 2, 3],
    [0, 1, 2, 3],
  ])
    assert.equal(verdict(certified(by)), 'ok')
  assert.equal(verdict(certified([0, 1, 2], { view: 3, jview: 2 })), 'ok')
})

test('R5 one vote less, a voter twice, a stranger or another order is none', () => {
  const good = certified([0, 1, 2])
  const [first, second, third] = good.qc2.votes
  assert(first !== undefined && second !== undefined && third !== undefined)
  assert.equal(verdict(certified([0, 1])), 'too_few_votes')
  assert.equal(verdict({ ...good, qc2: { ...good.qc2, votes: [first, second] } }), 'too_few_votes')
  assert.equal(verdict({ ...good, qc2: { ...good.qc2, votes: [first, first, second] } }), 'voter_order')
  assert.equal(verdict({ ...good, qc2: { ...good.qc2, votes: [second, first, third] } }), 'voter_order')
  assert.equal(verdict({ ...good, qc2: { ...good.qc2, votes: [first, second, [4, third[1]]] } }), 'not_a_member')
})

test('R5 the two halves and the block are of one place', () => {
  const good = certified([0, 1, 2])
  const later = certified([0, 1, 2], { view: 4 })
  const other = certified([0, 1, 2], { block: { ...block, time: 1001 } })
  assert.equal(verdict({ ...good, qc2: later.qc2 }), 'different_blocks')
  assert.equal(verdict({ ...good, qc2: other.qc2 }), 'different_blocks')
  assert.equal(verdict({ ...good, block: other.block }), 'wrong_block_hash')
  assert.equal(verdict({ ...good, block: { ...block, height: 2 } }), 'wrong_block_hash')
})

test('§5 a certificate speaks for its own epoch, job and members alone', () => {
  const good = certified([0, 1, 2])
  assert.equal(verdict(good, { ...group, epoch: 3 }), 'wrong_epoch')
  assert.equal(verdict(good, { ...group, job: ZERO_DIGEST }), 'wrong_job')
  assert.equal(verdict(good, { ...group, members: group.members.toReversed() }), 'bad_signature')
  assert.equal(verdict(good, { ...group, quorum: 'all' }), 'too_few_votes')
})

test('one bad signature voids the whole, one of more than a quorum too', () => {
  const good = certified([0, 1, 2, 3])
  const bent = good.qc1.votes.map(([index, jview, signature], order) => {
    if (order !== 3) return [index, jview, signature] as const
    const changed = signature.slice() as Signature
    changed[0] = (changed[0] ?? 0) ^ 1
    return [index, jview, changed] as const
  })
  assert.equal(verdict({ ...good, qc1: { ...good.qc1, votes: bent } }), 'bad_signature')
})

test('votes of another chain or generation are not votes', () => {
  assert.equal(verdict(certified([0, 1, 2], { inDomain: { ...domain, generation: 1 } })), 'bad_signature')
  assert.equal(verdict(certified([0, 1, 2], { inDomain: { ...domain, chainId: ZERO_DIGEST } })), 'bad_signature')
})

test('R3 a vote relies on a view below its own', () => {
  assert.equal(verdict(certified([0, 1, 2], { view: 3, jview: 3 })), 'jview_not_below_view')
})
