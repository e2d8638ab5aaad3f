// The operator's page of a real seeder, in a real browser: fit for everybody, live, and closed to the pages of others.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { screensOf } from '#test/support/axe.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { interpeer } from '#test/support/command.ts'
import { type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

let seeders: Seeders
let browser: Browser
let control = ''
before(async () => {
  seeders = await startSeeders()
  await seeders.publish(join(import.meta.dirname, '..', 'seeder', 'processes', 'lines'))
  const [seeder] = seeders.all
  control = seeder?.ready.control ?? ''
  await until('the site', async () => ((await seeder?.site('lines'))?.height ?? 0) > 0)
  browser = await startChromium()
})
after(async () => {
  await browser?.close()
  await seeders?.[Symbol.asyncDispose]()
})

test('axe finds nothing, at a desk and on a phone, in light and dark', async () => {
  await using screens = screensOf(browser)
  await screens.assertFit('dashboard', `${control}/`, { ready: (page) => page.locator('.live button').waitFor() })
})

test('what a seeder refuses is fit for everybody too', async () => {
  await using screens = screensOf(browser)
  const { port } = new URL(seeders.all[0]?.ready.http ?? '')
  const url = `http://nothing.s1.localhost:${port}/`
  await screens.assertFit('refusal', url, { status: 404, ready: (page) => page.locator('h1').waitFor() })
})

test('it follows the seeder by itself: a write is seen without a reload, and what was opened stays open', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(`${control}/`)
  const height = page.locator('tr:has(a:text-is("lines")) td').nth(1)
  const before = Number(await height.textContent())
  assert.ok(before > 0)
  await page.click('summary')
  await seeders.all[1]?.ask('lines', '/', { method: 'POST', body: Buffer.from('a line') })
  await until('the next height', async () => Number(await height.textContent()) > before)
  assert.equal(await page.locator('details[open]').count(), 1)
})

test('the command tells where it is, of this seeder and no other', async () => {
  const [seeder] = seeders.all
  const told = await interpeer(['dashboard', '--dir', seeder?.ready.dir ?? '', '--json'])
  assert.equal(told.lines[0]?.url, `${control}/`)
  assert.equal((await interpeer(['dashboard', '--dir', join(seeders.directory, 'nobody')])).code, 3)
})

test('it is whole without JavaScript', async () => {
  await using context = await visitor(browser, { javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(`${control}/`)
  assert.equal(await page.locator('tr:has(a:text-is("lines"))').count(), 1)
  assert.equal(await page.locator('[data-live-line]').isVisible(), false)
})

test('a page of somebody else cannot read it, frame it or embed it', async () => {
  const others = createServer((_, response) => {
    response.setHeader('Content-Type', 'text/html')
    response.end(
      `<!doctype html><title>other</title><iframe src="${control}/"></iframe><script src="${control}/page.js"></script>`,
    )
  })
  await new Promise<void>((resolve) => others.listen(0, '127.0.0.1', resolve))
  try {
    await using context = await visitor(browser)
    const page = await context.newPage()
    await page.goto(`http://localhost:${(others.address() as AddressInfo).port}/`)
    const read = await page.evaluate(
      `Promise.all(['/status', '/metrics'].map((path) => fetch('${control}' + path).then(() => 'read', () => 'refused')))`,
    )
    assert.deepEqual(read, ['refused', 'refused'])
    const opaque = await page.evaluate(
      `fetch('${control}/status', { mode: 'no-cors' }).then(() => 'read', () => 'refused')`,
    )
    assert.equal(opaque, 'refused')
    assert.equal(await page.frames()[1]?.locator('h1:has-text("Seeder")').count(), 0)
  } finally {
    others.closeAllConnections()
    others.close()
  }
})
