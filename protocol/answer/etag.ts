// Entity tags as the HTTP edge sends them, and how a checker undoes what the edge did (RFC 9110 §8.8.3).
//
// A script's own ETag is covered by the response hash like any header. Where it sets none, the edge adds one derived from that
// very hash, so that it is the same on every member; a coded representation is another representation and so has another tag:
//
//   identity  "<tag>"          gzip  "<tag>-gzip"          br  "<tag>-br"
//
// Invariant: `coveredAnswerHeaders(sent by the edge)` are the headers that the response hash was made of.

import { canonicalPlaces, type ServedAt } from '#protocol/answer/location.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { coveredHeaders, type Headers } from '#protocol/site/response-hash.ts'

export const CODINGS = ['br', 'gzip'] as const
export type Coding = (typeof CODINGS)[number]

const TAG_BYTES = 16

/** The strong tag of an answer whose script set none: the first 16 bytes of the response hash in hexadecimal. */
export function derivedTag(responseHash: Digest): string {
  return `"${hexFromBytes(responseHash.subarray(0, TAG_BYTES))}"`
}

/** A weak tag holds for every coding; a strong one names its own. */
export function codedTag(tag: string, coding: Coding): string {
  return tag.startsWith('"') && tag.endsWith('"') && tag.length >= 2 ? `${tag.slice(0, -1)}-${coding}"` : tag
}

function plainTag(tag: string, coding: Coding): string {
  const suffix = `-${coding}"`
  return tag.startsWith('"') && tag.endsWith(suffix) ? `${tag.slice(0, -suffix.length)}"` : tag
}

/**
 * The covered headers of an answer as it was received, the edge's own tag taken out, a coded tag made plain again and places on the serving
 * origin canonical (`at` absent: it was not served anywhere, nothing is turned back).
 */
export function coveredAnswerHeaders(received: Headers, responseHash: Digest, at?: ServedAt): Headers {
  const sent = received
    .find(([name]) => name.toLowerCase() === 'content-encoding')?.[1]
    .trim()
    .toLowerCase()
  const coding = CODINGS.find((known) => known === sent)
  const derived = derivedTag(responseHash)
  const plain: (readonly [string, string])[] = []
  for (const [name, value] of at === undefined ? received : canonicalPlaces(received, at)) {
    if (name.toLowerCase() !== 'etag') plain.push([name, value])
    else {
      const tag = coding === undefined ? value : plainTag(value, coding)
      if (tag !== derived) plain.push([name, tag])
    }
  }
  return coveredHeaders(plain)
}
