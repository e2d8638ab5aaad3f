// F29 A site that the gateway carries, as crawlers meet it: real Worker, a member behind a tunnel.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exchange, type HttpAnswer, type HttpOptions } from '#cli/network/http.ts'
import { type LocalGateway, startGateway } from '#gateway/local/start.ts'
import { type SeederTunnel, startTunnel } from '#seeder/tunnel/tunnel.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'
import { registrationBytes, signRegistration, type TestNetwork, testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const NAME = 'demo'
const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const network: TestNetwork = testNetwork({ sites: [{ name: NAME, members: MEMBERS }], gateways: [] })
const directory = mkdtempSync(join(tmpdir(), 'gateway-crawl-'))
const group = hostedGroup(NAME, {
  network,
  members: MEMBERS,
  assets: {
    '/index.html': '<!doctype html><title>home</title><a href="about.html">x</a>',
    '/about.html': '<!doctype html><title>about</title>',
    '/author.html': '<link rel="canonical" href="https://author.example/">',
  },
})
let gateway: LocalGateway
let edge: Edge
let tunnel: SeederTunnel
let lastTime = 0

before(async () => {
  const networkKey = network.file.network_key
  gateway = await startGateway({ port: 0, directory, networkKey, networkFile: network.text })
  // A member that says more than it may: none of its own links is passed on.
  edge = await startEdge(group, { gateway: () => 'https://evil.example' })
  tunnel = startTunnel({
    gateway: gateway.url,
    signer: network.signer('ana'),
    domain: network.domain,
    carry: edge.server.carry,
    chance: Math.random,
    onChange: () => {},
  })
  await until('the tunnel', () => tunnel.isOpen, 30_000)
})
after(async () => {
  await tunnel?.[Symbol.asyncDispose]()
  await edge?.[Symbol.asyncDispose]()
  await gateway?.dispose()
  rmSync(directory, { recursive: true, force: true })
})

async function ask(path: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  lastTime = Math.max(Date.now(), lastTime + 1)
  const statement = signRegistration(network, 'ana', {
    gateway: gateway.url,
    time: lastTime,
    sites: { [NAME]: null },
    tunnel: true,
    sees: MEMBERS.slice(1),
  })
  const body = registrationBytes(statement) as Uint8Array<ArrayBuffer>
  assert.equal((await fetch(`${gateway.url}/register`, { method: 'POST', body })).status, 200)
  return exchange(path.startsWith('/') ? origin() + path : path, { timeoutMs: 30_000, ...options })
}
const origin = (): string => `http://${NAME}.sites.localhost:${new URL(gateway.url).port}`

function canonicalsOf({ headers }: HttpAnswer): readonly string[] {
  return Array.from(String(headers.link ?? '').matchAll(/<([^>]*)>; rel="?canonical/g), ([, address]) => address ?? '')
}

test('a carried page has one canonical address, the gateway’s word, and none where its author has said another', async () => {
  assert.deepEqual(canonicalsOf(await ask('/about')), [`${gateway.url}/${NAME}/about`])
  assert.deepEqual(canonicalsOf(await ask('/author')), [])
  const missing = await ask('/nowhere')
  assert.deepEqual([missing.status, canonicalsOf(missing)], [404, []])
})

test('robots.txt and sitemap of a carried site name it by its address at the gateway', async () => {
  const robots = await ask('/robots.txt')
  assert.deepEqual([robots.status, robots.headers['content-type']], [200, 'text/plain; charset=utf-8'])
  assert.match(String(robots.body), new RegExp(`^Sitemap: ${gateway.url}/${NAME}/sitemap.xml$`, 'm'))
  const redirect = await ask(`${gateway.url}/${NAME}/sitemap.xml`)
  assert.deepEqual([redirect.status, redirect.headers.location], [307, `${origin()}/sitemap.xml`])
  const sitemap = await ask('/sitemap.xml')
  assert.equal(sitemap.headers['interpeer-body'], 'edited')
  assert.ok(sitemap.headers['interpeer-receipt'])
  assert.deepEqual(
    Array.from(String(sitemap.body).matchAll(/<loc>(.*?)<\/loc>/g), ([, address]) => address),
    ['/', '/about', '/author'].map((path) => `${gateway.url}/${NAME}${path}`),
  )
  const head = await ask('/sitemap.xml', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.etag], [200, undefined])
})

test('conditions hold for what is carried as at a member', async () => {
  const get = await ask('/about')
  const head = await ask('/about', { method: 'HEAD' })
  assert.deepEqual([head.status, head.headers.etag, head.body.length], [200, get.headers.etag, 0])
  const same = await ask('/about', { headers: { 'if-none-match': String(get.headers.etag) } })
  assert.deepEqual([same.status, same.headers.etag, same.body.length], [304, get.headers.etag, 0])
  assert.equal((await ask('/about', { headers: { 'if-none-match': '"other"' } })).status, 200)
  assert.equal((await ask('/about', { headers: { 'if-modified-since': new Date().toUTCString() } })).status, 200)
})
