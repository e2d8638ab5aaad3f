// One seeder's tunnel as a gateway holds it: requests in, answers out, over a WebSocket that somebody else owns (a Durable
// Object at the edge, `ws` on Node). Web streams on this side, `protocol/tunnel` on the other.
//
//   ask(head, body) ──OPEN, DATA…──> socket        socket ──ANSWER, DATA…──> {status, headers, body}
//
// Invariant: a visitor who takes nothing holds one stream window here, and one who goes away ends the stream at the seeder.

import { bytesConcat } from '#protocol/codec/bytes.ts'
import { err, ok, type Result, unreachable } from '#protocol/codec/result.ts'
import { type AnswerHead, CANCEL, type CancelReason, INLINE_BYTES_MAX, type OpenHead } from '#protocol/tunnel/frame.ts'
import { type TunnelEvent, TunnelStreams } from '#protocol/tunnel/streams.ts'

export type TunnelSocket = { send(message: Uint8Array): void; close(code: number, reason: string): void }

export type TunnelAnswer = {
  readonly status: number
  readonly headers: AnswerHead['headers']
  readonly body: Uint8Array | ReadableStream<Uint8Array>
}

/** `head_refused`: more headers, or longer ones, than a tunnel carries. `gone`: the tunnel or the seeder's part of it ended before the answer began. */
export type AskError = { readonly code: 'busy' | 'gone' | 'timed_out' | 'head_refused' }

export type AskOptions = {
  /** How long the head of the answer may take, ms. */
  readonly headMs: number
  /** The visitor went away. */
  readonly signal?: AbortSignal
}

/** RFC 6455 §7.4: of the application's own. */
export const CLOSE = { protocol: 4000, replaced: 4001, unproven: 4002, stopping: 4003 } as const

type Waiting = {
  readonly answered: (answer: Result<TunnelAnswer, AskError>) => void
  readonly writable: () => void
  reader: BodyReader | undefined
}

export class TunnelConnection {
  readonly #socket: TunnelSocket
  readonly #streams = new TunnelStreams('gateway')
  readonly #waiting = new Map<number, Waiting>()
  #closed = false

  /** `anew`: this side lost its memory while the socket lived on. */
  constructor(socket: TunnelSocket, options: { readonly anew: boolean }) {
    this.#socket = socket
    if (!options.anew) return
    this.#streams.reset()
    this.#pump()
  }

  get underWay(): number {
    return this.#waiting.size
  }

  receive(message: Uint8Array): void {
    if (this.#closed) return
    const events = this.#streams.receive(message)
    if (!events.ok) {
      this.close(CLOSE.protocol, events.error.code)
      return
    }
    for (const event of events.value) this.#happened(event)
    this.#pump()
  }

  /** Ends the socket and everything under way. */
  close(code: number, reason: string): void {
    if (this.#closed) return
    this.closed()
    this.#socket.close(code, reason)
  }

  /** The socket is gone. */
  closed(): void {
    this.#closed = true
    for (const event of this.#streams.abandon()) this.#happened(event)
  }

  /** Resolves with the head of the answer; its body streams on. */
  async ask(
    head: Omit<OpenHead, 'body'>,
    body: ReadableStream<Uint8Array> | undefined,
    { headMs, signal }: AskOptions,
  ): Promise<Result<TunnelAnswer, AskError>> {
    const start = body === undefined ? WHOLE_AND_EMPTY : await beginningOf(body)
    if (start === undefined || signal?.aborted === true) return err({ code: 'gone' })
    if (this.#closed) return err({ code: 'gone' })
    const opened = this.#streams.open({ ...head, body: start.rest === undefined ? start.bytes : null })
    if (!opened.ok) return err({ code: opened.error.code === 'streams' ? 'busy' : 'head_refused' })
    const stream = opened.value
    const { promise, resolve } = Promise.withResolvers<Result<TunnelAnswer, AskError>>()
    let writable: () => void = () => {}
    this.#waiting.set(stream, { answered: resolve, writable: () => writable(), reader: undefined })
    const timer = setTimeout(() => this.#drop(stream, CANCEL.stalled, 'timed_out'), headMs)
    signal?.addEventListener('abort', () => this.#drop(stream, CANCEL.gone, 'gone'), { once: true })
    this.#pump()
    if (start.rest !== undefined)
      void this.#upload(stream, start.bytes, start.rest, () => {
        const room = Promise.withResolvers<void>()
        writable = room.resolve
        return room.promise
      })
    const answer = await promise
    clearTimeout(timer)
    return answer
  }

  /** Sends the body on as the seeder takes it. */
  async #upload(
    stream: number,
    first: Uint8Array,
    rest: ReadableStreamDefaultReader<Uint8Array>,
    room: () => Promise<void>,
  ): Promise<void> {
    let bytes: Uint8Array | undefined = first
    try {
      while (bytes !== undefined) {
        if (!this.#waiting.has(stream)) return void rest.cancel().catch(() => {})
        const hasRoom = this.#streams.write(stream, bytes)
        const waits = hasRoom ? undefined : room()
        this.#pump()
        await waits
        const next = await rest.read()
        bytes = next.done ? undefined : next.value
      }
      this.#streams.end(stream)
    } catch {
      // The visitor's body broke off: what came of it is no request.
      this.#drop(stream, CANCEL.gone, 'gone')
    }
    this.#pump()
  }

  #happened(event: TunnelEvent): void {
    const waiting = this.#waiting.get(event.stream)
    if (waiting === undefined) return
    switch (event.type) {
      case 'answered':
        this.#answered(event.stream, event.head, waiting)
        return
      case 'data':
        waiting.reader?.push(event.bytes)
        return
      case 'ended':
        this.#waiting.delete(event.stream)
        waiting.writable()
        waiting.reader?.end()
        return
      case 'cancelled':
        this.#waiting.delete(event.stream)
        waiting.writable()
        waiting.reader?.fail()
        waiting.answered(err({ code: event.reason === CANCEL.busy ? 'busy' : 'gone' }))
        return
      case 'writable':
        waiting.writable()
        return
      case 'opened':
        return
      default:
        unreachable(event)
    }
  }

  #answered(stream: number, { status, headers, body }: AnswerHead, waiting: Waiting): void {
    if (body !== null) {
      waiting.answered(ok({ status, headers, body }))
      return
    }
    const reader = new BodyReader({
      taken: (bytes) => {
        this.#streams.consumed(stream, bytes)
        this.#pump()
      },
      gone: () => this.#drop(stream, CANCEL.gone, 'gone'),
    })
    waiting.reader = reader
    waiting.answered(ok({ status, headers, body: reader.stream }))
  }

  /** Nobody here waits for it any more. */
  #drop(stream: number, reason: CancelReason, code: AskError['code']): void {
    const waiting = this.#waiting.get(stream)
    if (waiting === undefined) return
    this.#waiting.delete(stream)
    this.#streams.cancel(stream, reason)
    waiting.answered(err({ code }))
    waiting.writable()
    waiting.reader?.fail()
    this.#pump()
  }

  #pump(): void {
    if (this.#closed) return
    const events: TunnelEvent[] = []
    for (let message = this.#streams.next(events); message !== undefined; message = this.#streams.next(events))
      this.#socket.send(message)
    for (const event of events) this.#happened(event)
  }
}

type Beginning = {
  readonly bytes: Uint8Array
  /** Absent: `bytes` is the whole. */
  readonly rest: ReadableStreamDefaultReader<Uint8Array> | undefined
}
const WHOLE_AND_EMPTY: Beginning = { bytes: new Uint8Array(0), rest: undefined }

/** A small body whole, of a larger one what came first. Undefined: it broke off. */
async function beginningOf(body: ReadableStream<Uint8Array>): Promise<Beginning | undefined> {
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const next = await reader.read()
      if (next.done) return { bytes: bytesConcat(...parts), rest: undefined }
      parts.push(next.value)
      length += next.value.length
      if (length > INLINE_BYTES_MAX) return { bytes: bytesConcat(...parts), rest: reader }
    }
  } catch {
    return undefined
  }
}

/** A body that is taken as fast as its reader asks for it. */
class BodyReader {
  readonly stream: ReadableStream<Uint8Array>
  readonly #waiting: Uint8Array[] = []
  readonly #taken: (bytes: number) => void
  #controller: ReadableByteStreamController | undefined
  #wanted = false
  #ended = false

  constructor({ taken, gone }: { readonly taken: (bytes: number) => void; readonly gone: () => void }) {
    this.#taken = taken
    // Of bytes: such a stream can be handed from one isolate to another.
    this.stream = new ReadableStream({
      type: 'bytes',
      start: (controller) => {
        this.#controller = controller
      },
      pull: () => {
        this.#wanted = true
        this.#give()
      },
      cancel: gone,
    })
  }

  push(bytes: Uint8Array): void {
    this.#waiting.push(bytes)
    this.#give()
  }

  end(): void {
    this.#ended = true
    this.#give()
  }

  /** What did not come is missed: the visitor sees that the body broke off. */
  fail(): void {
    if (this.#ended) return
    this.#ended = true
    this.#waiting.length = 0
    this.#controller?.error(new Error('the member stopped in the midst of its answer'))
  }

  #give(): void {
    const next = this.#wanted ? this.#waiting.shift() : undefined
    if (next !== undefined) {
      this.#wanted = false
      const { length } = next
      this.#controller?.enqueue(next as Uint8Array<ArrayBuffer>)
      this.#taken(length)
    }
    if (this.#ended && this.#waiting.length === 0) this.#close()
  }

  #close(): void {
    try {
      this.#controller?.close()
      // A reader that waits with a buffer of its own is told that nothing comes into it.
      this.#controller?.byobRequest?.respond(0)
    } catch {
      // It was closed, or its reader went away.
    }
  }
}
