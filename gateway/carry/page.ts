// R9 at the sites domain: a page that goes to a browser gets a fresh key in each of its forms, and a form that comes back loses it again,
// as at a member itself. What was certified is the page without them.

import { base64url } from '#page/form-request.ts'
import { formOffsets, KEY_BYTES, pageWithKeys } from '#page/forms.ts'
import { canonicalOrigin } from '#protocol/site/request-headers.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

/** What would let a page be taken from a cache, whose keys are used up by then, or holds for other bytes than are sent. */
const NOT_KEPT =
  /^(?:etag|last-modified|expires|cache-control|content-digest|repr-digest|signature(?:-input)?|interpeer-body)$/i

export type Page = { readonly status: number; readonly headers: Headers; readonly body: Uint8Array }

/** The page with keys in its forms; undefined: it has none. */
export function keyedPage(
  { status, headers, body }: Page,
  at: { readonly origin: string; readonly siteName: string },
  random: (bytes: number) => Uint8Array,
): Page | undefined {
  const fields = (name: string): string[] =>
    headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value)
  if (cacheControlOf(headers).includes('no-transform')) return undefined
  const offsets = formOffsets(body, fields('content-type')[0], [at.origin, canonicalOrigin(at.siteName)])
  if (offsets.length === 0) return undefined
  return {
    status,
    headers: editedHeaders(headers),
    body: pageWithKeys(body, offsets, base64url(random(KEY_BYTES))),
  }
}

/** The headers of an answer that is sent otherwise than it was certified. */
export function editedHeaders(headers: Headers): Headers {
  const kept = ['no-store', 'private'].filter((directive) => cacheControlOf(headers).includes(directive))
  return [
    ...headers.filter(([name]) => !NOT_KEPT.test(name)),
    ['Cache-Control', ['no-cache', ...kept].join(', ')],
    ['Interpeer-Body', 'edited'],
  ]
}

function cacheControlOf(headers: Headers): string {
  return headers
    .filter(([name]) => name.toLowerCase() === 'cache-control')
    .map(([, value]) => value)
    .join(', ')
    .toLowerCase()
}
