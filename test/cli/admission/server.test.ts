// The admission endpoint against whoever can reach it.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startAdmission } from '#cli/admission/server.ts'
import { exchange } from '#cli/network/http.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { domainOf } from '#protocol/directory/network-file.ts'
import { peerName, type Signer } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { signerNamed, testNetwork } from '#test/support/network.ts'

const directory = mkdtempSync(join(tmpdir(), 'admission-'))
after(() => rmSync(directory, { recursive: true }))

/** More than a burst and all that is taken while so many are signed and sent. */
const NEWCOMERS_MAX = 2_000

async function open() {
  const network = testNetwork({ sites: [], time: Date.now() - 60_000, gateways: [] })
  const admission = await startAdmission({
    path: join(directory, 'network.json'),
    file: network.file,
    signer: network.networkSigner,
    port: 0,
  })
  let sequence = 1
  const record = (signer: Signer, headers: Record<string, string> = {}) => {
    const peer = signer.publicKey
    const body = {
      peer,
      addresses: ['/ip4/127.0.0.1/tcp/1'],
      http: 'http://s.localhost:1',
      sequence: sequence++,
      time: Date.now(),
    }
    const statement = cborFromValue(signStatement(domainOf(network.file), 'peer_record', signer, body))
    return exchange(`${admission.url}/peers`, { method: 'POST', body: statement, headers })
  }
  return { admission, record, [Symbol.asyncDispose]: () => admission[Symbol.asyncDispose]() }
}

test('F31 new keys are taken at a rate; whoever is known is taken all the same, and nothing of the file is lost', async () => {
  await using opened = await open()
  const { admission, record } = opened
  const first = signerNamed('newcomer 0')
  let taken = 0
  let status = 200
  for (; status === 200 && taken < NEWCOMERS_MAX; taken++)
    status = (await record(signerNamed(`newcomer ${taken}`))).status
  assert.equal(status, 429)
  assert.ok(taken > 200, `${taken}`)
  assert.equal((await record(first)).status, 200, 'a peer that is known renews its record')
  assert.equal(admission.file().peers.filter(({ peer }) => peer === peerName(first.publicKey)).length, 1)
})

test('F31 a web page posts nothing in the name of whoever looks at it', async () => {
  await using opened = await open()
  const answer = await opened.record(signerNamed('from a page'), { origin: 'http://evil.example' })
  assert.equal(answer.status, 403)
  assert.match(answer.body.toString(), /from_a_page/)
})

test('F31 a statement that is too long is refused in words, and the connection is none the worse for it', async () => {
  await using opened = await open()
  const answer = await exchange(`${opened.admission.url}/peers`, {
    method: 'POST',
    body: Buffer.alloc(4 * 1024 * 1024),
  })
  assert.equal(answer.status, 413)
  assert.match(answer.body.toString(), /too_large/)
  assert.equal((await opened.record(signerNamed('after it'))).status, 200)
})
