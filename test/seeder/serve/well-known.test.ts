import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { certificateFromBytes } from '#protocol/answer/evidence.ts'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { blockHash } from '#protocol/message/block.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'

const group = hostedGroup('demo', { app: () => textResponse(200, 'x') })
const edge = await startEdge(group)
after(() => edge[Symbol.asyncDispose]())
const at = (path: string) => edge.ask(`/.well-known/interpeer/${path}`)

test('§4 status tells epoch, height, leader, members and evidence, to any page', async () => {
  const proof = bytesFromText('proof')
  group.evidence = [{ kind: 'double_vote1', accused: group.member(3).signer.publicKey, hash: sha256(proof), proof }]
  const answer = await at('status')
  assert.equal(answer.headers['access-control-allow-origin'], '*')
  const status = JSON.parse(String(answer.body))
  assert.equal(status.name, 'demo')
  assert.equal(status.height, group.head().height)
  assert.equal(status.members.length, 4)
  assert.equal(status.state, 'agreeing')
  const [evidence] = status.evidence
  assert.deepEqual(evidence, {
    kind: 'double_vote1',
    accused: group.network.peer('dan'),
    hash: hexFromBytes(sha256(proof)),
  })
  assert.equal(String((await at(`evidence/${evidence.hash}`)).body), 'proof')
  assert.equal((await at(`evidence/${'0'.repeat(64)}`)).status, 404)
})

test('§4 certificates are there by height and as the latest', async () => {
  group.heartbeat()
  for (const [path, height] of [
    ['certificate/1', 1],
    ['certificate/latest', group.head().height],
  ] as const) {
    const answer = await at(path)
    const cert = certificateFromBytes(new Uint8Array(answer.body))
    assert.ok(cert.ok)
    assert.equal(cert.value.block.height, height)
    assert.deepEqual(
      Buffer.from(blockHash(group.network.domain, cert.value.block)),
      Buffer.from(cert.value.qc2.block_hash),
    )
  }
  assert.equal((await at('certificate/99')).status, 404)
  assert.equal((await at('certificate/x')).status, 404)
})

test('§4 log and state files are told, within bounds', async () => {
  const { lines } = JSON.parse(String((await at('log?limit=5')).body))
  assert.equal(lines[0].text, 'hello')
  const state = JSON.parse(String((await at('state?path=app/site.json')).body))
  assert.match(state.cid, /^b/)
  assert.ok(state.size > 0)
  assert.equal((await at('state?path=nowhere')).status, 404)
  assert.equal((await at('state')).status, 404)
})

test('§4 what is not there is 404, what would write is 405, a preflight is let through', async () => {
  assert.equal((await at('nothing')).status, 404)
  assert.equal((await at('status/x')).status, 404)
  const post = await edge.ask('/.well-known/interpeer/status', { method: 'POST', body: Buffer.from('x') })
  assert.equal(post.status, 405)
  assert.equal(post.headers.allow, 'GET, HEAD, OPTIONS')
  const preflight = await edge.ask('/.well-known/interpeer/status', { method: 'OPTIONS' })
  assert.equal(preflight.status, 204)
  assert.equal(
    String((await edge.ask('/.well-known/security.txt')).body),
    'x',
    'the rest of /.well-known/ is the site’s',
  )
})
