// A page as a browser gets it from a member: with the bar (`page/bar/barred.ts`). To all that follows it is a representation of its own, with
// its tag, codings and digest; root, response hash and so the receipt are those of the certified one.

import { brotliCompressSync } from 'node:zlib'
import { BAR_TYPE, type BarFacts, barCacheControl, barredPage, barredTag, isBarPath } from '#page/bar/barred.ts'
import { BAR_SCRIPT } from '#page/bar/generated/script.ts'
import { contentDigest } from '#protocol/answer/http-signature.ts'
import type { Headers } from '#protocol/site/response-hash.ts'
import { wantedCoding } from '#seeder/serve/coding.ts'
import { nativeSha256, type Representation } from '#seeder/serve/representation.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'

/** The last one made of a page, and for whom. */
const known = new WeakMap<Representation, { readonly key: string; readonly barred: Representation | undefined }>()

/** Undefined: the page goes as it is certified. `gateway`: origin of the network's first. */
export function barredRepresentation(
  page: Representation,
  request: RequestHead,
  siteName: string,
  gateway: string | undefined,
): Representation | undefined {
  const { bytes } = page.plain
  if (request.client || page.sealed || bytes === undefined || !page.isHtml || request.method === 'OPTIONS')
    return undefined
  const { origin, destination } = request
  const key = `${destination ?? ''} ${origin} ${siteName} ${gateway ?? ''}`
  const before = known.get(page)
  if (before?.key === key) return before.barred
  const barred = made(page, bytes, { origin, destination }, { siteName, gateway })
  known.set(page, { key, barred })
  return barred
}

function made(
  page: Representation,
  body: Buffer,
  asked: Pick<RequestHead, 'origin' | 'destination'>,
  facts: BarFacts,
): Representation | undefined {
  const headers: [string, string][] = []
  for (let index = 0; index + 1 < page.fields.length; index += 2)
    headers.push([page.fields[index] ?? '', page.fields[index + 1] ?? ''])
  const barred = barredPage({ body, contentType: page.contentType, headers, ...asked }, facts, nativeSha256)
  if (barred === undefined) return undefined
  const bytes = Buffer.from(barred.body.buffer, barred.body.byteOffset, barred.body.length)
  const { etag } = page.plain
  return {
    ...page,
    fields: barred.headers.flat(),
    bar: barred.mark,
    plain: {
      coding: undefined,
      etag: etag === undefined ? undefined : barredTag(etag, barred.mark),
      bytes,
      length: bytes.length,
      digest: contentDigest(nativeSha256(bytes)),
    },
    coded: new Map(),
    coding: new Map(),
  }
}

const plainScript = Buffer.from(BAR_SCRIPT)
let codedScript: Buffer | undefined

/** The bar's script; undefined: the path is another's. */
export function barScript(request: RequestHead): { readonly headers: Headers; readonly body: Buffer } | undefined {
  if (!isBarPath(request.target)) return undefined
  const isCoded = wantedCoding(request.acceptEncoding) === 'br'
  if (isCoded) codedScript ??= brotliCompressSync(plainScript)
  return {
    headers: [
      ['Content-Type', BAR_TYPE],
      ['Cache-Control', barCacheControl(request.target)],
      ['Vary', 'Accept-Encoding'],
      ...(isCoded ? [['Content-Encoding', 'br'] as const] : []),
    ],
    body: (isCoded ? codedScript : undefined) ?? plainScript,
  }
}
