import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evidenceJudge } from '#gateway/evidence/judge.ts'
import { evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { ok } from '#protocol/codec/result.ts'
import { type Signed, signStatement } from '#protocol/message/domain.ts'
import type { Vote1 } from '#protocol/message/statement.ts'
import { verify } from '#seeder/identity/keys.ts'
import { type Scene, scene, visits } from '#test/gateway/scene.ts'
import { signerNamed } from '#test/support/network.ts'

const X = taggedHash('x')
const Y = taggedHash('y')

function wikiScene(): Promise<Scene> {
  return scene({ judge: evidenceJudge(async (...check) => verify(...check)) })
}

function vote(at: Scene, by: string, blockHash: Digest, changes: Partial<Vote1> = {}): Signed<Vote1> {
  const { network } = at
  const body = {
    job: network.job('wiki'),
    epoch: 1,
    height: 5,
    view: 2,
    block_hash: blockHash,
    jview: null,
    ...changes,
  }
  return signStatement(network.domain, 'vote1', network.signer(by), body)
}

function post(at: Scene, first: Signed<Vote1>, second: Signed<Vote1>): Promise<Response> {
  const body = evidenceToBytes({ kind: 'double_vote1', first, second }) as Uint8Array<ArrayBuffer>
  return at.ask('/evidence', { method: 'POST', body })
}

test('§5.7 two votes of one member for two blocks in one view: it is no target any more', async () => {
  const at = await wikiScene()
  for (const peer of ['ana', 'ben']) await at.register(peer)
  const response = await post(at, vote(at, 'ben', X), vote(at, 'ben', Y))
  assert.equal(response.status, 200)
  const { accused, kind, proven } = (await response.json()) as Record<string, unknown>
  assert.deepEqual([accused, kind, proven], [at.network.peer('ben'), 'double_vote1', true])
  assert.deepEqual(await visits(at, 3), ['ana', 'ana', 'ana'])
})

test('what proves nothing takes nobody out', async () => {
  const at = await wikiScene()
  for (const peer of ['ana', 'ben']) await at.register(peer)
  const forged = { ...vote(at, 'ben', Y), signature: vote(at, 'ana', Y).signature }
  const cases: readonly (readonly [Signed<Vote1>, Signed<Vote1>, string])[] = [
    [vote(at, 'ben', X), vote(at, 'ben', X), 'no_contradiction'],
    [vote(at, 'ben', X), vote(at, 'ana', Y), 'different_signers'],
    [vote(at, 'ben', X), vote(at, 'ben', Y, { view: 3 }), 'different_places'],
    [vote(at, 'ben', X), forged, 'bad_signature'],
    [vote(at, 'ben', X, { epoch: 0 }), vote(at, 'ben', Y, { epoch: 0 }), 'wrong_epoch'],
    [vote(at, 'ben', X, { job: X }), vote(at, 'ben', Y, { job: X }), 'unknown_job'],
    [vote(at, 'eve', X), vote(at, 'eve', Y), 'unknown_signer'],
  ]
  for (const [first, second, code] of cases) {
    const response = await post(at, first, second)
    assert.equal(response.status, 400)
    assert.match(((await response.json()) as { message: string }).message, new RegExp(`: ${code}\\.$`))
  }
  assert.deepEqual((await visits(at, 2)).sort(), ['ana', 'ben'])
})

test('a proof counts at once though the database cannot be reached, and is written when it comes again', async () => {
  const at = await wikiScene()
  for (const peer of ['ana', 'ben']) await at.register(peer)
  at.store.broken = true
  assert.equal((await post(at, vote(at, 'ben', X), vote(at, 'ben', Y))).status, 503)
  assert.deepEqual(await visits(at, 2), ['ana', 'ana'])
  at.store.broken = false
  assert.equal((await post(at, vote(at, 'ben', X), vote(at, 'ben', Y))).status, 200)
  assert.deepEqual(await visits(await at.again(), 2), ['ana', 'ana'])
})

test('evidence that only a re-execution can judge takes nobody out, and is not asked for again', async () => {
  const hash = taggedHash('by re-execution')
  const at = await scene({
    judge: async () =>
      ok({ accused: signerNamed('ben').publicKey, job: X, kind: 'wrong_result', hash, isProven: false }),
  })
  const accuses = [{ peer: 'ben', evidence: hash }]
  const wanted = async (): Promise<number> => {
    at.clock.now += 1
    const answer = (await (await at.register('ana', { accuses })).json()) as { evidence_wanted: string[] }
    return answer.evidence_wanted.length
  }
  await at.register('ben')
  assert.equal(await wanted(), 1)
  const response = await at.ask('/evidence', { method: 'POST', body: 'signed, but no proof' })
  assert.equal(((await response.json()) as { proven: boolean }).proven, false)
  assert.equal(await wanted(), 0)
  assert.deepEqual((await visits(at, 2)).sort(), ['ana', 'ben'])
})

test('an accuser is asked for its proof until it came', async () => {
  const at = await wikiScene()
  const evidence = { kind: 'double_vote1', first: vote(at, 'ben', X), second: vote(at, 'ben', Y) } as const
  const accuses = [{ peer: 'ben', evidence: taggedHash('evidence', evidenceToBytes(evidence)) }]
  const wanted = async (): Promise<number> => {
    at.clock.now += 1
    const answer = (await (await at.register('ana', { accuses })).json()) as { evidence_wanted: string[] }
    return answer.evidence_wanted.length
  }
  assert.equal(await wanted(), 1)
  await post(at, evidence.first, evidence.second)
  assert.equal(await wanted(), 0)
})
