// What any gateway answers: links, names, errors, look-ups, bootstrap, network files, limits, over its own sockets.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { TARGET_BYTES_MAX } from '#gateway/settings.ts'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { readBootstrap } from '#protocol/directory/bootstrap.ts'
import { anchorOf, networkFileHash, verifyNetworkFile } from '#protocol/directory/network-file.ts'
import { loadSigner, verify } from '#seeder/identity/keys.ts'
import { registrationBytes, signRegistration, type TestNetwork, testNetwork } from '#test/support/network.ts'
import { rawRequest } from '#test/support/raw-http.ts'
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

  test(`${kind}: §6 any method is sent on with 307, path and query kept, never cached, the name as canonical`, async () => {
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const response = await ask('/wiki/a%20b/c?d=e&f=%2F', { method })
      assert.equal(response.status, 307, method)
      assert.match(response.headers.get('location') ?? '', /^http:\/\/wiki\.\w+\.localhost:8080\/a%20b\/c\?d=e&f=%2F$/)
      assert.equal(response.headers.get('cache-control'), 'no-store')
      const [first] = network.file.gateways
      assert.equal(response.headers.get('link'), `<${first}/wiki/a%20b/c?d=e&f=%2F>; rel="canonical"`)
    }
  })

  test(`${kind}: visits go round the members`, async () => {
    const hosts = new Set<string | null>()
    for (let visit = 0; visit < MEMBERS.length; visit++) hosts.add((await ask('/wiki/')).headers.get('location'))
    assert.equal(hosts.size, MEMBERS.length)
  })

  test(`${kind}: §6 names: '/name' → 308 '/name/', upper case → 308 lower, one step for both`, async () => {
    for (const [path, location] of [
      ['/wiki', '/wiki/'],
      ['/wiki?q=/x', '/wiki/?q=/x'],
      ['/WiKi/Page?Q=X', '/wiki/Page?Q=X'],
      ['/WIKI', '/wiki/'],
      ['/Wiki//evil.example', '/wiki//evil.example'],
    ] as const) {
      const response = await ask(path)
      assert.equal(response.status, 308, path)
      assert.equal(response.headers.get('location'), location, path)
    }
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

  test(`${kind}: no request line leads anywhere but to a member of the group`, async () => {
    for (const target of [
      '//evil.example/',
      '//evil.example/wiki/',
      '/\\evil.example',
      '/wiki\\evil.example',
      '/wiki//evil.example/',
      '/wiki/\\evil.example',
      '/wiki/@evil.example',
      '/wiki/.evil.example',
      '/wiki/:80@evil.example/',
      '/wiki/%0d%0aLocation:%20http://evil.example/',
      '/wiki/%2f%2fevil.example',
      '/wiki/../../evil.example',
      '/wiki/x>;rel=next,<http://evil.example/',
      '/@evil.example/',
      'http://evil.example/wiki/x',
    ]) {
      const { status, headers } = await rawRequest(gateway.url, `GET ${target}`)
      const location = headers.get('location')
      assert(status === 307 || status === 308 || status === 404 || status === 400, `${target}: ${status}`)
      if (location !== undefined)
        assert.match(new URL(location, gateway.url).hostname, /^(wiki\.\w+\.localhost|127\.0\.0\.1)$/, target)
      assert.equal(headers.get('link')?.includes('<http://evil'), headers.has('link') ? false : undefined, target)
    }
  })

  test(`${kind}: path and query of 8 KiB are sent on, one byte more is 414`, async () => {
    const path = (bytes: number): string => `/wiki/${'a'.repeat(bytes - '/wiki/'.length)}`
    const longest = await ask(path(TARGET_BYTES_MAX))
    assert.deepEqual([longest.status, longest.headers.get('link')], [307, null])
    const response = await ask(path(TARGET_BYTES_MAX + 1))
    assert.equal(response.status, 414)
    assert.equal(((await response.json()) as { code: string }).code, 'target_too_long')
  })

  test(`${kind}: errors are {code, message} for machines and a page for people`, async () => {
    const machine = await ask('/nobody/')
    assert.equal(machine.headers.get('content-type'), 'application/json')
    assert.deepEqual(await machine.json(), {
      code: 'unknown_name',
      name: 'nobody',
      message: 'No site is called nobody.',
    })
    const person = await ask('/nobody/', { headers: { Accept: 'text/html,application/xhtml+xml' } })
    assert.equal(person.status, 404)
    assert.match(person.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(await person.text(), /No site is called nobody\./)
    assert.equal(person.headers.get('vary'), 'Accept')
  })

  test(`${kind}: the home page names the sites, loads nothing from elsewhere and runs no script`, async () => {
    const response = await ask('/', { headers: { Accept: 'text/html' } })
    assert.equal(response.status, 200)
    const page = await response.text()
    assert.match(page, /<a href="\/wiki\/"><b>wiki<\/b> <span class="good">4 of 4 answer/)
    assert.match(page, /<a href="\/empty\/"><b>empty<\/b> <span class="bad">nobody answers/)
    assert.doesNotMatch(page, /<script|(src|href)="(https?:)?\/\//)
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    for (const path of ['/-/style.css', '/-/icon.svg', '/favicon.ico', '/robots.txt'])
      assert.equal((await ask(path)).status, 200, path)
  })

  test(`${kind}: methods: HEAD like GET, OPTIONS and 405 say what is allowed`, async () => {
    const head = await ask('/', { method: 'HEAD' })
    assert.deepEqual([head.status, await head.text()], [200, ''])
    const options = await ask('/lookup/name/wiki', { method: 'OPTIONS' })
    assert.deepEqual([options.status, options.headers.get('allow')], [204, 'GET, HEAD, OPTIONS'])
    assert.equal(options.headers.get('access-control-allow-origin'), '*')
    for (const [method, path, allow] of [
      ['DELETE', '/network', 'GET, HEAD, OPTIONS, PUT'],
      ['GET', '/register', 'POST, OPTIONS'],
      ['GET', '/evidence', 'POST, OPTIONS'],
      ['POST', '/bootstrap', 'GET, HEAD, OPTIONS'],
      ['POST', '/', 'GET, HEAD, OPTIONS'],
    ] as const) {
      const response = await ask(path, { method })
      assert.deepEqual([response.status, response.headers.get('allow')], [405, allow], `${method} ${path}`)
    }
  })

  test(`${kind}: what may be read may be read from any page, what writes may not`, async () => {
    for (const path of ['/bootstrap', '/lookup/name/wiki', '/network', '/lookup/name/nobody'])
      assert.equal((await ask(path)).headers.get('access-control-allow-origin'), '*', path)
    const preflight = await ask('/register', { method: 'OPTIONS' })
    assert.equal(preflight.headers.get('access-control-allow-origin'), null)
  })

  test(`${kind}: §5.5 bootstrap: peers, time and the newest file, under the gateway’s own key`, async () => {
    const body = await (await ask('/bootstrap')).text()
    const read = readBootstrap(body)
    assert(read.ok)
    const { bootstrap, key, message, signature } = read.value
    assert(verify(key, message, signature))
    assert(bytesEqual(key, loadSigner(join(directory, 'gateway.key')).publicKey))
    assert.equal(bootstrap.network.version, network.file.version)
    assert.equal(bootstrap.network.hash, hexFromBytes(networkFileHash(network.file)))
    assert.equal(bootstrap.peers.length, MEMBERS.length)
    assert(Math.abs(bootstrap.time - Date.now()) < 5_000)
    const changed = readBootstrap(JSON.stringify({ ...bootstrap, time: bootstrap.time + 1 }))
    assert(changed.ok)
    assert(!verify(changed.value.key, changed.value.message, changed.value.signature))
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
    for (let turn = 0; turn < 15; turn++) {
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => ask('/evidence', { method: 'POST', body: 'x' })),
      )
      statuses.push(...answers.map((answer) => answer.status))
    }
    assert.equal(statuses[0], 400)
    assert(statuses.includes(429))
  })
}
