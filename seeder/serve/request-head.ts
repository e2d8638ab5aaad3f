// The head of a request, read once: what the script will see, and what stays between the visitor and this seeder.
//
// Invariant: past this file a request has one host, a target in origin form within its bound, and listed headers within theirs.

import type { IncomingMessage } from 'node:http'
import type { Conditions } from '#protocol/answer/condition.ts'
import { NONCE_BYTES, NONCE_HEADER } from '#protocol/answer/evidence.ts'
import { bytesFromBase64 } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { HEADER_VALUE_BYTES_MAX, HEADERS_MAX, TARGET_BYTES_MAX } from '#protocol/message/request.ts'
import { LISTED_HEADERS } from '#protocol/site/request-headers.ts'
import type { RefusalCode } from '#seeder/serve/refusal.ts'

export type RequestHead = {
  readonly method: string
  /** GET, HEAD and OPTIONS read; every other method is ordered. */
  readonly reads: boolean
  /** Origin form: begins with `/`. */
  readonly target: string
  /** The host as sent, lower case, with its port. */
  readonly host: string
  /** Where the visitor is: how it came, and that host. */
  readonly origin: string
  /** Every header as sent: name, value, name, value, … */
  readonly raw: readonly string[]
  /** Those of them that every script sees, lower-case names, in the order sent. */
  readonly listed: readonly (readonly [string, string])[]
  readonly accept: string | undefined
  readonly acceptEncoding: string | undefined
  readonly prefer: string | undefined
  /** `Sec-Fetch-Dest`: what the browser wants it for. */
  readonly destination: string | undefined
  readonly conditions: Conditions | undefined
  /** Chosen by whoever compares answers; never from another site's page. */
  readonly nonce: Uint8Array | undefined
  readonly height: number | undefined
  readonly contentLength: number | undefined
  readonly hasBody: boolean
  /** `Interpeer-Client: 1`: whoever asks checks answers, and wants the certified body itself. */
  readonly client: boolean
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])
/** Refused though Node parses them: a tunnel, an echo, and the name reserved for the uploader's order. */
const NOT_IMPLEMENTED = new Set(['CONNECT', 'TRACE', 'UPDATE'])
const LISTED = new Set(LISTED_HEADERS)
const TARGET = /^\/[\x21-\x7e]*$/
const HOST = /^(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/
const ABSOLUTE = /^http:\/\/([^/?#]+)(.*)$/i

export function readHead(request: IncomingMessage, scheme: 'http' | 'https'): Result<RequestHead, RefusalCode> {
  const method = request.method ?? ''
  const raw = request.rawHeaders
  let host: string | undefined
  let accept: string | undefined
  let acceptEncoding: string | undefined
  let prefer: string | undefined
  let conditions: Conditions | undefined
  let nonceText: string | undefined
  let heightText: string | undefined
  let contentLength: number | undefined
  let transferCoding: string | undefined
  let crossSite = false
  let destination: string | undefined
  let client = false
  const listed: (readonly [string, string])[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const value = raw[index + 1] ?? ''
    const name = (raw[index] ?? '').toLowerCase()
    switch (name) {
      case 'host':
        if (host !== undefined) return err('host_repeated')
        host = value.toLowerCase()
        break
      case 'accept':
        accept = accept === undefined ? value : `${accept}, ${value}`
        break
      case 'accept-encoding':
        acceptEncoding = acceptEncoding === undefined ? value : `${acceptEncoding}, ${value}`
        break
      case 'prefer':
        prefer = prefer === undefined ? value : `${prefer}, ${value}`
        break
      case 'if-match':
        conditions ??= {}
        conditions.ifMatch = conditions.ifMatch === undefined ? value : `${conditions.ifMatch}, ${value}`
        break
      case 'if-none-match':
        conditions ??= {}
        conditions.ifNoneMatch = conditions.ifNoneMatch === undefined ? value : `${conditions.ifNoneMatch}, ${value}`
        break
      case 'if-modified-since':
        conditions ??= {}
        conditions.ifModifiedSince = value
        break
      case 'if-unmodified-since':
        conditions ??= {}
        conditions.ifUnmodifiedSince = value
        break
      case 'if-range':
        conditions ??= {}
        conditions.ifRange = value
        break
      case 'range':
        conditions ??= {}
        conditions.range = value
        break
      case NONCE_HEADER:
        nonceText = value
        break
      case 'interpeer-client':
        client = value === '1'
        break
      case 'interpeer-height':
        heightText = value
        break
      case 'content-length':
        contentLength = Number(value)
        break
      case 'transfer-encoding':
        transferCoding = transferCoding === undefined ? value : `${transferCoding}, ${value}`
        break
      case 'sec-fetch-dest':
        destination = value
        break
      case 'sec-fetch-site':
        crossSite = value === 'cross-site' || value === 'same-site'
        break
    }
    if (LISTED.has(name)) {
      listed.push([name, value])
      if (listed.length > HEADERS_MAX || value.length > HEADER_VALUE_BYTES_MAX) return err('headers_too_large')
      // A character above 127 is one byte on the wire and two in the canonical form.
      if (2 * value.length > HEADER_VALUE_BYTES_MAX && Buffer.byteLength(value) > HEADER_VALUE_BYTES_MAX)
        return err('headers_too_large')
    }
  }
  let target = request.url ?? ''
  if (!target.startsWith('/')) {
    if (target === '*' && method === 'OPTIONS') target = '/'
    else {
      const absolute = ABSOLUTE.exec(target)
      if (absolute?.[1] === undefined) return err('target_form')
      host = absolute[1].toLowerCase()
      const rest = absolute[2] ?? ''
      target = rest.startsWith('/') ? rest : `/${rest}`
    }
  }
  if (host === undefined || host === '') return err('host_missing')
  if (!HOST.test(host)) return err('bad_request')
  if (NOT_IMPLEMENTED.has(method)) return err('method_not_implemented')
  if (target.length > TARGET_BYTES_MAX) return err('target_too_long')
  if (!TARGET.test(target)) return err('target_form')
  if (transferCoding !== undefined) {
    // The parser refuses both together as well; a proxy in front must not be able to disagree with it.
    if (contentLength !== undefined) return err('bad_request')
    if (transferCoding.toLowerCase() !== 'chunked') return err('coding_not_implemented')
  }
  const reads = READS.has(method)
  const hasBody = transferCoding !== undefined || (contentLength ?? 0) > 0
  if (reads && hasBody) return err('body_on_read')
  let nonce: Uint8Array | undefined
  if (nonceText !== undefined && reads && !crossSite) {
    const bytes = bytesFromBase64(nonceText)
    if (!bytes.ok || bytes.value.length !== NONCE_BYTES) return err('nonce_form')
    nonce = bytes.value
  }
  let height: number | undefined
  if (heightText !== undefined && reads) {
    if (!/^[0-9]{1,15}$/.test(heightText)) return err('height_form')
    height = Number(heightText)
  }
  return ok({
    method,
    reads,
    target,
    host,
    origin: `${scheme}://${host}`,
    raw,
    listed,
    accept,
    acceptEncoding,
    prefer,
    destination,
    conditions,
    nonce,
    height,
    contentLength,
    hasBody,
    client,
  })
}

/** Every header as sent, for a site whose script sees more than the agreed list. */
export function sentPairs(raw: readonly string[]): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = []
  for (let index = 0; index + 1 < raw.length; index += 2) pairs.push([raw[index] ?? '', raw[index + 1] ?? ''])
  return pairs
}
