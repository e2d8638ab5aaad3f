// A visitor's WebSocket as whoever serves the site holds it, a member or a gateway. To the site it is nothing new:
//
//   handshake ──> GET, a stream of events? ──> 101          no ──> that answer, as it is
//   event     ──> its data, a message down                         any other event stream of the site does as well
//   message   ──> POST to the same address, under a key of its own (R9) ──> its text, a message down
//
// So what is heard is certified state, what is said is ordered and runs once, and a script knows of no socket.
//
// Invariants: one message is asked at a time, in the order in which they came; what waits is bounded in number and bytes; after `close` nothing
// is said or asked. Neither clock nor socket here: each input gives what is to be done, in that order.

import { assert, unreachable } from '#protocol/codec/result.ts'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'
import { EventData } from '#protocol/socket/event-data.ts'

const KIBIBYTE = 1024
/** Of one message of a visitor: a longer thing is sent by `fetch`. */
export const MESSAGE_BYTES_MAX = Math.min(BODY_BYTES_MAX, 64 * KIBIBYTE)
/** How many frames a message may be cut into, and how many packets a frame, before it is whole. */
export const MESSAGE_PARTS_MAX = 1_024
/** With more that waits no more is read, where a socket can be left unread … */
export const WAITING_PAUSE = 16
export const WAITING_BYTES_PAUSE = 64 * KIBIBYTE
/** … and with more than this the socket ends. */
export const WAITING_MAX = 256
export const WAITING_BYTES_MAX = 256 * KIBIBYTE
/** Of the answer to a message. */
export const ANSWER_BYTES_MAX = 1024 * KIBIBYTE
/** What a visitor has not taken: with more the socket ends. */
export const UNSENT_BYTES_MAX = 1024 * KIBIBYTE
/** With so much unsent no more events are asked for: they wait where they cost nothing, in the state. */
export const UNSENT_BYTES_PAUSE = 64 * KIBIBYTE

/** RFC 6455 §7.4.1 and the registry of close codes. */
export const SOCKET_CLOSE = { tooBig: 1009, broken: 1011, restart: 1012, tryAgain: 1013 } as const
/** A visitor that does not answer to the end of its socket is cut off. */
export const SOCKET_CLOSE_MS = 2_000
/** To these an HTTP status is added: how the site answered a message that it did not take. */
const CLOSE_OF_STATUS = 4000
/** What ends a socket when the status is none that HTTP has. */
const NO_STATUS = 502

/** The answer to a message. `too_long`: its body was not read to the end. */
export type MessageAnswer = {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: Uint8Array | 'too_long'
}

export type Step =
  /** A message down; text is UTF-8. */
  | { readonly type: 'say'; readonly isText: boolean; readonly bytes: Uint8Array }
  /** A message up, to be answered by `answered`. */
  | { readonly type: 'ask'; readonly isText: boolean; readonly bytes: Uint8Array }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | Close

type Close = { readonly type: 'close'; readonly code: number; readonly reason: string }
type Message = { readonly isText: boolean; readonly bytes: Uint8Array }

/** Another member is to be asked: the site has left, or this member stops. */
const ASK_ELSEWHERE: ReadonlySet<number> = new Set([307, 308])
/** The answer to a form stands elsewhere (RFC 9110 §15.4): it was taken, and there is nothing to say. */
const SEE_ELSEWHERE: ReadonlySet<number> = new Set([301, 302, 303])
const COME_AGAIN = 'come again'
const TEXT = /^\s*(?:text\/|application\/(?:[a-z0-9.+-]+\+)?(?:json|xml|javascript)\b)/i

export class SocketTalk {
  readonly #events = new EventData()
  readonly #waiting: Message[] = []
  #waitingBytes = 0
  #isAsking = false
  #isPaused = false
  #isOver = false
  /** How it is to end when the message that is being asked is answered. */
  #last: Close | undefined

  /** Of the messages that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** The visitor said something. */
  heard(bytes: Uint8Array, isText: boolean): readonly Step[] {
    if (this.#isOver || this.#last !== undefined) return []
    if (bytes.length > MESSAGE_BYTES_MAX) return this.close(SOCKET_CLOSE.tooBig, 'a message is too long')
    this.#waiting.push({ bytes, isText })
    this.#waitingBytes += bytes.length
    const next = this.#next()
    if (this.#waiting.length > WAITING_MAX || this.#waitingBytes > WAITING_BYTES_MAX)
      return [...next, ...this.close(SOCKET_CLOSE.tryAgain, 'too many messages wait')]
    if (this.#isPaused || !this.#isMuch()) return next
    this.#isPaused = true
    return [...next, { type: 'pause' }]
  }

  /** The message that was asked is answered. */
  answered({ status, contentType, body }: MessageAnswer): readonly Step[] {
    assert(this.#isAsking, 'a message was asked')
    this.#isAsking = false
    if (this.#isOver) return []
    if (ASK_ELSEWHERE.has(status)) return this.close(SOCKET_CLOSE.restart, COME_AGAIN)
    const isTaken = status >= 200 && status < 300
    if (!isTaken && !SEE_ELSEWHERE.has(status)) return this.close(closeOf(status), `a message was answered ${status}`)
    if (body === 'too_long') return this.close(SOCKET_CLOSE.broken, 'an answer is too long')
    const said: readonly Step[] =
      isTaken && body.length > 0 ? [{ type: 'say', isText: isText(contentType), bytes: body }] : []
    if (this.#last !== undefined) return [...said, ...this.close(this.#last.code, this.#last.reason)]
    const steps = [...said, ...this.#next()]
    if (!this.#isPaused || this.#isMuch()) return steps
    this.#isPaused = false
    return [...steps, { type: 'resume' }]
  }

  /** More of the stream of events came. */
  came(bytes: Uint8Array): readonly Step[] {
    if (this.#isOver) return []
    const said = this.#events.push(bytes)
    if (!said.ok) return this.close(SOCKET_CLOSE.broken, 'an event is too long')
    return said.value.map((data) => ({ type: 'say', isText: true, bytes: data }))
  }

  /** No more events will come: whoever serves them stops (`isLeaving`), or cannot follow them. The message that is being asked is waited for. */
  ended(isLeaving: boolean): readonly Step[] {
    const code = isLeaving ? SOCKET_CLOSE.restart : SOCKET_CLOSE.broken
    const reason = isLeaving ? COME_AGAIN : 'the events cannot be followed'
    if (!this.#isAsking) return this.close(code, reason)
    this.#last ??= { type: 'close', code, reason }
    this.#forget()
    return []
  }

  /** Ends it, unless it is over. */
  close(code: number, reason: string): readonly Step[] {
    if (this.#isOver) return []
    this.over()
    return [{ type: 'close', code, reason }]
  }

  /** The socket is gone. */
  over(): void {
    this.#isOver = true
    this.#forget()
  }

  #forget(): void {
    this.#waiting.length = 0
    this.#waitingBytes = 0
  }

  #isMuch(): boolean {
    return this.#waiting.length >= WAITING_PAUSE || this.#waitingBytes >= WAITING_BYTES_PAUSE
  }

  #next(): readonly Step[] {
    if (this.#isAsking) return []
    const next = this.#waiting.shift()
    if (next === undefined) return []
    this.#waitingBytes -= next.bytes.length
    this.#isAsking = true
    return [{ type: 'ask', ...next }]
  }
}

function closeOf(status: number): number {
  return CLOSE_OF_STATUS + (status >= 300 && status <= 599 ? status : NO_STATUS)
}

function isText(contentType: string | undefined): boolean {
  return contentType === undefined || TEXT.test(contentType)
}

/** Whoever holds the socket. */
export type TalkPorts = {
  say(bytes: Uint8Array, isText: boolean): void
  ask(bytes: Uint8Array, isText: boolean): void
  pause(): void
  resume(): void
  close(code: number, reason: string): void
}

export function take(steps: readonly Step[], ports: TalkPorts): void {
  for (const step of steps) {
    switch (step.type) {
      case 'say':
        ports.say(step.bytes, step.isText)
        break
      case 'ask':
        ports.ask(step.bytes, step.isText)
        break
      case 'pause':
        ports.pause()
        break
      case 'resume':
        ports.resume()
        break
      case 'close':
        ports.close(step.code, step.reason)
        break
      default:
        unreachable(step)
    }
  }
}
