// What crawlers read of a site that the gateway carries. `Link` is no part of what is certified, so of a member's links only the one to its
// certificate goes on, and the canonical one is the gateway's own word.

import { isWholeAddress, pageCanonical } from '#page/canonical-link.ts'
import { placedBody } from '#page/places.ts'
import { CERTIFICATE_RELATION, WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { canonicalLink } from '#protocol/site/canonical.ts'
import { crawlPathOf } from '#protocol/site/crawl-files.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

/** The whole field, so that nothing can stand beside it. */
const CERTIFICATE_LINK = new RegExp(
  `^<${WELL_KNOWN.replaceAll('.', '\\.')}certificate/[0-9]{1,16}>; rel="${CERTIFICATE_RELATION}"$`,
)
/** What holds for other bytes than are sent, or would let them be taken from a cache as if they were certified. */
const NOT_KEPT = /^(?:etag|last-modified|expires|cache-control|content-digest|repr-digest|signature(?:-input)?)$/i
const NOT_KEPT_OF_HEAD = /^(?:etag|last-modified|content-length|content-digest|repr-digest|signature(?:-input)?)$/i

export type CarriedPage = { readonly status: number; readonly headers: Headers; readonly body: Uint8Array | undefined }
export type CarriedAt = { readonly base: string; readonly siteName: string; readonly target: string }

/** The headers with the links that the gateway can answer for. `page.body` undefined: it is large, or not sent. */
export function withOwnLinks({ status, headers, body }: CarriedPage, { base, siteName, target }: CarriedAt): Headers {
  const kept = headers.filter(([name, value]) => name.toLowerCase() !== 'link' || CERTIFICATE_LINK.test(value))
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  const written = body === undefined ? undefined : pageCanonical(body, type)
  if (status !== 200 || (written !== undefined && isWholeAddress(written))) return kept
  const link = canonicalLink(base, siteName, target)
  return link === undefined ? kept : [...kept, ['Link', link]]
}

/** `robots.txt` and sitemaps with the site's address at the gateway in them; undefined: they go as they are. */
export function placedPage(
  { status, headers, body }: CarriedPage,
  { base, siteName, target }: CarriedAt,
): CarriedPage | undefined {
  if (status !== 200 || crawlPathOf(target) === undefined) return undefined
  const placed = body === undefined ? undefined : placedBody({ target, status, body }, siteName, `${base}/${siteName}`)
  // Of one that is not sent nobody knows yet how long it will be.
  if (body === undefined) return { status, headers: headers.filter(([name]) => !NOT_KEPT_OF_HEAD.test(name)), body }
  if (placed === undefined) return undefined
  const fields = headers.filter(([name]) => !NOT_KEPT.test(name))
  return { status, headers: [...fields, ['Cache-Control', 'no-cache'], ['Interpeer-Body', 'edited']], body: placed }
}
