// Two sites that one seeder hosts, in a real browser: neither reads cookies, storage or frames of the other, at the seeder's own name over TLS (the first
// rung) and at the gateway's sites domain (the second).

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type NodeGateway, startNodeGateway } from '#gateway/node/start.ts'
import { createLog } from '#seeder/config/log.ts'
import type { HostedSites } from '#seeder/serve/port.ts'
import { watchCertificateFiles } from '#seeder/tls/certificate-files.ts'
import { startTunnel } from '#seeder/tunnel/tunnel.ts'
import { createAuthority } from '#test/support/authority.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { registrationBytes, signRegistration, testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const NAME = 's1.localhost'
const PAGE = '<!doctype html><title>a page</title><p>what only its own site may read</p>'

const network = testNetwork({ sites: ['bank', 'spy'].map((name) => ({ name, members: MEMBERS })) })
let directory: string
let browser: Browser
let edge: Edge
let gateway: NodeGateway
let stack: AsyncDisposableStack

/** A page, and what a request brought of cookies at `/cookies`; it tries to set one for everybody. */
function site(name: string): HostedGroup {
  return hostedGroup(name, {
    network,
    members: MEMBERS,
    app({ target, headers }) {
      if (target === '/cookies') return textResponse(200, new Map(headers).get('cookie') ?? '')
      const page = textResponse(200, PAGE)
      const fields = page.headers.filter(([field]) => field !== 'content-type')
      return {
        ...page,
        headers: [
          ...fields,
          ['content-type', 'text/html; charset=utf-8'],
          ['set-cookie', `${name}-login=1; Path=/; HttpOnly`],
          ['set-cookie', `${name}-wide=1; Path=/; Domain=${NAME}`],
          ['set-cookie', `${name}-all=1; Path=/; Domain=sites.localhost`],
        ],
      }
    },
  })
}

before(async () => {
  stack = new AsyncDisposableStack()
  directory = mkdtempSync(join(tmpdir(), 'interpeer-apart-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const groups = [site('bank'), site('spy')]
  const hosted = groups.map((group) => group.member(0).site)
  const sites: HostedSites = {
    byName: (name) => hosted.find((each) => each.name === name),
    all: () => hosted,
    onChange: () => () => {},
  }
  const given = await (await createAuthority()).give([`*.${NAME}`])
  const [certificate, key] = [join(directory, 'certificate.pem'), join(directory, 'key.pem')]
  writeFileSync(certificate, given.certificate)
  writeFileSync(key, given.key)
  const log = createLog({ level: 'error', form: 'json', sink: () => {} })
  const kept = { certificate, key, hosts: () => [], onChange: () => {}, now: Date.now, log }
  const certificates = stack.use(watchCertificateFiles(kept))
  const [first] = groups
  assert.ok(first)
  edge = stack.use(
    await startEdge(first, {
      sites,
      secure: { name: NAME, port: 0, certificates, reach: () => new Uint8Array(0) },
    }),
  )
  gateway = stack.use(
    await startNodeGateway({
      port: 0,
      directory: join(directory, 'gateway'),
      networkKey: network.file.network_key,
      networkFile: network.text,
      log: () => {},
    }),
  )
  await register(false)
  const tunnel = stack.use(
    startTunnel({
      gateway: gateway.url,
      signer: network.signer('ana'),
      domain: network.domain,
      carry: edge.server.carry,
      chance: Math.random,
      onChange: () => {},
      note: () => {},
    }),
  )
  await until('the tunnel', () => tunnel.isOpen)
  browser = await startChromium()
  stack.defer(() => browser.close())
})
after(() => stack?.disposeAsync())

async function register(tunnel: boolean): Promise<void> {
  const registration = signRegistration(network, 'ana', {
    gateway: gateway.url,
    time: Date.now(),
    sites: { bank: null, spy: null },
    tunnel,
  })
  const body = registrationBytes(registration) as Uint8Array<ArrayBuffer>
  assert.equal((await fetch(`${gateway.url}/register`, { method: 'POST', body })).status, 200)
}

type Seen = {
  readonly cookies: string
  readonly stored: unknown
  readonly windows: readonly string[]
  readonly fetched: string
}

/** In the page of the spy. */
const LOOK = `async (bank) => {
  const frame = document.createElement('iframe')
  frame.src = bank
  await new Promise((done) => { frame.onload = done; document.body.append(frame) })
  const opened = window.open(bank)
  const read = (from) => {
    try { return from.document.body.textContent } catch (error) { return error.name }
  }
  // A window begins with an empty page, which is of who opened it.
  const isEmpty = (from) => {
    try { return from.location.href === 'about:blank' } catch { return false }
  }
  for (let turn = 0; turn < 300 && isEmpty(opened); turn++) await new Promise((done) => setTimeout(done, 100))
  try { document.domain = location.hostname.split('.').slice(1).join('.') } catch {}
  const fetched = await fetch(bank, { credentials: 'include' }).then((answer) => answer.text(), (error) => error.name)
  const seen = {
    cookies: document.cookie,
    stored: [localStorage.getItem('secret'), sessionStorage.getItem('secret'), (await indexedDB.databases()).length, (await caches.keys()).length],
    windows: [read(frame.contentWindow), read(opened)],
    fetched,
  }
  opened?.close()
  return seen
}`

for (const [rung, originOf] of [
  ['at the seeder’s own name over TLS', (name: string) => edge.server.secureOriginOf(name) ?? ''],
  ['at the sites domain', (name: string) => `http://${name}.sites.localhost:${new URL(gateway.url).port}`],
] as const)
  test(`a site reads neither cookies nor storage nor frames of another one of the same seeder, ${rung}`, async () => {
    await register(true)
    await using context = await visitor(browser, { ignoreHTTPSErrors: true })
    const bank = await context.newPage()
    await bank.goto(`${originOf('bank')}/`)
    assert.equal(await bank.textContent('p'), 'what only its own site may read')
    await bank.evaluate(`(async () => {
      localStorage.setItem('secret', '1')
      sessionStorage.setItem('secret', '1')
      document.cookie = 'script=1'
      await new Promise((done) => { indexedDB.open('secret').onsuccess = done })
      await caches.open('secret')
    })()`)
    const spy = await context.newPage()
    await spy.goto(`${originOf('spy')}/`)
    const seen = await spy.evaluate<Seen>(`(${LOOK})('${originOf('bank')}/')`)
    assert.deepEqual(seen.stored, [null, null, 0, 0])
    assert.doesNotMatch(seen.cookies, /bank|script/)
    assert.deepEqual(seen.windows, ['SecurityError', 'SecurityError'])
    assert.equal(seen.fetched, 'TypeError')
    const brought = async (name: string): Promise<string> => {
      const page = await context.newPage()
      await page.goto(`${originOf(name)}/cookies`)
      return (await page.textContent('body')) ?? ''
    }
    assert.doesNotMatch(await brought('spy'), /bank|script/)
    assert.doesNotMatch(await brought('bank'), /spy/)
    assert.match(await brought('bank'), /bank-login=1/)
  })
