// What a member does for crawlers: the `robots.txt` and sitemap of a site that has none, the addresses in them, and the one canonical link of
// each page (protocol/site/crawl-files.ts, page/places.ts, protocol/site/canonical.ts).
//
// Invariant: a page has at most one canonical address: its own word, else its script's, else the address at the gateway under which it is
// found without a redirect.

import { isWholeAddress, pageCanonical, scriptCanonical } from '#page/canonical-link.ts'
import { placedBody } from '#page/places.ts'
import { addressAt } from '#protocol/site/asset-address.ts'
import { canonicalLink, linksOf } from '#protocol/site/canonical.ts'
import { crawlFile, crawlPathOf } from '#protocol/site/crawl-files.ts'
import { type SiteManifest, scriptOrigin } from '#protocol/site/manifest.ts'
import type { Headers } from '#protocol/site/response-hash.ts'
import { selectedOf } from '#seeder/serve/keyed-page.ts'
import type { Head, HostedSite } from '#seeder/serve/port.ts'
import { type Representation, representationOfFile, type Selected } from '#seeder/serve/representation.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'

/** As for the bundle's files: asked about each time, so that a new version is seen at once. */
const CACHE_CONTROL = 'public, max-age=0, must-revalidate'

/** The file that stands in for one that neither bundle nor script has, as certain as the manifest of which `parts` (`sitemapParts`) are made. */
export function generatedFile(
  parts: () => readonly string[],
  siteName: string,
  target: string,
  policy: Headers,
): Representation | undefined {
  const path = crawlPathOf(target)
  const made = path === undefined ? undefined : crawlFile(path, parts, siteName)
  if (made === undefined) return undefined
  const headers: Headers = [['content-type', made.type], ['cache-control', CACHE_CONTROL], ...policy]
  return representationOfFile(200, headers, { bytes: Buffer.from(made.bytes) })
}

/** The file as a crawler gets it; undefined: as it is certified. `gateway` undefined: the network has none, and the site is known where it was asked. */
export function placedFile(
  page: Representation,
  request: RequestHead,
  siteName: string,
  gateway: string | undefined,
): Promise<Selected> | undefined {
  const { bytes } = page.plain
  if (request.client || page.sealed || bytes === undefined) return undefined
  const address = gateway === undefined ? request.origin : `${gateway}/${siteName}`
  const placed = placedBody({ target: request.target, status: page.status, body: bytes }, siteName, address)
  if (placed === undefined) return undefined
  const whole = Buffer.from(placed.buffer, placed.byteOffset, placed.length)
  return selectedOf(whole, page.codable ? request.acceptEncoding : undefined)
}

/** Where an answer stands; `head` undefined: it was ordered, and no file. */
export type LinkedPlace = { readonly site: HostedSite; readonly head: Head | undefined; readonly target: string }
/** The `Link` fields of an answer but that of the evidence: name, value, name, value, … */
export type LinkMaker = (place: LinkedPlace, representation: Representation) => readonly string[]

const ownWords = new WeakMap<Representation, { readonly said: string | undefined }>()

function ownWord(page: Representation): string | undefined {
  const { bytes } = page.plain
  if (bytes === undefined) return undefined
  let known = ownWords.get(page)
  if (known === undefined) {
    known = { said: pageCanonical(bytes, page.contentType) }
    ownWords.set(page, known)
  }
  return known.said
}

export type LinkOptions = {
  readonly manifestOf: (site: HostedSite, head: Head) => SiteManifest | undefined
  /** Origin of the network's first gateway. */
  readonly gateway: () => string | undefined
}

export function createLinks({ manifestOf, gateway }: LinkOptions): LinkMaker {
  function canonicalOf(
    { site, head, target }: LinkedPlace,
    page: Representation,
    linked: string | undefined,
  ): string | undefined {
    const base = gateway()
    if (base === undefined || page.status !== 200) return undefined
    const written = ownWord(page)
    if (written !== undefined && isWholeAddress(written)) return undefined
    const manifest = head === undefined ? undefined : manifestOf(site, head)
    const said = linked ?? written
    const origin = scriptOrigin(manifest, site.name)
    const own =
      said === undefined ? undefined : scriptCanonical(said, { gateway: base, siteName: site.name, origin, target })
    if (own !== undefined) return own
    return canonicalLink(base, site.name, fileAddress(manifest, target) ?? target)
  }

  return (place, page) => {
    const values = page.fields.filter((_, index) => index % 2 === 1 && page.fields[index - 1] === 'link')
    const { rest, canonical: linked } = linksOf(values)
    const canonical = canonicalOf(place, page, linked)
    return [...rest, ...(canonical === undefined ? [] : [canonical])].flatMap((value) => ['Link', value])
  }
}

/** Of the bundle's file that answers this target; undefined: the script does, or nothing. */
function fileAddress(manifest: SiteManifest | undefined, target: string): string | undefined {
  if (manifest === undefined || manifest.assets === null) return undefined
  if (manifest.scriptBytes > 0 && manifest.assets.scriptFirst) return undefined
  const at = target.indexOf('?')
  return addressAt(manifest.assets, at < 0 ? target : target.slice(0, at))
}
