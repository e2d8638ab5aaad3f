// The opening handshake of a visitor's WebSocket (RFC 6455 §4.2), and what of it the site is asked with: a read first, a write for each message.
//
// Invariant: a page of another origin opens no socket here. No CORS guards one, and the visitor's cookies would come along.

import { CONDITION_FIELDS, HOP_FIELDS } from '#protocol/answer/hop-fields.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

export const SOCKET_VERSION = '13'
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/

/** Whether a request asks for a WebSocket. What asks for another protocol is answered in the one that it came by (RFC 9110 §7.8). */
export function asksForSocket(method: string | undefined, upgrade: string | null | undefined): boolean {
  return method === 'GET' && upgrade?.trim().toLowerCase() === 'websocket'
}

export type HandshakeError = { readonly code: 'socket_version' | 'socket_key' | 'foreign_origin' }

export type Handshake = {
  /** `Sec-WebSocket-Version`. */
  readonly version: string | null | undefined
  /** `Sec-WebSocket-Key`. */
  readonly key: string | null | undefined
  /** `Origin`; programs send none. */
  readonly origin: string | null | undefined
}

/** `own`: the origin by which the site was asked. */
export function checkHandshake({ version, key, origin }: Handshake, own: string): Result<undefined, HandshakeError> {
  if (version?.trim() !== SOCKET_VERSION) return err({ code: 'socket_version' })
  if (key == null || !KEY.test(key.trim())) return err({ code: 'socket_key' })
  if (origin != null && origin !== own) return err({ code: 'foreign_origin' })
  return ok(undefined)
}

/** Of one connection, of the handshake itself, or of another kind of request than these; `host` is said anew by whoever asks. */
const NOT_ASKED: ReadonlySet<string> = new Set([
  ...HOP_FIELDS,
  ...CONDITION_FIELDS,
  'accept',
  'accept-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'idempotency-key',
  'interpeer-client',
  'interpeer-height',
  'interpeer-nonce',
  'prefer',
])
const NOT_ASKED_PREFIX = 'sec-websocket-'
const LAST_EVENT_ID = 'last-event-id'

function kept(sent: Headers): Headers {
  return sent.filter(([name]) => {
    const lower = name.toLowerCase()
    return !NOT_ASKED.has(lower) && !lower.startsWith(NOT_ASKED_PREFIX)
  })
}

/** What the events are asked for with. */
export function readFields(sent: Headers): Headers {
  return [...kept(sent), ['accept', 'text/event-stream']]
}

/** What a message is written with. `key`: an `Idempotency-Key` of its own. */
export function writeFields(sent: Headers, isText: boolean, key: string): Headers {
  return [
    ...kept(sent).filter(([name]) => name.toLowerCase() !== LAST_EVENT_ID),
    ['content-type', isText ? 'text/plain;charset=UTF-8' : 'application/octet-stream'],
    ['idempotency-key', key],
    // The answer as it was certified: nobody looks at it as a page.
    ['interpeer-client', '1'],
  ]
}
