// What the gateway itself says to crawlers: `robots.txt` for its own addresses, and the sitemap index of all sites.
//
// A site's rules are not repeated here: a crawler reads the `robots.txt` of every origin that it is led to (RFC 9309 §2.3), and there stands the site's own, written for
// its own root and certified by its group. `Sitemap:` names each site's sitemap at this gateway too, so that whatever it lists here may be listed
// wherever the redirect leads (sitemaps.org, "Sitemaps & Cross Submits").

import { denied } from '#gateway/deny/denials.ts'
import type { Gateway } from '#gateway/gateway.ts'
import { CRAWL_KEPT_SECONDS, ROBOTS_BYTES_MAX } from '#gateway/settings.ts'

/** Of the gateway's own, what is for programs. `$` ends an address, so that no site whose name begins like it is meant (RFC 9309 §2.2.3). */
const FOR_PROGRAMS: readonly string[] = [
  '/bootstrap$',
  '/dns-query$',
  '/dns-query?',
  '/evidence$',
  '/lookup/',
  '/network$',
  '/register$',
  '/tunnel/',
]
const XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
const NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'

export const CRAWL_HEADERS = { 'Cache-Control': `public, max-age=${CRAWL_KEPT_SECONDS}` } as const

/** In the order of their names. */
function sitemapsOf(gateway: Gateway): readonly string[] {
  const { locations } = gateway
  return [...locations.jobs()]
    .map(({ name }) => name)
    .filter((name) => denied(gateway, name, undefined) === undefined)
    .sort()
    .map((name) => `${locations.canonicalBase}/${name}/sitemap.xml`)
}

/** As many of the sites' sitemaps as fit in what a crawler reads; all of them stand in the index. */
export function robotsText(gateway: Gateway): string {
  const lines = ['User-agent: *', ...FOR_PROGRAMS.map((path) => `Disallow: ${path}`), '']
  lines.push(`Sitemap: ${gateway.locations.canonicalBase}/sitemap.xml`)
  let length = lines.reduce((sum, line) => sum + line.length + 1, 0)
  for (const sitemap of sitemapsOf(gateway)) {
    const line = `Sitemap: ${sitemap}`
    length += line.length + 1
    if (length > ROBOTS_BYTES_MAX) break
    lines.push(line)
  }
  return `${lines.join('\n')}\n`
}

/** One entry a site: a network file has 4,096 at most, and an index may have 50,000. */
export function sitemapIndex(gateway: Gateway): string {
  const entries = sitemapsOf(gateway).map((address) => `<sitemap><loc>${address}</loc></sitemap>\n`)
  return `${XML}<sitemapindex ${NAMESPACE}>\n${entries.join('')}</sitemapindex>\n`
}
