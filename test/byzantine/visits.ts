// The same liars with somebody in Chromium beside the scripted clients: an ordinary browser, which checks nothing, reads and edits the wiki of a
// group whose members lie, while another site of theirs is under load. What it was shown as saved at an honest member is there, once.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { startChromium, visitor } from '#test/support/chromium.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'
import { forkedHeights, isQuiet, nameOf, OUT, PROOFS, proofsAgainst } from './cases.ts'
import { type HostedFolder, type Lie, type LyingGroup, OBJECTS, startGroup } from './group.ts'
import { type Load, startLoad } from './load.ts'

export const WIKI: HostedFolder = { name: 'wiki', folder: join(import.meta.dirname, '..', '..', 'examples', 'wiki') }
/** How long a proof may take on a busy machine that shows a browser pages beside. */
const PROOF_MS = 120_000
/** Visits to honest members by the gateway's link. */
const VISITS = 8
/** Of these one saves something. */
const SAVE_EVERY = 3
/** A gateway that leads elsewhere more often than that leads astray. */
const VISITS_MAX = 120
/** What is tried where nothing is promised is given up after this. */
const TRY_MS = 15_000
const PAIR_TRIES = 4
/** What a liar of kind `wrong-result` adds to its answers. */
const ALTERED = /altered by a liar/

export type Visits = {
  readonly name: string
  /** Texts that the browser was shown as saved, of so many that it sent. */
  readonly saved: number
  readonly sent: number
  /** Visits that the gateway sent to a member that lies, none of which comes after its proof. */
  readonly atLiars: number
  readonly proofs: readonly string[]
  readonly forks: number
  /** Of the scripted clients beside it. */
  readonly acknowledged: number
}

type Saved = { readonly slug: string; readonly text: string; readonly at: SeederProcess }

class Visitor {
  readonly #group: LyingGroup
  readonly page: Page
  readonly saved: Saved[] = []
  sent = 0
  atLiars = 0

  constructor(group: LyingGroup, page: Page) {
    this.#group = group
    this.page = page
  }

  async originOf(seeder: SeederProcess): Promise<string> {
    const origin = (await seeder.site(WIKI.name))?.origin
    assert.ok(origin, `${seeder.label} has the wiki`)
    return origin
  }

  /** A new page, at this member; whether it was shown as saved. */
  async save(at: SeederProcess, timeoutMs: number): Promise<boolean> {
    const origin = await this.originOf(at)
    const title = `Page${this.sent++}`
    const [slug, text] = [title.toLowerCase(), `The text of ${title}.`]
    try {
      await this.page.goto(`${origin}/new?title=${title}`, { timeout: timeoutMs })
      await this.page.fill('textarea[name=body]', text, { timeout: timeoutMs })
      await this.page.click('button:text-is("Save")', { timeout: timeoutMs })
      await this.page.waitForURL(`${origin}/wiki/${slug}`, { timeout: timeoutMs })
      if (!(await this.#shows(text))) return false
    } catch {
      return false
    }
    this.saved.push({ slug, text, at })
    return true
  }

  /** By the gateway's link; who answered. */
  async follow(): Promise<SeederProcess> {
    await this.page.goto(`${this.#group.gateway}/${WIKI.name}/`)
    const { hostname } = new URL(this.page.url())
    const at = this.#group.seeders.all.find(({ label }) => hostname.includes(`.${label}.`))
    assert.ok(at, `${hostname} is a member's`)
    if (this.#group.liars.includes(at)) this.atLiars++
    return at
  }

  async sees(at: SeederProcess, { slug, text }: Saved): Promise<boolean> {
    await this.page.goto(`${await this.originOf(at)}/wiki/${slug}`)
    return this.#shows(text)
  }

  async revisions(at: SeederProcess, { slug }: Saved): Promise<number> {
    await this.page.goto(`${await this.originOf(at)}/history/${slug}`)
    return this.page.locator('ol.changes > li').count()
  }

  async assertUnaltered(what: string): Promise<void> {
    assert.doesNotMatch(await this.page.content(), ALTERED, what)
  }

  async #shows(text: string): Promise<boolean> {
    const shown = this.page.locator('.text')
    return (await shown.count()) > 0 && (await shown.textContent())?.includes(text) === true
  }
}

async function withVisitor(
  lies: readonly Lie[],
  work: (group: LyingGroup, visits: Visitor, load: Load) => Promise<void>,
): Promise<Visits> {
  await using group = await startGroup(lies, { site: WIKI, beside: [OBJECTS] })
  await using browser = await startChromium()
  await using context = await visitor(browser)
  const visits = new Visitor(group, await context.newPage())
  const load = startLoad(group.seeders)
  try {
    await work(group, visits, load)
  } finally {
    await load.end()
  }
  const proofs = new Set([...(await proofsAgainst(group, WIKI.name)), ...(await proofsAgainst(group))])
  const forks = (await forkedHeights(group, WIKI.name)).length + (await forkedHeights(group)).length
  const { saved, sent, atLiars } = visits
  const { acknowledged } = load
  return { name: nameOf(lies), saved: saved.length, sent, atLiars, proofs: [...proofs], forks, acknowledged }
}

/** Within the bound: one liar of four. */
export async function visitAlone(lie: Lie): Promise<Visits> {
  const found = await withVisitor([lie], async (group, visits, load) => {
    const [first] = group.honest
    const [liar] = group.liars
    assert.ok(first && liar)
    const isOut = async (): Promise<boolean> =>
      (await group.located()).some(({ peer, state }) => peer === liar.ready.peer && OUT.has(state))
    // Each write is a result that the liar gets wrong, a vote that it gives twice, or a state that it forges.
    if (!isQuiet(lie))
      await until(
        'the gateway leaves the liar out',
        async () => {
          await visits.save(first, TRY_MS)
          return isOut()
        },
        PROOF_MS,
      )
    const hosts = new Set<SeederProcess>()
    let visited = 0
    for (let turn = 0; visited < VISITS || hosts.size < group.honest.length; turn++) {
      assert.ok(turn < VISITS_MAX, `${hosts.size} honest members took visitors`)
      const at = await visits.follow()
      assert.ok(isQuiet(lie) || at !== liar, 'nobody is sent to a proven liar')
      if (at === liar) continue
      await visits.assertUnaltered(at.label)
      hosts.add(at)
      if (visited++ % SAVE_EVERY === 0)
        await until(`a text is saved at ${at.label}`, () => visits.save(at, TRY_MS), PROOF_MS)
    }
    await load.end()
    await load.lookBack()
    assert.equal(load.fault(), undefined)
    for (const at of group.honest)
      for (const each of visits.saved) {
        await until(`${each.slug} at ${at.label}`, () => visits.sees(at, each))
        await visits.assertUnaltered(at.label)
        assert.equal(await visits.revisions(at, each), 1, `${each.slug} was saved once`)
      }
  })
  for (const kind of found.proofs) assert.ok(PROOFS[lie.kind].includes(kind), kind)
  assert.equal(found.forks, 0)
  return found
}

/** Over the bound: two of four. What was shown as saved is still there, at whoever showed it. */
export async function visitPair(lies: readonly [Lie, Lie]): Promise<Visits> {
  return withVisitor(lies, async (group, visits, load) => {
    for (let turn = 0; turn < PAIR_TRIES; turn++) {
      const at = group.honest[turn % group.honest.length]
      if (at !== undefined) await visits.save(at, TRY_MS)
    }
    await load.end()
    if ((await forkedHeights(group, WIKI.name)).length > 0)
      await until('the culprits of the fork', async () => (await proofsAgainst(group, WIKI.name)).length > 0)
    for (const at of group.honest) {
      const home = await visits.page.goto(`${await visits.originOf(at)}/`)
      assert.equal(home?.status(), 200, 'the last certified state is served')
      await visits.assertUnaltered(at.label)
    }
    for (const each of visits.saved) assert.ok(await visits.sees(each.at, each), `${each.slug} at ${each.at.label}`)
  })
}
