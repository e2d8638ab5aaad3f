// F48 A site that asked for a strict content policy, in a real browser: its own content works, and nothing goes elsewhere.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'

/** What a page may fetch from another origin; each is one request there unless it is blocked. */
function page(elsewhere: string): string {
  return `<!doctype html>
<html lang="en">
<title>strict</title>
<link rel="stylesheet" href="${elsewhere}/style.css">
<link rel="stylesheet" href="/own.css">
<img src="${elsewhere}/image.png" alt="">
<iframe src="${elsewhere}/frame.html"></iframe>
<object data="${elsewhere}/object.html"></object>
<p style="background: url(${elsewhere}/background.png)">text</p>
<form action="${elsewhere}/form" method="post"><button>Send</button></form>
<script src="${elsewhere}/script.js"></script>
<script>
  document.title = 'its own script ran'
  const tries = [
    fetch('${elsewhere}/fetch', { mode: 'no-cors' }),
    new Promise((done, failed) => {
      const socket = new WebSocket('${elsewhere.replace('http', 'ws')}/socket')
      socket.onopen = done
      socket.onerror = failed
    }),
    new Promise((done, failed) => {
      const events = new EventSource('${elsewhere}/events')
      events.onopen = done
      events.onerror = failed
    }),
  ]
  navigator.sendBeacon('${elsewhere}/beacon', 'x')
  Promise.allSettled([...tries, fetch('/own.css')]).then((ended) => {
    document.body.dataset.ended = ended.map(({ status }) => status).join()
  })
</script>`
}

let browser: Browser
let asked: string[] = []
const elsewhere = createServer((request, response) => {
  asked.push(request.url ?? '')
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.end()
})
before(async () => {
  browser = await startChromium()
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve))
})
after(async () => {
  await browser?.close()
  elsewhere.closeAllConnections()
  elsewhere.close()
})

for (const csp of ['strict', undefined] as const)
  test(`F48 a page ${csp === undefined ? 'without a policy loads from elsewhere' : 'with a strict one loads and sends nothing elsewhere'}`, async () => {
    const { port } = elsewhere.address() as AddressInfo
    const group = hostedGroup('demo', {
      assets: {
        '/index.html': page(`http://elsewhere.localhost:${port}`),
        '/own.css': 'p { color: rgb(1, 2, 3) }',
      },
      manifest: csp === undefined ? {} : { csp },
    })
    await using edge = await startEdge(group)
    await using context = await visitor(browser)
    const tab = await context.newPage()
    asked = []
    await tab.goto(edge.origin)
    await tab.locator('body[data-ended]').waitFor()
    assert.equal(await tab.title(), 'its own script ran')
    assert.equal(await tab.evaluate("getComputedStyle(document.querySelector('p')).color"), 'rgb(1, 2, 3)')
    const ended = await tab.locator('body').getAttribute('data-ended')
    await tab.click('button', { noWaitAfter: true })
    if (csp === undefined) {
      assert.equal(ended?.split(',').at(0), 'fulfilled')
      for (const path of ['/style.css', '/image.png', '/frame.html', '/script.js', '/fetch'])
        assert.ok(asked.includes(path), `${path} of ${asked}`)
      return
    }
    assert.equal(ended, 'rejected,rejected,rejected,fulfilled')
    assert.deepEqual(asked, [])
    assert.equal(new URL(tab.url()).origin, edge.origin, 'no form leads away')
  })
