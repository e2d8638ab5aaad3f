// What travels through a tunnel between a gateway and a seeder without an inbound port: one WebSocket message a frame.
//
//   u8 type │ u32 stream (big-endian) │ payload
//
//   OPEN    canonical CBOR of the request's head, its body inside when that is small and whole    gateway → seeder
//   ANSWER  the same of the answer's head                                                         seeder → gateway
//   DATA    a piece of a body                                                                     both ways
//   END     the body is whole
//   CANCEL  u8 reason: neither side says anything more on this stream
//   CREDIT  u32: so many more bytes may come; on stream 0, of the whole connection
//   RESET   on stream 0: whoever sends it has forgotten every stream there was
//
// A request and its answer that both fit take two messages. A frame that breaks a rule ends the connection.

import { cborFromValue } from '#protocol/codec/cbor.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import {
  array,
  bytes,
  nullable,
  object,
  oneOf,
  readCbor,
  readShape,
  type Shape,
  type Shaped,
  text,
  tuple,
  uint,
} from '#protocol/codec/shape.ts'
import { headerPair, method, target } from '#protocol/message/request.ts'
import { siteName } from '#protocol/message/statement.ts'

export const FRAME = { open: 1, answer: 2, data: 3, end: 4, cancel: 5, credit: 6, reset: 7 } as const

export const FRAME_HEAD_BYTES = 5
/** Of a body, in one message: as much as a certified chunk. */
export const DATA_BYTES_MAX = 64 * 1024
/** A body up to this size travels inside its head. */
export const INLINE_BYTES_MAX = 64 * 1024
/** The encoded head, its body included. */
export const HEAD_BYTES_MAX = 192 * 1024
export const FRAME_BYTES_MAX = FRAME_HEAD_BYTES + HEAD_BYTES_MAX
export const STREAM_MAX = 0xffff_ffff
const HEADERS_MAX = 128

/** Why a stream ended before its body did. */
export const CANCEL = {
  /** Whoever asked went away. */
  gone: 0,
  /** It was begun and could not be finished. */
  failed: 1,
  /** No room for another stream. */
  busy: 2,
  /** Nothing was taken for too long. */
  stalled: 3,
} as const
export type CancelReason = (typeof CANCEL)[keyof typeof CANCEL]

/** Any of them, as HTTP allows it (RFC 9110 §5.5): what is passed on can't end a line. */
const answerHeader = tuple(text(128, /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/), text(64 * 1024, /^[\t\x20-\x7e\x80-\xff]*$/))

/** `body`: the whole of it; null when it follows. */
const body = nullable(bytes(INLINE_BYTES_MAX))

export const openShape = object({
  /** The site's name; null: the seeder itself is asked. */
  site: nullable(siteName),
  /** How the visitor reached the gateway. */
  scheme: oneOf('http', 'https'),
  method,
  target,
  /** `Host` as the visitor sent it. */
  host: text(256, /^[a-z0-9.-]+(:[0-9]{1,5})?$/),
  headers: array(headerPair, HEADERS_MAX),
  /** For whose share it counts: the visitor's address as the gateway sees it. */
  source: text(64, /^[0-9a-zA-Z.:]*$/),
  body,
})
export type OpenHead = Shaped<typeof openShape>

export const answerShape = object({ status: uint(599), headers: array(answerHeader, HEADERS_MAX), body })
export type AnswerHead = Shaped<typeof answerShape>

export type Frame =
  | { readonly type: 'open'; readonly stream: number; readonly head: OpenHead }
  | { readonly type: 'answer'; readonly stream: number; readonly head: AnswerHead }
  | { readonly type: 'data'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly type: 'end'; readonly stream: number }
  | { readonly type: 'cancel'; readonly stream: number; readonly reason: CancelReason }
  | { readonly type: 'credit'; readonly stream: number; readonly bytes: number }
  | { readonly type: 'reset' }

export type FrameError =
  | { readonly code: 'frame_too_long'; readonly actualBytes: number; readonly maxBytes: number }
  | { readonly code: 'frame_type'; readonly actual: number }
  | { readonly code: 'frame_form'; readonly type: Frame['type']; readonly detail: string }

function framed(type: number, stream: number, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + payload.length)
  frame[0] = type
  new DataView(frame.buffer).setUint32(1, stream)
  frame.set(payload, FRAME_HEAD_BYTES)
  return frame
}

const NOTHING = new Uint8Array(0)

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

export type HeadError = { readonly code: 'head_form'; readonly path: string } | { readonly code: 'head_too_long' }

/** The encoded head, or why the other side would not take it: what a visitor or a script wrote must not end everybody's tunnel. */
export function headToBytes(type: 'open' | 'answer', head: OpenHead | AnswerHead): Result<Uint8Array, HeadError> {
  const fits = readShape<OpenHead | AnswerHead>(type === 'open' ? openShape : answerShape, head)
  if (!fits.ok) return err({ code: 'head_form', path: fits.error.path })
  const bytes = cborFromValue(head)
  return bytes.length <= HEAD_BYTES_MAX ? ok(bytes) : err({ code: 'head_too_long' })
}

/** A frame to be sent: a head is already encoded, by `headToBytes`. */
export type OutgoingFrame =
  | Exclude<Frame, { readonly type: 'open' | 'answer' }>
  | { readonly type: 'open' | 'answer'; readonly stream: number; readonly head: Uint8Array }

export function frameToBytes(frame: OutgoingFrame): Uint8Array {
  switch (frame.type) {
    case 'open':
    case 'answer':
      return framed(FRAME[frame.type], frame.stream, frame.head)
    case 'data':
      assert(frame.bytes.length > 0 && frame.bytes.length <= DATA_BYTES_MAX, 'a piece fits its frame')
      return framed(FRAME.data, frame.stream, frame.bytes)
    case 'end':
      return framed(FRAME.end, frame.stream, NOTHING)
    case 'cancel':
      return framed(FRAME.cancel, frame.stream, Uint8Array.of(frame.reason))
    case 'credit':
      return framed(FRAME.credit, frame.stream, u32(frame.bytes))
    case 'reset':
      return framed(FRAME.reset, 0, NOTHING)
  }
}

function headFromBytes<T>(type: 'open' | 'answer', shape: Shape<T>, payload: Uint8Array): Result<T, FrameError> {
  const read = readCbor(shape, payload, HEAD_BYTES_MAX)
  if (read.ok) return read
  return err({ code: 'frame_form', type, detail: 'path' in read.error ? read.error.path : read.error.code })
}

/** One whole message. `bytes` of a `data` frame are a view into it. */
export function frameFromBytes(message: Uint8Array): Result<Frame, FrameError> {
  if (message.length > FRAME_BYTES_MAX)
    return err({ code: 'frame_too_long', actualBytes: message.length, maxBytes: FRAME_BYTES_MAX })
  if (message.length < FRAME_HEAD_BYTES) return err({ code: 'frame_type', actual: message[0] ?? 0 })
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const stream = view.getUint32(1)
  const payload = message.subarray(FRAME_HEAD_BYTES)
  const bad = (type: Frame['type'], detail: string): Result<Frame, FrameError> =>
    err({ code: 'frame_form', type, detail })
  switch (message[0]) {
    case FRAME.open: {
      const head = headFromBytes('open', openShape, payload)
      return head.ok ? ok({ type: 'open', stream, head: head.value }) : head
    }
    case FRAME.answer: {
      const head = headFromBytes('answer', answerShape, payload)
      return head.ok ? ok({ type: 'answer', stream, head: head.value }) : head
    }
    case FRAME.data:
      if (payload.length === 0 || payload.length > DATA_BYTES_MAX) return bad('data', 'length')
      return ok({ type: 'data', stream, bytes: payload })
    case FRAME.end:
      return payload.length === 0 ? ok({ type: 'end', stream }) : bad('end', 'length')
    case FRAME.cancel: {
      const reason = payload[0]
      if (payload.length !== 1 || reason === undefined || reason > CANCEL.stalled) return bad('cancel', 'reason')
      return ok({ type: 'cancel', stream, reason: reason as CancelReason })
    }
    case FRAME.credit: {
      if (payload.length !== 4) return bad('credit', 'length')
      const bytes = view.getUint32(FRAME_HEAD_BYTES)
      return bytes > 0 ? ok({ type: 'credit', stream, bytes }) : bad('credit', 'zero')
    }
    case FRAME.reset:
      return payload.length === 0 && stream === 0 ? ok({ type: 'reset' }) : bad('reset', 'length')
    default:
      return err({ code: 'frame_type', actual: message[0] ?? 0 })
  }
}
