// F29, F31: a member lies to its visitors: it alters what it answers, it forges receipts, it serves an old state. An ordinary browser, which checks
// nothing, is sent to honest members once a lie is proven, and the wiki works for it: what it saved at one of them it finds at another.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import type { ByzantineKind } from '#seeder/byzantine/kinds.ts'
import { type Part, startGroup } from '#test/byzantine/group.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { until } from '#test/support/until.ts'

const WIKI = { name: 'wiki', folder: join(import.meta.dirname, '..', '..', 'examples', 'wiki') }
const PROOF_MS = 120_000
const VISITS = 12

async function save(page: Page, origin: string, title: string): Promise<void> {
  await page.goto(`${origin}/new?title=${title}`)
  await page.fill('textarea[name=body]', `The text of ${title}.`)
  await page.click('button:text-is("Save")')
  await page.waitForURL(`${origin}/wiki/${title.toLowerCase()}`)
}

for (const { kind, part, does } of [
  { kind: 'wrong-result', part: 'leader', does: 'a leader that alters its answers' },
  { kind: 'forge', part: 'follower', does: 'a member that forges receipts' },
] as const)
  test(`F29 F31 §7.4 with ${does} the wiki works in Chromium, and no visitor is sent to it`, () =>
    workBeside(kind, part))

async function workBeside(kind: ByzantineKind, part: Part): Promise<void> {
  await using group = await startGroup([{ kind, part }], { site: WIKI })
  const browser = await startChromium()
  try {
    await using context = await visitor(browser)
    const page = await context.newPage()
    const [first] = group.honest
    const origin = (await first?.site(WIKI.name))?.origin
    assert.ok(origin)
    let count = 0
    // Each write is a result that the liar gets wrong, or a state that it forges.
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
}

test('F31 §7.4 beside a member that serves an old state the wiki works in Chromium, and what that one shows was true once', async () => {
  await using group = await startGroup([{ kind: 'stale', part: 'follower' }], { site: WIKI })
  const browser = await startChromium()
  try {
    await using context = await visitor(browser)
    const page = await context.newPage()
    const [first, second] = await Promise.all(
      group.honest.map(async (seeder) => (await seeder.site(WIKI.name))?.origin),
    )
    const old = (await group.liars[0]?.site(WIKI.name))?.origin
    assert.ok(first && second && old)
    await save(page, first, 'After')
    await until('another member shows it', async () => {
      await page.goto(`${second}/wiki/after`)
      return (await page.locator('.text').count()) > 0
    })
    assert.match(String(await page.locator('.text').textContent()), /The text of After/)
    const there = await page.goto(`${old}/wiki/after`)
    assert.equal(there?.status(), 404, 'the page was not there then')
    assert.equal((await page.goto(`${old}/`))?.status(), 200)
    for (const seeder of group.honest) assert.deepEqual((await seeder.site(WIKI.name))?.evidence, [])
  } finally {
    await browser.close()
  }
})
