// A visitor of the wiki who goes by its links and forms at the members' own origins, while every member is replaced, and each time the one whose page
// is open is killed with a form half filled in.
//
//   host of the page ── replaced, edits go on ──> its leaver sends the visitor on ──> next host ── killed ──> form goes on by the gateway ──> …
//
// Invariant: no page but the wiki's is seen, and each text that was saved is in the history once.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Page, Response } from 'playwright-core'
import { WORDS } from '#page/bar/words.ts'
import { type LyingGroup, startGroup } from '#test/byzantine/group.ts'
import { startChromium, visitor } from '#test/support/chromium.ts'
import { isKnown, replaceMember } from '#test/support/hand-over.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const WIKI = { name: 'wiki', folder: join(import.meta.dirname, '..', '..', 'examples', 'wiki') }
const SLUG = 'written-on-the-way'
const TURNS = 4
const EPOCH_MS = 300_000
const NAVIGATION_MS = 90_000
const GONE = WORDS.en?.gone ?? ''

export type Wander = {
  /** Texts saved, of them so many by a form whose host was killed. */
  readonly saved: number
  readonly afterDeath: number
  /** Hosts that pages came from. */
  readonly hosts: number
}

export async function runWander(note: (text: string) => void = () => {}): Promise<Wander> {
  await using group = await startGroup([], { site: WIKI })
  await using browser = await startChromium()
  await using context = await visitor(browser)
  const page = await context.newPage()
  page.setDefaultNavigationTimeout(NAVIGATION_MS)
  page.setDefaultTimeout(NAVIGATION_MS)
  const reader = new Reader(page)
  await page.goto(`${group.gateway}/${WIKI.name}/`)
  await reader.begin()
  let present: readonly SeederProcess[] = group.seeders.all
  for (let turn = 0; turn < TURNS; turn++) {
    present = await replaced(group, present, reader, turn)
    const victim = hostIn(present, page)
    await reader.save(async (form) => {
      victim.kill('SIGKILL')
      await until('the page knows that its host is gone', async () => {
        await page.locator('h1').hover()
        await form.hover()
        return (await page.locator('interpeer-bar p').first().textContent())?.startsWith(GONE)
      })
    })
    assert.notEqual(hostIn(present, page), victim)
    const again = await group.seeders.restart(victim)
    present = present.map((each) => (each === victim ? again : each))
    note(`${turn + 1} replaced and one killed, ${reader.saved} saved, ${reader.hosts.size} hosts`)
  }
  await until('all members at one height', async () => {
    const sites = await Promise.all(present.map((seeder) => seeder.site(WIKI.name)))
    return sites.every((site) => site?.state === 'agreeing' && site.height === sites[0]?.height)
  })
  for (const seeder of present) {
    const { origin } = (await seeder.site(WIKI.name)) ?? {}
    assert.ok(origin !== undefined)
    await page.goto(`${origin}/history/${SLUG}`)
    // The text that began the page is one of them.
    assert.equal(await page.locator('ol.changes > li').count(), reader.saved, 'each text is there once')
  }
  return { saved: reader.saved, afterDeath: TURNS, hosts: reader.hosts.size }
}

/** Another member takes the place of the one whose page is open; meanwhile the visitor goes on. */
async function replaced(
  { seeders }: LyingGroup,
  present: readonly SeederProcess[],
  reader: Reader,
  turn: number,
): Promise<readonly SeederProcess[]> {
  const out = hostIn(present, reader.page)
  const next = await seeders.start(`t${turn + 1}`)
  await isKnown(seeders, next)
  await replaceMember(seeders, WIKI.name, out, next)
  const members = [...present.filter((each) => each !== out), next]
  const isDone = async (): Promise<boolean> => {
    const sites = await Promise.all(members.map((seeder) => seeder.site(WIKI.name)))
    return sites.every((site) => site?.epoch === turn + 1 && site.state === 'agreeing')
  }
  const endsAt = Date.now() + EPOCH_MS
  do {
    assert.ok(Date.now() < endsAt, `epoch ${turn + 1} at every member`)
    await reader.save()
  } while (!(await isDone()) || hostOf(reader.page) === labelOf(out))
  return members
}

const labelOf = ({ label }: SeederProcess): string => label

/** Of `http://wiki.<label>.localhost:<port>`. */
function hostOf(page: Page): string {
  return new URL(page.url()).hostname.split('.')[1] ?? ''
}

function hostIn(present: readonly SeederProcess[], page: Page): SeederProcess {
  const found = present.find(({ label }) => label === hostOf(page))
  assert.ok(found, `${page.url()} is at a member`)
  return found
}

/** What one visitor does, by links and forms alone. */
class Reader {
  readonly page: Page
  readonly hosts = new Set<string>()
  saved = 0

  constructor(page: Page) {
    this.page = page
  }

  async begin(): Promise<void> {
    await this.#go(() => this.page.click('a:text-is("New page")'))
    await this.page.fill('input[name=title]', 'Written on the way')
    await this.#saveText()
  }

  /** `before` the form is sent, with its button. */
  async save(before?: (button: ReturnType<Page['locator']>) => Promise<void>): Promise<void> {
    await this.#go(() => this.page.click('nav.tabs a:text-is("Edit")'))
    await this.#saveText(before)
  }

  async #saveText(before?: (button: ReturnType<Page['locator']>) => Promise<void>): Promise<void> {
    const text = `Text ${this.saved + 1}.`
    await this.page.fill('textarea[name=body]', text)
    const button = this.page.locator('button:text-is("Save")')
    await before?.(button)
    await this.#go(() => button.click())
    this.saved++
    assert.equal((await this.page.locator('.text').first().textContent())?.trim(), text)
  }

  /** Waits for the page that the click leads to, by whatever redirects. */
  async #go(click: () => Promise<void>): Promise<void> {
    const began = performance.now()
    const [answer] = await Promise.all([this.page.waitForResponse(isLastOfNavigation), click()])
    await this.page.waitForLoadState('load')
    const took = Math.round(performance.now() - began)
    assert.equal(answer.status(), 200, `${wayOf(answer)} after ${took} ms: ${await answer.text()}`)
    this.hosts.add(hostOf(this.page))
  }
}

function isLastOfNavigation(response: Response): boolean {
  const status = response.status()
  return response.request().isNavigationRequest() && (status < 300 || status >= 400)
}

/** Whom the visitor was sent on from, and to. */
function wayOf(response: Response): string {
  const way: string[] = []
  for (let request = response.request(); ; ) {
    way.unshift(`${request.method()} ${request.url()}`)
    const before = request.redirectedFrom()
    if (before === null) return way.join(' → ')
    request = before
  }
}
