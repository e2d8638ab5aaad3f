// `robots.txt` and sitemaps as they are sent to crawlers: what they say of the site's canonical origin (`http://<name>.peer/`) is said of the
// address by which it is to be known, at the gateway. What is certified is the file without that.
//
// Invariant: with the address replaced by the canonical origin again, the bytes are those of the certified body.

import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { crawlPathOf } from '#protocol/site/crawl-files.ts'
import { canonicalOrigin } from '#protocol/site/request-headers.ts'

/** A longer one is sent as it is. */
export const PLACED_BYTES_MAX = 4 * 1024 * 1024
/** A character a byte: positions are of bytes, and the text that is looked for is ASCII. */
const latin1 = new TextDecoder('latin1')

export type CrawlBody = { readonly target: string; readonly status: number; readonly body: Uint8Array }

/** `address`: of the site, without a slash at its end. Undefined: it goes as it is. */
export function placedBody(
  { target, status, body }: CrawlBody,
  siteName: string,
  address: string,
): Uint8Array | undefined {
  if (status !== 200 || body.length > PLACED_BYTES_MAX || crawlPathOf(target) === undefined) return undefined
  const own = `${canonicalOrigin(siteName)}/`
  const text = latin1.decode(body)
  const placed = bytesFromText(`${address}/`)
  const parts: Uint8Array[] = []
  let from = 0
  for (let at = text.indexOf(own); at >= 0; at = text.indexOf(own, from)) {
    parts.push(body.subarray(from, at), placed)
    from = at + own.length
  }
  return parts.length === 0 ? undefined : bytesConcat(...parts, body.subarray(from))
}
