// The streams of one tunnel: many requests and their answers over one connection, none of which holds the others up. Both ends
// run this same machine; it has no socket and no clock, its owner brings messages in and takes messages out.
//
//   receive(message) ─> events: opened, answered, data, ended, cancelled, writable
//   open / answer / write / end / cancel / consumed ─> next(): the next message to send
//
// Two windows bound what is under way in each direction (as RFC 9113 §5.2 has them). A stream's is given back when its reader
// has taken the bytes, so a visitor who takes nothing stops its own stream alone; the connection's when they have arrived, so it
// bounds what lies in sockets on the way and never waits for a reader. Heads and small answers go before pieces of bodies, and
// the streams that have pieces take turns.
//
// Invariant: what is held here is at most STREAMS_MAX × (STREAM_WINDOW_BYTES + QUEUE_BYTES_MAX + INLINE_BYTES_MAX).

import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import {
  type AnswerHead,
  CANCEL,
  type CancelReason,
  DATA_BYTES_MAX,
  type FrameError,
  frameFromBytes,
  frameToBytes,
  type HeadError,
  headToBytes,
  type OpenHead,
  STREAM_MAX,
} from './frame.ts'

/** Requests under way at once. */
export const STREAMS_MAX = 256
/** What one stream's reader may have before it takes any of it. */
export const STREAM_WINDOW_BYTES = 256 * 1024
/** What may lie between the two ends: a tenth of a second at 80 Mbit/s. */
export const CONNECTION_WINDOW_BYTES = 1024 * 1024
/** Of it, what is given back at once: often enough that its sender sees how fast it goes. */
const GIVEN_BACK_BYTES = 64 * 1024
/** `write` asks its caller to wait when so much of the stream is not sent. */
export const QUEUE_BYTES_MAX = 128 * 1024
/** Heads, ends and refusals that wait to be sent. */
const NOTICES_MAX = 4 * STREAMS_MAX

export type TunnelEvent =
  | { readonly type: 'opened'; readonly stream: number; readonly head: OpenHead }
  | { readonly type: 'answered'; readonly stream: number; readonly head: AnswerHead }
  /** Say `consumed` when the reader has taken them. */
  | { readonly type: 'data'; readonly stream: number; readonly bytes: Uint8Array }
  /** The other's body is whole. */
  | { readonly type: 'ended'; readonly stream: number }
  /** Nothing more comes of it or goes to it. */
  | { readonly type: 'cancelled'; readonly stream: number; readonly reason: CancelReason }
  /** Its queue has room again, after a `write` that said to wait. */
  | { readonly type: 'writable'; readonly stream: number }

export type TunnelError =
  | FrameError
  | { readonly code: 'over_window'; readonly stream: number; readonly overBytes: number }
  | { readonly code: 'over_credit'; readonly stream: number }
  | { readonly code: 'out_of_order'; readonly stream: number; readonly type: string }
  | { readonly code: 'flood' }

type Stream = {
  /** What the other may say next. */
  incoming: 'head' | 'body' | 'ended'
  /** `ending`: END goes when the queue is empty. */
  outgoing: 'head' | 'body' | 'ending' | 'ended'
  readonly queue: Uint8Array[]
  queuedBytes: number
  isFull: boolean
  /** May still be sent. */
  credit: number
  /** May still come. */
  window: number
  /** Taken by the reader and not given back yet. */
  consumed: number
}

export class TunnelStreams {
  readonly #opens: boolean
  readonly #streams = new Map<number, Stream>()
  /** Messages that go before pieces of bodies. */
  #notices: Uint8Array[] = []
  /** Streams with something to send, in the order of their turns. */
  readonly #turns = new Set<number>()
  /** Streams whose window is to be given back; 0: the connection's. */
  readonly #owed = new Set<number>()
  #credit = CONNECTION_WINDOW_BYTES
  #window = CONNECTION_WINDOW_BYTES
  /** Were on the way when all was forgotten, and count no more: they are given back all the same. */
  #staleBytes = 0
  #lastStream = 0
  #sentBytes = 0
  /** Less than the window where its owner knows that less is as fast (pace.ts). */
  allowedBytes = CONNECTION_WINDOW_BYTES

  /** `gateway` opens streams, `seeder` answers them. */
  constructor(role: 'gateway' | 'seeder') {
    this.#opens = role === 'gateway'
  }

  /** Of bodies, since the beginning. */
  get sentBytes(): number {
    return this.#sentBytes
  }

  /** Of these, what the other end has. */
  get givenBytes(): number {
    return this.#sentBytes - (CONNECTION_WINDOW_BYTES - this.#credit)
  }

  get size(): number {
    return this.#streams.size
  }

  /** Both ends forget what was under way; the first thing to say when an end has lost its memory. */
  reset(): readonly TunnelEvent[] {
    const events = this.abandon()
    // What it sent before is forgotten too, and may be anything.
    this.#staleBytes = CONNECTION_WINDOW_BYTES
    this.#notices.push(frameToBytes({ type: 'reset' }))
    return events
  }

  /** The connection is gone: every stream ends. */
  abandon(): readonly TunnelEvent[] {
    const events = [...this.#streams.keys()].map(
      (stream): TunnelEvent => ({ type: 'cancelled', stream, reason: CANCEL.failed }),
    )
    this.#streams.clear()
    this.#turns.clear()
    this.#owed.clear()
    this.#notices = []
    this.#staleBytes = CONNECTION_WINDOW_BYTES - this.#credit
    this.#credit = CONNECTION_WINDOW_BYTES
    this.#window = CONNECTION_WINDOW_BYTES
    return events
  }

  /** A new stream; `streams` when too many are under way. With `body: null` in its head, `write` and `end` follow. */
  open(head: OpenHead): Result<number, HeadError | { readonly code: 'streams' }> {
    assert(this.#opens, 'the gateway opens')
    if (this.#streams.size >= STREAMS_MAX) return err({ code: 'streams' })
    const bytes = headToBytes('open', head)
    if (!bytes.ok) return bytes
    do this.#lastStream = this.#lastStream === STREAM_MAX ? 1 : this.#lastStream + 1
    while (this.#streams.has(this.#lastStream))
    const stream = this.#lastStream
    this.#streams.set(stream, streamOf({ incoming: 'head', outgoing: head.body === null ? 'body' : 'ended' }))
    this.#notices.push(frameToBytes({ type: 'open', stream, head: bytes.value }))
    return ok(stream)
  }

  /** The head of the answer. A stream that is gone meanwhile is passed over. */
  answer(stream: number, head: AnswerHead): Result<void, HeadError> {
    const known = this.#streams.get(stream)
    if (known === undefined) return ok(undefined)
    assert(!this.#opens && known.outgoing === 'head', 'one answer to what was asked')
    const bytes = headToBytes('answer', head)
    if (!bytes.ok) return bytes
    known.outgoing = head.body === null ? 'body' : 'ended'
    this.#notices.push(frameToBytes({ type: 'answer', stream, head: bytes.value }))
    this.#forgetIfOver(stream, known)
    return ok(undefined)
  }

  /** Queues a piece of the body. False: wait for `writable` before the next. True of a stream that is gone: nothing is sent. */
  write(stream: number, bytes: Uint8Array): boolean {
    const known = this.#streams.get(stream)
    if (known === undefined || bytes.length === 0) return true
    assert(known.outgoing === 'body', 'a body comes after its head and before its end')
    known.queue.push(bytes)
    known.queuedBytes += bytes.length
    known.isFull = known.queuedBytes >= QUEUE_BYTES_MAX
    this.#turns.add(stream)
    return !known.isFull
  }

  /** The body is whole. */
  end(stream: number): void {
    const known = this.#streams.get(stream)
    if (known === undefined) return
    assert(known.outgoing === 'body', 'a body ends once')
    known.outgoing = 'ending'
    this.#turns.add(stream)
  }

  cancel(stream: number, reason: CancelReason): void {
    if (!this.#streams.has(stream)) return
    this.#forget(stream)
    this.#notices.push(frameToBytes({ type: 'cancel', stream, reason }))
  }

  /** The reader has taken so many bytes of it. */
  consumed(stream: number, bytes: number): void {
    const known = this.#streams.get(stream)
    if (known === undefined || known.incoming === 'ended') return
    known.consumed += bytes
    assert(known.consumed + known.window <= STREAM_WINDOW_BYTES, 'only what came is consumed')
    if (known.consumed >= STREAM_WINDOW_BYTES / 2) this.#owed.add(stream)
  }

  /** The next message, undefined when nothing is to be said, or nothing may be. `events` gets a `writable` that follows. */
  next(events: TunnelEvent[]): Uint8Array | undefined {
    const notice = this.#notices.shift()
    if (notice !== undefined) return notice
    for (const stream of this.#owed) {
      this.#owed.delete(stream)
      const bytes = this.#giveBack(stream)
      if (bytes > 0) return frameToBytes({ type: 'credit', stream, bytes })
    }
    for (const stream of this.#turns) {
      const known = this.#streams.get(stream)
      assert(known !== undefined, 'who has a turn is there')
      if (known.queue.length === 0) {
        this.#turns.delete(stream)
        if (known.outgoing !== 'ending') continue
        known.outgoing = 'ended'
        this.#forgetIfOver(stream, known)
        return frameToBytes({ type: 'end', stream })
      }
      const isAllowed = CONNECTION_WINDOW_BYTES - this.#credit < this.allowedBytes
      const bytesMax = isAllowed ? Math.min(DATA_BYTES_MAX, known.credit, this.#credit) : 0
      if (bytesMax === 0) continue
      const bytes = takeFrom(known.queue, bytesMax)
      known.queuedBytes -= bytes.length
      known.credit -= bytes.length
      this.#credit -= bytes.length
      this.#sentBytes += bytes.length
      // To the end of the line.
      this.#turns.delete(stream)
      if (known.queue.length > 0 || known.outgoing === 'ending') this.#turns.add(stream)
      if (known.isFull && known.queuedBytes < QUEUE_BYTES_MAX / 2) {
        known.isFull = false
        events.push({ type: 'writable', stream })
      }
      return frameToBytes({ type: 'data', stream, bytes })
    }
    return undefined
  }

  /** What a message means. After an error the connection is of no more use. */
  receive(message: Uint8Array): Result<readonly TunnelEvent[], TunnelError> {
    if (this.#notices.length > NOTICES_MAX) return err({ code: 'flood' })
    const frame = frameFromBytes(message)
    if (!frame.ok) return frame
    const { value } = frame
    switch (value.type) {
      case 'reset':
        return ok(this.abandon())
      case 'open':
        return this.#opened(value.stream, value.head)
      case 'answer':
        return this.#answered(value.stream, value.head)
      case 'data':
        return this.#data(value.stream, value.bytes)
      case 'end': {
        const known = this.#streams.get(value.stream)
        if (known === undefined) return ok([])
        if (known.incoming !== 'body') return err({ code: 'out_of_order', stream: value.stream, type: 'end' })
        return ok(this.#ended(value.stream, known))
      }
      case 'cancel':
        if (!this.#streams.has(value.stream)) return ok([])
        this.#forget(value.stream)
        return ok([{ type: 'cancelled', stream: value.stream, reason: value.reason }])
      case 'credit':
        return this.#credited(value.stream, value.bytes)
    }
  }

  #opened(stream: number, head: OpenHead): Result<readonly TunnelEvent[], TunnelError> {
    if (this.#opens || stream === 0 || this.#streams.has(stream))
      return err({ code: 'out_of_order', stream, type: 'open' })
    if (this.#streams.size >= STREAMS_MAX) {
      this.#notices.push(frameToBytes({ type: 'cancel', stream, reason: CANCEL.busy }))
      return ok([])
    }
    this.#streams.set(stream, streamOf({ incoming: head.body === null ? 'body' : 'ended', outgoing: 'head' }))
    return ok([{ type: 'opened', stream, head }])
  }

  #answered(stream: number, head: AnswerHead): Result<readonly TunnelEvent[], TunnelError> {
    if (!this.#opens) return err({ code: 'out_of_order', stream, type: 'answer' })
    const known = this.#streams.get(stream)
    if (known === undefined) return ok([])
    if (known.incoming !== 'head') return err({ code: 'out_of_order', stream, type: 'answer' })
    known.incoming = 'body'
    const events: TunnelEvent[] = [{ type: 'answered', stream, head }]
    return ok(head.body === null ? events : [...events, ...this.#ended(stream, known)])
  }

  #data(stream: number, bytes: Uint8Array): Result<readonly TunnelEvent[], TunnelError> {
    this.#window -= bytes.length
    if (this.#window < 0) return err({ code: 'over_window', stream: 0, overBytes: -this.#window })
    if (CONNECTION_WINDOW_BYTES - this.#window >= GIVEN_BACK_BYTES) this.#owed.add(0)
    const known = this.#streams.get(stream)
    if (known === undefined) return ok([])
    if (known.incoming !== 'body') return err({ code: 'out_of_order', stream, type: 'data' })
    known.window -= bytes.length
    if (known.window < 0) return err({ code: 'over_window', stream, overBytes: -known.window })
    return ok([{ type: 'data', stream, bytes }])
  }

  #ended(stream: number, known: Stream): readonly TunnelEvent[] {
    known.incoming = 'ended'
    this.#owed.delete(stream)
    // An answer that is whole before its request is: nobody reads the rest of that.
    if (this.#opens && known.outgoing !== 'ended') this.cancel(stream, CANCEL.gone)
    this.#forgetIfOver(stream, known)
    return [{ type: 'ended', stream }]
  }

  #credited(stream: number, bytes: number): Result<readonly TunnelEvent[], TunnelError> {
    if (stream === 0) {
      const overBytes = Math.max(0, this.#credit + bytes - CONNECTION_WINDOW_BYTES)
      this.#credit += bytes - overBytes
      this.#staleBytes -= overBytes
      return this.#staleBytes < 0 ? err({ code: 'over_credit', stream }) : ok([])
    }
    const known = this.#streams.get(stream)
    if (known === undefined) return ok([])
    known.credit += bytes
    return known.credit > STREAM_WINDOW_BYTES ? err({ code: 'over_credit', stream }) : ok([])
  }

  #giveBack(stream: number): number {
    if (stream === 0) {
      const bytes = CONNECTION_WINDOW_BYTES - this.#window
      this.#window = CONNECTION_WINDOW_BYTES
      return bytes
    }
    const known = this.#streams.get(stream)
    if (known === undefined) return 0
    const bytes = known.consumed
    known.window += bytes
    known.consumed = 0
    return bytes
  }

  #forgetIfOver(stream: number, known: Stream): void {
    if (known.incoming === 'ended' && known.outgoing === 'ended') this.#forget(stream)
  }

  #forget(stream: number): void {
    this.#streams.delete(stream)
    this.#turns.delete(stream)
    this.#owed.delete(stream)
  }
}

function streamOf(start: Pick<Stream, 'incoming' | 'outgoing'>): Stream {
  return {
    ...start,
    queue: [],
    queuedBytes: 0,
    isFull: false,
    credit: STREAM_WINDOW_BYTES,
    window: STREAM_WINDOW_BYTES,
    consumed: 0,
  }
}

/** Up to so many bytes from the front of a queue that is not empty, never across two pieces. */
function takeFrom(queue: Uint8Array[], bytesMax: number): Uint8Array {
  const first = queue[0]
  assert(first !== undefined, 'the queue is not empty')
  if (first.length <= bytesMax) {
    queue.shift()
    return first
  }
  queue[0] = first.subarray(bytesMax)
  return first.subarray(0, bytesMax)
}
