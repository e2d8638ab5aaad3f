// WHATWG streams by web-streams-polyfill, and the streams that other standards build on them.

import { ReadableStream, TransformStream } from 'web-streams-polyfill'
import { type BufferSource, viewOf } from '#seeder/execute/guest/bytes.ts'
import { TextDecoder, utf8Encode } from '#seeder/execute/guest/encoding.ts'

export {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill'

/** A byte stream that gives `bytes` once. */
export function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    type: 'bytes',
    pull(controller) {
      if (bytes.length > 0) controller.enqueue(bytes as Uint8Array<ArrayBuffer>)
      controller.close()
      controller.byobRequest?.respond(0)
    },
  }) as ReadableStream<Uint8Array>
}

/** All bytes of a stream; text chunks are taken as UTF-8. */
export async function readAll(stream: ReadableStream<unknown>): Promise<Uint8Array[]> {
  const reader = stream.getReader()
  const chunks: Uint8Array[] = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return chunks
    chunks.push(typeof value === 'string' ? utf8Encode(value) : viewOf(value as BufferSource))
  }
}

export class TextEncoderStream {
  readonly encoding = 'utf-8'
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: unknown

  constructor() {
    let high = ''
    const { readable, writable } = new TransformStream<string, Uint8Array>({
      transform(chunk, controller) {
        let text = high + String(chunk)
        high = /[\ud800-\udbff]$/.test(text) ? text.slice(-1) : ''
        if (high !== '') text = text.slice(0, -1)
        if (text !== '') controller.enqueue(utf8Encode(text))
      },
      flush(controller) {
        if (high !== '') controller.enqueue(utf8Encode(high))
      },
    })
    this.readable = readable
    this.writable = writable
  }
}

export class TextDecoderStream {
  readonly encoding: string
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  readonly readable: ReadableStream<string>
  readonly writable: unknown

  constructor(label = 'utf-8', options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const decoder = new TextDecoder(label, options)
    const { readable, writable } = new TransformStream<BufferSource, string>({
      transform(chunk, controller) {
        if (chunk === undefined) throw new TypeError('A chunk is a buffer or a view of one.')
        const text = decoder.decode(chunk, { stream: true })
        if (text !== '') controller.enqueue(text)
      },
      flush(controller) {
        const text = decoder.decode()
        if (text !== '') controller.enqueue(text)
      },
    })
    this.encoding = decoder.encoding
    this.fatal = decoder.fatal
    this.ignoreBOM = decoder.ignoreBOM
    this.readable = readable
    this.writable = writable
  }
}
