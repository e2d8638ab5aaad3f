// A whole network of processes, in an ordinary browser: the paper's frame around a real site [§6], and a page whose member was killed [§6.1].

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import process from 'node:process'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { seederReport } from '#cli/network/peers.ts'
import { WORDS } from '#page/bar/words.ts'
import { DESKTOP, sidewaysPixels, startChromium, visitor } from '#test/support/chromium.ts'
import { startUp, type Up, type UpSeeder } from '#test/support/command.ts'
import { until } from '#test/support/until.ts'

const GONE = WORDS.en?.gone ?? ''
const ELSEWHERE_MS = 60_000

let up: Up
let browser: Browser
before(async () => {
  up = await startUp()
  browser = await startChromium()
})
after(async () => {
  await browser?.close()
  await up?.[Symbol.asyncDispose]()
})

/** The seeder at which the site is at this origin. */
async function seederAt(origin: string, site: string): Promise<UpSeeder> {
  for (const seeder of up.ready.seeders) {
    const report = await seederReport(seeder)
    if (report?.sites.some((each) => each.name === site && each.origin === origin)) return seeder
  }
  return assert.fail(`no seeder has ${site} at ${origin}`)
}

test('§6 `?frame=1` of the gateway shows the wiki, an edit within it is saved, and axe finds no fault around it', async () => {
  await using context = await visitor(browser, DESKTOP)
  const page = await context.newPage()
  const answer = await page.goto(`${up.ready.gateway}/wiki/edit/words-we-use?frame=1`)
  assert.equal(answer?.status(), 200)
  const wiki = page.frameLocator('iframe')
  await wiki.locator('textarea[name=body]').fill('Said within a frame.')
  await wiki.locator('input[name=summary]').fill('framed')
  await wiki.locator('input[name=author]').fill('Ada')
  await wiki.locator('button:text-is("Save")').click()
  await wiki.locator('.text:has-text("Said within a frame.")').waitFor()
  assert.equal(await wiki.locator('interpeer-bar').count(), 0, 'one bar is enough')
  assert.equal(await sidewaysPixels(page), 0)
  await page.evaluate(await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'))
  const found = await page.evaluate(
    "axe.run({ exclude: ['iframe'] }).then(({ violations }) => violations.map(({ id }) => id))",
  )
  assert.deepEqual(found, [])
  await page.click('header a[rel=nofollow]')
  await page.waitForURL(/^http:\/\/wiki\.s\d\.localhost:\d+\/edit\/words-we-use$/)
  assert.equal(await page.inputValue('textarea[name=body]'), 'Said within a frame.', 'as everybody has it')
})

test('§6.1 the member that sent a page is killed: its links lead to one that lives, and what is written there is there once', async () => {
  await using context = await visitor(browser, DESKTOP)
  const page = await context.newPage()
  await page.goto(`${up.ready.gateway}/wiki/`)
  await page.locator('interpeer-bar section').waitFor()
  const home = new URL(page.url()).origin
  const seeder = await seederAt(home, 'wiki')
  process.kill(seeder.pid, 'SIGKILL')
  await until(
    'the page knows',
    async () => {
      await page.evaluate("dispatchEvent(new Event('online'))")
      return (await page.locator('interpeer-bar p').first().textContent())?.startsWith(GONE)
    },
    ELSEWHERE_MS,
  )
  await page.click('a:text-is("New page")')
  await page.waitForURL((url) => /^wiki\.s\d\.localhost$/.test(url.hostname) && url.origin !== home, {
    timeout: ELSEWHERE_MS,
  })
  const other = new URL(page.url()).origin
  await page.fill('input[name=title]', 'Written elsewhere')
  await page.fill('textarea[name=body]', 'After a death.')
  await page.click('button:text-is("Save")')
  await page.waitForURL(`${other}/wiki/written-elsewhere`)
  await page.goto(`${other}/history/written-elsewhere`)
  assert.equal(await page.locator('ol.changes > li').count(), 1)
})
