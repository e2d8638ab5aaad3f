// The data of events as they come (HTML §9.2.6): of each event its `data` lines, joined by a line feed. Ids are for whoever follows the stream
// (`protocol/answer/event-stream.ts`); types and comments tell nobody anything here.
//
// Invariant: what comes out does not depend on where the bytes were cut, and no more than `EVENT_BYTES_MAX` of an event is held.

import { err, ok, type Result } from '#protocol/codec/result.ts'

/** Of one event, its unfinished line included. */
export const EVENT_BYTES_MAX = 1024 * 1024

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const
const DATA = [0x64, 0x61, 0x74, 0x61] as const
const LINE_FEED = new Uint8Array([LF])

export class EventData {
  /** The beginning of a line that has not ended. */
  readonly #line = new Growing()
  /** Of the event that has not ended. */
  readonly #data = new Growing()
  #hasData = false
  #isAfterReturn = false
  #isFirstLine = true

  /** What the events say that ended with these bytes, UTF-8; an event without data says nothing. */
  push(bytes: Uint8Array): Result<readonly Uint8Array[], { readonly code: 'event_too_long' }> {
    const said: Uint8Array[] = []
    let start = 0
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte !== LF && byte !== CR) continue
      // The second half of a line's end.
      const isRest = byte === LF && this.#isAfterReturn && at === start
      this.#isAfterReturn = byte === CR
      if (!isRest) {
        const data = this.#lineEnded(bytes.subarray(start, at))
        if (data !== undefined) said.push(data)
      }
      start = at + 1
    }
    if (start < bytes.length) {
      this.#isAfterReturn = false
      this.#line.add(bytes.subarray(start))
    }
    const heldBytes = this.#line.length + this.#data.length
    return heldBytes > EVENT_BYTES_MAX ? err({ code: 'event_too_long' }) : ok(said)
  }

  /** The data of the event that this line ends; undefined: it ends none. */
  #lineEnded(last: Uint8Array): Uint8Array | undefined {
    let line = last
    if (this.#line.length > 0) {
      this.#line.add(last)
      line = this.#line.take()
    }
    if (this.#isFirstLine && beginsWith(line, BYTE_ORDER_MARK)) line = line.subarray(BYTE_ORDER_MARK.length)
    this.#isFirstLine = false
    if (line.length === 0) {
      const hasData = this.#hasData
      this.#hasData = false
      return hasData ? this.#data.take() : undefined
    }
    const value = dataOf(line)
    if (value === undefined) return undefined
    if (this.#hasData) this.#data.add(LINE_FEED)
    this.#data.add(value)
    this.#hasData = true
    return undefined
  }
}

/** Bytes that come in pieces, however small. */
class Growing {
  #bytes = new Uint8Array(0)
  length = 0

  add(more: Uint8Array): void {
    const needed = this.length + more.length
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, this.length))
      this.#bytes = grown
    }
    this.#bytes.set(more, this.length)
    this.length = needed
  }

  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.length)
    this.#bytes = new Uint8Array(0)
    this.length = 0
    return taken
  }
}

function beginsWith(bytes: Uint8Array, start: readonly number[]): boolean {
  return start.every((byte, index) => bytes[index] === byte)
}

/** The value of a `data` field; undefined: the line is another one. */
function dataOf(line: Uint8Array): Uint8Array | undefined {
  if (!beginsWith(line, DATA)) return undefined
  if (line.length === DATA.length) return line.subarray(DATA.length)
  if (line[DATA.length] !== COLON) return undefined
  return line.subarray(DATA.length + (line[DATA.length + 1] === SPACE ? 2 : 1))
}
