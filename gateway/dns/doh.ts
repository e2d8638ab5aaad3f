// DNS over HTTPS (RFC 8484) at `/dns-query`, for the zones of this network and no other.
//
//   GET ?dns=<base64url> ─┬─> query ── records (memory) ──> answer, kept by caches for as long as its records
//   POST, the same bytes ─┘
//   GET ?name=…&type=…   ────> the same in JSON
//
// What is no message at all is an HTTP error; what is one gets its answer as one, with status 200 (RFC 8484 §4.2.1).

import { answerOf } from '#gateway/dns/records.ts'
import type { Gateway } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { bytesFromBase64, bytesFromText } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { DNS_MESSAGE_BYTES_MAX } from '#protocol/dns/constants.ts'
import { jsonOfAnswer, queryOfNames } from '#protocol/dns/json.ts'
import { type Answer, answerToBytes, lifeOf, queryFromBytes } from '#protocol/dns/message.ts'

const MESSAGE_TYPE = 'application/dns-message'
const JSON_TYPE = 'application/dns-json'
const NOT_KEPT = 'no-store'
const HOT_START = '/dns-query?dns='
/** Unpadded base64url of the longest message. */
const TEXT_MAX = Math.ceil((DNS_MESSAGE_BYTES_MAX * 4) / 3)

export type DohAnswer = { readonly bytes: Uint8Array; readonly type: string; readonly cacheControl: string }

function bad(detail: string): Result<never, GatewayError> {
  return err({ code: 'bad_dns_query', detail })
}

function cacheControlOf(answer: Answer): string {
  const life = lifeOf(answer)
  return life === undefined ? NOT_KEPT : `public, max-age=${life}`
}

function answered(gateway: Gateway, message: Uint8Array, now: number): Result<DohAnswer, GatewayError> {
  const query = queryFromBytes(message)
  if (query.ok) {
    const answer = answerOf(gateway, query.value, now)
    gateway.ports.counts?.named(answer.rcode)
    const bytes = answerToBytes(query.value, answer, { maxBytes: DNS_MESSAGE_BYTES_MAX, isPrivate: true })
    return ok({ bytes, type: MESSAGE_TYPE, cacheControl: cacheControlOf(answer) })
  }
  switch (query.error.code) {
    case 'bad_query':
      gateway.ports.counts?.named(query.error.rcode)
      return ok({ bytes: query.error.answer, type: MESSAGE_TYPE, cacheControl: NOT_KEPT })
    case 'too_long':
      return err({ code: 'body_too_large', maxBytes: DNS_MESSAGE_BYTES_MAX })
    case 'no_query':
      return bad('shorter than a header, or an answer')
  }
}

/** RFC 4648 §5, without padding, as RFC 8484 §6 has it. */
function answeredText(gateway: Gateway, text: string, now: number): Result<DohAnswer, GatewayError> {
  if (text.length > TEXT_MAX) return err({ code: 'body_too_large', maxBytes: DNS_MESSAGE_BYTES_MAX })
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return bad('base64url without padding is expected')
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/')
  const bytes = bytesFromBase64(base64.padEnd(Math.ceil(base64.length / 4) * 4, '='))
  return bytes.ok ? answered(gateway, bytes.value, now) : bad('base64url without padding is expected')
}

export function answerGet(gateway: Gateway, url: string, now: number): Result<DohAnswer, GatewayError> {
  const { searchParams } = new URL(url)
  const [dns, ...others] = searchParams.getAll('dns')
  if (dns !== undefined) return others.length > 0 ? bad('`dns` more than once') : answeredText(gateway, dns, now)
  const [name, ...names] = searchParams.getAll('name')
  const [type = 'A', ...types] = searchParams.getAll('type')
  if (name === undefined) return bad('neither `dns` nor `name` is given')
  if (names.length + types.length > 0) return bad('`name` or `type` more than once')
  const query = queryOfNames(name, type, /^(1|true)$/.test(searchParams.get('cd') ?? ''))
  if (query === undefined) return bad('`name` is no domain name in ASCII, or `type` no type')
  const answer = answerOf(gateway, query, now)
  gateway.ports.counts?.named(answer.rcode)
  const bytes = bytesFromText(JSON.stringify(jsonOfAnswer(query, answer)))
  return ok({ bytes, type: JSON_TYPE, cacheControl: cacheControlOf(answer) })
}

export async function answerPost(gateway: Gateway, request: Request): Promise<Result<DohAnswer, GatewayError>> {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase()
  if (type !== MESSAGE_TYPE) return err({ code: 'unsupported_media_type', expected: MESSAGE_TYPE })
  const body = await gateway.bodies.read(request, DNS_MESSAGE_BYTES_MAX)
  return body.ok ? answered(gateway, body.value, gateway.ports.now()) : body
}

/** The answer to a plain GET without a router or a wait; undefined: the router decides. */
export function hotDns(gateway: Gateway, request: Request, now: number): Response | undefined {
  const { url, method } = request
  const start = url.indexOf('/', 8)
  if (method !== 'GET' || gateway.network === undefined || !url.startsWith(HOT_START, start)) return undefined
  const text = url.slice(start + HOT_START.length)
  const answer = answeredText(gateway, text, now)
  if (!answer.ok) return undefined
  const { bytes, type, cacheControl } = answer.value
  const headers = { 'Content-Type': type, 'Cache-Control': cacheControl, 'Access-Control-Allow-Origin': '*' }
  return new Response(bytes as Uint8Array<ArrayBuffer>, { headers })
}
