// F38 What of members' evidence a gateway keeps: outcomes of pure functions, and nothing that could let an answer pass that would not have passed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createKnownEvidence } from '#gateway/carry/known-evidence.ts'
import { type CheckRules, checkAnswerAsync } from '#protocol/answer/check.ts'
import { certificateText, evidenceFromHeaders, receiptText } from '#protocol/answer/evidence.ts'
import { assert as must } from '#protocol/codec/result.ts'
import { verify } from '#seeder/identity/keys.ts'
import { type HeldAnswer, readAnswer, rulesOf } from '#test/support/answers.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { testNetwork } from '#test/support/network.ts'

const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const SIGNATURES_OF_A_READ = 7
const group = hostedGroup('wiki', {
  network: testNetwork({ sites: [{ name: 'wiki', members: MEMBERS }] }),
  members: MEMBERS,
  now: () => 1_000_000,
  app: () => textResponse(200, 'a page'),
})

function counted(): { readonly known: ReturnType<typeof createKnownEvidence>; count: number } {
  const at = {
    count: 0,
    known: createKnownEvidence(async (...check) => {
      at.count++
      return verify(...check)
    }),
  }
  return at
}

/** As it comes over the wire: texts alone. */
async function verdictOf(
  { known }: ReturnType<typeof counted>,
  { asked, answer, evidence }: HeldAnswer,
  changes: { readonly rules?: Partial<CheckRules>; readonly cert?: string; readonly receipt?: string } = {},
): Promise<string> {
  must(evidence.kind === 'read', 'it is a read')
  const read = evidenceFromHeaders(
    [
      ['interpeer-receipt', changes.receipt ?? receiptText(evidence.receipt)],
      ['interpeer-certificate', changes.cert ?? certificateText(evidence.cert)],
    ],
    undefined,
    known.texts,
  )
  if (!read.ok) return read.error.code
  const checked = await checkAnswerAsync(rulesOf(group, changes.rules), asked, answer, read.value, known.verify)
  return checked.ok ? 'valid' : checked.error.code
}

test('the signatures of a certificate that stands under many answers are checked once, those of a receipt once for its page', async () => {
  const at = counted()
  const first = await readAnswer(group, 0, '/one')
  assert.equal(await verdictOf(at, first), 'valid')
  assert.equal(at.count, SIGNATURES_OF_A_READ)
  assert.equal(await verdictOf(at, first), 'valid')
  assert.equal(at.count, SIGNATURES_OF_A_READ)
  assert.equal(await verdictOf(at, await readAnswer(group, 1, '/two')), 'valid')
  assert.equal(at.count, SIGNATURES_OF_A_READ + 1)
})

test('what was checked before is held against age, group, request and answer all the same', async () => {
  const at = counted()
  const held = await readAnswer(group, 0, '/one')
  assert.equal(await verdictOf(at, held), 'valid')
  const { now } = rulesOf(group)
  assert.equal(await verdictOf(at, held, { rules: { now: now + 60_000 } }), 'stale')
  assert.equal(await verdictOf(at, { ...held, asked: { ...held.asked, target: '/two' } }), 'request_hash')
  assert.equal(await verdictOf(at, { ...held, answer: { ...held.answer, status: 404 } }), 'response_hash')
  const others = { ...group.group, members: [...group.group.members].reverse() }
  assert.equal(await verdictOf(at, held, { rules: { group: others } }), 'cert_signature')
  const elsewhere = { ...group.network.domain, generation: group.network.domain.generation + 1 }
  assert.notEqual(await verdictOf(at, held, { rules: { domain: elsewhere } }), 'valid')
  assert.equal(await verdictOf(at, held), 'valid')
})

test('a signature that does not hold is refused each time, and hides none that does', async () => {
  const at = counted()
  const held = await readAnswer(group, 0, '/one')
  const { evidence } = held
  must(evidence.kind === 'read', 'it is a read')
  const signature = evidence.receipt.signature.map((byte, index) =>
    index === 40 ? byte ^ 1 : byte,
  ) as typeof evidence.receipt.signature
  const receipt = receiptText({ ...evidence.receipt, signature })
  for (let time = 0; time < 2; time++) assert.equal(await verdictOf(at, held, { receipt }), 'receipt_signature')
  assert.equal(await verdictOf(at, held), 'valid')
  assert.equal(await verdictOf(at, held, { cert: 'AAAA' }), 'certificate_form')
  assert.equal(await verdictOf(at, held, { receipt: 'AAAA' }), 'receipt_form')
})

test('texts that come once do not pile up: those that are asked for stay', async () => {
  const at = counted()
  const held = await readAnswer(group, 0, '/one')
  const { evidence } = held
  must(evidence.kind === 'read', 'it is a read')
  const often = certificateText(evidence.cert)
  const kept = at.known.texts.cert(often)
  const once = at.known.texts.cert(certificateText({ ...evidence.cert, qc1: { ...evidence.cert.qc1, view: 1 } }))
  const again = certificateText({ ...evidence.cert, qc1: { ...evidence.cert.qc1, view: 1 } })
  for (let view = 2; view < 400; view++) {
    at.known.texts.cert(certificateText({ ...evidence.cert, qc1: { ...evidence.cert.qc1, view } }))
    assert.equal(at.known.texts.cert(often), kept)
  }
  assert.notEqual(at.known.texts.cert(again), once)
})
