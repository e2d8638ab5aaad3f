import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, type CheckRules, checkAnswer, checkAnswerAsync } from '#protocol/answer/check.ts'
import { codedTag, derivedTag } from '#protocol/answer/etag.ts'
import type { Evidence } from '#protocol/answer/evidence.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { merkleClimb, merkleLeaf, merklePath, merkleRoot, merkleSteps } from '#protocol/codec/merkle.ts'
import type { Signature } from '#protocol/identity/keys.ts'
import type { Cert } from '#protocol/message/certificate.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { bodyRoot } from '#protocol/site/response-hash.ts'
import { verify } from '#seeder/identity/keys.ts'
import { type HeldAnswer, readAnswer, rulesOf, verdictOf, writeAnswer } from '#test/support/answers.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { signerNamed } from '#test/support/network.ts'

const group = hostedGroup('demo', {
  app(request, context) {
    if (request.method !== 'POST') return textResponse(200, `read ${request.target}`, [['etag', '"own"']])
    context.state.set('last', request.target)
    return textResponse(201, 'written', [['location', '/made']])
  },
})
const read = await readAnswer(group, 1, '/page?q=1')
const write = await writeAnswer(group, 2, '/new', bytesFromText('hello'))
group.heartbeat()
const later = await readAnswer(group, 0, '/page?q=1')

type ReadHeld = HeldAnswer & { evidence: Extract<Evidence, { kind: 'read' }> }
type WriteHeld = HeldAnswer & { evidence: Extract<Evidence, { kind: 'write' }> }
const held = read as ReadHeld
const written = write as WriteHeld

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte))
const withCert = <T extends HeldAnswer>(from: T, change: (cert: Cert) => Cert): T => ({
  ...from,
  evidence: { ...from.evidence, cert: change(from.evidence.cert) },
})
const withReceipt = (
  change: (receipt: ReadHeld['evidence']['receipt']) => ReadHeld['evidence']['receipt'],
): ReadHeld => ({
  ...held,
  evidence: { ...held.evidence, receipt: change(held.evidence.receipt) },
})
const withAnswer = <T extends HeldAnswer>(from: T, change: Partial<HeldAnswer['answer']>): T => ({
  ...from,
  answer: { ...from.answer, ...change },
})
const withAsked = <T extends HeldAnswer>(from: T, change: Partial<HeldAnswer['asked']>): T => ({
  ...from,
  asked: { ...from.asked, ...change },
})

test('§5 a read with its receipt and certificate is valid at every verifier', async () => {
  assert.equal(verdictOf(group, read), 'valid')
  const verdict = await checkAnswerAsync(rulesOf(group), read.asked, read.answer, read.evidence, async (...args) =>
    verify(...args),
  )
  assert.ok(verdict.ok)
  assert.deepEqual(verdict.value.signer, group.member(1).signer.publicKey)
  assert.equal(verdict.value.kind, 'read')
})

test('§5 §6 while a group hands over, answers of the former one count; of no epoch before that', () => {
  const { group: former } = group
  const next = { ...former, epoch: former.epoch + 1, members: former.members.toReversed() }
  assert.equal(verdictOf(group, read, { group: next }), 'cert_epoch')
  for (const held of [read, write]) assert.equal(verdictOf(group, held, { group: next, former }), 'valid')
  const later = { ...next, epoch: next.epoch + 1 }
  assert.equal(verdictOf(group, read, { group: later, former: next }), 'cert_epoch')
})

test('§5 a write with its certificate and path is valid, and names the voters', () => {
  const verdict = checkAnswer(rulesOf(group), write.asked, write.answer, write.evidence, verify)
  assert.ok(verdict.ok)
  assert.equal(verdict.value.kind, 'write')
  assert.equal(verdict.value.voters.length, 3)
  assert.equal(verdict.value.signer, undefined)
})

const refusals: readonly (readonly [what: string, held: HeldAnswer, code: string, rules?: Partial<CheckRules>])[] = [
  ['another path was asked', withAsked(held, { target: '/page?q=2' }), 'request_hash'],
  ['another method was asked', withAsked(held, { method: 'OPTIONS' }), 'request_hash'],
  ['another header was sent', withAsked(held, { headers: [['accept', 'text/html']] }), 'request_hash'],
  ['a body was sent', withAsked(held, { bodyHash: sha256(bytesFromText('x')) }), 'request_hash'],
  ['another site was asked', withAsked(held, { job: sha256(bytesFromText('x')) }), 'wrong_job'],
  ['the body is another', withAnswer(held, { body: bytesFromText('read /page?q=2') }), 'response_hash'],
  ['the status is another', withAnswer(held, { status: 203 }), 'response_hash'],
  ['a header was added', withAnswer(held, { headers: [...held.answer.headers, ['x-new', '1']] }), 'response_hash'],
  ['a header is missing', withAnswer(held, { headers: held.answer.headers.slice(1) }), 'response_hash'],
  ['the certificate is too old', held, 'stale', { now: group.head().time + 40_000 }],
  ['the certificate is ahead of the clock', held, 'from_the_future', { now: group.head().time - 60_000 }],
  ['the certificate is of another epoch', held, 'cert_epoch', { group: { ...group.group, epoch: 2 } }],
  ['the group needs all votes', held, 'cert_too_few_votes', { group: { ...group.group, quorum: 'all' } }],
  ['the chain is another', held, 'cert_block_hash', { domain: { ...group.network.domain, generation: 1 } }],
  [
    'a vote of the certificate is missing',
    withCert(held, (cert) => ({ ...cert, qc2: { ...cert.qc2, votes: cert.qc2.votes.slice(1) } })),
    'cert_too_few_votes',
  ],
  [
    'a vote stands twice',
    withCert(held, (cert) => ({
      ...cert,
      qc2: { ...cert.qc2, votes: [...cert.qc2.votes.slice(0, 2), ...cert.qc2.votes.slice(1, 2)] },
    })),
    'cert_voter_order',
  ],
  [
    'one signature of the certificate is broken',
    withCert(held, (cert) => ({
      ...cert,
      qc1: {
        ...cert.qc1,
        votes: cert.qc1.votes.map(
          ([at, jview, signed], order) => [at, jview, order === 2 ? (flipped(signed) as Signature) : signed] as const,
        ),
      },
    })),
    'cert_signature',
  ],
  [
    'the halves of the certificate are of different views',
    withCert(held, (cert) => ({ ...cert, qc2: { ...cert.qc2, view: 4 } })),
    'cert_different_blocks',
  ],
  [
    'the block was changed',
    withCert(held, (cert) => ({ ...cert, block: { ...cert.block, time: cert.block.time + 1 } })),
    'cert_block_hash',
  ],
  ['the certificate is of a later height', withCert(held, () => later.evidence.cert), 'receipt_height'],
  [
    "the receipt's signature is broken",
    withReceipt((receipt) => ({ ...receipt, signature: flipped(receipt.signature) as Signature })),
    'receipt_signature',
  ],
  [
    'the receipt is signed by a stranger',
    withReceipt((receipt) => signStatement(group.network.domain, 'receipt', signerNamed('stranger'), receipt.body)),
    'receipt_not_member',
  ],
  [
    "the receipt is another member's signature under this member's name",
    withReceipt((receipt) => ({
      ...signStatement(group.network.domain, 'receipt', group.member(3).signer, receipt.body),
      from: receipt.from,
    })),
    'receipt_signature',
  ],
  [
    'the receipt names a state that was not certified',
    withReceipt((receipt) =>
      signStatement(group.network.domain, 'receipt', group.member(1).signer, {
        ...receipt.body,
        state_root: later.evidence.cert.block.state_root,
      }),
    ),
    'state_root',
  ],
  [
    'the receipt is of another epoch',
    withReceipt((receipt) =>
      signStatement(group.network.domain, 'receipt', group.member(1).signer, { ...receipt.body, epoch: 7 }),
    ),
    'receipt_epoch',
  ],
  ['another body was written', withAsked(written, { bodyHash: sha256(bytesFromText('hullo')) }), 'path'],
  ["the write's answer is another", withAnswer(written, { body: bytesFromText('Written') }), 'path'],
  [
    'the salt hash is another',
    { ...written, evidence: { ...written.evidence, saltHash: sha256(bytesFromText('x')) } },
    'path',
  ],
  ['the fuel is another', { ...written, evidence: { ...written.evidence, fuel: written.evidence.fuel + 1 } }, 'path'],
  [
    'the path is shorter',
    { ...written, evidence: { ...written.evidence, path: written.evidence.path.slice(1) } },
    'path',
  ],
  [
    'a side of the path is the other one',
    {
      ...written,
      evidence: {
        ...written.evidence,
        path: written.evidence.path.map(([side, sibling]) => [side === 0 ? 1 : 0, sibling] as const),
      },
    },
    'path',
  ],
  ['the certificate is of another block', withCert(written, () => later.evidence.cert), 'path'],
]

for (const [what, changed, code, rules] of refusals) {
  test(`§5 refused with ${code}: ${what}`, () => {
    assert.equal(verdictOf(group, changed, rules), code)
  })
}

test('§5 a certificate is fresh to the last millisecond and stale in the next', () => {
  assert.equal(verdictOf(group, read, { now: read.evidence.cert.block.time + 30_000 }), 'valid')
  assert.equal(verdictOf(group, read, { now: read.evidence.cert.block.time + 30_001 }), 'stale')
})

test('§5 a HEAD, a 206 and a 304 are checked by the receipt of the whole representation', () => {
  const { asked, answer, evidence } = held
  const root = bodyRoot(answer.body)
  const forms: readonly (readonly [typeof asked, Answer])[] = [
    [
      { ...asked, method: 'HEAD' },
      { form: 'root', status: 200, headers: answer.headers, root },
    ],
    [asked, { form: 'root', status: 206, headers: [...answer.headers, ['content-range', 'bytes 0-0/9']], root }],
    [asked, { form: 'known', responseHash: held.evidence.receipt.body.response_hash }],
  ]
  for (const [facts, form] of forms) assert.ok(checkAnswer(rulesOf(group), facts, form, evidence, verify).ok)
  const wrong: Answer = { form: 'known', responseHash: sha256(bytesFromText('x')) }
  assert.ok(!checkAnswer(rulesOf(group), asked, wrong, evidence, verify).ok)
})

test("§5 the edge's own entity tag and the tag of a coding do not disturb the check, a changed tag does", () => {
  const { headers } = held.answer
  const rest = headers.filter(([name]) => name !== 'etag')
  const send = (tag: string, coding?: string): string =>
    verdictOf(
      group,
      withAnswer(held, {
        headers: [...rest, ['ETag', tag], ...(coding === undefined ? [] : [['content-encoding', coding] as const])],
      }),
    )
  assert.equal(send('"own"'), 'valid')
  assert.equal(send(codedTag('"own"', 'gzip'), 'gzip'), 'valid')
  assert.equal(send(codedTag('"own"', 'gzip')), 'response_hash')
  assert.equal(send('"other"'), 'response_hash')
  assert.match(derivedTag(sha256(bytesFromText('x'))), /^"[0-9a-f]{32}"$/)
  assert.equal(codedTag('W/"own"', 'br'), 'W/"own"')
})

test('Merkle steps lead to the root from every leaf of every tree', () => {
  for (let count = 1; count <= 20; count++) {
    const leaves = Array.from({ length: count }, (_, index) => merkleLeaf(bytesFromText(String(index))))
    const root = merkleRoot(leaves)
    for (const [index, leaf] of leaves.entries()) {
      const steps = merkleSteps(count, index, merklePath(leaves, index))
      assert.deepEqual(merkleClimb(leaf, steps), root as Digest)
    }
  }
})
