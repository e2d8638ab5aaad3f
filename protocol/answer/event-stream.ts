// Events for who stays (HTML, "Server-sent events"): a script's answer ends, a stream of events does not. So a stream is the answers to one
// read, again and again as the state changes, each asked after the last event that was sent:
//
//   GET /events                       ──> id: 7 …  id: 8 …
//   GET /events   Last-Event-ID: 8    ──> id: 9 …                    (a state later)
//
// Each answer is certified as any other. Who checks answers asks for each by itself (`Prefer: wait`); a browser gets them one behind the other.

import type { Headers } from '#protocol/site/response-hash.ts'

export const EVENT_STREAM_TYPE = 'text/event-stream'
export const LAST_EVENT_ID = 'last-event-id'
/** RFC 7240 §4.3: how long an answer without a new event may be waited for, seconds; longer is cut to it. */
export const EVENT_WAIT_SECONDS_MAX = 25

/** What a browser's `EventSource` asks for; anybody else gets one answer that ends. */
export function acceptsEvents(accept: string | undefined): boolean {
  return accept?.toLowerCase().includes(EVENT_STREAM_TYPE) === true
}

export function isEventStream(status: number, contentType: string | undefined): boolean {
  return status === 200 && contentType?.split(';')[0]?.trim().toLowerCase() === EVENT_STREAM_TYPE
}

/** `Prefer: wait=20` (RFC 7240 §2, §4.3), in seconds; undefined: answer at once. */
export function preferredWait(prefer: string | undefined): number | undefined {
  const seconds = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,9})"?\s*(?:$|[,;])/i.exec(prefer ?? '')?.[1]
  return seconds === undefined ? undefined : Math.min(Number(seconds), EVENT_WAIT_SECONDS_MAX)
}

/** A longer answer is given by itself: looking through it again and again is not for who serves others too. */
export const EVENTS_BYTES_MAX = 256 * 1024
/** A longer id, or one of other characters than these, does not come back in a header as it was. */
const ASKABLE_ID = /^[\x20-\x7e]{0,1024}$/

/** The events of one answer, as far as following them needs to know. */
export type Events = {
  /** Of the last event; the one that was asked after when there is none. */
  readonly lastId: string
  readonly hasEvents: boolean
  /** Another answer may follow: every event here ended, and what comes after the last can be asked for. */
  readonly goesOn: boolean
}

const DECODED_AT_ONCE = 8 * 1024

/** What is looked for is ASCII; other bytes are there as characters above it. */
function latin1(bytes: Uint8Array): string {
  let text = ''
  for (let start = 0; start < bytes.length; start += DECODED_AT_ONCE)
    text += String.fromCharCode(...bytes.subarray(start, start + DECODED_AT_ONCE))
  return text
}

/** Reads the fields of events (HTML §9.2.6) whose last id before was `asked`. */
export function readEvents(body: Uint8Array, asked: string): Events {
  if (body.length > EVENTS_BYTES_MAX) return { lastId: asked, hasEvents: true, goesOn: false }
  const lines = latin1(body).split(/\r\n|\n|\r/)
  // After the end of the last line there is nothing, or a line that did not end.
  const unended = lines.pop() ?? ''
  let lastId = asked
  let id = asked
  let hasData = false
  let hasEvents = false
  let isBetween = true
  for (const line of lines) {
    isBetween = line === ''
    if (isBetween) {
      lastId = id
      hasEvents ||= hasData
      hasData = false
      continue
    }
    const colon = line.indexOf(':')
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (name === 'data') hasData = true
    if (name === 'id' && !value.includes('\0')) id = value
  }
  const isWhole = isBetween && unended === '' && ASKABLE_ID.test(lastId)
  return { lastId, hasEvents, goesOn: isWhole && (!hasEvents || lastId !== asked) }
}

/** The listed headers of the question after this event: lower-case names, sorted, as `requestHeaders` has them. */
export function askedAfter(headers: Headers, lastId: string): Headers {
  const others = headers.filter(([name]) => name !== LAST_EVENT_ID)
  const at = others.findIndex(([name]) => name > LAST_EVENT_ID)
  const before = at < 0 ? others : others.slice(0, at)
  return lastId === '' ? others : [...before, [LAST_EVENT_ID, lastId], ...others.slice(before.length)]
}
