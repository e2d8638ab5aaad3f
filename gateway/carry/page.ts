// A page as a browser gets it at the sites domain: with the bar, and with a fresh key in each of its forms (R9), as at a member itself. What was
// certified is the page without them. A form that comes back loses its key again (question.ts).

import {
  BAR_TYPE,
  type BarFacts,
  barCacheControl,
  barredPage,
  barredTag,
  checkedMark,
  mayHaveBar,
} from '#page/bar/barred.ts'
import { BAR_SCRIPT } from '#page/bar/generated/script.ts'
import { BARRED_BYTES_MAX, isHtml } from '#page/bar/place.ts'
import { base64url } from '#page/form-request.ts'
import { formOffsets, KEY_BYTES, pageWithKeys } from '#page/forms.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { canonicalOrigin } from '#protocol/site/request-headers.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

/** What would let a page be taken from a cache, whose keys are used up by then, or holds for other bytes than are sent. */
const NOT_KEPT =
  /^(?:etag|last-modified|expires|cache-control|content-digest|repr-digest|signature(?:-input)?|interpeer-body)$/i
/** What is said of the bytes of the certified body. */
const OF_BYTES = /^(?:etag|content-length|content-digest|repr-digest|signature(?:-input)?|interpeer-body)$/i
const BODY_HEADER = 'Interpeer-Body'

export type Page = { readonly status: number; readonly headers: Headers; readonly body: Uint8Array }

/** Where a page is shown, and what its bar says. */
export type ShownAt = {
  readonly origin: string
  readonly siteName: string
  /** `Sec-Fetch-Dest`. */
  readonly destination: string | undefined
  readonly facts: BarFacts & { readonly checked: object }
}

function fieldOf(headers: Headers, name: string): string | undefined {
  return headers.find(([key]) => key.toLowerCase() === name)?.[1]
}

/** The headers with the word about the body that whoever sends it has to say, which a member's is not. */
export function withOwnWord(headers: Headers): Headers {
  const others = headers.filter(([name]) => name.toLowerCase() !== BODY_HEADER.toLowerCase())
  return isHtml(fieldOf(headers, 'content-type')) ? [...others, [BODY_HEADER, 'certified']] : others
}

/** The page with bar and keys; undefined: it has neither. */
export function shownPage(page: Page, at: ShownAt, random: (bytes: number) => Uint8Array): Page | undefined {
  const barred = withBar(page, at)
  return keyedPage(barred ?? page, at, random) ?? barred
}

function mayChange(headers: Headers): boolean {
  return isHtml(fieldOf(headers, 'content-type')) && !cacheControlOf(headers).includes('no-transform')
}

function withBar({ status, headers, body }: Page, { origin, destination, facts }: ShownAt): Page | undefined {
  if (!mayChange(headers)) return undefined
  const contentType = fieldOf(headers, 'content-type')
  const barred = barredPage({ body, contentType, headers, origin, destination }, facts, sha256)
  if (barred === undefined) return undefined
  const etag = fieldOf(headers, 'etag')
  return {
    status,
    headers: [
      ...barred.headers.filter(([name]) => !OF_BYTES.test(name)),
      ...(etag === undefined ? [] : [['ETag', barredTag(etag, barred.mark)] as const]),
      [BODY_HEADER, 'barred'],
    ],
    body: barred.body,
  }
}

/** The tag of what such a visitor was sent of an answer with these headers, as far as they tell. */
export function shownTag(headers: Headers, { destination, facts }: ShownAt): string | undefined {
  const etag = fieldOf(headers, 'etag')
  const isSmall = !(Number(fieldOf(headers, 'content-length')) > BARRED_BYTES_MAX)
  if (etag === undefined || !isSmall || !mayChange(headers) || !mayHaveBar(destination)) return etag
  return barredTag(etag, checkedMark(facts, sha256))
}

/** Of a page that is not sent nobody knows yet how long it will be; undefined: it is none that is changed. */
export function shownHead(headers: Headers, at: ShownAt): Headers | undefined {
  if (!mayChange(headers) || !mayHaveBar(at.destination)) return undefined
  const etag = shownTag(headers, at)
  const kept = headers.filter(([name]) => !OF_BYTES.test(name))
  return etag === undefined ? kept : [...kept, ['ETag', etag]]
}

/** The page with keys in its forms; undefined: it has none. */
function keyedPage(
  { status, headers, body }: Page,
  at: ShownAt,
  random: (bytes: number) => Uint8Array,
): Page | undefined {
  if (!mayChange(headers)) return undefined
  const offsets = formOffsets(body, fieldOf(headers, 'content-type'), [at.origin, canonicalOrigin(at.siteName)])
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
  const isBarred = fieldOf(headers, BODY_HEADER.toLowerCase()) === 'barred'
  return [
    ...headers.filter(([name]) => !NOT_KEPT.test(name)),
    ['Cache-Control', ['no-cache', ...kept].join(', ')],
    [BODY_HEADER, isBarred ? 'barred, edited' : 'edited'],
  ]
}

function cacheControlOf(headers: Headers): string {
  return headers
    .filter(([name]) => name.toLowerCase() === 'cache-control')
    .map(([, value]) => value)
    .join(', ')
    .toLowerCase()
}

/** The bar's script: of what is at a site's origin here, the one thing that is the gateway's own. */
export function barScript(method: string, target: string): Response {
  const headers = {
    'Content-Type': BAR_TYPE,
    'Cache-Control': barCacheControl(target),
    'Access-Control-Allow-Origin': '*',
    'X-Content-Type-Options': 'nosniff',
  }
  return new Response(method === 'HEAD' ? null : BAR_SCRIPT, { headers })
}
