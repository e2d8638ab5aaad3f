import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placedBody } from '#page/places.ts'
import { canonicalLink, linksOf } from '#protocol/site/canonical.ts'
import {
  crawlFile,
  crawlPathOf,
  pagesOf,
  SITEMAP_BYTES_MAX,
  SITEMAP_URLS_MAX,
  SITEMAPS_BYTES_MAX,
  sitemapParts,
} from '#protocol/site/crawl-files.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { MANIFEST_VERSION, type SiteManifest } from '#protocol/site/manifest.ts'

const ENTRY = { size: 1, hash: '0'.repeat(32) }
function manifestOf(files: readonly string[], change: Partial<SiteManifest> = {}): SiteManifest {
  const entries = files.map((path) => [path, { ...ENTRY, type: /\.html$/.test(path) ? 'text/html' : 'text/css' }])
  return {
    version: MANIFEST_VERSION,
    name: 'demo',
    scriptBytes: 0,
    databases: [],
    kv: [],
    files: [],
    crons: [],
    assets: {
      htmlHandling: 'auto-trailing-slash',
      notFoundHandling: '404-page',
      scriptFirst: false,
      files: Object.fromEntries(entries),
    },
    headers: [],
    volatile: [],
    origin: null,
    ...change,
  }
}

const known = new WeakMap<SiteManifest, readonly string[]>()
function partsOf(manifest: SiteManifest): readonly string[] {
  const parts = known.get(manifest) ?? sitemapParts(manifest, 'demo')
  known.set(manifest, parts)
  return parts
}

function textAt(manifest: SiteManifest, target: string): string | undefined {
  const path = crawlPathOf(target)
  const file = path === undefined ? undefined : crawlFile(path, () => partsOf(manifest), 'demo')
  return file === undefined ? undefined : Buffer.from(file.bytes).toString()
}

const locationsIn = (text: string | undefined): readonly string[] =>
  Array.from((text ?? '').matchAll(/<loc>(.*?)<\/loc>/g), ([, address]) => address ?? '')

test('crawlers ask for these paths and no others', () => {
  for (const target of ['/robots.txt', '/sitemap.xml', '/sitemap-1.xml', '/sitemap-99999.xml'])
    assert.notEqual(crawlPathOf(target), undefined, target)
  for (const target of [
    '/Robots.txt',
    '/robots.txt?',
    '/a/robots.txt',
    '/sitemap-0.xml',
    '/sitemap-100000.xml',
    '/sitemap.xml.gz',
  ])
    assert.equal(crawlPathOf(target), undefined, target)
})

test('the pages are the HTML files that are answered with 200, and a script’s start page', () => {
  assert.deepEqual(pagesOf(manifestOf(['/index.html', '/404.html', '/a/404.html', '/b.html', '/x.css'])), ['/', '/b'])
  assert.deepEqual(pagesOf(manifestOf(['/b.html'], { scriptBytes: 9 })), ['/', '/b'])
  assert.deepEqual(pagesOf(manifestOf([], { scriptBytes: 9, assets: null })), ['/'])
  const { assets } = manifestOf(['/b.html'])
  assert.ok(assets)
  assert.deepEqual(pagesOf(manifestOf([], { scriptBytes: 9, assets: { ...assets, scriptFirst: true } })), ['/'])
})

test('sitemaps.org: no file is larger than is allowed, however many pages there are, and each page stands in one', () => {
  for (const length of [10, 120]) {
    const files = Array.from({ length: LIMITS.assets }, (_, index) => `/${String(index).padStart(length, 'a')}.html`)
    const manifest = manifestOf(files)
    const index = textAt(manifest, '/sitemap.xml')
    assert.match(index ?? '', /<sitemapindex/)
    const parts = locationsIn(index).map((address) => address.slice('http://demo.peer'.length))
    assert.deepEqual(
      parts,
      parts.map((_, at) => `/sitemap-${at + 1}.xml`),
    )
    const pages = parts.flatMap((part) => {
      const text = textAt(manifest, part)
      const found = locationsIn(text)
      assert.ok(found.length >= 1 && found.length <= SITEMAP_URLS_MAX && (text?.length ?? 0) < SITEMAP_BYTES_MAX + 200)
      return found
    })
    assert.deepEqual(
      pages,
      pagesOf(manifest).map((page) => `http://demo.peer${page}`),
    )
    assert.equal(textAt(manifest, `/sitemap-${parts.length + 1}.xml`), undefined)
  }
})

test('all sitemaps of a site together are bounded: what has no place is left to its links', () => {
  const files = Array.from({ length: 5_000 }, (_, index) => `/${String(index).padStart(250, 'ü')}.html`)
  const parts = partsOf(manifestOf(files))
  const bytes = parts.reduce((sum, part) => sum + part.length, 0)
  assert.ok(bytes <= SITEMAPS_BYTES_MAX && bytes > SITEMAPS_BYTES_MAX - SITEMAP_BYTES_MAX)
})

test('a site of no page has no sitemap, and one of few has no parts', () => {
  assert.equal(textAt(manifestOf(['/x.css']), '/sitemap.xml'), undefined)
  const few = manifestOf(['/index.html'])
  assert.deepEqual(locationsIn(textAt(few, '/sitemap.xml')), ['http://demo.peer/'])
  assert.equal(textAt(few, '/sitemap-1.xml'), undefined)
})

test('only the site’s own origin is put at the gateway, byte by byte', () => {
  const place = (text: string, target = '/robots.txt') => {
    const body = placedBody({ target, status: 200, body: Buffer.from(text) }, 'demo', 'https://g.example/demo')
    return body === undefined ? undefined : Buffer.from(body).toString()
  }
  assert.equal(place('ü http://demo.peer/a http://demo.peer/b'), 'ü https://g.example/demo/a https://g.example/demo/b')
  assert.equal(place('http://demo.peer.example/ http://xdemo.peer/ http://demo.peer'), undefined)
  assert.equal(place('http://demo.peer/', '/page'), undefined)
})

test('RFC 8288 the links of a field are taken apart at the commas between them', () => {
  assert.deepEqual(
    linksOf(['</a>; rel=preload; title="x, y", </b,c>; rel="alternate canonical"; x="1"', '</d>; rel=next']),
    {
      rest: ['</a>; rel=preload; title="x, y"', '</d>; rel=next'],
      canonical: '/b,c',
    },
  )
  assert.deepEqual(linksOf(['</canonical>; rel=next']), { rest: ['</canonical>; rel=next'], canonical: undefined })
  assert.equal(
    canonicalLink('https://g.example', 'demo', '/a>b"c'),
    '<https://g.example/demo/a%3Eb%22c>; rel="canonical"',
  )
})
