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
  const answers = new Map<number, number>()
  for (let index = 0; index < 230; index++) {
    const { status } = await record(signerNamed(`newcomer ${index}`))
    answers.set(status, (answers.get(status) ?? 0) + 1)
  }
  const [taken, refused] = [answers.get(200) ?? 0, answers.get(429) ?? 0]
  assert.equal(taken + refused, 230)
  assert.ok(taken >= 200 && refused > 0, JSON.stringify([...answers]))
  assert.equal((await record(first)).status, 200, 'a peer that is known renews its record')
  assert.equal(admission.file().peers.filter(({ peer }) => peer === peerName(first.publicKey)).length, 1)
})

test('F31 a web page posts nothing in the name of whoever looks at it', async () => {
  await using opened = await open()
  const answer = await opened.record(signerNamed('from a page'), { origin: 'http://evil.example' })
  assert.equal(answer.status, 403)
  assert.match(answer.body.toString(), /from_a_page/)
})
