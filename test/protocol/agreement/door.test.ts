import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDoor, type DoorError, verifyWire, verifyWireAsync } from '#protocol/agreement/door.ts'
import { recordFromBytes, recordToBytes } from '#protocol/agreement/record.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { INLINE_BODY_BYTES_MAX, type WireMessage, wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { DOMAIN, groupOfSize, requestAt, verify } from './cluster.ts'
import { Lone, START } from './lone.ts'

const lone = new Lone()
const requests = [requestAt(START)]
const block = lone.block(requests)
const other = lone.block(requests, {}, true)
const qc1 = lone.qc1(block)
const [a, b, c] = lone.others() as [number, number, number]
const body = new Uint8Array([1, 2, 3])

const good: readonly WireMessage[] = [
  { type: 'request', request: requestAt(START, { body }), body },
  { type: 'request', request: requestAt(START, { body }), body: null },
  lone.propose(block, requests),
  lone.propose(block, requests, { view: 1, tc: lone.tc(0), qc1s: [qc1] }),
  lone.vote1(a, block, 1, 0, [qc1]),
  lone.vote2(a, block),
  { type: 'qc1', qc1s: [qc1], content: { block, requests } },
  { type: 'cert', cert: lone.cert(block) },
  { type: 'timeout', timeout: lone.timeout(a, 3, 1, { view: 0, block_hash: qc1.block_hash }), qc1s: [qc1] },
  { type: 'tc', timeouts: lone.tc(3), qc1s: [qc1] },
]

for (const [index, message] of good.entries()) {
  test(`the wire: message ${index} (${message.type}) comes back as it went, and passes the door`, () => {
    const decoded = wireFromBytes(wireToBytes(message))
    assert.ok(decoded.ok)
    assert.deepEqual(decoded.value, message)
    assert.ok(verifyWire(createDoor(DOMAIN, lone.group), decoded.value, verify).ok)
  })

  test(`the door: one bad signature refuses message ${index} (${message.type}) whole, sync and async`, async () => {
    let count = 0
    verifyWire(createDoor(DOMAIN, lone.group), message, () => ++count > 0)
    for (let bad = 1; bad <= count; bad++) {
      let at = 0
      const judged = verifyWire(createDoor(DOMAIN, lone.group), message, () => ++at !== bad)
      assert.equal(judged.ok ? '' : judged.error.code, 'bad_signature')
      let later = 0
      const waited = await verifyWireAsync(createDoor(DOMAIN, lone.group), message, async () => ++later !== bad)
      assert.equal(waited.ok ? '' : waited.error.code, 'bad_signature')
    }
  })
}

test('the door: what was found good once costs nothing again, what was bad is asked again', () => {
  const door = createDoor(DOMAIN, lone.group)
  let asked = 0
  const message: WireMessage = { type: 'qc1', qc1s: [qc1], content: null }
  assert.ok(!verifyWire(door, message, () => false).ok)
  const counting = (...args: Parameters<typeof verify>) => {
    asked++
    return verify(...args)
  }
  assert.ok(verifyWire(door, message, counting).ok)
  assert.equal(asked, qc1.votes.length)
  assert.ok(verifyWire(door, message, counting).ok)
  assert.equal(asked, qc1.votes.length)
})

const stranger = groupOfSize(9)
const proposal = lone.propose(block, requests)
const bad: readonly [string, WireMessage, DoorError['code']][] = [
  ['a body of another hash', { type: 'request', request: requestAt(START), body }, 'wrong_body'],
  [
    'a request of another job',
    { type: 'request', request: { ...requestAt(START), job: taggedHash('x') }, body: null },
    'wrong_job',
  ],
  ['a block that the proposal does not name', { ...proposal, block: other }, 'wrong_block_hash'],
  ['requests that are not the block’s', { ...proposal, requests: [requestAt(START)] }, 'wrong_requests_root'],
  ['a TC of another view', lone.propose(block, requests, { view: 2, tc: lone.tc(0) }), 'wrong_view'],
  ['a TC of too few', lone.propose(block, requests, { view: 1, tc: lone.tc(0).slice(1) }), 'too_few_votes'],
  [
    'a TC that counts one member twice',
    { type: 'tc', timeouts: [lone.timeout(a, 0), lone.timeout(b, 0), lone.timeout(a, 0, 2)], qc1s: [] },
    'voter_order',
  ],
  [
    'a TC of two views',
    { type: 'tc', timeouts: [lone.timeout(a, 0), lone.timeout(b, 0), lone.timeout(c, 1)], qc1s: [] },
    'wrong_view',
  ],
  ['a vote of a stranger', lone.vote2(stranger.members.length - 1, block), 'unknown_signer'],
  ['a VOTE1 whose jview is its view', lone.vote1(a, block, 1, 1), 'jview_not_below_view'],
  ['a QC1 of q − 1', { type: 'qc1', qc1s: [{ ...qc1, votes: qc1.votes.slice(1) }], content: null }, 'too_few_votes'],
  [
    'a QC1 that counts one member twice',
    {
      type: 'qc1',
      qc1s: [{ ...qc1, votes: qc1.votes.map(() => qc1.votes[0] ?? [0, null, lone.vote2(a, block).vote.signature]) }],
      content: null,
    },
    'voter_order',
  ],
  [
    'a certificate of two views',
    { type: 'cert', cert: { block, qc1: lone.qc1(block, 1), qc2: lone.qc2(block, 0) } },
    'different_blocks',
  ],
  ['a certificate of another block', { type: 'cert', cert: { ...lone.cert(block), block: other } }, 'wrong_block_hash'],
]
for (const [name, message, code] of bad)
  test(`the door refuses ${name}: ${code}`, () => {
    const judged = verifyWire(createDoor(DOMAIN, lone.group), message, verify)
    assert.equal(judged.ok ? 'passed' : judged.error.code, code)
  })

test('the wire refuses an inline body above its bound', () => {
  const large = new Uint8Array(INLINE_BODY_BYTES_MAX + 1)
  const message: WireMessage = { type: 'request', request: requestAt(START, { body: large }), body: large }
  assert.equal(wireFromBytes(wireToBytes(message)).ok, false)
})

test('R1 the record that is made durable reads back to the same bytes', () => {
  const member = new Lone()
  const effects = member.execute(member.hear(member.propose(member.block([]), [])))
  const [persist] = effects
  assert.ok(persist?.type === 'persist')
  const record = recordFromBytes(persist.record)
  assert.ok(record.ok)
  assert.deepEqual(recordToBytes(record.value), persist.record)
  assert.equal(record.value.vote1?.body.height, 1)
})
