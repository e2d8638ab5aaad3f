// npm run test:crawl [-- FOLDER]
//
// Search engines' view of two real sites through the gateway: the documentation of Python as Debian packages it (or FOLDER, a static site), and the wiki.
// Scrapy by sitemap and by links, wget and linkinator crawl each whole; what they find is held against the source tree.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { BAR_PATH } from '#page/bar/barred.ts'
import { startGroup } from '#test/byzantine/group.ts'
import { type Checked, type Found, lighthouse, linkinator, neededTools, scrapy, wget } from '#test/crawl/tools.ts'
import { addressOf, readTree, spelled, type Tree } from '#test/crawl/tree.ts'
import { startedWith } from '#test/support/program.ts'
import { until } from '#test/support/until.ts'

const SITE = 'pydoc'
const UNLINKED_SHOWN = 20
/** What members have beside the files. */
const BESIDE = new Set(['/robots.txt', '/sitemap.xml', BAR_PATH])
const FILES = '/project/public'
const WIKI = join(import.meta.dirname, '..', '..', 'examples', 'wiki')
const PLAIN = Object.fromEntries(['s1', 's2', 's3', 's4'].map((label) => [label, ['--target', 'plain']]))

/** Below the site, or below the folder of the files. */
function pathOf(url: string): string {
  if (url.startsWith('/')) return url.slice(url.indexOf(FILES) + FILES.length)
  const { pathname } = new URL(url)
  return pathname.startsWith(`/${SITE}/`) ? pathname.slice(SITE.length + 1) : pathname
}

/** The address at which a crawler found something, below the site; a program that shows no redirects has files of the tree under their own names. */
function placeOf(url: string): string {
  return spelled(decodeURIComponent(pathOf(url)))
}
function pageOf(url: string): string {
  return addressOf(decodeURIComponent(pathOf(url)) || '/')
}

function assertSame(found: Iterable<string>, wanted: Iterable<string>, what: string): void {
  const [has, needs] = [new Set(found), new Set(wanted)]
  const told = { more: [...has].filter((each) => !needs.has(each)), less: [...needs].filter((each) => !has.has(each)) }
  assert.deepEqual(told, { more: [], less: [] }, what)
}

/** Paths of broken links, whatever served them; files of the tree end in `.html`, addresses of the site need not. */
function brokenPaths(broken: readonly string[]): readonly string[] {
  return [...new Set(broken.map((each) => pathOf(each.slice(each.indexOf(' ') + 1)).replace(/\.html$/, '')))].sort()
}

function row(...cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(' | ')} |`)
}

/** Each has one that engines can use; the addresses. */
function checkCanonical(pages: readonly Pick<Found, 'url' | 'canonical'>[], base: string): ReadonlySet<string> {
  for (const { url, canonical } of pages) {
    assert.equal(canonical.length, 1, `one canonical address of ${url}: ${canonical}`)
    assert.ok(canonical[0]?.startsWith(base), `${canonical} of ${url}`)
  }
  return new Set(pages.map(({ canonical }) => canonical[0] ?? ''))
}

/** Of pages that were begun with, each was asked for once, whoever else names it; the others are what their links name. */
function checkStarts({ links }: Checked, starts: ReadonlySet<string>): readonly string[] {
  assert.deepEqual(links.filter((url) => starts.has(url)).sort(), [...starts].sort())
  return links.filter((url) => !starts.has(url))
}

const USAGE = `usage: npm run test:crawl [-- FOLDER]

  FOLDER   a static site (default: Python's documentation as Debian packages it)

Needs scrapy and wget. KEEP_CRAWL=1 leaves what was crawled.
Exit codes: 0 every crawler found what is there, 1 one did not, 2 usage.`

async function main(): Promise<void> {
  const { positionals, wrong } = startedWith(USAGE, { allowPositionals: true })
  if (positionals.length > 1) wrong('one folder is enough')
  const source = positionals[0] ?? neededTools()
  const folder = mkdtempSync(join(tmpdir(), 'crawl-'))
  try {
    await crawl(source, folder)
    console.log('passed')
  } finally {
    if (process.env.KEEP_CRAWL === undefined) rmSync(folder, { recursive: true, force: true })
    else console.log(folder)
  }
}

async function crawl(source: string, folder: string): Promise<void> {
  const project = join(folder, 'project')
  mkdirSync(project)
  cpSync(source, join(project, 'public'), { recursive: true, dereference: true })
  writeFileSync(join(project, 'interpeer.jsonc'), JSON.stringify({ name: SITE, assets: { directory: 'public' } }))
  const tree = readTree(join(project, 'public'))
  const original = await linkinator([join(project, 'public')], 'original', folder)
  const known = new Set(brokenPaths(original.broken))
  assertSame(
    original.links.map(pageOf).filter((page) => tree.pages.has(page)),
    tree.linked,
    'the files themselves',
  )

  await using group = await startGroup([], { site: { name: SITE, folder: project }, arguments: PLAIN })
  await group.seeders.publish(WIKI)
  const { gateway } = group
  for (const seeder of group.seeders.all)
    await until(`wiki at ${seeder.label}`, async () => ((await seeder.site('wiki'))?.height ?? 0) > 0, 120_000)
  await until('the wiki at the gateway', async () => (await fetch(`${gateway}/wiki/`)).status === 200, 120_000)

  row('site', 'crawler', 'answers', 'pages', 'canonical', 'broken', 's')
  row('---', '---', '--:', '--:', '--:', '--:', '--:')
  row(
    SITE,
    'linkinator, the files themselves',
    original.links.length,
    tree.linked.size,
    '',
    known.size,
    Math.round(original.seconds),
  )
  await crawlTree(tree, known, gateway, folder)
  await crawlWiki(gateway, folder)
  await audit(gateway, join(project, 'public'), folder)
}

async function crawlTree(tree: Tree, known: ReadonlySet<string>, gateway: string, folder: string): Promise<void> {
  const base = `${gateway}/${SITE}`
  const wanted = new Set([...tree.pages].map((address) => base + address))
  const wantedByLinks = new Set([...tree.linked].map((address) => base + address))
  const checkBroken = (broken: readonly string[]): void =>
    assert.deepEqual(
      broken.filter((path) => !known.has(path)),
      [],
      'no link is broken that was not',
    )

  const listed = await scrapy('sitemaps', { robots: `${gateway}/robots.txt`, site: SITE }, folder)
  const inSitemap = checkCanonical(listed.pages, `${base}/`)
  row(SITE, 'Scrapy, sitemaps', listed.pages.length, listed.pages.length, inSitemap.size, 0, Math.round(listed.seconds))
  assertSame(inSitemap, wanted, 'the sitemap has every page of the tree')
  assert.equal(listed.pages.length, wanted.size, 'once')
  for (const { asked, canonical } of listed.pages) assert.equal(asked, canonical[0])
  const onDisk = listed.pages.filter(({ disk }) => disk.length > 0).length
  console.log(`${onDisk} pages name a canonical address in a file system too`)
  assert.equal(onDisk, tree.onDisk)

  const linked = await scrapy('pages', { start: `${base}/`, site: SITE }, folder)
  const html = linked.pages.filter(({ html, status }) => html && status === 200)
  const byLinks = checkCanonical(html, `${base}/`)
  const broken = brokenPaths(
    linked.pages.filter(({ status }) => status !== 200).map(({ status, url }) => `${status} ${url}`),
  )
  row(SITE, 'Scrapy, links', linked.pages.length, html.length, byLinks.size, broken.length, Math.round(linked.seconds))
  assertSame(byLinks, wantedByLinks, 'Scrapy finds every page that links lead to')
  assertSame(
    html.map(({ url }) => placeOf(url)),
    tree.linked,
    'each at one address',
  )
  const twice = html.map(({ canonical }) => canonical[0]).filter((each, index, all) => all.indexOf(each) < index)
  assert.deepEqual(
    [...new Set(twice)],
    [`${base}/`],
    'once, but for the start page: where it was sent, and where links lead',
  )
  const unlinked = [...wanted].filter((address) => !byLinks.has(address))
  console.log(`${unlinked.length} pages that no link leads to: ${unlinked.slice(0, UNLINKED_SHOWN).join(' ')}`)
  checkBroken(broken)

  const mirrored = await wget(`${base}/`, SITE, folder)
  const fetched = mirrored.found.filter(({ html }) => html)
  const byWget = checkCanonical(fetched, `${base}/`)
  const broke = brokenPaths(mirrored.broken)
  const seconds = Math.round(mirrored.seconds)
  row(SITE, 'wget', mirrored.found.length, fetched.length, byWget.size, broke.length, seconds)
  assertSame(byWget, byLinks, 'wget finds the pages that Scrapy finds')
  assertSame(
    fetched.map(({ url }) => placeOf(url)),
    tree.linked,
    'each at one address',
  )
  const rest = mirrored.found.filter(({ html }) => !html).map(({ url }) => placeOf(url))
  for (const path of rest) assert.ok(tree.files.has(path) || BESIDE.has(path), `${path} is a file of the tree`)
  checkBroken(broke)

  const checked = await linkinator([...inSitemap], SITE, folder)
  const failed = brokenPaths(checked.broken)
  const named = new Set(
    checkStarts(checked, wanted)
      .map(pageOf)
      .filter((page) => tree.pages.has(page)),
  )
  row(SITE, 'linkinator', checked.links.length, named.size, wanted.size, failed.length, Math.round(checked.seconds))
  assertSame(named, tree.named, 'linkinator finds the pages that pages name')
  checkBroken(failed)
}

async function crawlWiki(gateway: string, folder: string): Promise<void> {
  const wiki = `${gateway}/wiki`
  const wikiPages = await scrapy('pages', { start: `${wiki}/`, site: 'wiki' }, folder)
  const wikiHtml = wikiPages.pages.filter(({ html, status }) => html && status === 200)
  const wikiNames = checkCanonical(wikiHtml, `${wiki}/`)
  const wikiBroken = wikiPages.pages.filter(({ status }) => status !== 200).map(({ status, url }) => `${status} ${url}`)
  row(
    'wiki',
    'Scrapy, links',
    wikiPages.pages.length,
    wikiHtml.length,
    wikiNames.size,
    wikiBroken.length,
    Math.round(wikiPages.seconds),
  )
  assert.deepEqual(wikiBroken, [])
  const wikiWget = await wget(`${wiki}/`, 'wiki', folder)
  const fetched = wikiWget.found.filter(({ html }) => html)
  const byWget = checkCanonical(fetched, `${wiki}/`)
  const seconds = Math.round(wikiWget.seconds)
  row('wiki', 'wget', wikiWget.found.length, fetched.length, byWget.size, wikiWget.broken.length, seconds)
  assertSame(byWget, wikiNames, 'wget finds the pages that Scrapy finds')
  assert.deepEqual(wikiWget.broken, [])
  const wikiLinks = await linkinator([...wikiNames], 'wiki', folder)
  const named = checkStarts(wikiLinks, wikiNames)
  row(
    'wiki',
    'linkinator',
    wikiLinks.links.length,
    '',
    wikiNames.size,
    wikiLinks.broken.length,
    Math.round(wikiLinks.seconds),
  )
  const asked = ({ pathname, search }: URL): string => pathname + search
  const byLinkinator = new Set(named.map((url) => asked(new URL(url))))
  for (const { url } of wikiHtml)
    assert.ok(byLinkinator.has(asked(new URL(url))), `linkinator finds ${url}, which Scrapy finds`)
  assert.deepEqual(wikiLinks.broken, [])
}

/** The mark that a page of ours has to have. */
const SCORE_MIN = 95

/** Pages of ours, and for comparison a page of somebody else, here and from a plain server. */
async function audit(gateway: string, files: string, folder: string): Promise<void> {
  row('page', 'SEO by Lighthouse', 'not passed')
  row('---', '--:', '---')
  const marked = async (url: string, name: string): Promise<number> => {
    const { score, failed } = await lighthouse(url, name.replaceAll(/\W/g, ''), folder)
    row(name, score, failed.join(', '))
    return score
  }
  for (const path of ['/', '/wiki/'])
    assert.ok((await marked(gateway + path, path)) >= SCORE_MIN, `${path} has less than ${SCORE_MIN}`)
  const plain = serve({ fetch: new Hono().use(serveStatic({ root: files })).fetch, port: 0, hostname: '127.0.0.1' })
  try {
    await once(plain, 'listening')
    const { port } = plain.address() as AddressInfo
    await marked(`http://127.0.0.1:${port}/`, 'the files themselves')
    await marked(`${gateway}/${SITE}/`, `/${SITE}/`)
  } finally {
    plain.close()
  }
}

await main()
process.exit(0)
