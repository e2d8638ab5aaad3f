// F38 A chat by WebSocket in an ordinary browser: at a member, and at the sites domain through tunnels, where it goes on when the member that is asked is killed.
// Real seeders, the real Worker, Chromium.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { exchange } from '#cli/network/http.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { startTunnelled, TUNNEL, type TunnelledGroup } from '#test/support/tunnelled.ts'
import { until } from '#test/support/until.ts'

const SITE = 'chat'

let group: TunnelledGroup
let browser: Browser
/** Of the site, at the gateway. */
let carried: string
before(async () => {
  group = await startTunnelled({ name: SITE, folder: join(import.meta.dirname, SITE) })
  carried = group.carried
  browser = await startChromium()
})
after(async () => {
  await browser?.close()
  await group?.[Symbol.asyncDispose]()
})

async function originAt(seeder: SeederProcess | undefined): Promise<string> {
  const origin = (await seeder?.site(SITE))?.origin
  assert.ok(origin)
  return origin
}

/** A visitor of its own. */
async function opened(origin: string): Promise<Page> {
  const page = await (await visitor(browser)).newPage()
  await page.goto(origin)
  await page.waitForFunction('socket.readyState === WebSocket.OPEN')
  return page
}

const say = (page: Page, text: string): Promise<void> => page.evaluate(`say(${JSON.stringify(text)})`)
const shown = (page: Page): Promise<string[]> => page.locator('li').allTextContents()
const ends = (page: Page): Promise<number[]> => page.evaluate('ends')
const isSure = (page: Page): Promise<boolean> => page.evaluate('unsure.size === 0')

/** How often each line was written. */
async function runs(): Promise<readonly (readonly [text: string, count: number])[]> {
  const answer = await exchange(`${carried}/runs`, { timeoutMs: 40_000 })
  assert.equal(answer.status, 200, answer.body.toString())
  return (JSON.parse(answer.body.toString()) as { text: string; runs: number }[]).map(
    ({ text, runs: count }) => [text, count] as const,
  )
}

/** A member that answers through its tunnel just now. */
async function underWay(): Promise<SeederProcess | undefined> {
  for (const seeder of group.seeders.all)
    if (/interpeer_tunnel_requests_under_way [1-9]/.test(await seeder.metrics())) return seeder
  return undefined
}

const all: string[] = []

test('F38 at members: what one visitor says another one hears, each line once and in order', async () => {
  const [first, second] = group.seeders.all
  const one = await opened(await originAt(first))
  const other = await opened(await originAt(second))
  for (const text of ['hello', 'is anybody there?', 'ü 你好']) {
    await say(one, text)
    all.push(text)
  }
  await until('all of it at the other', async () => (await shown(other)).length === all.length)
  await say(other, 'yes')
  all.push('yes')
  for (const page of [one, other]) {
    await until('the answer', async () => (await shown(page)).length === all.length)
    assert.deepEqual(await shown(page), all)
    await until('what it said is acknowledged', () => isSure(page))
    assert.deepEqual(await ends(page), [])
    await page.context().close()
  }
  assert.deepEqual(
    await runs(),
    all.map((text) => [text, 1]),
  )
})

test('F38 at the sites domain: through the kill of the member that is asked no line is lost, none runs twice, and no socket ends', async () => {
  const [one, other] = [await opened(carried), await opened(carried)]
  const asked = await until('who is asked', underWay)
  const lines = Array.from({ length: 12 }, (_, at) => `line ${at}`)
  for (const [at, text] of lines.entries()) {
    if (at === 4) asked.kill('SIGKILL')
    await say(at % 2 === 0 ? one : other, text)
    all.push(text)
    // Each waits for the one before: the order of two visitors is theirs alone otherwise.
    await until(text, async () => (await shown(one)).includes(text) && (await shown(other)).includes(text))
  }
  for (const page of [one, other]) {
    assert.deepEqual(await shown(page), all)
    await until('what it said is acknowledged', () => isSure(page))
    assert.deepEqual(await ends(page), [], 'no socket ended')
    await page.context().close()
  }
  assert.deepEqual(
    await runs(),
    all.map((text) => [text, 1]),
  )
  await asked.exited
  await group.seeders.restart(asked, ...TUNNEL)
})

test('a page whose member is killed opens its socket again when the member is back: nothing is missed, no line stands twice', async () => {
  const member = group.seeders.all[1]
  assert.ok(member)
  const page = await opened(await originAt(member))
  await until('what was said', async () => (await shown(page)).length === all.length)
  for (let at = 0; at < 6; at++) {
    await say(page, `over ${at}`)
    all.push(`over ${at}`)
  }
  member.kill('SIGKILL')
  await member.exited
  const port = new URL(member.ready.http).port
  await group.seeders.restart(member, ...TUNNEL, '--port', port)
  await until('all of it', async () => (await shown(page)).length === all.length)
  await until('what it said is acknowledged', () => isSure(page))
  const said = await shown(page)
  assert.deepEqual(said.toSorted(), all.toSorted())
  assert.ok((await ends(page)).length > 0)
  assert.deepEqual(
    (await runs()).map(([text]) => text),
    said,
  )
  await page.context().close()
})

test('a page of another origin opens no socket of the site', async () => {
  const page = await opened(await originAt(group.seeders.all[2]))
  const url = `${carried.replace('http', 'ws')}/talk`
  const opens = await page.evaluate(`new Promise((resolve) => {
    const socket = new WebSocket(${JSON.stringify(url)})
    socket.onopen = () => resolve('open')
    socket.onclose = () => resolve('refused')
  })`)
  assert.equal(opens, 'refused')
  await page.context().close()
})
