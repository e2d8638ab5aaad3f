// R9: the other way round. A form that comes back with a key loses the field again, and the request gets an `Idempotency-Key` of the key and of what was
// filled in: the same form sent twice (a second click, a refresh) runs once, and one that was gone back to and changed is another request.
//
// A multipart body is given a boundary that follows from its content: browsers draw a new one each time they send.

import { KEY_FIELD } from '#page/forms.ts'
import { base64FromBytes, bytesConcat, bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Sha256, sha256By } from '#protocol/codec/digest.ts'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'

export type FormRequest = {
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Uint8Array
}

const KEY_CHARS = 22
const KEY = new RegExp(`^[A-Za-z0-9_-]{${KEY_CHARS}}$`)
/** A body with more parts is left alone: no form has so many fields, and each costs those who wait. */
export const PARTS_MAX = 4_096
const BOUNDARY = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))/i
const URLENCODED = /^application\/x-www-form-urlencoded\s*(?:;|$)/i
const MULTIPART = /^multipart\/form-data\s*;/i
/** A character a byte, whichever they are: where something stands in the text it stands in the bytes. */
const latin1 = new TextDecoder('latin1')

/** What is left without the key; undefined: there is none, and the request stays as it is. */
export function takeFormKey({ headers, body }: FormRequest, sha256: Sha256): FormRequest | undefined {
  const contentType = headers.find(([name]) => name === 'content-type')?.[1]
  if (contentType === undefined) return undefined
  if (URLENCODED.test(contentType)) {
    const taken = fromFields(body)
    return taken === undefined ? undefined : { headers: withKey(headers, taken, contentType, sha256), body: taken.body }
  }
  const boundary = MULTIPART.test(contentType) ? BOUNDARY.exec(contentType) : null
  const name = boundary?.[1] ?? boundary?.[2]
  const taken = name === undefined ? undefined : fromParts(body, name, sha256)
  if (taken === undefined) return undefined
  const type = `multipart/form-data; boundary=${taken.boundary}`
  return { headers: withKey(headers, taken, type, sha256), body: taken.body }
}

type Taken = { readonly key: string; readonly body: Uint8Array }

const FIELD = `${KEY_FIELD}=`

function fromFields(body: Uint8Array): Taken | undefined {
  const text = latin1.decode(body)
  let at = text.indexOf(FIELD)
  while (at > 0 && text[at - 1] !== '&') at = text.indexOf(FIELD, at + 1)
  if (at < 0) return undefined
  const next = text.indexOf('&', at)
  const key = text.slice(at + FIELD.length, next < 0 ? text.length : next)
  if (!KEY.test(key)) return undefined
  // One of the two signs beside it goes with it.
  if (next < 0) return { key, body: body.subarray(0, Math.max(0, at - 1)) }
  return { key, body: bytesConcat(body.subarray(0, at), body.subarray(next + 1)) }
}

const OPENING = `\r\nContent-Disposition: form-data; name="${KEY_FIELD}"\r\n\r\n`

function fromParts(
  body: Uint8Array,
  boundary: string,
  sha256: Sha256,
): (Taken & { readonly boundary: string }) | undefined {
  const text = latin1.decode(body)
  if (!text.includes(OPENING)) return undefined
  const parts = partsOf(text, `--${boundary}`)
  const at = parts?.findIndex(({ start }) => text.startsWith(OPENING, start)) ?? -1
  const part = parts?.[at]
  if (parts === undefined || part === undefined) return undefined
  // The part ends with the line break that belongs to the next delimiter.
  const key = text.slice(part.start + OPENING.length, Math.max(part.start, part.end - 2))
  if (!KEY.test(key)) return undefined
  const rest = parts.toSpliced(at, 1).map(({ start, end }) => body.subarray(start, end))
  const own = `interpeer-${hexFromBytes(sha256By(sha256, joined(rest, '\r\n'))).slice(0, 40)}`
  const taken = joined(rest, `--${own}`)
  // A short boundary is a long one now.
  return taken.length > BODY_BYTES_MAX ? undefined : { key, boundary: own, body: taken }
}

type Part = { readonly start: number; readonly end: number }

/**
 * What stands before, between and behind the delimiters, which begin the body or a line (RFC 2046 §5.1.1); undefined: they are more than
 * a form has parts.
 */
function partsOf(text: string, delimiter: string): readonly Part[] | undefined {
  const line = `\r\n${delimiter}`
  const parts: Part[] = []
  let start = 0
  let at = text.startsWith(delimiter) ? 0 : behindBreak(text.indexOf(line))
  while (at >= 0) {
    if (parts.length > PARTS_MAX) return undefined
    parts.push({ start, end: at })
    start = at + delimiter.length
    at = behindBreak(text.indexOf(line, start))
  }
  parts.push({ start, end: text.length })
  return parts
}

/** The line break in front of a delimiter is the part's. */
function behindBreak(at: number): number {
  return at < 0 ? at : at + 2
}

function joined(parts: readonly Uint8Array[], delimiter: string): Uint8Array {
  const between = bytesFromText(delimiter)
  return bytesConcat(...parts.flatMap((part, index) => (index === 0 ? [part] : [between, part])))
}

/** Sorted by name, as they were. A key that the visitor's own program chose stays. */
function withKey(
  headers: readonly (readonly [string, string])[],
  { key, body }: Taken,
  contentType: string,
  sha256: Sha256,
): readonly (readonly [string, string])[] {
  const kept = headers.map(([name, value]) => [name, name === 'content-type' ? contentType : value] as const)
  if (kept.some(([name]) => name === 'idempotency-key')) return kept
  const filled = base64url(sha256By(sha256, bytesConcat(bytesFromText(`${key}\n`), body)))
  const place = kept.findIndex(([name]) => name > 'idempotency-key')
  return kept.toSpliced(place < 0 ? kept.length : place, 0, ['idempotency-key', filled])
}

/** RFC 4648 §5, without padding. */
export function base64url(bytes: Uint8Array): string {
  return base64FromBytes(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
