import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LEASE_RENEW_MS, REGISTRATION_BYTES_MAX, REGISTRATION_LIFE_MS_MAX } from '#gateway/settings.ts'
import { refill } from '#gateway/store/refill.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { ZERO_DIGEST } from '#protocol/codec/digest.ts'
import { codeOf, GATEWAY_URL, originOf, START, scene, visits } from '#test/gateway/scene.ts'
import { signerNamed, signRegistration, testNetwork } from '#test/support/network.ts'

test('§5.2 a member of the group registers, is told its lease, and visitors are sent to it', async () => {
  const at = await scene()
  const response = await at.register('ana')
  assert.equal(response.status, 200)
  assert.deepEqual(await response.json(), {
    lease_ms: 15_000,
    renew_ms: 5_000,
    time: START,
    network_version: 1,
    tunnels: false,
    unproven: [],
    evidence_wanted: [],
  })
  const visit = await at.ask('/wiki/page?q=1')
  assert.equal(visit.status, 307)
  assert.equal(visit.headers.get('location'), `${originOf('ana')}/page?q=1`)
})

test('a key that is in no group is refused', async () => {
  const at = await scene()
  const response = await at.register('eve', { sites: {} })
  assert.equal(response.status, 403)
  assert.equal(await codeOf(response), 'not_a_member')
})

test('a member is refused for a job of another group, and told which network version says so', async () => {
  const network = testNetwork({
    sites: [
      { name: 'wiki', members: ['ana', 'ben', 'cleo', 'dan'] },
      { name: 'blog', members: ['eve'] },
    ],
  })
  const at = await scene({ network })
  const response = await at.register('eve', { sites: { blog: originOf('eve'), wiki: originOf('eve') } })
  assert.equal(response.status, 403)
  const { code, network_version } = (await response.json()) as Record<string, unknown>
  assert.deepEqual([code, network_version], ['not_of_this_job', 1])
  assert.deepEqual(await visits(at, 1), ['nobody'])
})

test('what the named key did not sign is refused', async () => {
  const at = await scene()
  const honest = signRegistration(at.network, 'ana', { gateway: GATEWAY_URL, time: START, sites: {} })
  const moved = { ...honest, body: { ...honest.body, time: START + 1 } }
  const borrowed = { ...honest, from: at.network.signer('ben').publicKey }
  for (const forged of [moved, borrowed]) {
    const response = await at.send(forged)
    assert.equal(response.status, 401)
    assert.equal(await codeOf(response), 'bad_signature')
  }
})

test('a registration of another network is refused, though the same key signed it', async () => {
  const at = await scene()
  const elsewhere = testNetwork({ sites: [{ name: 'wiki', members: ['ana'] }], networkName: 'another' })
  const foreign = signRegistration(elsewhere, signerNamed('ana'), { gateway: GATEWAY_URL, time: START, sites: {} })
  assert.equal(await codeOf(await at.send(foreign)), 'bad_signature')
})

test('a registration that names another gateway is refused', async () => {
  const at = await scene()
  const response = await at.register('ana', { gateway: 'https://other.example' })
  assert.equal(response.status, 421)
  assert.equal(await codeOf(response), 'wrong_gateway')
})

for (const [skewMs, status] of [
  [30_000, 200],
  [30_001, 400],
  [-30_000, 200],
  [-30_001, 400],
] as const) {
  test(`a clock ${skewMs} ms from the gateway's is answered ${status}`, async () => {
    const at = await scene()
    assert.equal((await at.register('ana', { time: START + skewMs })).status, status)
  })
}

for (const [lifeMs, status] of [
  [REGISTRATION_LIFE_MS_MAX, 200],
  [REGISTRATION_LIFE_MS_MAX + 1, 400],
  [0, 200],
  [-1, 400],
] as const) {
  test(`a registration for ${lifeMs} ms is answered ${status}`, async () => {
    const at = await scene()
    assert.equal((await at.register('ana', { expires: START + lifeMs })).status, status)
  })
}

test('the same registration twice is a replay, and so is an older one', async () => {
  const at = await scene()
  const older = signRegistration(at.network, 'ana', { gateway: GATEWAY_URL, time: START - 1, sites: {} })
  assert.equal((await at.register('ana')).status, 200)
  const again = await at.register('ana')
  assert.equal(again.status, 409)
  assert.deepEqual((await again.json()) as object, {
    code: 'replay',
    last: START,
    message: 'A registration of this time or a later one was taken already; sign a new one.',
  })
  assert.equal((await at.send(older)).status, 409)
  assert.equal((await at.register('ana', { time: START + 1 })).status, 200)
})

test('of two copies that come at once one is taken', async () => {
  const at = await scene()
  const answers = await Promise.all([at.register('ana'), at.register('ana')])
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 409])
})

test('of two copies of a renewal that come at once one is taken', async () => {
  const at = await scene()
  await at.register('ana')
  at.clock.now += 5_000
  const answers = await Promise.all([at.register('ana'), at.register('ana')])
  assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, 409])
})

test('what another isolate wrote earlier does not undo what this one heard later', async () => {
  const first = await scene()
  await first.register('ana')
  const second = await first.again()
  first.clock.now += 5_000
  // Both at this moment; the later one is a plain renewal, which is not written.
  assert.equal((await first.register('ana', { time: first.clock.now + 1 })).status, 200)
  assert.equal((await second.register('ana', { sites: {} })).status, 200)
  await refill(first.gateway)
  assert.deepEqual(await visits(first, 1), ['ana'])
})

test('a restart does not reopen a registration that was never written down', async () => {
  const at = await scene()
  await at.register('ana')
  at.clock.now += 5_000
  const renewal = signRegistration(at.network, 'ana', {
    gateway: GATEWAY_URL,
    time: at.clock.now,
    sites: { wiki: originOf('ana') },
    sees: ['ben', 'cleo', 'dan'],
  })
  assert.equal((await at.send(renewal)).status, 200)
  assert.equal(at.store.writes.filter((write) => write === 'registration').length, 1)
  at.clock.now += 100
  const after = await at.again()
  const replay = await after.send(renewal)
  assert.equal(replay.status, 409)
  const { last } = (await replay.json()) as { last: number }
  assert.equal((await after.register('ana', { time: last + 1 })).status, 200)
})

test('a restart does not reopen a registration of a clock that runs ahead', async () => {
  const at = await scene()
  const ahead = 20_000
  await at.register('ana', { time: at.clock.now + ahead })
  at.clock.now += 5_000
  const renewal = signRegistration(at.network, 'ana', {
    gateway: GATEWAY_URL,
    time: at.clock.now + ahead,
    sites: { wiki: originOf('ana') },
    sees: ['ben', 'cleo', 'dan'],
  })
  assert.equal((await at.send(renewal)).status, 200)
  const after = await at.again()
  assert.equal((await after.send(renewal)).status, 409)
})

test('what a second isolate took and wrote down is no older than the first one’s last', async () => {
  const first = await scene()
  await first.register('ana')
  const second = await first.again()
  first.clock.now += 5_000
  const later = START + 9_000
  assert.equal((await second.register('ana', { time: later })).status, 200)
  const refused = await first.register('ana', { time: later - 1, sees: ['ben'] })
  assert.equal(refused.status, 409)
  assert.equal(((await refused.json()) as { last: number }).last, later)
  assert.equal((await first.register('ana', { time: later + 1 })).status, 200)
})

test('a seeder that leaves every group and comes back cannot be replayed, and is forgotten in time', async () => {
  const at = await scene()
  await at.register('dan')
  const without = at.network.next({ sites: [{ name: 'wiki', members: ['ana', 'ben', 'cleo', 'eve'] }] })
  const again = without.next({ sites: [{ name: 'wiki', members: ['ana', 'ben', 'cleo', 'dan'] }] })
  for (const { text } of [without, again])
    assert.equal((await at.ask('/network', { method: 'PUT', body: text })).status, 200)
  assert.equal((await at.register('dan')).status, 409)
  at.clock.now += 60_001
  await at.ask('/network', { method: 'PUT', body: again.next({ sites: [] }).text })
  assert.deepEqual([at.gateway.lastTime.size, at.gateway.marks.size], [0, 0])
})

test('the database is written when something changed or the lease is half over, and not for a renewal', async () => {
  const at = await scene()
  const registrationWrites = (): number => at.store.writes.filter((write) => write === 'registration').length
  await at.register('ana')
  assert.equal(registrationWrites(), 1)
  for (let renewal = 0; renewal < 10; renewal++) {
    at.clock.now += 5_000
    await at.register('ana')
  }
  assert.equal(registrationWrites(), 1)
  at.clock.now += 5_000
  await at.register('ana', { sees: ['ben'] })
  assert.equal(registrationWrites(), 2)
  at.clock.now += LEASE_RENEW_MS
  await at.register('ana', { sees: ['ben'] })
  assert.equal(registrationWrites(), 3)
  at.clock.now += 5_000
  await at.register('ana', { sees: ['ben'], time: at.clock.now + 1_000 })
  assert.equal(registrationWrites(), 3)
  at.clock.now += 5_000
  await at.register('ana', { sees: ['ben'], time: at.clock.now + 1_001 })
  assert.equal(registrationWrites(), 4)
})

test('an isolate that hears a seeder for the first time writes it down, so that the others know it is there', async () => {
  const at = await scene()
  await at.register('ana')
  const other = await at.again()
  other.clock.now += 5_000
  await other.register('ana')
  assert.equal(at.store.registrations.get(at.network.peer('ana'))?.updated, other.clock.now)
})

test('who registers for less than the usual life is not kept longer, by nobody', async () => {
  const at = await scene()
  await at.register('ana', { expires: START + 1_000 })
  assert.deepEqual(await visits(await at.again(), 1), ['ana'])
  at.clock.now += 1_000
  assert.deepEqual(await visits(at, 1), ['nobody'])
  assert.deepEqual(await visits(await at.again(), 1), ['nobody'])
})

test('a database that cannot be reached costs a registration nothing but its durability', async () => {
  const at = await scene()
  at.store.broken = true
  assert.equal((await at.register('ana')).status, 200)
  assert.deepEqual(await visits(at, 1), ['ana'])
  at.store.broken = false
  at.clock.now += 5_000
  await at.register('ana')
  assert.equal(at.store.registrations.size, 1)
})

test('a graceful stop takes a seeder out at once, and a restarted gateway knows it', async () => {
  const at = await scene()
  await at.register('ana')
  await at.register('ben')
  at.clock.now += 1_000
  await at.register('ana', { sites: {}, sees: [], expires: at.clock.now })
  assert.deepEqual(await visits(at, 2), ['ben', 'ben'])
  assert.deepEqual(await visits(await at.again(), 2), ['ben', 'ben'])
})

test('origins that are no origins, or the gateway itself, are refused', async () => {
  const at = await scene()
  for (const origin of [GATEWAY_URL, 'http://wiki.localhost:99999', 'http://a:b', 'https://wiki.localhost:443']) {
    const response = await at.register('ana', { sites: { wiki: origin } })
    assert.equal(response.status, 400, origin)
    assert.equal(await codeOf(response), 'bad_origin', origin)
  }
})

test('bytes that are no registration are refused before anything is believed', async () => {
  const at = await scene()
  const post = (body: Uint8Array): Promise<Response> =>
    at.ask('/register', { method: 'POST', body: body as Uint8Array<ArrayBuffer> })
  for (const body of [
    new Uint8Array(0),
    Uint8Array.of(0xff),
    cborFromValue({}),
    cborFromValue({ from: ZERO_DIGEST, body: {}, signature: new Uint8Array(64) }),
  ]) {
    const response = await post(body)
    assert.equal(response.status, 400)
    assert.equal(await codeOf(response), 'malformed')
  }
  assert.equal((await post(new Uint8Array(REGISTRATION_BYTES_MAX + 1))).status, 413)
})

test('whoever writes too often is told to wait', async () => {
  const at = await scene({ limit: () => false })
  const response = await at.register('ana')
  assert.equal(response.status, 429)
  assert.equal(response.headers.get('retry-after'), '5')
})

test('registrations by the hundred from keys of no group keep no member out, from the same address either', async () => {
  const counts = new Map<string, number>()
  const at = await scene({
    limit: (key) => {
      counts.set(key, (counts.get(key) ?? 0) + 1)
      return (counts.get(key) ?? 0) <= 100
    },
  })
  const statuses = new Set<number>()
  for (let count = 0; count < 300; count++) statuses.add((await at.register('eve', { time: START + count })).status)
  assert.deepEqual([...statuses], [403, 429])
  for (const peer of ['ana', 'ben']) assert.equal((await at.register(peer)).status, 200)
})

test('proofs that a member accuses with are wanted until they were judged', async () => {
  const at = await scene()
  const accuses = [{ peer: 'ben', evidence: ZERO_DIGEST }]
  const { evidence_wanted } = (await (await at.register('ana', { accuses })).json()) as { evidence_wanted: string[] }
  assert.deepEqual(evidence_wanted, ['00'.repeat(32)])
  assert.deepEqual(await visits(at, 1), ['ana'])
})
