// The bar of a copy: what a visitor is told while no machine of a site's group answers (decision 0043). The gateway on Node, a member behind a tunnel
// that ends, Chromium.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { exchange } from '#cli/network/http.ts'
import { startNodeGateway } from '#gateway/node/start.ts'
import { WORDS } from '#page/bar/words.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { startTunnel } from '#seeder/tunnel/tunnel.ts'
import { DESKTOP, PHONE, sidewaysPixels, startChromium, visitor } from '#test/support/chromium.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'
import { registrationBytes, signRegistration, testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const SITE = 'wiki'
const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>A page</title><link rel="stylesheet" href="/style.css"></head>
<body><main><h1>A page</h1><p>${'Some text of it. '.repeat(300)}</p><form method="post" action="/"><button>Write</button></form></main></body></html>`
/** Folder for pictures of what a visitor sees; absent: none are taken. */
const { PICTURES } = process.env

const stack = new AsyncDisposableStack()
let browser: Browser
let origin: string
let gatewayUrl: string
before(async () => {
  browser = stack.adopt(await startChromium(), (each) => each.close())
  const network = testNetwork({ sites: [{ name: SITE, members: MEMBERS }] })
  const directory = stack.adopt(mkdtempSync(join(tmpdir(), 'gateway-copy-')), (path) =>
    rmSync(path, { recursive: true }),
  )
  const gateway = stack.use(
    await startNodeGateway({
      ...{ port: 0, directory, networkKey: network.file.network_key, networkFile: network.text },
      log: () => {},
    }),
  )
  gatewayUrl = gateway.url
  origin = `http://${SITE}.sites.localhost:${new URL(gateway.url).port}`
  const group = hostedGroup(SITE, {
    ...{ network, members: MEMBERS },
    assets: { '/style.css': 'h1 { color: rgb(0, 100, 0) }' },
    app: () => ({ status: 200, headers: [['content-type', 'text/html; charset=utf-8']], body: bytesFromText(PAGE) }),
  })
  await using edge = await startEdge(group)
  const common = { gateway: gateway.url, domain: network.domain, chance: Math.random, onChange: () => {} }
  {
    await using tunnel = startTunnel({ ...common, signer: network.signer('ana'), carry: edge.server.carry })
    await until('the tunnel', () => tunnel.isOpen)
    const sent = { gateway: gateway.url, time: Date.now(), sites: { [SITE]: null }, tunnel: true, sees: [] }
    const body = registrationBytes(signRegistration(network, 'ana', sent))
    assert.equal((await exchange(`${gateway.url}/register`, { method: 'POST', body })).status, 200)
    const { reads } = group
    const visit = async (path: string): Promise<void> => {
      assert.equal((await exchange(origin + path)).status, 200, path)
    }
    await visit('/style.css')
    await visit('/')
    await until('what is asked behind the visit', () => group.reads >= reads + 2)
    // The tunnel keeps the order.
    await visit('/style.css')
  }
})
after(() => stack.disposeAsync())

async function open(options: BrowserContextOptions): Promise<Page & AsyncDisposable> {
  const context = await visitor(browser, options)
  const page = await context.newPage()
  await page.goto(`${origin}/`)
  return Object.assign(page, { [Symbol.asyncDispose]: () => context.close() })
}

for (const [locale, size, options] of [
  ['en-GB', 'desktop', DESKTOP],
  ['de-DE', 'phone', PHONE],
] as const)
  test(`a visitor on a ${size} is told in ${locale} that it is a copy, and how old; the page has its style`, async () => {
    await using page = await open({ ...options, locale })
    const bar = page.locator('interpeer-bar section')
    await bar.waitFor()
    const words = WORDS[locale.slice(0, 2)]
    assert.ok(words)
    const [start = '', end = ''] = words.copy.replace('{site}', SITE).split('{age}')
    const text = (await bar.locator('p').textContent()) ?? ''
    assert.ok(text.startsWith(start) && text.endsWith(`${end} ${words.more}`), text)
    assert.match(text.slice(start.length), /^(?:vor )?[0-9]+ [SM]/i)
    assert.equal(await bar.locator('a').getAttribute('href'), `${gatewayUrl}/-/about/${SITE}`)
    assert.equal(await page.evaluate(`getComputedStyle(document.querySelector('h1')).color`), 'rgb(0, 100, 0)')
    assert.equal(await sidewaysPixels(page), 0)
    if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `copy-${size}.png`) })
  })

test('what is written while nobody answers is refused on a page that says so', async () => {
  await using page = await open(DESKTOP)
  const [answer] = await Promise.all([
    page.waitForResponse((each) => each.request().method() === 'POST'),
    page.click('button'),
  ])
  assert.equal(answer.status(), 503)
})
