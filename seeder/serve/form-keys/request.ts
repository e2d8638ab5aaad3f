// R9: the other way round. A form that comes back with a key loses the field again, and the request gets an `Idempotency-Key` of the key and of what was
// filled in: the same form sent twice (a second click, a refresh) runs once, and one that was gone back to and changed is another request.
//
// A multipart body is given a boundary that follows from its content: browsers draw a new one each time they send.

import { hash } from 'node:crypto'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'
import { KEY_FIELD } from '#seeder/serve/form-keys/page.ts'

export type FormRequest = {
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

const KEY_CHARS = 22
const KEY = new RegExp(`^[A-Za-z0-9_-]{${KEY_CHARS}}$`)
/** A body with more parts is left alone: no form has so many fields, and each costs those who wait. */
export const PARTS_MAX = 4_096
const BOUNDARY = /;\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s;"]{1,70}))/i
const URLENCODED = /^application\/x-www-form-urlencoded\s*(?:;|$)/i
const MULTIPART = /^multipart\/form-data\s*;/i

/** What is left without the key; undefined: there is none, and the request stays as it is. */
export function takeFormKey({ headers, body }: FormRequest): FormRequest | undefined {
  const contentType = headers.find(([name]) => name === 'content-type')?.[1]
  if (contentType === undefined) return undefined
  if (URLENCODED.test(contentType)) {
    const taken = fromFields(body)
    return taken === undefined ? undefined : { headers: withKey(headers, taken, contentType), body: taken.body }
  }
  const boundary = MULTIPART.test(contentType) ? BOUNDARY.exec(contentType) : null
  const name = boundary?.[1] ?? boundary?.[2]
  const taken = name === undefined ? undefined : fromParts(body, name)
  if (taken === undefined) return undefined
  return { headers: withKey(headers, taken, `multipart/form-data; boundary=${taken.boundary}`), body: taken.body }
}

type Taken = { readonly key: string; readonly body: Buffer }

const FIELD = Buffer.from(`${KEY_FIELD}=`, 'latin1')
const AMPERSAND = 0x26

function fromFields(body: Buffer): Taken | undefined {
  let at = body.indexOf(FIELD)
  while (at > 0 && body[at - 1] !== AMPERSAND) at = body.indexOf(FIELD, at + 1)
  if (at < 0) return undefined
  const next = body.indexOf(AMPERSAND, at)
  const end = next < 0 ? body.length : next
  const key = body.toString('latin1', at + FIELD.length, Math.min(end, at + FIELD.length + KEY_CHARS + 1))
  if (!KEY.test(key)) return undefined
  // One of the two signs beside it goes with it.
  const rest = next < 0 ? [body.subarray(0, Math.max(0, at - 1))] : [body.subarray(0, at), body.subarray(next + 1)]
  return { key, body: Buffer.concat(rest) }
}

const OPENING = Buffer.from(`\r\nContent-Disposition: form-data; name="${KEY_FIELD}"\r\n\r\n`, 'latin1')

function fromParts(body: Buffer, boundary: string): (Taken & { readonly boundary: string }) | undefined {
  if (!body.includes(OPENING)) return undefined
  const parts = partsOf(body, Buffer.from(`--${boundary}`, 'latin1'))
  const at = parts?.findIndex((part) => part.subarray(0, OPENING.length).equals(OPENING)) ?? -1
  const part = parts?.[at]
  if (parts === undefined || part === undefined) return undefined
  // The part ends with the line break that belongs to the next delimiter.
  const key = part.toString('latin1', OPENING.length, Math.min(part.length - 2, OPENING.length + KEY_CHARS + 1))
  if (!KEY.test(key)) return undefined
  const rest = parts.toSpliced(at, 1)
  const own = `interpeer-${hash('sha256', joined(rest, '\r\n'), 'hex').slice(0, 40)}`
  const taken = joined(rest, `--${own}`)
  // A short boundary is a long one now.
  return taken.length > BODY_BYTES_MAX ? undefined : { key, boundary: own, body: taken }
}

/**
 * What stands before, between and behind the delimiters, which begin the body or a line (RFC 2046 §5.1.1); undefined: they are more than
 * a form has parts.
 */
function partsOf(body: Buffer, delimiter: Buffer): readonly Buffer[] | undefined {
  const line = Buffer.concat([Buffer.from('\r\n', 'latin1'), delimiter])
  const parts: Buffer[] = []
  let from = 0
  let at = body.subarray(0, delimiter.length).equals(delimiter) ? 0 : behindBreak(body.indexOf(line))
  while (at >= 0) {
    if (parts.length > PARTS_MAX) return undefined
    parts.push(body.subarray(from, at))
    from = at + delimiter.length
    at = behindBreak(body.indexOf(line, from))
  }
  parts.push(body.subarray(from))
  return parts
}

/** The line break in front of a delimiter is the part's. */
function behindBreak(at: number): number {
  return at < 0 ? at : at + 2
}

function joined(parts: readonly Buffer[], delimiter: string): Buffer {
  const between = Buffer.from(delimiter, 'latin1')
  return Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [between, part])))
}

/** Sorted by name, as they were. A key that the visitor's own program chose stays. */
function withKey(
  headers: readonly (readonly [string, string])[],
  { key, body }: Taken,
  contentType: string,
): readonly (readonly [string, string])[] {
  const kept = headers.map(([name, value]) => [name, name === 'content-type' ? contentType : value] as const)
  if (kept.some(([name]) => name === 'idempotency-key')) return kept
  const filled = hash('sha256', Buffer.concat([Buffer.from(`${key}\n`, 'latin1'), body]), 'base64url')
  const place = kept.findIndex(([name]) => name > 'idempotency-key')
  return kept.toSpliced(place < 0 ? kept.length : place, 0, ['idempotency-key', filled])
}
