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
  const reader = (body instanceof Uint8Array ? streamOf(body) : body).getReader()
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
      if (next.done) return ok({ bytes: bytesConcat(...parts), rest: undefined })
      if (!room.take(next.value.length)) return end('no_room')
      length += next.value.length
      parts.push(next.value)
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
  return goingOn([], (body instanceof Uint8Array ? streamOf(body) : body).getReader(), room)
}

const NONE = new Uint8Array(0)

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new Blob([bytes as Uint8Array<ArrayBuffer>]).stream()
}

/** What came first, then the rest. */
function goingOn(
  first: Uint8Array[],
  reader: ReadableStreamDefaultReader<Uint8Array>,
  room: Room,
): ReadableStream<Uint8Array> {
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
          if (!next.done) return controller.enqueue(next.value)
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
