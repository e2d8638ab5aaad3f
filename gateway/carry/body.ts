// A large body on its way from members to a visitor: each chunk is held against its leaf before it goes on, and when the member
// that sends it stops or lies, another one goes on from there. The visitor sees one body, whole, or one that breaks off.
//
//   leaves (of any member, held against the certified body root)
//   member A: chunk chunk chunk ✗        member B: Range from there: chunk chunk … end

import { sha256Native } from '#gateway/web-crypto.ts'
import { chunkChecker } from '#protocol/answer/chunks.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { BODY_CHUNK_BYTES } from '#protocol/site/response-hash.ts'

/** A part of a body, both ends included. */
export type Span = { readonly start: number; readonly end: number }

/**
 * Bytes from `start`, which is the first of a chunk, of the body that has this root, by a member that has not failed at this body
 * before; undefined when there is none left.
 */
export type NextSource = (start: number) => Promise<ReadableStream<Uint8Array> | undefined>

export type CheckedBody = {
  readonly leaves: readonly Digest[]
  /** What the visitor gets of it. */
  readonly span: Span
  /** Already on its way from its first byte; absent: it is asked for. */
  readonly first: ReadableStream<Uint8Array> | undefined
  readonly next: NextSource
  /** A member sent a chunk that is none of this body's. */
  readonly onLie: () => void
}

export function checkedBody({ leaves, span, first, next, onLie }: CheckedBody): ReadableStream<Uint8Array> {
  const startChunk = Math.floor(span.start / BODY_CHUNK_BYTES)
  const chunks = proven()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await chunks.next()
        if (chunk.done === true) controller.close()
        else controller.enqueue(chunk.value)
      },
      async cancel() {
        await chunks.return(undefined)
      },
    },
    { highWaterMark: 0 },
  )

  /** The bytes of the span, chunk by chunk. */
  async function* proven(): AsyncGenerator<Uint8Array, void, undefined> {
    let at = startChunk
    const lastChunk = Math.floor(span.end / BODY_CHUNK_BYTES)
    let source = first ?? (await next(at * BODY_CHUNK_BYTES))
    while (source !== undefined) {
      for await (const chunk of chunksOf(source, at)) {
        const from = at * BODY_CHUNK_BYTES
        at++
        yield chunk.subarray(Math.max(0, span.start - from), Math.min(chunk.length, span.end + 1 - from))
        if (at > lastChunk) return
      }
      source = await next(at * BODY_CHUNK_BYTES)
    }
    throw new Error('no member has the rest of this answer')
  }

  /** Those that hold, until the source ends, breaks off or lies. */
  async function* chunksOf(
    source: ReadableStream<Uint8Array>,
    from: number,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const checker = chunkChecker(leaves, from, sha256Native)
    const reader = source.getReader()
    try {
      for (;;) {
        const read = await reader.read().catch(() => undefined)
        if (read === undefined) return
        const checked = await (read.done ? checker.end() : checker.push(read.value))
        if (!checked.ok) {
          // A source that ended early broke off; whoever sent other bytes lied.
          if (checked.error.code !== 'too_short') onLie()
          return
        }
        for (const chunk of checked.value) yield chunk
        if (read.done) return
      }
    } finally {
      await reader.cancel().catch(() => {})
    }
  }
}
