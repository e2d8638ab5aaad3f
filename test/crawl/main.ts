// npm run test:crawl [-- FOLDER]
//
// Search engines' view of two real sites through the gateway: the documentation of Python as Debian packages it (or FOLDER, a static site), and the wiki.
// Scrapy by sitemap and by links, wget and linkinator crawl each whole; what they find is held against the source tree.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import process from 'node:process'
import { serve } from '@hono/node-server'
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { startGroup } from '#test/byzantine/group.ts'
import { type Found, lighthouse, linkinator, neededTools, scrapy, wget } from '#test/crawl/tools.ts'
import { until } from '#test/support/until.ts'

const SITE = 'pydoc'
const UNLINKED_SHOWN = 20
const FILES = '/project/public'
const WIKI = join(import.meta.dirname, '..', '..', 'examples', 'wiki')
const PLAIN = Object.fromEntries(['s1', 's2', 's3', 's4'].map((label) => [label, ['--target', 'plain']]))

function htmlOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.html'))
    .map((entry) => `/${relative(folder, join(entry.parentPath, entry.name))}`)
}

/** Where a page of the tree stands on the site (`auto-trailing-slash`). */
function addressOf(path: string): string {
  return encodeURI(path.endsWith('/index.html') ? path.slice(0, -'index.html'.length) : path.slice(0, -'.html'.length))
}

/** Below the site, or below the folder of the files. */
function pathOf(url: string): string {
  if (url.startsWith('/')) return url.slice(url.indexOf(FILES) + FILES.length)
  const { pathname } = new URL(url)
  return pathname.startsWith(`/${SITE}/`) ? pathname.slice(SITE.length + 1) : pathname
}

/** Paths of broken links, whatever served them; files of the tree end in `.html`, addresses of the site need not. */
function brokenPaths(broken: readonly string[]): readonly string[] {
  return [...new Set(broken.map((each) => pathOf(each.slice(each.indexOf(' ') + 1)).replace(/\.html$/, '')))].sort()
}

function row(...cells: readonly (string | number)[]): void {
  console.log(`| ${cells.join(' | ')} |`)
}

function checkCanonical(pages: readonly Found[], base: string): ReadonlySet<string> {
  for (const { url, canonical } of pages) {
    assert.equal(canonical.length, 1, `one canonical address of ${url}: ${canonical}`)
    assert.ok(canonical[0]?.startsWith(base), `${canonical} of ${url}`)
  }
  return new Set(pages.map(({ canonical }) => canonical[0] ?? ''))
}

async function main(): Promise<void> {
  const source = process.argv[2] ?? neededTools()
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
  const addresses = new Set(htmlOf(join(project, 'public')).map(addressOf))
  const original = await linkinator([join(project, 'public')], 'original', folder)
  const known = new Set(brokenPaths(original.broken))

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
    original.links,
    addresses.size,
    '',
    known.size,
    Math.round(original.seconds),
  )
  const base = `${gateway}/${SITE}`
  const wanted = new Set([...addresses].map((address) => base + address))

  const listed = await scrapy('sitemaps', { robots: `${gateway}/robots.txt`, site: SITE }, folder)
  const inSitemap = checkCanonical(listed.pages, `${base}/`)
  row(SITE, 'Scrapy, sitemaps', listed.pages.length, listed.pages.length, inSitemap.size, 0, Math.round(listed.seconds))
  assert.deepEqual([...inSitemap].sort(), [...wanted].sort(), 'the sitemap has every page of the tree once')
  for (const { asked, canonical } of listed.pages) assert.equal(asked, canonical[0])

  const linked = await scrapy('pages', { start: `${base}/`, site: SITE }, folder)
  const html = linked.pages.filter(({ html, status }) => html && status === 200)
  const byLinks = checkCanonical(html, `${base}/`)
  const broken = brokenPaths(
    linked.pages.filter(({ status }) => status !== 200).map(({ status, url }) => `${status} ${url}`),
  )
  row(SITE, 'Scrapy, links', linked.pages.length, html.length, byLinks.size, broken.length, Math.round(linked.seconds))
  for (const address of byLinks) assert.ok(wanted.has(address), `${address} is a page of the tree`)
  const unlinked = [...wanted].filter((address) => !byLinks.has(address))
  const shown = unlinked.slice(0, UNLINKED_SHOWN).join(' ')
  console.log(`${unlinked.length} pages that no link leads to: ${shown}`)
  assert.deepEqual(
    broken.filter((path) => !known.has(path)),
    [],
    'no link is broken that was not',
  )

  const mirrored = await wget(`${base}/`, SITE, folder)
  const broke = brokenPaths(mirrored.broken)
  row(SITE, 'wget', mirrored.ok, '', '', broke.length, Math.round(mirrored.seconds))
  assert.deepEqual(
    broke.filter((path) => !known.has(path)),
    [],
  )

  const checked = await linkinator([...inSitemap], SITE, folder)
  const failed = brokenPaths(checked.broken)
  row(SITE, 'linkinator', checked.links, '', '', failed.length, Math.round(checked.seconds))
  assert.deepEqual(
    failed.filter((path) => !known.has(path)),
    [],
  )

  await crawlWiki(gateway, folder)
  await audit(gateway, join(project, 'public'), folder)
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
  row('wiki', 'wget', wikiWget.ok, '', '', wikiWget.broken.length, Math.round(wikiWget.seconds))
  assert.deepEqual(wikiWget.broken, [])
  const wikiLinks = await linkinator([...wikiNames], 'wiki', folder)
  row('wiki', 'linkinator', wikiLinks.links, '', '', wikiLinks.broken.length, Math.round(wikiLinks.seconds))
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
