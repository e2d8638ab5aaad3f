// Debian's Chromium, headless, kept off every network but this machine. `CHROMIUM` names another binary.

import process from 'node:process'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

export const CHROMIUM_BINARY = process.env.CHROMIUM ?? '/usr/bin/chromium'
const ACTION_MS = 60_000

export const CHROMIUM_ARGUMENTS: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
]

export const DESKTOP: BrowserContextOptions = { viewport: { width: 1280, height: 900 } }
export const PHONE: BrowserContextOptions = {
  viewport: { width: 360, height: 740 },
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
}

export function startChromium(...more: string[]): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM_BINARY,
    args: [...CHROMIUM_ARGUMENTS, ...more],
  })
}

/** A visitor with cookies and a history of its own. */
export async function visitor(browser: Browser, options: BrowserContextOptions = DESKTOP): Promise<BrowserContext> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(ACTION_MS)
  return context
}

/** How many pixels of the page lie beyond its right edge. */
export function sidewaysPixels(page: Page): Promise<number> {
  return page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
}
