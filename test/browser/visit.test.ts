// The whole journey in an ordinary browser: from the gateway's link to a member, an edit that every member has, and what a visitor does in
// between: refresh, go back, be faster than somebody else, have no JavaScript, hold a phone.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { seederReport } from '#cli/network/peers.ts'
import { PHONE, sidewaysPixels, startChromium, visitor } from '#test/support/chromium.ts'
import { startUp, type Up } from '#test/support/command.ts'
import { until } from '#test/support/until.ts'

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

function linkTo(name: string): string {
  const site = up.ready.sites.find((each) => each.name === name)
  assert.ok(site)
  return site.url
}

/** Where every member of the site shows it. */
async function originsOf(name: string): Promise<string[]> {
  const job = up.ready.sites.find((site) => site.name === name)
  const found = await Promise.all(
    up.ready.seeders
      .filter(({ peer }) => job?.members.includes(peer))
      .map(async ({ peer, http }) => {
        const report = await seederReport({ peer, http })
        return report?.sites.find((site) => site.name === name)?.origin
      }),
  )
  return found.filter((origin) => origin !== undefined)
}

async function openEdit(page: Page, origin: string, slug: string): Promise<void> {
  await page.goto(`${origin}/edit/${slug}`)
}

async function saveText(page: Page, text: string, summary: string): Promise<void> {
  await page.fill('textarea[name=body]', text)
  await page.fill('input[name=summary]', summary)
  await page.fill('input[name=author]', 'Ada')
  await page.click('button:text-is("Save")')
}

async function historyLength(page: Page, origin: string, slug: string): Promise<number> {
  await page.goto(`${origin}/history/${slug}`)
  return page.locator('ol.changes > li').count()
}

test('F29 Chromium follows the link on the home page of the gateway to a member, edits a page, and sees it at every other member', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(`${up.ready.gateway}/`)
  await page.click('a:has-text("wiki")')
  await page.waitForURL(/^http:\/\/wiki\.s\d\.localhost:\d+\/$/)
  const home = new URL(page.url()).origin
  await page.click('a:text-is("How a write is agreed")')
  assert.equal(await page.locator('h1').textContent(), 'How a write is agreed')
  await page.click('nav.tabs a:text-is("Edit")')
  const marker = 'Quokkas agree as well, <b>in their own way</b> & ours.'
  const text = await page.inputValue('textarea[name=body]')
  await saveText(page, `${text}\n\n${marker}\n`, 'About quokkas')
  await page.waitForURL(`${home}/wiki/how-a-write-is-agreed`)
  assert.ok((await page.locator('.text').textContent())?.includes(marker), 'shown as it was typed')
  assert.equal(await page.locator('.text b').count(), 0, 'markup of strangers is text')

  const origins = await originsOf('wiki')
  assert.equal(origins.length, 4)
  for (const origin of origins) {
    await until(`the edit at ${origin}`, async () => {
      await page.goto(`${origin}/wiki/how-a-write-is-agreed`)
      return (await page.locator('.text').textContent())?.includes(marker)
    })
  }
  const other = origins.find((origin) => origin !== home)
  assert.ok(other)
  await page.goto(`${other}/history/how-a-write-is-agreed`)
  const newest = page.locator('ol.changes > li').first()
  assert.match((await newest.textContent()) ?? '', /Ada\s+About quokkas/)
  await newest.locator('a:text-is("changes")').click()
  assert.ok((await page.locator('.diff ins').allTextContents()).some((line) => line.includes('Quokkas')))
  await page.fill('input[type=search]', 'quokka')
  await page.press('input[type=search]', 'Enter')
  await page.click('.found a:text-is("How a write is agreed")')
  assert.equal(await page.locator('h1').textContent(), 'How a write is agreed')
})

test('F29 a refresh does not post twice: neither the page after a write, nor the form sent again, nor the same request repeated', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(linkTo('wiki'))
  const origin = new URL(page.url()).origin
  await page.goto(`${origin}/new?title=Twice`)
  await saveText(page, 'Once.', 'made')
  await page.waitForURL(`${origin}/wiki/twice`)
  await page.reload()
  assert.equal(new URL(page.url()).pathname, '/wiki/twice', 'the answer to a write leads to a page')
  assert.equal(await historyLength(page, origin, 'twice'), 1)

  // Back to the form, and sent once more as it was.
  await page.goto(`${origin}/edit/twice`)
  await saveText(page, 'Once and again.', 'changed')
  await page.waitForURL(`${origin}/wiki/twice`)
  await page.goBack()
  await saveText(page, 'Once and again.', 'changed')
  await page.waitForURL(`${origin}/wiki/twice`)
  assert.equal(await historyLength(page, origin, 'twice'), 2)

  // A page that answered the POST itself (a preview) is refreshed: the browser posts again, and nothing is written.
  await page.goto(`${origin}/edit/twice`)
  await page.fill('textarea[name=body]', 'Only looked at.')
  await page.click('button:text-is("Preview")')
  assert.match((await page.locator('.preview').textContent()) ?? '', /Only looked at\./)
  await page.reload()
  assert.match((await page.locator('.preview').textContent()) ?? '', /Only looked at\./)
  assert.equal(await historyLength(page, origin, 'twice'), 2)
})

test('F29 of two who edit at once the second one sees both texts and loses nothing', async () => {
  await using context = await visitor(browser)
  const [first, second] = [await context.newPage(), await context.newPage()]
  const [one, two] = await originsOf('wiki')
  assert.ok(one && two)
  await openEdit(first, one, 'words-we-use')
  await openEdit(second, two, 'words-we-use')
  await saveText(first, 'The text of the first.', 'first')
  await first.waitForURL(/\/wiki\/words-we-use$/)
  await saveText(second, 'The text of the second.', 'second')
  assert.equal(await second.locator('h1').textContent(), 'Somebody saved this page before you')
  assert.match(
    (await second.locator('.diff').textContent()) ?? '',
    /The text of the first\..*The text of the second\./s,
  )
  assert.equal(await second.inputValue('textarea[name=body]'), 'The text of the second.')
  await saveText(second, 'The text of both.', 'both')
  await second.waitForURL(`${two}/wiki/words-we-use`)
  assert.match((await second.locator('.text').textContent()) ?? '', /The text of both\./)
  assert.equal(await historyLength(second, two, 'words-we-use'), 3)
})

test('F29 the wiki and the guestbook work without JavaScript', async () => {
  await using context = await visitor(browser, { javaScriptEnabled: false })
  const page = await context.newPage()
  await page.goto(linkTo('wiki'))
  await page.click('a:text-is("New page")')
  await page.fill('input[name=title]', 'No scripts here')
  await page.fill('textarea[name=body]', '# Plain\n\n[[Peer-group]] and **bold**.')
  await page.click('button:text-is("Save")')
  await page.waitForURL(/\/wiki\/no-scripts-here$/)
  assert.equal(await page.locator('.text strong').textContent(), 'bold')
  await page.click('.text a:text-is("Peer-group")')
  assert.equal(await page.locator('h1').textContent(), 'Peer-group')

  await page.goto(linkTo('guestbook'))
  await page.fill('input[name=author]', 'Grace <script>')
  await page.fill('textarea[name=message]', 'I was here.\nTwice.')
  await page.click('button:text-is("Sign")')
  await page.waitForURL(/\/$/)
  assert.equal(await page.locator('.entry').count(), 1)
  assert.match((await page.locator('.entry').textContent()) ?? '', /Grace <script>.*I was here\.\nTwice\./s)
  await page.reload()
  assert.equal(await page.locator('.entry').count(), 1)
})

test('a line that one visitor writes appears at another one, at another member, without a reload', async () => {
  await using context = await visitor(browser)
  const [reader, writer] = [await context.newPage(), await context.newPage()]
  const [here, there] = await originsOf('guestbook')
  await reader.goto(`${here}/`)
  await writer.goto(`${there}/`)
  for (const line of ['Is anybody here?', 'I am: <b>hello</b>.']) {
    await writer.fill('input[name=author]', 'Linus')
    await writer.fill('textarea[name=message]', line)
    await writer.click('button:text-is("Sign")')
    await reader.locator(`.entry p:text-is("${line}")`).waitFor()
  }
  assert.equal(await reader.locator('.entry b:text-is("Linus")').count(), 2, 'each once')
  assert.match(
    (await reader.locator('.entry').first().textContent()) ?? '',
    /I am: <b>hello<\/b>/,
    'the newest is first',
  )
})

test('R9 a form sent twice runs once, on a site that does nothing about it; filled in otherwise it is another one', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  await page.goto(linkTo('guestbook'))
  const origin = new URL(page.url()).origin
  const before = await page.locator('.entry').count()
  await page.fill('input[name=author]', 'Ada')
  await page.fill('textarea[name=message]', 'Once is enough.')
  const posted: string[] = []
  page.on('request', (request) => {
    if (request.method() === 'POST') posted.push(request.postData() ?? '')
  })
  // Two clicks, the second before the browser has left the page.
  await page.evaluate(`(() => {
    const form = document.querySelector('form')
    form.submit()
    setTimeout(() => form.submit(), 1)
  })()`)
  await page.waitForURL(`${origin}/`)
  const looker = await context.newPage()
  const count = async (): Promise<number> => {
    await looker.goto(`${origin}/`)
    return looker.locator('.entry').count()
  }
  await until('the entry is there', async () => (await count()) === before + 1)
  const [form] = posted
  assert.match(String(form), /^interpeer-key=[\w-]{22}&author=Ada/)
  // What a refresh of a page that answered the form itself does: the same body once more.
  const again = async (body: string): Promise<void> => {
    const options = { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body }
    const status = await looker.evaluate(`fetch('/sign', ${JSON.stringify(options)}).then(({ status }) => status)`)
    assert.equal(status, 200, 'the redirect of the first answer is followed')
  }
  await again(String(form))
  await again(String(form))
  assert.equal(await count(), before + 1)
  await again(String(form).replace('enough', 'more'))
  assert.equal(await count(), before + 2)
})

test('F29 on a phone nothing scrolls sideways', async () => {
  await using context = await visitor(browser, PHONE)
  const page = await context.newPage()
  const wiki = linkTo('wiki')
  const paths = [
    '',
    'wiki/deterministic-runtime',
    'wiki/words-we-use',
    'edit/home',
    'history/home',
    'recent',
    'pages',
    'search?q=member',
  ]
  const long = `W${'o'.repeat(110)}rd`
  await page.goto(`${wiki}new`)
  await page.fill('input[name=title]', long)
  await page.fill(
    'textarea[name=body]',
    `${long}\n\n| a | b |\n|---|---|\n| ${long} | ${long} |\n\n\`\`\`\n${long.repeat(3)}\n\`\`\`\n`,
  )
  await page.click('button:text-is("Save")')
  await page.waitForURL(/\/wiki\/wo+rd$/)
  assert.equal(await sidewaysPixels(page), 0, 'long words, tables and code')
  for (const path of paths) {
    const answer = await page.goto(`${wiki}${path}`)
    assert.equal(answer?.status(), 200, path)
    assert.equal(await sidewaysPixels(page), 0, path)
  }
  for (const url of [`${up.ready.gateway}/`, linkTo('guestbook'), linkTo('welcome'), `${linkTo('welcome')}check-it`]) {
    await page.goto(url)
    assert.equal(await sidewaysPixels(page), 0, url)
  }
})

test('F29 a site of plain files: its pages, and its own page for what is not there', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  const first = await page.goto(linkTo('welcome'))
  assert.equal(first?.status(), 200)
  await page.click('nav a:text-is("How it works")')
  assert.match(page.url(), /\/how-it-works$/)
  const missing = await page.goto(`${linkTo('welcome')}no/such/page`)
  assert.equal(missing?.status(), 404)
  assert.equal(await page.locator('h1').textContent(), 'There is no such page')
})

test('F12 a name that nobody has is answered with a page for people', async () => {
  await using context = await visitor(browser)
  const page = await context.newPage()
  const answer = await page.goto(`${up.ready.gateway}/nobody-has-this/`)
  assert.equal(answer?.status(), 404)
  assert.match((await page.textContent('body')) ?? '', /nobody-has-this/)
})
