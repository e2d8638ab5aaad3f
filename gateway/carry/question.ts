// What a visitor asked of a site's name under the sites domain, and what of it a member is told.
//
// A member is asked without conditions, ranges and codings of the visitor's: what comes back is the whole certified answer, or
// its head; what the visitor made of it before (RFC 9110 §13, §14) is answered here, from what was checked.

import { withoutFloor } from '#gateway/carry/floor.ts'
import { base64url, takeFormKey } from '#page/form-request.ts'
import { CONDITION_FIELDS, HOP_FIELDS } from '#protocol/answer/hop-fields.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

/** Of one connection, of the edge, or answered here. */
const NOT_PASSED: ReadonlySet<string> = new Set([
  ...HOP_FIELDS,
  ...CONDITION_FIELDS,
  'accept-encoding',
  'cdn-loop',
  'content-length',
  'expect',
  'forwarded',
  'host',
  'interpeer-height',
  'interpeer-nonce',
  'prefer',
  'true-client-ip',
  'via',
])
const NOT_PASSED_PREFIXES = ['cf-', 'x-forwarded-', 'x-real-', 'interpeer-tunnel-']
const IDEMPOTENCY_KEY = 'idempotency-key'
/** 128 bits (R9). */
const KEY_BYTES = 16

export type Question = {
  readonly method: string
  /** Path and query as the visitor sent them. */
  readonly target: string
  readonly scheme: 'http' | 'https'
  /** With its port. */
  readonly host: string
  /** As they go to the member, lower-case names. */
  readonly headers: Headers
  /** Whole. */
  readonly body: Uint8Array
  /** Whose share it counts for at the member. */
  readonly source: string
}

/** It checks answers itself, and wants the certified body. */
export function isClient(request: Request): boolean {
  return request.headers.get('interpeer-client') === '1'
}

export function isSafe(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS'
}

export function originOf({ scheme, host }: Pick<Question, 'scheme' | 'host'>): string {
  return `${scheme}://${host}`
}

export type Asker = {
  readonly url: URL
  readonly target: string
  readonly source: string
  readonly random: (bytes: number) => Uint8Array
}

/**
 * A form's key is taken from it unless whoever asks checks answers itself; a write without any gets one, so that it can be asked of another
 * member and still runs once (R9).
 */
export function questionOf(request: Request, body: Uint8Array, { url, target, source, random }: Asker): Question {
  const { method } = request
  const passed = [...withoutFloor([...request.headers].filter(([name]) => isPassed(name)))]
  const sent = { headers: passed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)), body }
  const taken = isSafe(method) || isClient(request) ? undefined : takeFormKey(sent, sha256)
  const headers = [...(taken ?? sent).headers]
  if (!isSafe(method) && !headers.some(([name]) => name === IDEMPOTENCY_KEY))
    headers.push([IDEMPOTENCY_KEY, base64url(random(KEY_BYTES))])
  // The certified body itself, in its identity coding: nothing else can be held against the evidence.
  const plain = [...headers.filter(([name]) => name !== 'interpeer-client'), ['interpeer-client', '1'] as const]
  return {
    method,
    target,
    scheme: url.protocol === 'https:' ? 'https' : 'http',
    host: url.host,
    headers: plain,
    body: (taken ?? sent).body,
    source,
  }
}

function isPassed(name: string): boolean {
  return !NOT_PASSED.has(name) && !NOT_PASSED_PREFIXES.some((prefix) => name.startsWith(prefix))
}
