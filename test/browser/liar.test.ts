// F29, F31: a member alters what it answers. An ordinary browser, which checks nothing, is sent to honest members once the lie is proven, and the
// wiki works for it: what it saved at one of them it finds at another.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { startGroup } from '#test/byzantine/group.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { until } from '#test/support/until.ts'

const WIKI = { name: 'wiki', folder: join(import.meta.dirname, '..', '..', 'examples', 'wiki') }
const PROOF_MS = 60_000
const VISITS = 12

async function save(page: Page, origin: string, title: string): Promise<void> {
  await page.goto(`${origin}/new?title=${title}`)
  await page.fill('textarea[name=body]', `The text of ${title}.`)
  await page.click('button:text-is("Save")')
  await page.waitForURL(`${origin}/wiki/${title.toLowerCase()}`)
}

test('F29 F31 with a leader that alters its answers the wiki works in Chromium, and no visitor is sent to it', async () => {
  await using group = await startGroup([{ kind: 'wrong-result', part: 'leader' }], { site: WIKI })
  const browser = await startChromium()
  try {
    await using context = await visitor(browser)
    const page = await context.newPage()
    const [first] = group.honest
    const origin = (await first?.site(WIKI.name))?.origin
    assert.ok(origin)
    let count = 0
    // Each write is a result that the liar gets wrong.
    await until(
      'the gateway leaves the liar out',
      async () => {
        await save(page, origin, `Before${count++}`)
        const lying = (await group.located()).find(({ peer }) => peer === group.liars[0]?.ready.peer)
        return lying?.state === 'accused' || lying?.state === 'proven_liar'
      },
      PROOF_MS,
    )
    const hosts = new Set<string>()
    const label = group.liars[0]?.label
    for (let visit = 0; visit < VISITS; visit++) {
      await page.goto(`${group.gateway}/wiki/`)
      const { origin: at, hostname } = new URL(page.url())
      assert.ok(!hostname.includes(`.${label}.`), `${hostname} is the liar's`)
      hosts.add(hostname)
      assert.doesNotMatch(await page.content(), /altered by a liar/)
      if (visit % 4 !== 0) continue
      await save(page, at, `Visit${visit}`)
      await until('it is seen at the next member, too', async () => {
        await page.goto(`${group.gateway}/wiki/wiki/visit${visit}`)
        return (
          (await page.locator('.text').count()) > 0 &&
          (await page.locator('.text').textContent())?.includes(`Visit${visit}`)
        )
      })
    }
    assert.equal(hosts.size, 3, 'all honest members take visitors')
  } finally {
    await browser.close()
  }
})
