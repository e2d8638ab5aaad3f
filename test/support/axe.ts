// Pages as people with other eyes, hands and screens meet them: axe-core in a real browser, in light and dark, at a desk and on a phone.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import axe from 'axe-core'
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core'
import { DESKTOP, PHONE, sidewaysPixels, visitor } from './chromium.ts'

/** Pictures of every page that is looked at are kept there; unset: none are taken. */
const PICTURES = process.env.PICTURES

const SCREENS = [
  ['desk', DESKTOP],
  ['phone', PHONE],
] as const
const SCHEMES = ['light', 'dark'] as const

type Violation = {
  readonly id: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

/** All of axe's rules, of WCAG and good practice; of the second scheme those that look at colours, since nothing else is another there. */
const RULES = { light: '', dark: ', runOnly: { type: "tag", values: ["cat.color"] }' } as const

/** What axe finds. Style sheets of another origin are not read again: the policy of a page allows nobody to. */
async function violations(page: Page, scheme: keyof typeof RULES): Promise<readonly string[]> {
  const options = `{ resultTypes: ["violations"], preload: false${RULES[scheme]} }`
  const found = (await page.evaluate(`axe.run(document, ${options})`)) as {
    violations: readonly Violation[]
  }
  return found.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary ?? ''}`),
  )
}

export type Screens = AsyncDisposable & {
  /**
   * Opens a page on each screen, in each scheme: no violation, nothing that scrolls sideways, no error in the console. `prepare`: before it is
   * asked for; `ready`: what to wait for.
   */
  assertFit(
    name: string,
    url: string,
    options?: {
      readonly status?: number
      readonly prepare?: (page: Page) => Promise<unknown>
      readonly ready?: (page: Page) => Promise<unknown>
    },
  ): Promise<void>
}

export function screensOf(browser: Browser): Screens {
  const contexts = new Map<string, Promise<BrowserContext>>()
  const contextOf = (screen: string, options: BrowserContextOptions): Promise<BrowserContext> => {
    const known = contexts.get(screen) ?? visitor(browser, options)
    contexts.set(screen, known)
    return known
  }

  async function assertPage(page: Page, name: string, complaints: readonly string[]): Promise<void> {
    await page.evaluate(axe.source)
    for (const scheme of SCHEMES) {
      await page.emulateMedia({ colorScheme: scheme })
      if (PICTURES !== undefined) {
        mkdirSync(PICTURES, { recursive: true })
        await page.screenshot({ path: join(PICTURES, `${name}-${scheme}.png`), fullPage: true })
      }
      assert.deepEqual(await violations(page, scheme), [], `${name} in ${scheme}`)
    }
    assert.equal(await sidewaysPixels(page), 0, `${name} scrolls sideways`)
    assert.deepEqual(complaints, [], name)
  }

  return {
    async assertFit(name, url, { status = 200, prepare = async () => {}, ready = async () => {} } = {}) {
      for (const [screen, options] of SCREENS) {
        const page = await (await contextOf(screen, options)).newPage()
        const complaints: string[] = []
        page.on('console', (message) => {
          // The status of the page itself is no fault of it.
          if (message.type() === 'error' && !message.text().includes('Failed to load resource'))
            complaints.push(message.text())
        })
        page.on('pageerror', (error) => complaints.push(error.message))
        try {
          await prepare(page)
          const answer = await page.goto(url)
          assert.equal(answer?.status(), status, url)
          await ready(page)
          await assertPage(page, `${name}-${screen}`, complaints)
        } finally {
          await page.close()
        }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const context of contexts.values()) await (await context).close()
    },
  }
}
