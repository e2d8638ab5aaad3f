// A visitor who stays while the site's members go: logged in at its stable origin in Chromium, with a download and a stream of events open, while
// every member is replaced by another one, and one of them killed in the midst of each hand-over. The same at any size of the file: a small one
// runs with the tests, 200 MB with `npm run test:continuity`.
//
//   four members ──> t1 for s1, kill ──> t2 for s2, kill ──> … ──> none of the first four is left
//   browser:   log in once, then write and reload again and again            no page but the site's, no login lost, each line once
//   download:  slow enough to last through all of it                         the same hash
//   events:    one connection                                                each line, once, in order

import assert from 'node:assert/strict'
import { createHash, hash, randomBytes } from 'node:crypto'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pass } from 'node:timers/promises'
import type { Page, Response } from 'playwright-core'
import { exchange } from '#cli/network/http.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { listen } from '#test/support/events.ts'
import { isKnown, replaceMember } from '#test/support/hand-over.ts'
import type { SeederProcess, Seeders } from '#test/support/seeders.ts'
import { type SiteCopy, siteWithFiles } from '#test/support/site-copy.ts'
import { startTunnelled, TUNNEL } from '#test/support/tunnelled.ts'
import { until } from '#test/support/until.ts'

const SITE = 'stay'
const FOLDER = join(import.meta.dirname, 'site')
const MEMBERS = 4
const EPOCH_MS = 300_000
/** What is taken of the download at a time while members change, and the pause before the next. */
const SIP_BYTES = 64 * 1024
const SIP_PAUSE_MS = 500
/** A write waits for a group that changes. */
const NAVIGATION_MS = 90_000
const END_MS = 180_000

export type Stay = {
  /** Lines that the visitor wrote. */
  readonly written: number
  readonly reloads: number
  /** Times that Chromium had to wait longest for a page, ms. */
  readonly slowestMs: number
  readonly downloadedBytes: number
}

export type StayOptions = {
  readonly fileBytes: number
  readonly note?: (text: string) => void
}

/** Throws at the first page that is not the site's own, a lost login, a line that is missing or twice, another file. */
export async function runStay({ fileBytes, note = () => {} }: StayOptions): Promise<Stay> {
  using site = siteWithFile(fileBytes)
  await using group = await startTunnelled({ name: SITE, folder: site.folder })
  note('published')
  await using browser = await startChromium()
  await using context = await visitor(browser)
  const page = await context.newPage()
  page.setDefaultNavigationTimeout(NAVIGATION_MS)
  await page.goto(`${group.gateway}/${SITE}/`)
  const { origin } = new URL(page.url())
  const session = new Session(page, origin)
  await session.logIn('Ada')

  const download = await slowDownload(`${origin}/file.bin`)
  const events = await listen(`${origin}/events`)
  const stop = new AbortController()
  const visiting = session.stay(stop.signal)
  const failure = Promise.withResolvers<never>()
  for (const going of [visiting, download.done]) going.catch(failure.reject)
  failure.promise.catch(() => {})
  try {
    let present: readonly SeederProcess[] = group.seeders.all.slice(0, MEMBERS)
    for (const [turn, out] of present.entries()) {
      present = await Promise.race([handOver(group.seeders, present, out, turn), failure.promise])
      note(`${turn + 1} replaced, ${session.lines.length} lines, ${download.bytes()} bytes`)
      await Promise.race([session.mustGoOn(), failure.promise])
    }
    assert.ok(download.bytes() < fileBytes, 'the download lasts through all of it')
  } finally {
    stop.abort()
  }
  await visiting
  download.hurry()
  assert.equal(await download.done, site.sum, 'the file has the same hash')
  const shown = JSON.parse((await exchange(`${origin}/lines.json`)).body.toString()) as string[]
  assert.deepEqual(shown, session.lines)
  await until('all events', () => events.lines().length >= session.lines.length, END_MS)
  assert.deepEqual(events.lines(), session.lines)
  assert.ok(!events.isOver())
  events.leave()
  const { lines, reloads, slowestMs } = session
  return { written: lines.length, reloads, slowestMs, downloadedBytes: download.bytes() }
}

/** `sum`: the SHA-256 of its file, which nobody holds in memory. */
function siteWithFile(bytes: number): SiteCopy & { readonly sum: string } {
  const file = randomBytes(bytes)
  return { ...siteWithFiles(FOLDER, { 'file.bin': file }), sum: hash('sha256', file, 'hex') }
}

/** The next member takes the place of `out`; meanwhile one is killed: each time another one, the leaver and the joiner among them. */
async function handOver(
  seeders: Seeders,
  present: readonly SeederProcess[],
  out: SeederProcess,
  turn: number,
): Promise<readonly SeederProcess[]> {
  const next = await seeders.start(`t${turn + 1}`, ...TUNNEL)
  await isKnown(seeders, next)
  await replaceMember(seeders, SITE, out, next)
  const victim = [present[1], next, out, present[2]][turn]
  assert.ok(victim)
  await pass(200 * turn)
  victim.kill('SIGKILL')
  const again = await seeders.restart(victim, ...TUNNEL)
  const members = [...present.filter(({ label }) => label !== out.label), next].map((each) =>
    each === victim ? again : each,
  )
  await until(
    `epoch ${turn + 1} at every member`,
    async () => {
      const sites = await Promise.all(members.map((seeder) => seeder.site(SITE)))
      return sites.every((site) => site?.epoch === turn + 1 && site.state === 'agreeing')
    },
    EPOCH_MS,
  )
  return members
}

/** What one visitor does in a browser, and what was seen of it. */
class Session {
  readonly lines: string[] = []
  reloads = 0
  slowestMs = 0
  readonly #page: Page
  readonly #origin: string
  #name = ''

  constructor(page: Page, origin: string) {
    this.#page = page
    this.#origin = origin
  }

  async logIn(name: string): Promise<void> {
    this.#name = name
    await this.#page.fill('input[name=name]', name)
    await this.#send('Log in')
    await this.#isOwn()
  }

  /** Writes, reloads and comes anew until told to stop. */
  async stay(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const line = `line ${this.lines.length + 1}`
      await this.#page.fill('input[name=text]', line)
      await this.#send('Write')
      this.lines.push(line)
      await this.#isOwn()
      assert.equal(await this.#page.locator('ol > li').first().textContent(), line)
      await this.#seen(() => this.#page.reload())
      this.reloads++
      await this.#seen(() => this.#page.goto(`${this.#origin}/`))
      await this.#isOwn()
    }
  }

  /** One more line is written from now on. */
  async mustGoOn(): Promise<void> {
    const { length } = this.lines
    await until('one more line of the visitor', () => this.lines.length > length, NAVIGATION_MS)
  }

  #send(button: string): Promise<void> {
    return this.#seen(async () => {
      const [answer] = await Promise.all([
        this.#page.waitForResponse((response) => response.request().isNavigationRequest() && isLast(response)),
        this.#page.click(`button:text-is("${button}")`),
      ])
      return answer
    })
  }

  async #seen(go: () => Promise<Response | null>): Promise<void> {
    const began = performance.now()
    const answer = await go()
    this.slowestMs = Math.max(this.slowestMs, performance.now() - began)
    assert.equal(answer?.status(), 200, `${answer?.url()} is no page of the site: ${await answer?.text()}`)
    await this.#page.waitForLoadState('domcontentloaded')
  }

  async #isOwn(): Promise<void> {
    assert.equal(await this.#page.locator('h1').textContent(), `Hello, ${this.#name}`)
  }
}

const isLast = (response: Response): boolean => response.status() < 300 || response.status() >= 400

/** Takes a little at a time until told to hurry; `done` has the SHA-256 of what came. */
async function slowDownload(url: string): Promise<{ readonly done: Promise<string>; bytes(): number; hurry(): void }> {
  const { host, port, pathname } = new URL(url)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request({ host: '127.0.0.1', port, path: pathname, headers: { host }, agent: false }, resolve)
    .on('error', reject)
    .end()
  const answer = await promise
  assert.equal(answer.statusCode, 200)
  const hash = createHash('sha256')
  const patience = new AbortController()
  let bytes = 0
  const taking = async (): Promise<string> => {
    let sip = 0
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
      sip += chunk.length
      if (sip < SIP_BYTES) continue
      sip = 0
      if (!patience.signal.aborted) await pass(SIP_PAUSE_MS, undefined, { signal: patience.signal }).catch(() => {})
    }
    assert.equal(bytes, Number(answer.headers['content-length']))
    return hash.digest('hex')
  }
  const done = taking()
  // Whoever waits for it sees it fail; nobody waits before the members have changed.
  done.catch(() => {})
  return { done, bytes: () => bytes, hurry: () => patience.abort() }
}
