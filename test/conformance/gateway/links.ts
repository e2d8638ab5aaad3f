// A gateway with a network of its own, whose every member's key is here: what any gateway answers (`any.ts`), and what takes those keys to show. Over its
// own sockets.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { readBootstrap } from '#protocol/directory/bootstrap.ts'
import { anchorOf, verifyNetworkFile } from '#protocol/directory/network-file.ts'
import { loadSigner, verify } from '#seeder/identity/keys.ts'
import { registrationBytes, signRegistration, type TestNetwork, testNetwork } from '#test/support/network.ts'
import { anySuite } from './any.ts'
import type { GatewayHost, RunningGateway } from './hosts.ts'

const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
export function linksSuite(kind: string, host: GatewayHost): void {
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-gateway-'))
  let network: TestNetwork = testNetwork({
    sites: [
      { name: 'wiki', members: MEMBERS },
      { name: 'empty', members: MEMBERS },
    ],
  })
  let gateway: RunningGateway
  let lastTime = 0

  async function start(): Promise<RunningGateway> {
    return host({ port: 0, directory, networkKey: network.file.network_key, networkFile: network.text })
  }

  async function register(peer: string): Promise<Response> {
    lastTime = Math.max(Date.now(), lastTime + 1)
    const registration = signRegistration(network, peer, {
      gateway: gateway.url,
      time: lastTime,
      sites: { wiki: `http://wiki.${peer}.localhost:8080` },
      sees: MEMBERS.filter((other) => other !== peer),
    })
    const body = registrationBytes(registration) as Uint8Array<ArrayBuffer>
    return fetch(`${gateway.url}/register`, { method: 'POST', body })
  }

  function ask(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${gateway.url}${path}`, { redirect: 'manual', ...init })
  }

  before(async () => {
    gateway = await start()
    for (const peer of MEMBERS) assert.equal((await register(peer)).status, 200)
  })
  after(async () => {
    await gateway.dispose()
    rmSync(directory, { recursive: true })
  })

  anySuite(kind, { isLive: false }, () => ({
    url: gateway.url,
    site: 'wiki',
    sitesDomain: `sites.localhost:${new URL(gateway.url).port}`,
  }))

  test(`${kind}: visits go round the members`, async () => {
    const hosts = new Set<string | null>()
    for (let visit = 0; visit < MEMBERS.length; visit++) hosts.add((await ask('/wiki/')).headers.get('location'))
    assert.equal(hosts.size, MEMBERS.length)
  })

  test(`${kind}: an unknown or reserved name is 404, a site without a living member 503 with Retry-After`, async () => {
    for (const path of [
      '/nobody/',
      '/nobody',
      '/NOBODY/x',
      '/admin/',
      '/-x/',
      '/.well-known/x',
      '/wiki.html',
      '/%77iki/',
    ])
      assert.equal((await ask(path)).status, 404, path)
    const response = await ask('/empty/page')
    assert.equal(response.status, 503)
    assert.equal(response.headers.get('retry-after'), '5')
    assert.equal(((await response.json()) as { code: string }).code, 'no_living_member')
  })

  test(`${kind}: bootstrap names each living member, under the key that this gateway keeps`, async () => {
    const read = readBootstrap(await (await ask('/bootstrap')).text())
    assert(read.ok)
    assert(bytesEqual(read.value.key, loadSigner(join(directory, 'gateway.key')).publicKey))
    assert.equal(read.value.bootstrap.peers.length, MEMBERS.length)
  })

  test(`${kind}: the home page says how many members of each site answer`, async () => {
    const page = await (await ask('/', { headers: { Accept: 'text/html' } })).text()
    const items = Array.from(page.matchAll(/<li>(.*?)<\/li>/gs), (match) => (match[1] ?? '').replace(/<[^>]*>/g, ' '))
    assert(items.some((text) => /wiki.*4 of 4 answer/.test(text)))
    assert(items.some((text) => /empty.*nobody answers/.test(text)))
  })

  test(`${kind}: look-ups by name and by peer say until when they hold`, async () => {
    const name = (await (await ask('/lookup/name/wiki')).json()) as Record<string, unknown>
    assert.equal(name.job, hexFromBytes(network.job('wiki')))
    assert.deepEqual(
      name.members,
      MEMBERS.map((peer) => ({
        peer: network.peer(peer),
        state: 'living',
        origin: `http://wiki.${peer}.localhost:8080`,
        tunnel: false,
      })),
    )
    assert(Number(name.expires) > Number(name.time) && Number(name.expires) <= Number(name.time) + 15_000)
    const peer = (await (await ask(`/lookup/peer/${network.peer('ana')}`)).json()) as Record<string, unknown>
    assert.deepEqual(
      (peer.jobs as { name: string; state: string }[]).map(({ name, state }) => [name, state]),
      [
        ['wiki', 'living'],
        ['empty', 'absent'],
      ],
    )
    assert.equal((await ask('/lookup/name/nobody')).status, 404)
    assert.equal((await ask(`/lookup/peer/${'00'.repeat(32)}`)).status, 404)
  })

  test(`${kind}: the network file is given out as it was signed, and a higher version is taken from anybody`, async () => {
    const response = await ask('/network')
    const taken = verifyNetworkFile(await response.text(), verify, anchorOf(network.file))
    assert(taken.ok)
    assert.deepEqual(taken.value, network.file)
    const tag = response.headers.get('etag') ?? ''
    assert.equal((await ask('/network', { headers: { 'If-None-Match': tag } })).status, 304)

    const put = (body: string): Promise<Response> => ask('/network', { method: 'PUT', body })
    const next = network.next({
      sites: [...MEMBERS.map((name) => ({ name, members: MEMBERS })), { name: 'wiki', members: MEMBERS }],
    })
    const cases: readonly (readonly [string, number, string])[] = [
      [network.text, 409, 'old_network'],
      [JSON.stringify({ ...next.file, version: next.file.version + 1 }), 401, 'bad_signature'],
      [testNetwork({ sites: [], networkName: 'another', version: 9 }).text, 403, 'wrong_network'],
      ['{}', 400, 'malformed'],
      ['no json', 400, 'malformed'],
    ]
    for (const [body, status, code] of cases) {
      const refused = await put(body)
      assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [status, code])
    }
    const accepted = await put(next.text)
    assert.deepEqual([accepted.status, ((await accepted.json()) as { version: number }).version], [200, 2])
    network = next
    assert.equal((await ask('/wiki/')).status, 307)
    assert.equal((await ask('/empty/')).status, 404)
    assert.equal((await ask('/ana/')).status, 503)
  })

  test(`${kind}: a restarted gateway knows network, sites and what was taken before`, async () => {
    const body = registrationBytes(
      signRegistration(network, 'ana', {
        gateway: gateway.url,
        time: Math.max(Date.now(), ++lastTime),
        sites: { wiki: 'http://wiki.ana.localhost:8080' },
        sees: ['ben'],
      }),
    ) as Uint8Array<ArrayBuffer>
    const { port } = new URL(gateway.url)
    assert.equal((await fetch(`${gateway.url}/register`, { method: 'POST', body })).status, 200)
    await gateway.dispose()
    gateway = await host({ port: Number(port), directory, networkKey: network.file.network_key })
    assert.equal((await ask('/wiki/')).status, 307)
    const again = await fetch(`${gateway.url}/register`, { method: 'POST', body })
    assert.equal(again.status, 409)
    const { last } = (await again.json()) as { last: number }
    lastTime = last
    assert.equal((await register('ana')).status, 200)
  })

  test(`${kind}: whoever writes without end is told to wait`, async () => {
    const statuses: number[] = []
    // A minute may begin in the midst of it, and with it a new allowance.
    for (let turn = 0; turn < 45 && !statuses.includes(429); turn++) {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => ask('/evidence', { method: 'POST', body: 'x' })),
      )
      statuses.push(...answers.map((answer) => answer.status))
    }
    assert.equal(statuses[0], 400)
    assert(statuses.includes(429))
  })
}
