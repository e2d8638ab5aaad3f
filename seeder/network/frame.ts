// Frames on a peer stream: u32 length (big-endian, of what follows), u8 kind, payload.
//
//   00 00 00 05 | 01 | 8f 3a 00 11         length 5, kind `ping`, 4 bytes of payload
//
// Invariant: whatever arrives in whatever pieces, the frames that come out are the frames that went in, and never more
// than one frame's bytes (`payloadBytesMax`) plus one chunk of the stream is held. A frame over the limit, or of a kind
// that its protocol does not know, ends the stream before its payload is read.

import { assert, err, ok, type Result } from '#protocol/codec/result.ts'

export const FRAME_KIND = {
  /** One message; nothing answers it. */
  data: 0,
  /** "Are you there": 8 bytes that the pong repeats, and adds the sender's wall time to (u64, ms). */
  ping: 1,
  pong: 2,
  /** u32 id, then the question; exactly one of the next two answers it. */
  request: 3,
  response: 4,
  /** u32 id, then a code in ASCII. */
  refusal: 5,
} as const
export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND]

export const FRAME_HEADER_BYTES = 5
const LENGTH_BYTES = 4
const KIND_MAX = FRAME_KIND.refusal

export type Frame = { readonly kind: FrameKind; readonly payload: Uint8Array }
export type FrameError =
  | { readonly code: 'frame_too_large'; readonly actualBytes: number; readonly maxBytes: number }
  | { readonly code: 'frame_kind'; readonly kind: number }
  | { readonly code: 'frame_empty' }

/** The bytes of a frame as two pieces, so that a large payload is not copied. */
export function frameToBytes(kind: FrameKind, payload: Uint8Array): readonly [Uint8Array, Uint8Array] {
  const header = new Uint8Array(FRAME_HEADER_BYTES)
  new DataView(header.buffer).setUint32(0, payload.length + 1)
  header[LENGTH_BYTES] = kind
  return [header, payload]
}

/** Cuts a stream of chunks into frames. Payloads are views into what arrived, or copies where a frame spans chunks. */
export class FrameReader {
  readonly #payloadBytesMax: number
  #chunks: Uint8Array[] = []
  #held = 0

  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#held += chunk.length
  }

  /** Bytes that arrived and are not yet handed out. */
  get heldBytes(): number {
    return this.#held
  }

  /** The next whole frame, undefined when more bytes are needed. After an error the reader is of no more use. */
  next(): Result<Frame | undefined, FrameError> {
    if (this.#held < LENGTH_BYTES) return ok(undefined)
    const length = this.#peekUint32()
    if (length === 0) return err({ code: 'frame_empty' })
    if (length - 1 > this.#payloadBytesMax) {
      return err({ code: 'frame_too_large', actualBytes: length - 1, maxBytes: this.#payloadBytesMax })
    }
    if (this.#held < FRAME_HEADER_BYTES) return ok(undefined)
    const kind = this.#peekByte(LENGTH_BYTES)
    if (kind > KIND_MAX) return err({ code: 'frame_kind', kind })
    if (this.#held < LENGTH_BYTES + length) return ok(undefined)
    return ok({ kind: kind as FrameKind, payload: this.#take(LENGTH_BYTES + length).subarray(FRAME_HEADER_BYTES) })
  }

  #peekByte(at: number): number {
    let skip = at
    for (const chunk of this.#chunks) {
      if (skip < chunk.length) return chunk[skip] ?? 0
      skip -= chunk.length
    }
    assert(false, 'the byte is among those held')
  }

  #peekUint32(): number {
    return ((this.#peekByte(0) << 24) | (this.#peekByte(1) << 16) | (this.#peekByte(2) << 8) | this.#peekByte(3)) >>> 0
  }

  #take(count: number): Uint8Array {
    const first = this.#chunks[0]
    assert(first !== undefined && this.#held >= count, 'the bytes are held')
    this.#held -= count
    if (first.length > count) {
      this.#chunks[0] = first.subarray(count)
      return first.subarray(0, count)
    }
    if (first.length === count) {
      this.#chunks.shift()
      return first
    }
    const whole = new Uint8Array(count)
    let filled = 0
    let used = 0
    while (filled < count) {
      const chunk = this.#chunks[used]
      assert(chunk !== undefined, 'the bytes are held')
      const part = chunk.subarray(0, count - filled)
      whole.set(part, filled)
      filled += part.length
      if (part.length === chunk.length) used++
      else this.#chunks[used] = chunk.subarray(part.length)
    }
    this.#chunks.splice(0, used)
    return whole
  }
}
