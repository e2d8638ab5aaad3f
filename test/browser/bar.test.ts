// The bar in a real browser: what it says and to whom, and that no page notices it.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { WORDS } from '#page/bar/words.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { DESKTOP, PHONE, sidewaysPixels, startChromium, visitor } from '#test/support/chromium.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'

const GATEWAY = 'http://gateway.localhost:1'
const PLAIN = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>A page</title></head>
<body><main><h1>A page</h1><p>${'Some text of it. '.repeat(300)}</p><p><a href="/other">the last link</a></p></main></body></html>`

/** What a page can learn about itself, before and after everything has run. */
const MEASURE = `{
  const seen = []
  const look = () => JSON.stringify([
    document.compatMode, document.body?.children.length, document.body?.lastElementChild?.id, document.querySelector('body > :last-child')?.id,
    document.head.children.length, document.head.lastElementChild?.tagName, document.documentElement.scrollHeight, document.documentElement.scrollWidth,
    document.scripts.length, document.styleSheets.length, document.documentElement.lang, document.characterSet, document.title, location.href === document.baseURI,
  ])
  window.measured = look
}`

type Shown = {
  readonly headers?: readonly (readonly [string, string])[]
  readonly body: string
  readonly type?: string
}
const LAST = '<p id="last">last</p>'
/** Pages that a bar might break. */
const PAGES: Readonly<Record<string, Shown>> = {
  '/': { body: PLAIN },
  '/quirks': { body: `<title>q</title><p>no doctype${LAST}<script>${MEASURE}</script>` },
  '/bodyless': { body: `<!doctype html><title>b</title>text and <b>more</b><script>${MEASURE}</script><p id="last">` },
  '/full': {
    body: `<!doctype html><html lang="de"><head><meta charset="windows-1252"><title>f</title><style>html,body{height:100%;margin:0}body>:last-child{color:red}</style><script>${MEASURE}</script></head><body>${LAST}</body></html>`,
    type: 'text/html',
  },
  '/base': {
    body: `<!doctype html><meta charset="utf-8"><base href="http://elsewhere.localhost:1/"><title>b</title><script>${MEASURE}</script>${LAST}`,
  },
  '/grid': {
    body: `<!doctype html><title>g</title><style>html{display:grid;grid-template-rows:1fr 1fr;height:100%}</style><script>${MEASURE}</script>${LAST}`,
  },
  '/hidden': {
    body: `<!doctype html><title>h</title><style>html>:not(body):not(head){display:none!important}*{font-size:40px!important;color:red!important}</style><script>${MEASURE}</script>${LAST}`,
  },
  '/tall': {
    body: `<!doctype html><title>t</title><script>${MEASURE}</script><div style="height:5000px"></div>${LAST}`,
  },
  '/xhtml': {
    body: `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title><script>${MEASURE.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')}</script></head><body>${LAST}</body></html>`,
    type: 'application/xhtml+xml',
  },
}
const POLICIES: Readonly<Record<string, Shown>> = {
  none: { headers: [['content-security-policy', "script-src 'none'"]], body: PLAIN },
  all: {
    headers: [
      ['content-security-policy', "default-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"],
    ],
    body: PLAIN,
  },
  self: { headers: [['content-security-policy', "default-src 'self'"]], body: PLAIN },
  nonce: {
    headers: [['content-security-policy', "script-src 'nonce-abc123' 'strict-dynamic'; style-src 'none'"]],
    body: `${PLAIN}<script nonce="abc123">document.title = 'own script'</script>`,
  },
  hash: {
    headers: [['content-security-policy', "script-src 'sha256-4kpkqtYqKDBnJ0xjqVQJkYXUWTVRq0ywS3XJ0WbWJVE='"]],
    body: PLAIN,
  },
  meta: {
    body: PLAIN.replace('<title>', `<meta http-equiv="Content-Security-Policy" content="script-src 'none'"><title>`),
  },
  report: { headers: [['content-security-policy-report-only', "script-src 'none'; style-src 'none'"]], body: PLAIN },
}

const group = hostedGroup('wiki', {
  app({ target, headers }) {
    const path = target.split('?')[0] ?? ''
    const policy = POLICIES[path.slice('/policy/'.length)]
    const page = path.startsWith('/policy/') && policy !== undefined ? policy : PAGES[path]
    const frames: Record<string, string> = {
      '/framing': '<!doctype html><title>framing</title><iframe src="/" title="f"></iframe>',
      '/frameset':
        '<html><head><title>s</title></head><frameset cols="*,*"><frame src="/"><frame src="/"></frameset></html>',
      '/asking': `<!doctype html><title>asking</title><script>fetch('/').then((answer) => answer.text()).then((text) => { window.fetched = text })</script>`,
      '/language': headers.find(([name]) => name === 'accept-language')?.[1] ?? '',
    }
    const shown = page ?? { body: frames[path] ?? PLAIN }
    return {
      status: 200,
      headers: [['content-type', shown.type ?? 'text/html; charset=utf-8'], ...(shown.headers ?? [])],
      body: bytesFromText(shown.body),
    }
  },
})

let browser: Browser
let edge: Edge
before(async () => {
  browser = await startChromium()
  edge = await startEdge(group, { gateway: () => GATEWAY })
})
after(async () => {
  await browser?.close()
  await edge?.[Symbol.asyncDispose]()
})

/** Of the bar as it is shown. */
const styleOf = (page: Page, property: string): Promise<unknown> =>
  page.evaluate(
    `getComputedStyle(document.querySelector('interpeer-bar').shadowRoot.querySelector('section')).${property}`,
  )
const bar = (page: Page) => page.locator('interpeer-bar section')

async function open(options: BrowserContextOptions, path: string): Promise<Page & AsyncDisposable> {
  const context = await visitor(browser, options)
  const page = await context.newPage()
  await page.goto(edge.origin + path)
  return Object.assign(page, { [Symbol.asyncDispose]: () => context.close() })
}

/** Errors and violations that the page or its console tell. */
async function complaintsOf(page: Page, path: string): Promise<string[]> {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (event) => console.error(event.violatedDirective, event.blockedURI))",
  )
  await page.goto(edge.origin + path)
  await bar(page).waitFor()
  return complaints
}

for (const [locale, language] of [
  ['en-GB', 'en'],
  ['de-AT', 'de'],
  ['es-MX', 'es'],
  ['fr-FR', 'fr'],
  ['zh-CN', 'zh'],
  ['fi-FI', 'en'],
] as const)
  for (const [size, options] of [
    ['desktop', DESKTOP],
    ['phone', PHONE],
  ] as const)
    test(`F31 §7.4 the bar warns in ${language} whoever wants ${locale}, and fits on a ${size}`, async () => {
      await using page = await open({ ...options, locale }, '/')
      await bar(page).waitFor()
      const words = WORDS[language]
      assert.ok(words)
      const text = (await bar(page).locator('p').textContent()) ?? ''
      assert.equal(text, `${words.member.replace('{site}', 'wiki')} ${words.more}`)
      assert.equal(await bar(page).getAttribute('lang'), language)
      assert.equal(await bar(page).locator('a').getAttribute('href'), `${GATEWAY}/-/about/wiki`)
      assert.equal(await sidewaysPixels(page), 0)
      const box = await bar(page).boundingBox()
      const { viewport } = options
      assert.ok(box !== null && viewport)
      assert.ok(box.x === 0 && box.width === viewport.width && Math.round(box.y + box.height) === viewport.height)
      assert.ok(box.height < viewport.height / 5, `${box.height} pixels`)
    })

test('no page sees it: its tree, mode, size and alphabet are what they are without, and it is shown', async () => {
  for (const path of Object.keys(PAGES).filter((each) => each !== '/')) {
    await using page = await open(DESKTOP, path)
    await bar(page).waitFor()
    assert.equal(await bar(page).isVisible(), true, path)
    assert.equal(await styleOf(page, 'fontSize'), '14px', path)
    const with_ = await page.evaluate('measured()')
    await using bare = await visitor(browser)
    const without = await bare.newPage()
    await without.route(/bar-[0-9a-f]{16}\.js/, (route) => route.abort())
    await bare.setExtraHTTPHeaders({ 'Interpeer-Client': '1' })
    await without.goto(edge.origin + path)
    assert.equal(await without.locator('interpeer-bar').count(), 0)
    assert.equal(with_, await without.evaluate('measured()'), path)
  }
})

test('in a frame there is none, and none in a set of frames', async () => {
  await using page = await open(DESKTOP, '/framing')
  await bar(page).waitFor()
  const inner = page.frames()[1]
  assert.ok(inner)
  await inner.locator('h1').waitFor()
  assert.equal(await inner.locator('interpeer-bar').count(), 0)
  assert.equal(await inner.evaluate('document.scripts.length'), 0, 'nor its script')
  await page.goto(`${edge.origin}/frameset`)
  await page.frames()[1]?.locator('h1').waitFor()
  assert.equal(await page.locator('interpeer-bar').count(), 0)
})

test('what a page fetches by itself is the certified body', async () => {
  await using page = await open(DESKTOP, '/asking')
  await page.waitForFunction('window.fetched !== undefined')
  assert.equal(await page.evaluate('fetched'), PLAIN)
})

test('without JavaScript the page is as it is, and nothing is broken', async () => {
  await using page = await open({ ...DESKTOP, javaScriptEnabled: false }, '/')
  assert.equal(await page.locator('interpeer-bar').count(), 0)
  assert.equal(await page.locator('h1').textContent(), 'A page')
})

test('it does not print', async () => {
  await using page = await open(DESKTOP, '/')
  await bar(page).waitFor()
  await page.emulateMedia({ media: 'print' })
  assert.equal(await bar(page).isVisible(), false)
})

test('by keyboard: it comes last, is closed by Enter or Escape, and stays closed for the session', async () => {
  for (const key of ['Enter', 'Escape']) {
    await using page = await open(DESKTOP, '/')
    await bar(page).waitFor()
    const focused = () =>
      page.evaluate('document.activeElement.shadowRoot?.activeElement?.tagName ?? document.activeElement.textContent')
    const order: unknown[] = []
    for (let press = 0; press < 3; press++) {
      await page.keyboard.press('Tab')
      order.push(await focused())
    }
    assert.deepEqual(order, ['the last link', 'A', 'BUTTON'])
    await page.keyboard.press(key)
    assert.equal(await page.locator('interpeer-bar').count(), 0)
    await page.goto(`${edge.origin}/other`)
    await page.waitForLoadState('networkidle')
    assert.equal(await page.locator('interpeer-bar').count(), 0)
  }
  await using again = await open(DESKTOP, '/')
  await bar(again).waitFor()
})

for (const name of Object.keys(POLICIES))
  test(`a page with a content policy (${name}) has the bar, and nothing is violated`, async () => {
    await using context = await visitor(browser)
    const page = await context.newPage()
    const complaints = await complaintsOf(page, `/policy/${name}`)
    assert.equal(await styleOf(page, 'display'), 'flex', 'in its own style')
    await page.locator('a').first().hover()
    await page.waitForLoadState('networkidle')
    assert.deepEqual(complaints, [])
    if (name === 'nonce') assert.equal(await page.title(), 'own script')
    const own = await page.evaluate(`{
      const script = document.createElement('script')
      try {
        script.textContent = 'window.injected = true'
        document.head.append(script)
      } catch {}
      window.injected === true
    }`)
    assert.equal(own, name === 'report' || name === 'nonce', 'what the policy bars stays barred')
  })

/** Of text on its ground (WCAG 2.2, 1.4.3): axe cannot tell behind a shadow root. */
const CONTRAST = `['p', 'a', 'button'].map((name) => {
  const section = document.querySelector('interpeer-bar').shadowRoot.querySelector('section')
  const light = (element, property) => {
    const parts = getComputedStyle(element)[property].match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [one, two] = [light(section.querySelector(name), 'color'), light(section, 'backgroundColor')]
  return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)
})`

test('axe finds no fault with a page that has the bar, in light and dark, large and small', async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  for (const options of [DESKTOP, PHONE])
    for (const colorScheme of ['light', 'dark'] as const) {
      await using page = await open({ ...options, colorScheme }, '/')
      await bar(page).waitFor()
      await page.evaluate(axe)
      const found = await page.evaluate(
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, ...nodes.map(({ target }) => target.join())].join(' ')))",
      )
      assert.deepEqual(found, [], colorScheme)
      for (const contrast of (await page.evaluate(CONTRAST)) as number[])
        assert.ok(contrast >= 4.5, `${colorScheme}: ${contrast}`)
    }
})
