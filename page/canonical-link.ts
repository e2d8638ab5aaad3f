// What a site itself says about the canonical address of a page: in the page, or in a `Link` of its script.
//
// A page's own word stays as it is. Where it is a whole address of the web no field stands beside it; a path, which would lead to the member that sent
// it, and what engines do not take (`file:`), are answered by a field with the address at the gateway.

import { isRaw, nextTag, rawEnd } from '#page/tags.ts'
import { CANONICAL_BYTES_MAX, canonicalLink, canonicalTo } from '#protocol/site/canonical.ts'

/** A head that is longer names none, as far as this looks. */
export const HEAD_BYTES_MAX = 128 * 1024

const HTML = /^(?:text\/html|application\/xhtml\+xml)\s*(?:;|$)/i
const ATTRIBUTES: ReadonlySet<string> = new Set(['rel', 'href'])
const WEB = /^https?:\/\//i
const latin1 = new TextDecoder('latin1')

/** The address as it stands in the page's head; undefined: there is none. */
export function pageCanonical(page: Uint8Array, contentType: string | undefined): string | undefined {
  if (contentType === undefined || !HTML.test(contentType)) return undefined
  const text = latin1.decode(page.subarray(0, HEAD_BYTES_MAX))
  if (!/canonical/i.test(text)) return undefined
  let at = 0
  for (let tag = nextTag(text, at, ATTRIBUTES); tag !== undefined; tag = nextTag(text, at, ATTRIBUTES)) {
    const { name, isEnd, attributes } = tag
    at = tag.end
    if (name === 'body' || (name === 'head' && isEnd)) return undefined
    const href = attributes.get('href')?.trim()
    if (name === 'link' && !isEnd && href !== undefined && isCanonical(attributes.get('rel'))) return href
    if (isEnd || !isRaw(name)) continue
    const end = rawEnd(text, name, at)
    if (end === undefined) return undefined
    at = end
  }
  return undefined
}

function isCanonical(rel: string | undefined): boolean {
  return rel?.toLowerCase().split(/\s+/).includes('canonical') === true
}

/**
 * What a script said is canonical: an address of its own site (as it knows it, `origin`) becomes the one at the gateway, that of another
 * site stays. Undefined: it is no address of the web.
 */
export function scriptCanonical(
  address: string,
  { gateway, siteName, origin, target }: { gateway: string; siteName: string; origin: string; target: string },
): string | undefined {
  if (!URL.canParse(address, origin + target)) return undefined
  const url = new URL(address, origin + target)
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return undefined
  if (url.origin === origin) return canonicalLink(gateway, siteName, url.pathname + url.search)
  return url.href.length > CANONICAL_BYTES_MAX ? undefined : canonicalTo(url.href)
}

/** The author names another place, and is to be believed. */
export function isWholeAddress(address: string): boolean {
  return WEB.test(address)
}
