// R9: the other way round. A form that comes back with a key loses the field again, and the request gets an `Idempotency-Key` of the key and of what was
// filled in: the same form sent twice (a second click, a refresh) runs once, and one that was gone back to and changed is another request.
//
// A multipart body is given a boundary that follows from its content: browsers draw a new one each time they send.

import { hash } from 'node:crypto'
import { KEY_FIELD } from '#seeder/serve/form-keys/page.ts'

export type FormRequest = {
  readonly headers: readonly (readonly [string, string])[]
  readonly body: Buffer
}

const KEY = /^[A-Za-z0-9_-]{22}$/
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

function fromFields(body: Buffer): Taken | undefined {
  const name = `${KEY_FIELD}=`
  if (!body.includes(name)) return undefined
  const fields = body.toString('latin1').split('&')
  const at = fields.findIndex((field) => field.startsWith(name))
  const key = fields[at]?.slice(name.length)
  if (key === undefined || !KEY.test(key)) return undefined
  return { key, body: Buffer.from(fields.toSpliced(at, 1).join('&'), 'latin1') }
}

function fromParts(body: Buffer, boundary: string): (Taken & { readonly boundary: string }) | undefined {
  const delimiter = Buffer.from(`--${boundary}`, 'latin1')
  const parts = partsOf(body, delimiter)
  const opening = `\r\nContent-Disposition: form-data; name="${KEY_FIELD}"\r\n\r\n`
  const at = parts.findIndex((part) => part.subarray(0, opening.length).equals(Buffer.from(opening, 'latin1')))
  const part = parts[at]
  // The part ends with the line break that belongs to the next delimiter.
  const key = part?.toString('latin1', opening.length, part.length - 2)
  if (key === undefined || !KEY.test(key)) return undefined
  const rest = parts.toSpliced(at, 1)
  const own = `interpeer-${hash('sha256', joined(rest, '\r\n'), 'hex').slice(0, 40)}`
  return { key, boundary: own, body: joined(rest, `--${own}`) }
}

/** What stands before, between and behind the delimiters, which begin the body or a line (RFC 2046 §5.1.1). */
function partsOf(body: Buffer, delimiter: Buffer): readonly Buffer[] {
  const parts: Buffer[] = []
  let from = 0
  for (let at = body.indexOf(delimiter); at >= 0; at = body.indexOf(delimiter, at + delimiter.length)) {
    if (at > 0 && (body[at - 2] !== 0x0d || body[at - 1] !== 0x0a)) continue
    parts.push(body.subarray(from, at))
    from = at + delimiter.length
  }
  parts.push(body.subarray(from))
  return parts
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
