// R9: the page as it is sent to a browser: the certified body, with a hidden field behind the start tag of every form that posts. The key is drawn for
// this one answer; the receipt covers the body without it, `Content-Digest` and the signature cover the bytes that are sent.
//
// Invariant: without the fields, which are of one form and one length, the bytes are those of the certified body.

import { formOffsets, KEY_BYTES, pageWithKeys } from '#page/forms.ts'
import { contentDigest } from '#protocol/answer/http-signature.ts'
import { canonicalOrigin } from '#protocol/site/request-headers.ts'
import { code, wantedCoding } from '#seeder/serve/coding.ts'
import { nativeSha256, type Representation, type Selected } from '#seeder/serve/representation.ts'
import type { RequestHead } from '#seeder/serve/request-head.ts'

const known = new WeakMap<Representation, { readonly origin: string; readonly offsets: readonly number[] }>()

function offsetsIn(page: Representation, origin: string, siteName: string): readonly number[] {
  const { bytes } = page.plain
  if (bytes === undefined || bytes.length === 0 || page.sealed) return []
  const before = known.get(page)
  if (before?.origin === origin) return before.offsets
  const offsets = formOffsets(bytes, page.contentType, [origin, canonicalOrigin(siteName)])
  known.set(page, { origin, offsets })
  return offsets
}

export type KeyedPage = {
  readonly random: (bytes: number) => Uint8Array
  readonly page: Representation
  readonly request: RequestHead
  readonly siteName: string
}

/** The page with a fresh key in its forms; undefined: it has none, or whoever asks wants the certified body itself. */
export function keyedPage({ random, page, request, siteName }: KeyedPage): Promise<Selected> | undefined {
  if (request.client) return undefined
  const { bytes } = page.plain
  const offsets = offsetsIn(page, request.origin, siteName)
  if (bytes === undefined || offsets.length === 0) return undefined
  const key = Buffer.from(random(KEY_BYTES)).toString('base64url')
  const keyed = pageWithKeys(bytes, offsets, key)
  return selectedOf(
    Buffer.from(keyed.buffer, keyed.byteOffset, keyed.length),
    page.codable ? request.acceptEncoding : undefined,
  )
}

/** Bytes that are no certified body, in the coding that is wanted. */
export async function selectedOf(whole: Buffer, acceptEncoding: string | undefined): Promise<Selected> {
  const wanted = wantedCoding(acceptEncoding)
  const coded = wanted === undefined ? whole : await code(wanted, whole)
  const bytes = coded.length < whole.length ? coded : whole
  const coding = bytes === whole ? undefined : wanted
  // No tag: the next answer has another key, and a page with a used one must not come from a cache.
  return { coding, etag: undefined, bytes, length: bytes.length, digest: contentDigest(nativeSha256(bytes)) }
}
