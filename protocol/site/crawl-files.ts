// `robots.txt` and `sitemap.xml` of a site that has none of its own: functions of its manifest alone, so that every member gives the same
// ones and certifies them like a file. They know the site by its canonical origin, as a script does (`http://<name>.peer/…`); whoever
// sends them puts the address at the gateway in its place (`page/places.ts`).
//
// Invariant: a sitemap has 1 to SITEMAP_URLS_MAX addresses and stays far below the 50 MB of sitemaps.org; more pages are given in parts.

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { addressOf } from '#protocol/site/asset-address.ts'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import { canonicalOrigin } from '#protocol/site/request-headers.ts'

/** In one file; sitemaps.org allows 50,000. A carried one is held whole. */
export const SITEMAP_URLS_MAX = 5_000
/** Of one file before the gateway's address is put in. */
export const SITEMAP_BYTES_MAX = 512 * 1024
/** Of all parts of a site: what has no place any more is left to the links. Of the most files a bundle may have each has 200 bytes. */
export const SITEMAPS_BYTES_MAX = 4 * 1024 * 1024
/** With a gateway's address before it a URL stays below the 2,048 characters of sitemaps.org. */
const ADDRESS_CHARS_MAX = 1_700

const CRAWL_PATH = /^\/(?:(robots\.txt)|sitemap(?:-([1-9][0-9]{0,4}))?\.xml)$/
const HTML = /^(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i
const URL_OPEN = '<url><loc>'
const URL_CLOSE = '</loc></url>\n'
const XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
const NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'

export type CrawlPath = { readonly kind: 'robots' } | { readonly kind: 'sitemap'; readonly part: number | undefined }
export type CrawlFile = { readonly type: string; readonly bytes: Uint8Array }

/** What crawlers ask for by a path without a query; undefined: it is a page like others. */
export function crawlPathOf(target: string): CrawlPath | undefined {
  const found = CRAWL_PATH.exec(target)
  if (found === null) return undefined
  const [, robots, part] = found
  if (robots !== undefined) return { kind: 'robots' }
  return { kind: 'sitemap', part: part === undefined ? undefined : Number(part) }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll("'", '&apos;')
}

/** Addresses of the pages that the manifest tells of, in order: its HTML files, and the start page that a script makes. */
export function pagesOf({ assets, scriptBytes }: SiteManifest): readonly string[] {
  const pages = new Set<string>()
  if (scriptBytes > 0) pages.add('/')
  if (assets === null || (scriptBytes > 0 && assets.scriptFirst)) return [...pages]
  for (const [path, { type }] of Object.entries(assets.files)) {
    if (!HTML.test(type) || (assets.notFoundHandling === '404-page' && path.endsWith('/404.html'))) continue
    const address = addressOf(assets, path)
    if (address !== undefined && address.length <= ADDRESS_CHARS_MAX) pages.add(address)
  }
  return [...pages].sort((a, b) => (a < b ? -1 : 1))
}

/** The entries of the pages, in as many parts as it takes: dear to make, so to be kept while the manifest is. */
export function sitemapParts(manifest: SiteManifest, siteName: string): readonly string[] {
  const origin = canonicalOrigin(siteName)
  const parts: string[] = []
  let part: string[] = []
  let length = 0
  let total = 0
  for (const page of pagesOf(manifest)) {
    const entry = `${URL_OPEN}${origin}${escaped(page)}${URL_CLOSE}`
    total += entry.length
    if (total > SITEMAPS_BYTES_MAX) break
    if (part.length > 0 && (part.length >= SITEMAP_URLS_MAX || length + entry.length > SITEMAP_BYTES_MAX)) {
      parts.push(part.join(''))
      part = []
      length = 0
    }
    part.push(entry)
    length += entry.length
  }
  if (part.length > 0) parts.push(part.join(''))
  return parts
}

function sitemap(parts: readonly string[], siteName: string, asked: number | undefined): string | undefined {
  const [first] = parts
  const single = parts.length === 1
  const entries = asked === undefined ? (single ? first : undefined) : single ? undefined : parts[asked - 1]
  if (entries !== undefined) return `${XML}<urlset ${NAMESPACE}>\n${entries}</urlset>\n`
  if (asked !== undefined || parts.length === 0) return undefined
  const origin = canonicalOrigin(siteName)
  const list = parts.map((_, index) => `<sitemap><loc>${origin}/sitemap-${index + 1}.xml</loc></sitemap>\n`).join('')
  return `${XML}<sitemapindex ${NAMESPACE}>\n${list}</sitemapindex>\n`
}

function robots(siteName: string): string {
  return `User-agent: *\nDisallow: /.well-known/interpeer/\n\nSitemap: ${canonicalOrigin(siteName)}/sitemap.xml\n`
}

/** What a site without such a file of its own answers there; undefined: nothing. `parts`: its `sitemapParts`. */
export function crawlFile(path: CrawlPath, parts: () => readonly string[], siteName: string): CrawlFile | undefined {
  if (path.kind === 'robots') return { type: 'text/plain; charset=utf-8', bytes: bytesFromText(robots(siteName)) }
  const text = sitemap(parts(), siteName, path.part)
  return text === undefined ? undefined : { type: 'application/xml; charset=utf-8', bytes: bytesFromText(text) }
}
