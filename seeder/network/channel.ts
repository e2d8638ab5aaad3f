// One long-lived stream to one peer for one protocol: frames out, frames in, with bounds both ways.
//
//   send ──> queue (bounded) ──microtask──> one write ──> yamux window ──> peer
//   peer ──> chunks ──> FrameReader ──> onFrame; while it is busy the stream is paused and the peer's window runs dry
//
// Invariants. What was accepted by `send` leaves in order. At most `sendBytesMax` wait to be sent; beyond that `send`
// says no and the frame is counted as dropped (agreement messages are sent again by their own timers). A peer that breaks
// the framing, asks for more than its window of frames or falls silent loses the stream; it is never waited for.

import type { Stream } from '@libp2p/interface'
import { unreachable } from '#protocol/codec/result.ts'
import { FRAME_KIND, type Frame, type FrameKind, FrameReader, frameToBytes } from '#seeder/network/frame.ts'
import { RoundTrip } from '#seeder/network/round-trip.ts'
import { spareWindowUpdates } from '#seeder/network/window.ts'

/** A peer that sends more frames than this in one second is cut off: honest members stay far below. */
export const FRAMES_PER_SECOND_MAX = 20_000
/** A question of liveness is asked this often, and an answer makes the round trip known. */
export const PING_INTERVAL_MS = 2_000
/** Nothing heard for so long: the stream is dead. */
export const SILENCE_MAX_MS = 30_000
/** libp2p cuts a stream that is paused above this. */
const READ_BUFFER_BYTES_MAX = 16 * 1024 * 1024

export type ChannelLimits = {
  readonly payloadBytesMax: number
  readonly sendBytesMax: number
}

export type ChannelClose =
  | 'frame_too_large'
  | 'frame_kind'
  | 'frame_empty'
  | 'frame_rate'
  | 'silence'
  | 'stream_closed'
  | 'garbage'
  | 'replaced'
  | 'stopped'

export type ChannelCounts = {
  sentFrames: number
  sentBytes: number
  receivedFrames: number
  receivedBytes: number
  droppedFrames: number
}

export type ChannelHandlers = {
  /** A promise holds the peer back until it resolves. It must not reject. */
  onFrame(frame: Frame): undefined | Promise<void>
  onClose(reason: ChannelClose): void
}

export class Channel {
  readonly #stream: Stream
  readonly #limits: ChannelLimits
  readonly #handlers: ChannelHandlers
  readonly #reader: FrameReader
  readonly #now: () => number
  readonly #wall: () => number
  readonly counts: ChannelCounts = {
    sentFrames: 0,
    sentBytes: 0,
    receivedFrames: 0,
    receivedBytes: 0,
    droppedFrames: 0,
  }
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #scheduled = false
  #holding = false
  #closed = false
  #windowStart: number
  #windowFrames = 0
  #heardAt: number
  /** By the clock that never jumps. */
  #pingSentAt: number | undefined
  #clockAheadMs: number | undefined
  readonly roundTrip = new RoundTrip()
  readonly #timer: NodeJS.Timeout

  constructor(stream: Stream, limits: ChannelLimits, handlers: ChannelHandlers, now: () => number, wall: () => number) {
    this.#stream = stream
    this.#limits = limits
    this.#handlers = handlers
    this.#now = now
    this.#wall = wall
    this.#reader = new FrameReader(limits.payloadBytesMax)
    this.#heardAt = now()
    this.#windowStart = this.#heardAt
    spareWindowUpdates(stream)
    stream.maxReadBufferLength = READ_BUFFER_BYTES_MAX
    stream.inactivityTimeout = 2 * SILENCE_MAX_MS
    stream.addEventListener('message', (event) => {
      const data = event.data
      this.#received(data instanceof Uint8Array ? data : data.subarray())
    })
    stream.addEventListener('drain', () => this.#flush())
    stream.addEventListener('close', () => this.close('stream_closed'))
    stream.addEventListener('remoteCloseWrite', () => this.close('stream_closed'))
    this.#timer = setInterval(() => this.#tick(), PING_INTERVAL_MS)
    this.#timer.unref()
    this.#ping()
  }

  get closed(): boolean {
    return this.#closed
  }

  /** When the peer last sent anything, ms. */
  get heardAt(): number {
    return this.#heardAt
  }

  /** How far the peer's wall clock is ahead of this one, ms, as it last said; undefined: it has not said. */
  get clockAheadMs(): number | undefined {
    return this.#clockAheadMs
  }

  /** Bytes that wait to leave, in our queue and in the stream's. */
  get queuedBytes(): number {
    return this.#queuedBytes + (this.#closed ? 0 : this.#stream.writeBufferLength)
  }

  /** False: the queue is full or the stream is gone, and the frame was dropped. */
  send(kind: FrameKind, payload: Uint8Array): boolean {
    if (this.#closed) return false
    if (
      payload.length > this.#limits.payloadBytesMax ||
      this.queuedBytes + payload.length > this.#limits.sendBytesMax
    ) {
      this.counts.droppedFrames++
      return false
    }
    const [header, body] = frameToBytes(kind, payload)
    this.#queue.push(header, body)
    this.#queuedBytes += header.length + body.length
    this.counts.sentFrames++
    this.counts.sentBytes += header.length + body.length
    if (!this.#scheduled) {
      this.#scheduled = true
      queueMicrotask(() => {
        this.#scheduled = false
        this.#flush()
      })
    }
    return true
  }

  /** Asks the peer for a sign of life now. */
  ping(): void {
    this.#ping()
  }

  close(reason: ChannelClose): void {
    if (this.#closed) return
    this.#closed = true
    clearInterval(this.#timer)
    this.#queue = []
    this.#queuedBytes = 0
    if (this.#stream.status === 'open') this.#stream.abort(new Error(reason))
    this.#handlers.onClose(reason)
  }

  #flush(): void {
    if (this.#closed || this.#queue.length === 0 || this.#stream.writableNeedsDrain) return
    const bytes = this.#queue.length === 1 ? this.#queue[0] : Buffer.concat(this.#queue)
    this.#queue = []
    this.#queuedBytes = 0
    if (bytes === undefined) return
    try {
      this.#stream.send(bytes)
    } catch {
      this.close('stream_closed')
    }
  }

  #received(chunk: Uint8Array): void {
    if (this.#closed) return
    this.#heardAt = this.#now()
    this.counts.receivedBytes += chunk.length
    this.#reader.push(chunk)
    this.#deliver()
  }

  #deliver(): void {
    while (!this.#closed && !this.#holding) {
      const next = this.#reader.next()
      if (!next.ok) return this.close(next.error.code)
      if (next.value === undefined) return
      if (!this.#countFrame()) return this.close('frame_rate')
      const wait = this.#take(next.value)
      if (wait !== undefined) this.#hold(wait)
    }
  }

  #take(frame: Frame): undefined | Promise<void> {
    switch (frame.kind) {
      case FRAME_KIND.ping:
        this.send(FRAME_KIND.pong, pongPayload(frame.payload, this.#wall()))
        return undefined
      case FRAME_KIND.pong:
        if (this.#pingSentAt !== undefined) this.#ponged(performance.now() - this.#pingSentAt, frame.payload)
        this.#pingSentAt = undefined
        return undefined
      case FRAME_KIND.data:
      case FRAME_KIND.request:
      case FRAME_KIND.response:
      case FRAME_KIND.refusal:
        return this.#handlers.onFrame(frame)
      default:
        return unreachable(frame.kind)
    }
  }

  /** The peer told its time about half a round trip ago. */
  #ponged(tookMs: number, payload: Uint8Array): void {
    this.roundTrip.add(tookMs)
    const told = timeOfPong(payload)
    if (told !== undefined && tookMs <= CLOCK_ANSWER_MS_MAX)
      this.#clockAheadMs = Math.round(told + tookMs / 2 - this.#wall())
  }

  /** Backpressure: nothing more is read until the receiver is done with what it has. */
  #hold(wait: Promise<void>): void {
    this.#holding = true
    if (this.#stream.readStatus === 'readable') this.#stream.pause()
    void wait.then(() => {
      this.#holding = false
      if (this.#closed) return
      this.#deliver()
      if (!this.#holding && !this.#closed && this.#stream.readStatus === 'paused') this.#stream.resume()
    })
  }

  #countFrame(): boolean {
    this.counts.receivedFrames++
    const now = this.#now()
    if (now - this.#windowStart >= 1000) {
      this.#windowStart = now
      this.#windowFrames = 0
    }
    return ++this.#windowFrames <= FRAMES_PER_SECOND_MAX
  }

  #tick(): void {
    if (this.#holding) return
    if (this.#now() - this.#heardAt > SILENCE_MAX_MS) return this.close('silence')
    this.#ping()
  }

  #ping(): void {
    if (this.#closed) return
    this.#pingSentAt ??= performance.now()
    this.send(FRAME_KIND.ping, PING_PAYLOAD)
  }
}

const PING_BYTES = 8
const PING_PAYLOAD = new Uint8Array(PING_BYTES)
/** An answer that took longer says too little about the time. */
const CLOCK_ANSWER_MS_MAX = 1_000
/** Far beyond any clock, and a safe integer. */
const TIME_MAX = 2 ** 50

/** What the ping said, then the wall time in ms (u64, big-endian). */
function pongPayload(ping: Uint8Array, wall: number): Uint8Array {
  const pong = new Uint8Array(2 * PING_BYTES)
  pong.set(ping.subarray(0, PING_BYTES))
  new DataView(pong.buffer).setBigUint64(PING_BYTES, BigInt(Math.max(0, Math.floor(wall))))
  return pong
}

function timeOfPong(payload: Uint8Array): number | undefined {
  if (payload.length < 2 * PING_BYTES) return undefined
  const time = Number(new DataView(payload.buffer, payload.byteOffset).getBigUint64(PING_BYTES))
  return time <= TIME_MAX ? time : undefined
}
