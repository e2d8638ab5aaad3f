// F29 A site is crawled whole through the gateway: by its links, by its sitemap, and by wget where it is installed. Real seeders, the real Worker;
// names that are easily mistaken.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { type DefaultTreeAdapterTypes, parse } from 'parse5'
import { exchange, type HttpAnswer } from '#cli/network/http.ts'
import { BAR_PATH } from '#page/bar/barred.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { domainOf, groupOf } from '#protocol/directory/network-file.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { type LyingGroup, startGroup } from '#test/byzantine/group.ts'
import { wgetLog } from '#test/crawl/tools.ts'
import { until } from '#test/support/until.ts'

const SITE = 'maze'
const PAGES_MAX = 200
/** Files of the site, and the links of each. */
const TREE: Readonly<Record<string, readonly string[]>> = {
  '/index.html': ['a b.html', './dir.html', 'dir/', '/deep/er/page.html?utm=1', '%2541.html', 'q%3Fx.html#top'],
  '/a b.html': ["it's%20&amp;%20more.html", 'index.html', '/?from=a'],
  "/it's & more.html": ['%C3%BCn%C3%AF/'],
  '/ünï/index.html': ['../', 'index.html', '#part', '/secret/hidden.html'],
  '/dir.html': ['dir/index.html'],
  '/dir/index.html': ['../dir', '../hash%23mark'],
  '/hash#mark.html': ['//evil.invalid/', 'mailto:somebody@example.invalid'],
  '/%41.html': ['A.html'],
  '/A.html': ['/nowhere.html'],
  '/q?x.html': ['/deep/er/page'],
  '/deep/er/page.html': ['/%61%20b', '/semi;colon,comma'],
  '/semi;colon,comma.html': ['/'],
  '/secret/hidden.html': [],
  // Nobody links to it; it links to others.
  '/alone.html': ['index.html', 'A.html'],
  '/404.html': [],
}
const PAGES = Object.keys(TREE).filter((path) => path !== '/404.html')
const FOUND = PAGES.filter((path) => path !== '/alone.html' && !path.startsWith('/secret/'))
/** As Debian's documents have it: no word that an engine could follow. */
const ON_DISK = '<link rel="canonical" href="file:///usr/share/doc/maze/html/a.html">'
const PLAIN = Object.fromEntries(['s1', 's2', 's3', 's4'].map((label) => [label, ['--target', 'plain']]))

let folder: string
let group: LyingGroup
before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'crawl-site-'))
  const write = (path: string, text: string): void => {
    const file = join(folder, 'public', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  for (const [path, links] of Object.entries(TREE))
    write(
      path,
      `<!doctype html><title>${path}</title>${ON_DISK}${links.map((link) => `<p><a href="${link}">x</a>`).join('')}`,
    )
  write('/robots.txt', 'User-agent: *\nDisallow: /secret/\n')
  const assets = { directory: 'public', not_found_handling: '404-page' }
  writeFileSync(join(folder, 'interpeer.jsonc'), JSON.stringify({ name: SITE, assets }))
  group = await startGroup([], { site: { name: SITE, folder }, arguments: PLAIN })
})
after(async () => {
  await group?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

function addressOf(path: string): string {
  const address = path.endsWith('/index.html') ? path.slice(0, -'index.html'.length) : path.slice(0, -'.html'.length)
  return `${group.gateway}/${SITE}${encodeURI(address).replaceAll('?', '%3F').replaceAll('#', '%23')}`
}

function linksOf(page: string): readonly string[] {
  const found: string[] = []
  const visit = (node: DefaultTreeAdapterTypes.Node): void => {
    if ('attrs' in node && node.nodeName === 'a')
      found.push(...node.attrs.filter(({ name }) => name === 'href').map(({ value }) => value))
    if ('childNodes' in node) node.childNodes.forEach(visit)
  }
  visit(parse(page))
  return found
}

function canonicalsOf({ headers }: HttpAnswer): readonly string[] {
  const link = String(headers.link ?? '')
  return Array.from(link.matchAll(/<([^>]*)>; rel="canonical"/g), ([, address]) => address ?? '')
}

type Page = { readonly url: string; readonly status: number; readonly canonical: readonly string[] }

/** A crawler: asks each origin for its rules before anything else, follows redirects and links, and knows addresses without their fragments. */
class Crawler {
  readonly pages: Page[] = []
  readonly barred: string[] = []
  readonly #rules = new Map<string, readonly string[]>()
  readonly #seen = new Set<string>()

  async crawl(start: string): Promise<void> {
    const queue = [start]
    for (let url = queue.pop(); url !== undefined; url = queue.pop()) {
      if (this.#seen.has(url)) continue
      this.#seen.add(url)
      assert.ok(this.#seen.size < PAGES_MAX, 'a crawl ends')
      if (!(await this.#allows(url))) {
        this.barred.push(url)
        continue
      }
      const answer = await exchange(url, { timeoutMs: 30_000 })
      const { location } = answer.headers
      const next = answer.status >= 300 && answer.status < 400 ? [String(location)] : linksOf(String(answer.body))
      if (answer.status < 300 || answer.status >= 400)
        this.pages.push({ url, status: answer.status, canonical: canonicalsOf(answer) })
      for (const link of next) {
        const found = new URL(link, url)
        found.hash = ''
        if (found.hostname === '127.0.0.1') queue.push(found.href)
      }
    }
  }

  async #allows(url: string): Promise<boolean> {
    const { origin, pathname } = new URL(url)
    let rules = this.#rules.get(origin)
    if (rules === undefined) {
      const { status, body } = await exchange(`${origin}/robots.txt`, { timeoutMs: 30_000 })
      rules = status === 200 ? Array.from(String(body).matchAll(/^Disallow: (\S+)$/gm), ([, rule]) => rule ?? '') : []
      this.#rules.set(origin, rules)
    }
    return !rules.some((rule) => (rule.endsWith('$') ? pathname === rule.slice(0, -1) : pathname.startsWith(rule)))
  }
}

test('F29 by links: every page once under one canonical address, robots obeyed, and no broken link but the site’s own', async () => {
  const crawler = new Crawler()
  await crawler.crawl(`${group.gateway}/${SITE}/`)
  const found = crawler.pages.filter(({ status }) => status === 200)
  for (const { url, canonical } of found) assert.equal(canonical.length, 1, url)
  assert.deepEqual([...new Set(found.map(({ canonical }) => canonical[0]))].sort(), FOUND.map(addressOf).sort())
  const broken = crawler.pages.filter(({ status }) => status !== 200)
  assert.deepEqual(
    [...new Set(broken.map(({ url, status }) => `${status} ${new URL(url).pathname}`))],
    ['404 /nowhere.html'],
  )
  assert.deepEqual(
    broken.flatMap(({ canonical }) => canonical),
    [],
  )
  assert.ok(
    crawler.barred.length > 0 && crawler.barred.every((url) => url.includes('/secret/')),
    String(crawler.barred),
  )
})

test('F29 by sitemaps: from the gateway’s robots.txt to each page, at the address by which it is known', async () => {
  const robots = String((await exchange(`${group.gateway}/robots.txt`)).body)
  const [index] = Array.from(robots.matchAll(/^Sitemap: (\S+)$/gm), ([, address]) => address ?? '')
  const locations = async (url: string): Promise<readonly string[]> => {
    const answer = await exchange(url, { timeoutMs: 30_000 })
    if (answer.status === 307) return locations(String(answer.headers.location))
    assert.equal(answer.status, 200, url)
    return Array.from(String(answer.body).matchAll(/<loc>(.*?)<\/loc>/g), ([, address]) =>
      (address ?? '').replaceAll('&apos;', "'").replaceAll('&amp;', '&'),
    )
  }
  const sitemaps = await locations(index ?? '')
  assert.deepEqual(sitemaps, [`${group.gateway}/${SITE}/sitemap.xml`])
  const pages = await locations(sitemaps[0] ?? '')
  assert.deepEqual([...pages].sort(), PAGES.map(addressOf).sort(), 'those too that nobody links to')
  for (const page of pages) {
    const redirect = await exchange(page)
    assert.equal(redirect.status, 307)
    const answer = await exchange(String(redirect.headers.location), { timeoutMs: 30_000 })
    assert.ok(String(answer.body).includes(ON_DISK), 'what the page says of itself stays')
    assert.deepEqual([answer.status, canonicalsOf(answer)], [200, [page]])
  }
})

test('through the redirect HEAD, If-None-Match and codings are what they are at the member', async () => {
  const visit = async (headers: Record<string, string>, method = 'GET') => {
    const redirect = await exchange(`${group.gateway}/${SITE}/A`, { method, headers })
    assert.equal(redirect.status, 307)
    return exchange(String(redirect.headers.location), { method, headers, timeoutMs: 30_000 })
  }
  const get = await visit({})
  const head = await visit({}, 'HEAD')
  assert.deepEqual([head.status, head.headers.etag, head.body.length], [200, get.headers.etag, 0])
  const same = await visit({ 'if-none-match': String(get.headers.etag) })
  assert.deepEqual([same.status, same.headers.etag], [304, get.headers.etag])
  // No date of it is known, so no date says that it is unchanged.
  assert.equal((await visit({ 'if-modified-since': new Date().toUTCString() })).status, 200)
  assert.equal(get.headers.vary, 'Accept-Encoding, Interpeer-Client, Sec-Fetch-Dest')
})

test('a seeder’s own origin, and what it says of itself, is not for search engines', async () => {
  const [seeder] = group.seeders.all
  assert.ok(seeder)
  const robots = await exchange(`${seeder.ready.http}/robots.txt`)
  assert.deepEqual([robots.status, String(robots.body)], [200, 'User-agent: *\nDisallow: /\n'])
})

const hasWget = spawnSync('which', ['wget'], { stdio: 'ignore' }).status === 0
test('wget finds the same pages, each at one address and under one canonical one', {
  skip: hasWget ? false : 'wget is not installed',
}, async () => {
  const log = join(folder, 'wget.log')
  const patient = ['--tries=5', '--waitretry=1', '--retry-on-http-error=503']
  const shown = ['--no-verbose', '--server-response', '-o', log]
  const words = ['-r', '-l', 'inf', '--delete-after', '-P', join(folder, 'got'), ...shown, ...patient]
  const child = spawn('wget', [...words, `${group.gateway}/${SITE}/`], {
    stdio: 'ignore',
    // In an ASCII locale wget itself reads some addresses otherwise.
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  })
  await new Promise((resolve) => child.once('close', resolve))
  const text = readFileSync(log, 'utf8')
  const { found, broken } = wgetLog(text)
  const pages = found.filter(({ html }) => html)
  for (const { url, canonical } of pages) assert.equal(canonical.length, 1, url)
  assert.deepEqual([...new Set(pages.map(({ canonical }) => canonical[0]))].sort(), FOUND.map(addressOf).sort(), text)
  const paths = new Set(found.map(({ url }) => new URL(url).pathname))
  paths.delete('/robots.txt')
  // What pages need, and not what they lead to.
  paths.delete(BAR_PATH)
  assert.deepEqual(
    [...paths].sort(),
    FOUND.map((path) => new URL(addressOf(path)).pathname.slice(SITE.length + 1)).sort(),
    text,
  )
  assert.deepEqual(
    broken.map((each) => each.replace(/http:\/\/127\.0\.0\.1:\d+/, '')),
    ['404 /nowhere.html'],
  )
})

test('a site that was unpublished is gone, at every address that it had', async () => {
  const { admission, uploader } = group.seeders
  const file = admission.file()
  const job = file.jobs.find(({ name }) => name === SITE)
  assert.ok(job)
  const statement = signStatement(domainOf(file), 'job_end', uploader, { job: groupOf(job).job, time: Date.now() })
  const ended = await exchange(`${file.admission}/jobs/end`, { method: 'POST', body: cborFromValue(statement) })
  assert.equal(ended.status, 200, String(ended.body))
  const page = `${group.gateway}/${SITE}/deep/er/page`
  await until('the gateway knows', async () => (await exchange(page)).status === 410, 60_000)
  assert.doesNotMatch(String((await exchange(`${group.gateway}/sitemap.xml`)).body), /maze/)
  assert.equal((await exchange(`${group.gateway}/never-was/`)).status, 404)
})
