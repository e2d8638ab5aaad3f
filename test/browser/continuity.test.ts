// §6.1 A visitor stays on while the member that sent the page goes: links and forms of the open page lead through the gateway, which knows who is there.

import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { WORDS } from '#page/bar/words.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'

const PAGE = `<!doctype html><html lang="en"><title>page</title>
<p><a id="next" href="/next?a=b#c">next</a> <a id="tab" href="next" target="_blank">in a tab</a> <a id="here" href="#there">here</a> <a id="own" href="/own">its own</a></p>
<form id="sign" method="post" action="/sign"><input name="text"><button>Sign</button></form>
<form id="bare" method="post" action="/sign" data-interpeer-no-key><input name="text"><button>Bare</button></form>
<form id="find" action="/find"><input name="q"><button name="by" value="all" formaction="/find?x=1">Find</button></form>
<p id="there">there</p>
<script>
document.querySelector('#own').addEventListener('click', (event) => {
  event.preventDefault()
  document.title = event.target.getAttribute('href')
})
</script>`

const writes: { body: string; key: string | undefined }[] = []
const group = hostedGroup('wiki', {
  app({ target, method, headers, body }) {
    if (method === 'POST')
      writes.push({
        body: new TextDecoder().decode(body),
        key: headers.find(([name]) => name === 'idempotency-key')?.[1],
      })
    return {
      status: 200,
      headers: [
        ['content-type', 'text/html; charset=utf-8'],
        ...(target === '/strict' ? [['content-security-policy', "form-action 'self'"] as const] : []),
      ],
      body: bytesFromText(method === 'POST' ? '<!doctype html><title>signed</title>' : PAGE),
    }
  },
})

let browser: Browser
let gateway: Server
let led: string[] = []
/** Where the gateway sends visitors now. */
let present = ''
/** Origins that it holds for living, and says so. */
let living: string[] = []
before(async () => {
  browser = await startChromium()
  gateway = createServer((request, response) => {
    request.resume()
    if (request.url?.startsWith('/lookup/') === true) {
      const members = living.map((origin) => ({ state: 'living', origin }))
      response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end(JSON.stringify({ members }))
      return
    }
    led.push(`${request.method} ${request.url}`)
    response.writeHead(307, { Location: present + (request.url ?? '').slice('/wiki'.length) }).end()
  })
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
})
after(async () => {
  await browser?.close()
  gateway.closeAllConnections()
  gateway.close()
})

type Scene = AsyncDisposable & {
  readonly page: Page
  readonly first: Edge
  readonly second: Edge
  readonly base: string
  leave(): Promise<void>
}

/** Two members; the page is of the first one, and the gateway sends to the second. */
async function scene(path = '/'): Promise<Scene> {
  const { port } = gateway.address() as AddressInfo
  const origin = `http://127.0.0.1:${port}`
  const options = { gateway: () => origin }
  const first = await startEdge(group, { ...options, member: 0 })
  const second = await startEdge(group, { ...options, member: 1 })
  present = second.origin
  living = []
  led = []
  writes.length = 0
  const context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(first.origin + path)
  await page.locator('interpeer-bar section').waitFor()
  return {
    page,
    first,
    second,
    base: `${origin}/wiki`,
    leave: () => first.server.close(0),
    async [Symbol.asyncDispose]() {
      await context.close()
      await first[Symbol.asyncDispose]()
      await second[Symbol.asyncDispose]()
    },
  }
}

const gone = WORDS.en?.gone ?? ''

async function untilBarSays(page: Page, beginning: string): Promise<void> {
  await page.waitForFunction(`{
    dispatchEvent(new Event('online'))
    document.querySelector('interpeer-bar')?.shadowRoot.querySelector('p').textContent.startsWith(${JSON.stringify(beginning)})
  }`)
}

/** Somebody reaches for something, and the page learns that its host is gone. */
async function learn(page: Page): Promise<void> {
  await untilBarSays(page, gone)
}

test('while the host is there nothing is touched, and it is asked once however much somebody does', async () => {
  await using at = await scene()
  const { page, first } = at
  const asked: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'HEAD') asked.push(request.url())
  })
  await page.evaluate("for (let time = 0; time < 50; time++) dispatchEvent(new Event('online'))")
  await page.click('#next')
  await page.waitForURL(`${first.origin}/next?a=b#c`)
  assert.ok(asked.length <= 1, `${asked}`)
  assert.deepEqual(led, [])
})

test('a link that is followed after the host went leads through the gateway to the present one', async () => {
  await using at = await scene()
  const { page, second, base } = at
  await at.leave()
  await page.hover('#next')
  await page.locator(`interpeer-bar p:has-text("${gone}")`).waitFor()
  assert.equal(await page.locator('interpeer-bar a').getAttribute('href'), `${base}/`)
  await page.click('#next')
  await page.waitForURL(`${second.origin}/next?a=b#c`)
  assert.deepEqual(led, ['GET /wiki/next?a=b'])
  await page.locator('interpeer-bar p:has-text("Not checked")').waitFor()
})

test('a gateway that does not know yet is asked who else there is, and the link leads there', async () => {
  await using at = await scene()
  const { page, first, second } = at
  living = [first.origin, second.origin]
  present = first.origin
  await at.leave()
  await learn(page)
  await page.click('#next')
  await page.waitForURL(`${second.origin}/next?a=b#c`)
  assert.deepEqual(led, [])
})

test('a tab of its own, a place on the page, and what a page’s script answers itself', async () => {
  await using at = await scene()
  const { page, first, second } = at
  await at.leave()
  await learn(page)
  const [tab] = await Promise.all([page.context().waitForEvent('page'), page.click('#tab')])
  await tab.waitForURL(`${second.origin}/next`)
  await page.click('#here')
  assert.equal(page.url(), `${first.origin}/#there`)
  await page.click('#own')
  assert.equal(await page.title(), '/own', 'its script saw its own address')
  assert.deepEqual(led, ['GET /wiki/next'])
  assert.equal(await page.getAttribute('#tab', 'href'), 'next', 'and the page has it again')
})

test('R9 a form goes on with its key, so that it runs once', async () => {
  await using at = await scene()
  const { page, second } = at
  const key = await page.getAttribute('#sign [name=interpeer-key]', 'value')
  assert.ok(key)
  await at.leave()
  await learn(page)
  await page.fill('#sign [name=text]', 'hello')
  await page.click('#sign button')
  await page.waitForURL(`${second.origin}/sign`)
  assert.equal(await page.title(), 'signed')
  assert.deepEqual(led, ['POST /wiki/sign'])
  assert.equal(writes.length, 1)
  assert.equal(writes[0]?.body, 'text=hello')
  assert.ok(writes[0]?.key !== undefined)
})

test('a form that reads goes on by the address of its button', async () => {
  await using at = await scene()
  const { page, second } = at
  await at.leave()
  await learn(page)
  await page.fill('#find [name=q]', 'quokka')
  await page.click('#find button')
  await page.waitForURL(`${second.origin}/find?q=quokka&by=all`)
  assert.deepEqual(led, ['GET /wiki/find?q=quokka&by=all'])
  assert.equal(writes.length, 0)
})

test('a form that writes, without a key, stays with its host', async () => {
  await using at = await scene()
  const { page } = at
  await at.leave()
  await learn(page)
  const failed = page.waitForEvent('requestfailed')
  await page.click('#bare button')
  assert.equal(new URL((await failed).url()).pathname, '/sign')
  assert.deepEqual([led, writes], [[], []])
})

test('a page whose policy keeps its forms at home keeps them, and its links go on', async () => {
  await using at = await scene('/strict')
  const { page } = at
  await at.leave()
  await learn(page)
  const failed = page.waitForEvent('requestfailed')
  await page.click('#sign button')
  await failed
  assert.deepEqual(led, [])
  await using other = await scene('/strict')
  await other.leave()
  await learn(other.page)
  await other.page.click('#next')
  await other.page.waitForURL(`${other.second.origin}/next?a=b#c`)
})

test('a host that is there again is the one to ask, and no gateway is', async () => {
  await using at = await scene()
  const { page, first } = at
  await page.route(/bar-[0-9a-f]{16}\.js/, (route) => route.abort())
  await learn(page)
  await page.unroute(/bar-[0-9a-f]{16}\.js/)
  await untilBarSays(page, 'Not checked')
  await page.click('#next')
  await page.waitForURL(`${first.origin}/next?a=b#c`)
  assert.deepEqual(led, [])
})

test('whoever closed the bar is told that the host went', async () => {
  await using at = await scene()
  const { page } = at
  await page.click('interpeer-bar button')
  assert.equal(await page.locator('interpeer-bar').count(), 0)
  await at.leave()
  await learn(page)
})
