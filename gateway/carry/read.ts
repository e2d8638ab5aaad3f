// What a member sends, taken within the room of the visit that it is for.
//
// Invariant: what is held here of a body was taken from the room first, and is given back when it went on, was refused or broke off.

import { type Room, STREAM_BYTES } from '#gateway/carry/room.ts'
import { bytesConcat } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'

/** A body up to this size is checked before its first byte goes on. */
export const WHOLE_BYTES_MAX = 1024 * 1024

export type Body = Uint8Array | ReadableStream<Uint8Array>
export type Unread = 'broke_off' | 'too_long' | 'no_room'

export async function discard(body: Body): Promise<void> {
  if (!(body instanceof Uint8Array)) await body.cancel().catch(() => {})
}

/** All of a body that may have at most so many bytes; they stay taken. */
export async function wholeOf(body: Body, bytesMax: number, room: Room): Promise<Result<Uint8Array, Unread>> {
  const begun = await beginningOf(body, bytesMax, room)
  if (!begun.ok) return begun
  const { bytes, rest } = begun.value
  if (rest === undefined) return ok(bytes)
  await rest.cancel()
  return err('too_long')
}

export type Beginning = {
  /** The whole, when there is no `rest`; its length stays taken. */
  readonly bytes: Uint8Array
  /** From the first byte on; gives back by itself. */
  readonly rest: ReadableStream<Uint8Array> | undefined
}

/** A body of at most so many bytes whole, a larger one as a stream. */
export async function beginningOf(body: Body, wholeMax: number, room: Room): Promise<Result<Beginning, Unread>> {
  const reader = readerOf(body)
  const parts: Uint8Array[] = []
  let length = 0
  const end = async (why: Unread): Promise<Result<never, Unread>> => {
    room.give(length)
    await reader.cancel().catch(() => {})
    return err(why)
  }
  try {
    for (;;) {
      const next = await reader.read()
      if (next === undefined) {
        const [first = NONE, ...others] = parts
        return ok({ bytes: others.length === 0 ? first : bytesConcat(first, ...others), rest: undefined })
      }
      if (!room.take(next.length)) return end('no_room')
      length += next.length
      parts.push(next)
      if (length <= wholeMax) continue
      if (!room.take(STREAM_BYTES)) return end('no_room')
      return ok({ bytes: NONE, rest: goingOn(parts, reader, room) })
    }
  } catch {
    return end('broke_off')
  }
}

/** A body as it comes, from the next member that sends it; undefined: there is no room. */
export function streamed(body: Body, room: Room): ReadableStream<Uint8Array> | undefined {
  if (!room.take(STREAM_BYTES)) return undefined
  return goingOn([], readerOf(body), room)
}

const NONE = new Uint8Array(0)

type Reader = {
  /** What came next; undefined: that was all. */
  read(): Promise<Uint8Array | undefined>
  cancel(reason?: unknown): Promise<void>
}

/**
 * Of the buffer that a read brings along: workerd gives 4 KiB at a time, a hop each, to whoever brings none. It grows with what comes, so that who
 * waits for a slow member holds little.
 */
const READ_BYTES_MIN = 4 * 1024
const READ_BYTES_MAX = 64 * 1024

function readerOf(body: Body): Reader {
  if (body instanceof Uint8Array) return readerOfBytes(body)
  let reader: ReadableStreamBYOBReader
  try {
    reader = body.getReader({ mode: 'byob' })
  } catch {
    return readerOfParts(body.getReader())
  }
  let buffer = new ArrayBuffer(READ_BYTES_MIN)
  return {
    async read() {
      const next = await reader.read(new Uint8Array(buffer))
      if (next.done) return undefined
      const { value } = next
      const size = value.buffer.byteLength
      if (value.length < size / 2) {
        // A little is not to hold much.
        buffer = value.buffer
        return value.slice()
      }
      buffer = new ArrayBuffer(value.length < size ? size : Math.min(2 * size, READ_BYTES_MAX))
      return value
    },
    cancel: (reason) => reader.cancel(reason),
  }
}

function readerOfBytes(bytes: Uint8Array): Reader {
  let left: Uint8Array | undefined = bytes
  return {
    async read() {
      const next = left
      left = undefined
      return next
    },
    async cancel() {
      left = undefined
    },
  }
}

function readerOfParts(reader: ReadableStreamDefaultReader<Uint8Array>): Reader {
  return {
    async read() {
      const next = await reader.read()
      return next.done ? undefined : next.value
    },
    cancel: (reason) => reader.cancel(reason),
  }
}

/** What came first, then the rest. */
function goingOn(first: Uint8Array[], reader: Reader, room: Room): ReadableStream<Uint8Array> {
  let isOpen = true
  const end = (): void => {
    if (!isOpen) return
    isOpen = false
    room.give(STREAM_BYTES + first.reduce((sum, { length }) => sum + length, 0))
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const known = first.shift()
        if (known !== undefined) {
          room.give(known.length)
          controller.enqueue(known)
          return
        }
        try {
          const next = await reader.read()
          if (next !== undefined) return controller.enqueue(next)
          end()
          controller.close()
        } catch (cause) {
          end()
          throw cause
        }
      },
      cancel(reason) {
        end()
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
}
