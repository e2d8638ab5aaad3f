import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeEvidence } from '#gateway/evidence/evidence.ts'
import type { EvidenceJudge } from '#gateway/gateway.ts'
import { FRESH_MS, LEASE_MS } from '#gateway/settings.ts'
import { refill } from '#gateway/store/refill.ts'
import { sha256, ZERO_DIGEST } from '#protocol/codec/digest.ts'
import { ok } from '#protocol/codec/result.ts'
import { type Scene, scene, visits } from '#test/gateway/scene.ts'
import { signerNamed } from '#test/support/network.ts'

const MEMBERS = ['ana', 'ben', 'cleo', 'dan']

function lieOf(peer: string, bytes: Uint8Array): Awaited<ReturnType<EvidenceJudge>> {
  const { publicKey: accused } = signerNamed(peer)
  return ok({ accused, kind: 'amnesia', hash: sha256(bytes), job: ZERO_DIGEST, isProven: true })
}

async function allRegister(at: Scene, seen: readonly string[] = MEMBERS): Promise<void> {
  for (const peer of MEMBERS) await at.register(peer, { sees: seen.filter((other) => other !== peer) })
}

test('visitors are sent to the living in turn', async () => {
  const at = await scene()
  await allRegister(at)
  assert.deepEqual(await visits(at, 8), [...MEMBERS, ...MEMBERS])
})

test('the turn goes on over renewals', async () => {
  const at = await scene()
  await allRegister(at)
  const hosts: string[] = []
  for (let renewal = 0; renewal < 4; renewal++) {
    hosts.push(...(await visits(at, 1)))
    at.clock.now += 5_000
    await allRegister(at)
  }
  assert.deepEqual(hosts, MEMBERS)
})

test('a killed seeder is out after 15 s without a word, and not before', async () => {
  const at = await scene()
  await at.register('ana')
  at.clock.now += 5_000
  await at.register('ben')
  at.clock.now += FRESH_MS - 5_000 - 1
  assert.deepEqual((await visits(at, 2)).sort(), ['ana', 'ben'])
  at.clock.now += 1
  assert.deepEqual(await visits(at, 2), ['ben', 'ben'])
})

test('where nobody is left the answer is 503 with Retry-After', async () => {
  const at = await scene()
  await at.register('ana')
  at.clock.now += FRESH_MS
  const response = await at.ask('/wiki/')
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '5')
  assert.equal(response.headers.get('cache-control'), 'no-store')
})

test('a member that more than half of the others do not see is out, though it registers itself', async () => {
  const at = await scene()
  await at.register('ana', { sees: ['ben', 'cleo', 'dan'] })
  await at.register('ben', { sees: ['ana', 'cleo', 'dan'] })
  await at.register('cleo', { sees: ['ana', 'ben'] })
  await at.register('dan', { sees: ['ana', 'ben', 'cleo'] })
  assert.deepEqual((await visits(at, 4)).sort(), MEMBERS)
  at.clock.now += 1_000
  await at.register('ben', { sees: ['ana', 'cleo'] })
  assert.deepEqual(new Set(await visits(at, 6)), new Set(['ana', 'ben', 'cleo']))
})

test('the word of one member takes nobody out', async () => {
  const at = await scene()
  await allRegister(at)
  at.clock.now += 1_000
  await at.register('ana', { sees: ['ben'] })
  assert.deepEqual(new Set(await visits(at, 8)), new Set(MEMBERS))
})

test('members that see nobody are cut off themselves: a group that just starts is not talked dead', async () => {
  const at = await scene()
  await allRegister(at, [])
  assert.deepEqual(new Set(await visits(at, 8)), new Set(MEMBERS))
})

test('a restarted gateway sends visitors on at once, from what was written down', async () => {
  const at = await scene()
  await allRegister(at)
  at.clock.now += 60_000
  const after = await at.again()
  assert.deepEqual((await visits(after, 4)).sort(), MEMBERS)
})

test('a restarted gateway believes the living over what was written down', async () => {
  const at = await scene()
  await allRegister(at)
  at.clock.now += 60_000
  const after = await at.again()
  after.clock.now += 5_000
  // ana died while the gateway was away.
  for (const peer of ['ben', 'cleo', 'dan'])
    await after.register(peer, { sees: ['ben', 'cleo', 'dan'].filter((other) => other !== peer) })
  assert.deepEqual(new Set(await visits(after, 6)), new Set(['ben', 'cleo', 'dan']))
})

test('what was written down is believed until its lease ends', async () => {
  const at = await scene()
  await at.register('ana')
  at.clock.now += LEASE_MS - 1
  assert.deepEqual(await visits(await at.again(), 1), ['ana'])
  at.clock.now += 1
  assert.deepEqual(await visits(await at.again(), 1), ['nobody'])
})

test('a member that this isolate never heard is a target beside those it hears, when most of them see it', async () => {
  const at = await scene()
  await allRegister(at)
  at.clock.now += 60_000
  const other = await at.again()
  other.clock.now += 5_000
  for (const peer of ['ana', 'ben']) await other.register(peer)
  assert.deepEqual(new Set(await visits(other, 8)), new Set(MEMBERS))
})

test('a second isolate learns of a silent member from what the others wrote', async () => {
  const first = await scene()
  await allRegister(first)
  const second = await first.again()
  assert.deepEqual(new Set(await visits(second, 8)), new Set(MEMBERS))
  first.clock.now += 5_000
  for (const peer of ['ana', 'ben', 'cleo'])
    await first.register(peer, { sees: ['ana', 'ben', 'cleo'].filter((other) => other !== peer) })
  await refill(second.gateway)
  assert.deepEqual(new Set(await visits(second, 6)), new Set(['ana', 'ben', 'cleo']))
})

test('a proven liar is no target from that moment, in this isolate, in others and after a restart', async () => {
  const at = await scene({
    judge: async (_domain, _groups, bytes) => lieOf('ben', bytes),
  })
  await allRegister(at)
  const other = await at.again()
  const proof = Uint8Array.of(1, 2, 3)
  const taken = await takeEvidence(at.gateway, proof)
  assert(taken.ok)
  assert.equal(taken.value.accused, at.network.peer('ben'))
  const honest = new Set(['ana', 'cleo', 'dan'])
  assert.deepEqual(new Set(await visits(at, 6)), honest)
  await refill(other.gateway)
  assert.deepEqual(new Set(await visits(other, 6)), honest)
  assert.deepEqual(new Set(await visits(await at.again(), 6)), honest)
  const lookup = (await (await at.ask('/lookup/name/wiki')).json()) as { members: { peer: string; state: string }[] }
  assert.equal(lookup.members.find((member) => member.peer === at.network.peer('ben'))?.state, 'proven_liar')
})

test('a liar’s word about others counts for nothing', async () => {
  const at = await scene({ judge: async (_domain, _groups, bytes) => lieOf('ben', bytes) })
  await at.register('ana')
  await at.register('ben', { sees: ['cleo'] })
  await at.register('cleo', { sees: ['ben'] })
  await at.register('dan')
  assert.deepEqual(new Set(await visits(at, 8)), new Set(['ben', 'cleo']))
  await takeEvidence(at.gateway, new Uint8Array(1))
  assert.deepEqual(new Set(await visits(at, 8)), new Set(['ana', 'cleo', 'dan']))
})

test('a member against which more than half of the others hold proofs is out, one accuser is not enough', async () => {
  const at = await scene()
  await allRegister(at)
  const accuses = [{ peer: 'ben', evidence: ZERO_DIGEST }]
  at.clock.now += 1_000
  await at.register('ana', { accuses })
  assert.deepEqual(new Set(await visits(at, 8)), new Set(MEMBERS))
  await at.register('cleo', { accuses })
  assert.deepEqual(new Set(await visits(at, 6)), new Set(['ana', 'cleo', 'dan']))
})

test('a seeder that is in a new network file’s groups no more is no target', async () => {
  const at = await scene()
  await allRegister(at)
  const next = at.network.next({ sites: [{ name: 'wiki', members: ['ana', 'ben', 'cleo', 'eve'] }] })
  const put = await at.ask('/network', { method: 'PUT', body: next.text })
  assert.equal(put.status, 200)
  assert.deepEqual(new Set(await visits(at, 6)), new Set(['ana', 'ben', 'cleo']))
})

test('§6 while a new group takes over, visitors go to the former one; from the first new member on to the new one alone', async () => {
  const at = await scene()
  await allRegister(at)
  const fresh = ['eve', 'finn', 'gus', 'hal']
  const next = at.network.next({ sites: [{ name: 'wiki', members: fresh, former: MEMBERS, epoch: 2 }] })
  assert.equal((await at.ask('/network', { method: 'PUT', body: next.text })).status, 200)
  assert.deepEqual(new Set(await visits(at, 8)), new Set(MEMBERS), 'all members were replaced at once')
  at.clock.now += 5_000
  await at.register('ana')
  assert.deepEqual(new Set(await visits(at, 8)), new Set(MEMBERS), 'a former member renews its registration')
  await at.register('eve')
  assert.deepEqual(new Set(await visits(at, 4)), new Set(['eve']))
})
