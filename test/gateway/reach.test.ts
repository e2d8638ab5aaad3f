// The first rung of the ladder: a member's HTTPS origin is believed when it was tried from here, and not before or after.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ORIGINS_MAX, PROVEN_MS, RENEW_PROOF_MS, RETRY_MS } from '#gateway/locate/reach.ts'
import { bytesFromHex } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { assert as must } from '#protocol/codec/result.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { codeOf, GATEWAY_URL, type Scene, type SceneOptions, scene, wikiNetwork } from '#test/gateway/scene.ts'
import { signerNamed } from '#test/support/network.ts'

const DOMAIN = 'sites.gateway.example'

function secureOf(peer: string): string {
  return `https://wiki.${peer}.example.org`
}

type Answering = (url: URL, peer: string) => Uint8Array | undefined

type Tried = Scene & { readonly urls: string[]; readonly seeder: { answer: Answering }; try(): Promise<void> }

/** As a seeder answers, or as a test says; undefined: nobody is there. */
async function withProbe(options: SceneOptions = {}): Promise<Tried> {
  const urls: string[] = []
  const network = wikiNetwork()
  const state: { answer: Answering } = {
    answer: (url, peer) => signed(network.domain, peer, url),
  }
  const at = await scene({
    network,
    ...options,
    ports: {
      ...options.ports,
      async probe(text) {
        urls.push(text)
        const url = new URL(text)
        const bytes = state.answer(url, url.hostname.split('.')[1] ?? '')
        if (bytes === undefined) throw new Error('nobody is there')
        return bytes
      },
    },
  })
  return Object.assign(at, {
    urls,
    seeder: state,
    try: () => at.gateway.reach.turn(at.gateway.locations.registrations()),
  })
}

function signed(
  domain: Scene['network']['domain'],
  by: string,
  url: URL,
  changes: { gateway?: string; origin?: string; challenge?: Uint8Array } = {},
): Uint8Array {
  const challenge = bytesFromHex(url.searchParams.get('challenge') ?? '')
  must(challenge.ok, 'the challenge is hexadecimal')
  const body = {
    gateway: url.searchParams.get('gateway') ?? '',
    origin: url.origin,
    challenge: challenge.value,
    ...changes,
  }
  return cborFromValue(signStatement(domain, 'reach', signerNamed(by), body))
}

async function sentTo(at: Scene): Promise<string> {
  const response = await at.ask('/wiki/page')
  return response.headers.get('location') ?? (await codeOf(response))
}

const CARRIED = `https://wiki.${DOMAIN}/page`

test('rung (a) is taken when the origin was tried, rung (b) until then', async () => {
  const at = await withProbe({ config: { sitesDomain: DOMAIN } })
  await at.register('ana', { sites: { wiki: secureOf('ana') }, tunnel: true })
  assert.equal(await sentTo(at), CARRIED)
  assert.equal(at.gateway.reach.isDue(at.clock.now), true)
  await at.try()
  assert.equal(await sentTo(at), `${secureOf('ana')}/page`)
  assert.equal(at.urls.length, 2)
  assert.match(at.urls[0] ?? '', /^https:\/\/wiki\.ana\.example\.org\/\.well-known\/interpeer\/reach\?gateway=https%3A/)
})

test('who has nothing but an HTTPS origin that nobody came for yet is tried before its visitor is refused', async () => {
  const at = await withProbe()
  await at.register('ana', { sites: { wiki: secureOf('ana') } })
  assert.equal(await sentTo(at), `${secureOf('ana')}/page`)
})

test('without a way to try them nobody is sent to HTTPS origins of members', async () => {
  const at = await scene()
  await at.register('ana', { sites: { wiki: secureOf('ana') } })
  assert.equal(await sentTo(at), 'no_living_member')
})

test('an origin is proven by the key of the member that declares it, for this gateway, this origin and this challenge', async () => {
  const { domain } = wikiNetwork()
  const cases: readonly (readonly [Answering, RegExp])[] = [
    [() => undefined, /nobody is there/],
    [() => new Uint8Array(3), /no seeder/],
    [(url) => signed(domain, 'ben', url), /another seeder/],
    [(url) => signed(domain, 'ana', url, { gateway: 'https://other.example' }), /another origin/],
    [(url) => signed(domain, 'ana', url, { origin: secureOf('ben') }), /another origin/],
    [(url) => signed(domain, 'ana', url, { challenge: new Uint8Array(32).fill(9) }), /another origin/],
    [
      (url) => {
        const bytes = signed(domain, 'ana', url)
        bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
        return bytes
      },
      /signature/,
    ],
  ]
  for (const [answer, reason] of cases) {
    const at = await withProbe({ config: { sitesDomain: DOMAIN } })
    at.seeder.answer = answer
    const origin = secureOf('ana')
    await at.register('ana', { sites: { wiki: origin }, tunnel: true })
    await at.try()
    assert.equal(await sentTo(at), CARRIED)
    at.clock.now += 1_000
    const lease = (await (await at.register('ana', { sites: { wiki: origin }, tunnel: true })).json()) as {
      unproven: readonly { origin: string; reason: string }[]
    }
    assert.equal(lease.unproven[0]?.origin, origin)
    assert.match(lease.unproven[0]?.reason ?? '', reason)
  }
})

test('a proof is renewed before it ends; one failure leaves it, two take it, and who answers again is back', async () => {
  const at = await withProbe({ config: { sitesDomain: DOMAIN } })
  const register = () => at.register('ana', { sites: { wiki: secureOf('ana') }, tunnel: true })
  await register()
  await at.try()
  const { answer } = at.seeder
  at.seeder.answer = () => undefined
  const step = async (ms: number): Promise<string> => {
    at.clock.now += ms
    await register()
    if (at.gateway.reach.isDue(at.clock.now)) await at.try()
    return sentTo(at)
  }
  assert.equal(await step(RENEW_PROOF_MS), `${secureOf('ana')}/page`)
  const before = at.urls.length
  assert.equal(await step(RETRY_MS - 1), `${secureOf('ana')}/page`)
  assert.equal(at.urls.length, before, 'it is not asked again so soon')
  assert.equal(await step(1), CARRIED)
  at.seeder.answer = answer
  assert.equal(await step(2 * RETRY_MS), `${secureOf('ana')}/page`)
  assert(PROVEN_MS > RENEW_PROOF_MS + RETRY_MS)
})

test('plain HTTP is the last rung at a gateway that is reached by HTTPS', async () => {
  const at = await withProbe({ config: { sitesDomain: DOMAIN } })
  await at.register('ana', { tunnel: true })
  assert.equal(await sentTo(at), CARRIED)
  at.clock.now += 1_000
  await at.register('ana', { tunnel: false })
  assert.equal(await sentTo(at), 'http://wiki.ana.localhost:8080/page')
})

test('a site that logs people in is at its one origin, or nowhere', async () => {
  const at = await withProbe({ config: { sitesDomain: DOMAIN } })
  await at.register('ana', { sites: { wiki: secureOf('ana') }, tunnel: true, stable: ['wiki'] })
  await at.try()
  assert.equal(await sentTo(at), CARRIED)
  at.clock.now += 1_000
  await at.register('ana', { sites: { wiki: secureOf('ana') }, tunnel: false, stable: ['wiki'] })
  assert.equal(await sentTo(at), 'no_living_member')
})

test('one member’s word makes no site one of a single origin, and takes none that is away from it', async () => {
  const at = await withProbe({ config: { sitesDomain: DOMAIN } })
  await at.register('ana', { tunnel: false, stable: ['wiki'] })
  for (const honest of ['ben', 'cleo']) await at.register(honest, { tunnel: false })
  assert.match(await sentTo(at), /^http:\/\/wiki\.\w+\.localhost:8080\/page$/)
  at.clock.now += 1_000
  await at.register('ana', { sites: { wiki: secureOf('ana') }, tunnel: false })
  for (const honest of ['ben', 'cleo']) await at.register(honest, { tunnel: true, stable: ['wiki'] })
  await at.try()
  assert.equal(await sentTo(at), CARRIED)
})

test('no member declares an origin of the gateway, or one host for two sites', async () => {
  const { testNetwork } = await import('#test/support/network.ts')
  const network = testNetwork({
    sites: ['wiki', 'blog'].map((name) => ({ name, members: ['ana', 'ben', 'cleo'] })),
    gateways: [GATEWAY_URL],
  })
  const at = await scene({ network, config: { sitesDomain: DOMAIN } })
  for (const sites of [
    { wiki: `https://wiki.${DOMAIN}` },
    { wiki: GATEWAY_URL },
    { wiki: `${GATEWAY_URL}.` },
    { wiki: 'http://wiki.peer.' },
    { wiki: 'https://a.example.org', blog: 'https://a.example.org' },
    { wiki: 'https://a.example.org', blog: 'https://a.example.org:8443' },
    { wiki: 'http://1.2.3.4:1', blog: 'http://1.2.3.4:1' },
  ])
    assert.equal(await codeOf(await at.register('ana', { sites, sees: [] })), 'bad_origin', JSON.stringify(sites))
  const apart = { wiki: 'https://wiki.a.example.org', blog: 'https://blog.a.example.org' }
  assert.equal((await at.register('ana', { sites: apart, sees: [] })).status, 200)
})

test('who declares many origins waits for nobody but itself, and no turn asks for more than a few', async () => {
  const { testNetwork } = await import('#test/support/network.ts')
  const names = Array.from({ length: 40 }, (_, index) => `site-${index}`)
  const network = testNetwork({
    sites: names.map((name) => ({ name, members: ['ana', 'ben', 'cleo'] })),
    gateways: [GATEWAY_URL],
  })
  const at = await withProbe({ network })
  at.seeder.answer = (url, peer) => signed(network.domain, peer, url)
  const all = (peer: string) => Object.fromEntries(names.map((name) => [name, `https://${name}.${peer}.example.org`]))
  await at.register('ana', { sites: all('ana'), sees: [] })
  await at.register('ben', { sites: { 'site-0': 'https://site-0.ben.example.org' }, sees: [] })
  await at.try()
  const hosts = new Set(at.urls.map((url) => new URL(url).hostname))
  assert.equal(hosts.size, 8)
  assert(hosts.has('site-0.ben.example.org'))
  assert.equal(at.gateway.reach.isDue(at.clock.now), false)
  at.clock.now += 1_000
  assert.equal(at.gateway.reach.isDue(at.clock.now), true)
  assert(ORIGINS_MAX > names.length)
})
