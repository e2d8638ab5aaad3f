// §6 `?frame=1` in a browser: the site works in the frame, and only the site comes into it.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { FRAME_STYLE, type Framed, framePage, framePolicy } from '#gateway/redirect/frame.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { DESKTOP, PHONE, sidewaysPixels, startChromium, visitor } from '#test/support/chromium.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'

let browser: Browser
let edge: Edge
let gateway: Server
let publicUrl = ''
let elsewhere = ''
const asked: string[] = []

const group = hostedGroup('wiki', {
  app: ({ target }) => ({
    status: 200,
    headers: [
      ['content-type', 'text/html; charset=utf-8'],
      ...(target === '/unframed' ? [['x-frame-options', 'DENY'] as const] : []),
    ],
    body: bytesFromText(
      `<!doctype html><html lang="en"><title>${target}</title><h1>${target}</h1><a id="own" href="/next">next</a> <a id="away" href="${elsewhere}/away">away</a> <a id="top" href="/next" target="_top">top</a>`,
    ),
  }),
})

function framed(rest: string, origin = edge.origin): Framed {
  return {
    siteName: 'wiki',
    origins: [origin],
    rest,
    publicUrl,
    checked: { quorum: 3, members: 4 },
    acceptLanguage: 'en',
  }
}

before(async () => {
  browser = await startChromium()
  edge = await startEdge(group)
  gateway = createServer((request, response) => {
    const path = request.url ?? '/'
    asked.push(path)
    if (path === '/-/frame.css') response.setHeader('Content-Type', 'text/css').end(FRAME_STYLE)
    else if (!path.startsWith('/wiki')) response.end()
    else
      void (async () => {
        const page = framed(path.slice('/wiki'.length))
        response.setHeader('Content-Type', 'text/html; charset=utf-8')
        response.setHeader('Content-Security-Policy', framePolicy(page))
        response.end(String(await framePage(page)))
      })()
  })
  await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve))
  const { port } = gateway.address() as AddressInfo
  publicUrl = `http://127.0.0.1:${port}`
  elsewhere = `http://elsewhere.localhost:${port}`
})
after(async () => {
  await browser?.close()
  await edge?.[Symbol.asyncDispose]()
  gateway.closeAllConnections()
  gateway.close()
})

const inner = (page: Page) => page.frameLocator('iframe')

for (const [size, options] of [
  ['desktop', DESKTOP],
  ['phone', PHONE],
] as const)
  test(`§6 the site is in the frame below the bar, on a ${size}, and axe finds no fault`, async () => {
    await using context = await visitor(browser, options)
    const page = await context.newPage()
    await page.goto(`${publicUrl}/wiki/page`)
    await inner(page).locator('h1:text-is("/page")').waitFor()
    assert.equal(await inner(page).locator('interpeer-bar').count(), 0, 'one bar is enough')
    assert.match((await page.locator('header').textContent()) ?? '', /at least 3 of the 4 machines/)
    const [bar, frame] = [await page.locator('header').boundingBox(), await page.locator('iframe').boundingBox()]
    assert.ok(bar && frame && options.viewport)
    assert.ok(frame.y >= bar.y + bar.height && Math.round(frame.y + frame.height) === options.viewport.height)
    assert.equal(await sidewaysPixels(page), 0)
    await inner(page).locator('#own').click()
    await inner(page).locator('h1:text-is("/next")').waitFor()
    await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'))
    const found = await page.evaluate(
      "axe.run({ exclude: ['iframe'] }).then(({ violations }) => violations.map(({ id }) => id))",
    )
    assert.deepEqual(found, [])
  })

test('no other site comes into the frame, and the site leads the window nowhere', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(`${publicUrl}/wiki/page`)
  await inner(page).locator('#top').click()
  await inner(page).locator('#away').click()
  await page.waitForFunction("document.querySelector('iframe') !== null")
  await page.evaluate('fetch("/here").catch(() => {})')
  assert.ok(!asked.includes('/away'))
  assert.equal(page.url(), `${publicUrl}/wiki/page`)
})

test('a site that forbids it stays out, and the page says what an empty frame means', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(`${publicUrl}/wiki/unframed`)
  assert.equal(await inner(page).locator('h1').filter({ hasText: '/unframed' }).count(), 0)
  assert.match((await page.locator('header').textContent()) ?? '', /If nothing is shown below/)
  await page.click('a:text-is("Open without the frame")')
  await page.locator('h1:text-is("/unframed")').waitFor()
})
