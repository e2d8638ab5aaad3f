// The pages that a visitor sees at a gateway, in a real browser: fit for everybody, whole without JavaScript, and live with it.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type GatewayError, statusOf } from '#gateway/http/errors.ts'
import { errorPage } from '#gateway/pages/error.ts'
import { type Screens, screensOf } from '#test/support/axe.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { until } from '#test/support/until.ts'
import { type GatewayScene, gatewayScene } from './gateway-scene.ts'

let scene: GatewayScene
let browser: Browser
let screens: Screens
before(async () => {
  scene = await gatewayScene()
  browser = await startChromium()
  screens = screensOf(browser)
})
after(async () => {
  await browser?.close()
  await scene?.[Symbol.asyncDispose]()
})

const PAGES: readonly (readonly [name: string, address: (at: GatewayScene) => string, status: number])[] = [
  ['home', ({ url }) => `${url}/`, 200],
  ['found', ({ url }) => `${url}/?q=site&page=2`, 200],
  ['nothing-found', ({ url }) => `${url}/?q=zzz`, 200],
  ['about', ({ url }) => `${url}/-/about/demo`, 200],
  ['about-nobody', ({ url }) => `${url}/-/about/empty`, 200],
  ['deny', ({ url }) => `${url}/deny`, 200],
  ['404', ({ url }) => `${url}/nobody/`, 404],
  ['404-carried', ({ carried }) => `${carried('nobody')}/`, 404],
  ['410', ({ url }) => `${url}/over/`, 410],
  ['451', ({ url }) => `${url}/unlawful/`, 451],
  ['403', ({ carried }) => `${carried('abusive')}/`, 403],
  ['414', ({ url }) => `${url}/demo/${'long'.repeat(2_100)}`, 414],
  ['405', ({ url }) => `${url}/register`, 405],
  ['502', ({ carried }) => `${carried('forged')}/`, 502],
  ['503', ({ url }) => `${url}/empty/`, 503],
  ['503-carried', ({ carried }) => `${carried('empty')}/deep/page`, 503],
]

for (const [name, address, status] of PAGES)
  test(`${name}: axe finds nothing, at a desk and on a phone, in light and dark`, () =>
    screens.assertFit(name, address(scene), { status }))

/** Refusals that no link leads to, as a browser that got there shows them. */
const REFUSALS: readonly GatewayError[] = [
  { code: 'malformed', detail: 'site.json should be an object' },
  { code: 'wrong_gateway', expected: 'https://gateway.example' },
  { code: 'rate_limited' },
  { code: 'internal' },
]

for (const error of REFUSALS)
  test(`${statusOf(error)} ${error.code}: axe finds nothing, at a desk and on a phone, in light and dark`, async () => {
    const status = statusOf(error)
    const body = String(await errorPage(error, { base: '', again: true }))
    await screens.assertFit(String(status), `${scene.url}/refusal`, {
      status,
      prepare: (page) =>
        page.route('**/refusal', (route) => route.fulfill({ status, contentType: 'text/html; charset=utf-8', body })),
    })
  })

test('a site’s page is whole without JavaScript, and shows the certificate that this gateway checked', async () => {
  await using context = await visitor(browser, { javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(`${scene.url}/-/about/demo`)
  const members = page.locator('.members > li')
  assert.equal(await members.count(), 4)
  const text = (await page.locator('main').textContent()) ?? ''
  assert.match(text, /3 members of 4 ran the same program/)
  assert.match(text, /verified all 6 signatures/)
  assert.equal(await members.filter({ hasText: 'Proven liar' }).count(), 1)
  assert.equal(await members.filter({ hasText: 'Not registered' }).count(), 1)
  assert.equal(await page.locator('[data-live-line]').isVisible(), false)
})

test('a site’s page follows by itself, until it is paused, and keeps what the visitor opened', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(`${scene.url}/-/about/demo`)
  await page.locator('.live button').waitFor()
  const height = page.locator('[data-live=figures] dd').nth(2)
  await page.click('summary')
  scene.group.heartbeat()
  const now = scene.group.head().height
  await until('the new height is shown', async () => (await height.textContent()) === String(now))
  assert.equal(await page.locator('details[open]').count(), 1)
  await page.click('.live button')
  assert.match((await page.locator('.live').textContent()) ?? '', /^Paused/)
  scene.group.heartbeat()
  await page.click('.live button')
  await until('it goes on', async () => (await height.textContent()) === String(now + 1))
})

test('the list of sites is found by a part of a name and read page by page, without JavaScript', async () => {
  await using context = await visitor(browser, { javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(`${scene.url}/`)
  const names = page.locator('.sites b')
  assert.equal(await names.count(), 30)
  assert.equal(await page.locator('a:text-is("abusive")').count(), 0, 'what is denied is not named')
  await page.click('a[rel=next]')
  assert.equal(await names.count(), 13)
  await page.fill('input[type=search]', ' Site-1')
  await page.press('input[type=search]', 'Enter')
  await page.waitForURL(/q=/)
  assert.deepEqual(
    await names.allTextContents(),
    Array.from({ length: 10 }, (_, at) => `site-1${at}`),
  )
})

test('each card of the list looks alike, however long its name is: how the site does stands below it', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(`${scene.url}/`)
  for (const card of (await page.locator('.sites li').all()).slice(0, 4)) {
    const [name, state] = [await card.locator('b').boundingBox(), await card.locator('.state').boundingBox()]
    assert.ok(name && state && state.y >= name.y + name.height && state.x === name.x, JSON.stringify({ name, state }))
  }
})

test('a page that says "not just now" goes on by itself when somebody answers', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  let isThere = false
  await page.route(/\/empty\/$/, async (route) =>
    isThere ? route.fulfill({ status: 200, contentType: 'text/html', body: '<h1>Back</h1>' }) : route.continue(),
  )
  const answer = await page.goto(`${scene.url}/empty/`)
  assert.equal(answer?.status(), 503)
  isThere = true
  await page.locator('h1:text-is("Back")').waitFor()
})
