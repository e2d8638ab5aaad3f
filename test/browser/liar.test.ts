// F29, F31: members lie to their visitors or to each other. An ordinary browser, which checks nothing, is sent to honest members once a lie is proven,
// and the wiki works for it: what it was shown as saved at one of them it finds at all of them, once. `npm run test:byzantine -- chromium` has each
// kind as leader and as follower, and every pair.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { BYZANTINE_KINDS, type ByzantineKind } from '#seeder/byzantine/kinds.ts'
import { type Part, startGroup } from '#test/byzantine/group.ts'
import { visitAlone, visitPair, WIKI } from '#test/byzantine/visits.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { until } from '#test/support/until.ts'

const DOES: Readonly<Record<ByzantineKind, readonly [part: Part, does: string]>> = {
  'wrong-result': ['leader', 'a leader that alters its answers'],
  equivocate: ['leader', 'a leader that says two things'],
  silent: ['leader', 'a leader that says nothing'],
  stale: ['follower', 'a member that stops listening'],
  forge: ['follower', 'a member that forges receipts'],
  fork: ['leader', 'a leader that tells each half its own block'],
}

for (const kind of BYZANTINE_KINDS) {
  const [part, does] = DOES[kind]
  test(`F29 F31 §7.4 with ${does} the wiki works in Chromium under load, and nobody is sent to a proven liar`, async (context) => {
    context.diagnostic(JSON.stringify(await visitAlone({ kind, part })))
  })
}

test('F29 F31 G2 with two liars of four Chromium is shown what was certified, and what it was shown as saved stays', async (context) => {
  const lies = [
    { kind: 'equivocate', part: 'leader' },
    { kind: 'forge', part: 'follower' },
  ] as const
  context.diagnostic(JSON.stringify(await visitPair(lies)))
})

async function save(page: Page, origin: string, title: string): Promise<void> {
  await page.goto(`${origin}/new?title=${title}`)
  await page.fill('textarea[name=body]', `The text of ${title}.`)
  await page.click('button:text-is("Save")')
  await page.waitForURL(`${origin}/wiki/${title.toLowerCase()}`)
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
