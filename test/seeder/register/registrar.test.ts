import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCbor } from '#protocol/codec/shape.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { type Signed, statementHash } from '#protocol/message/domain.ts'
import { type Register, signedShape } from '#protocol/message/statement.ts'
import { verify } from '#seeder/identity/keys.ts'
import { REGISTER_EXPIRES_MS, type RegistrationFacts, startRegistrar } from '#seeder/register/registrar.ts'
import { startRecorder } from '#test/support/http-recorder.ts'
import { testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const network = testNetwork({ sites: [{ name: 'wiki', members: ['a', 'b', 'c', 'd'] }] })
const signer = network.signer('a')
const NOTHING: RegistrationFacts = { sites: [], sees: [], accuses: [] }

function statementOf(body: Buffer): Signed<Register> {
  const read = readCbor(signedShape('register'), body, 64 * 1024)
  assert.ok(read.ok)
  return read.value
}

test('a seeder registers at each gateway under its own signature, and says goodbye when it stops', async () => {
  await using one = await startRecorder()
  await using two = await startRecorder()
  const site = { job: network.job('wiki'), origin: 'http://wiki.s1.localhost:8001', stable: false }
  {
    await using registrar = startRegistrar({
      signer,
      domain: network.domain,
      gateways: () => [one.url, two.url],
      facts: () => ({ ...NOTHING, sites: [site], sees: [network.signer('b').publicKey] }),
      evidence: () => undefined,
      now: Date.now,
    })
    await until('both registrations', () => one.requests.length > 0 && two.requests.length > 0)
    registrar.announce()
    await until('the announcement', () => one.requests.length > 1)
  }
  for (const gateway of [one, two]) {
    const statements = gateway.requests.map(({ body }) => statementOf(body))
    const [first] = statements
    const last = statements.at(-1)
    assert.ok(first && last)
    assert.equal(peerName(first.from), network.peer('a'))
    assert.equal(first.body.gateway, gateway.url)
    assert.equal(first.body.expires - first.body.time, REGISTER_EXPIRES_MS)
    assert.deepEqual(first.body.sites, [site])
    assert.deepEqual(last.body.sites, [])
    assert.equal(last.body.expires, last.body.time)
    for (const [index, { from, body, signature }] of statements.entries()) {
      assert.ok(verify(from, statementHash(network.domain, 'register', body), signature))
      assert.ok(index === 0 || body.time > (statements[index - 1]?.body.time ?? 0), 'times rise')
    }
  }
})

test('a gateway that is down or refuses is told again and holds up no other', async () => {
  let refusing = true
  const notes: string[] = []
  await using good = await startRecorder()
  await using bad = await startRecorder(() => ({ status: refusing ? 503 : 200 }))
  await using registrar = startRegistrar({
    signer,
    domain: network.domain,
    gateways: () => ['http://127.0.0.1:1', bad.url, good.url],
    facts: () => NOTHING,
    evidence: () => undefined,
    now: Date.now,
    note: (event, facts) => notes.push(`${event} ${facts.gateway}`),
  })
  await until('both answers', () => good.requests.length === 1 && notes.includes(`registration_failed ${bad.url}`))
  refusing = false
  registrar.announce()
  await until('the recovery', () => notes.includes(`registered ${bad.url}`))
})

test('the proof of an accusation is handed over when a gateway wants it, once', async () => {
  const hash = '11'.repeat(32)
  await using gateway = await startRecorder(({ path }) =>
    path === '/register' ? { status: 200, body: JSON.stringify({ evidence_wanted: [hash, 'ff'] }) } : { status: 200 },
  )
  await using registrar = startRegistrar({
    signer,
    domain: network.domain,
    gateways: () => [gateway.url],
    facts: () => NOTHING,
    evidence: (wanted) => (wanted === hash ? Buffer.from('the proof') : undefined),
    now: Date.now,
  })
  await until('the proof', () => gateway.requests.some(({ path }) => path === '/evidence'))
  registrar.announce()
  await until('another turn', () => gateway.requests.filter(({ path }) => path === '/register').length === 2)
  assert.deepEqual(
    gateway.requests.filter(({ path }) => path === '/evidence').map(({ body }) => body.toString()),
    ['the proof'],
  )
})

test('a proof that a gateway could not take is handed over again', async () => {
  const hash = '22'.repeat(32)
  let failing = true
  await using gateway = await startRecorder(({ path }) => {
    if (path === '/register') return { status: 200, body: JSON.stringify({ evidence_wanted: [hash] }) }
    return { status: failing ? 503 : 202 }
  })
  await using registrar = startRegistrar({
    signer,
    domain: network.domain,
    gateways: () => [gateway.url],
    facts: () => NOTHING,
    evidence: () => Buffer.from('the proof'),
    now: Date.now,
  })
  const proofs = (): number => gateway.requests.filter(({ path }) => path === '/evidence').length
  await until('the first try', () => proofs() === 1)
  failing = false
  registrar.announce()
  await until('the second try', () => proofs() === 2)
})
