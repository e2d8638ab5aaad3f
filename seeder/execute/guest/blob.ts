// Blob and File (File API): immutable bytes with a type.

import { type BufferSource, concatBytes, copyOf, isBufferSource } from '#seeder/execute/guest/bytes.ts'
import { utf8Decode, utf8Encode } from '#seeder/execute/guest/encoding.ts'
import { exactBuffer } from '#seeder/execute/guest/host.ts'
import { type ReadableStream, streamOf } from '#seeder/execute/guest/streams.ts'

export type BlobPart = BufferSource | Blob | string

function typeOf(value: unknown): string {
  const text = value === undefined ? '' : String(value)
  return /^[\x20-\x7e]*$/.test(text) ? text.toLowerCase() : ''
}

export class Blob {
  readonly #bytes: Uint8Array
  readonly type: string

  constructor(parts: Iterable<BlobPart> = [], options: { type?: string } = {}) {
    if (typeof parts !== 'object' || parts === null) throw new TypeError('Blob parts must be an iterable object')
    const chunks: Uint8Array[] = []
    for (const part of parts) {
      if (part instanceof Blob) chunks.push(part.#bytes)
      else chunks.push(isBufferSource(part) ? copyOf(part) : utf8Encode(String(part)))
    }
    this.#bytes = concatBytes(chunks)
    this.type = typeOf(options.type)
  }

  /** The bytes themselves, not a copy: for this library alone. */
  static bytesOf(blob: Blob): Uint8Array {
    return blob.#bytes
  }

  get size(): number {
    return this.#bytes.length
  }

  slice(start = 0, end = this.size, type = ''): Blob {
    return new Blob([this.#bytes.slice(start, end)], { type })
  }

  async text(): Promise<string> {
    const text = utf8Decode(this.#bytes)
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return exactBuffer(this.#bytes.slice())
  }

  async bytes(): Promise<Uint8Array> {
    return this.#bytes.slice()
  }

  stream(): ReadableStream {
    return streamOf(this.#bytes.slice())
  }

  get [Symbol.toStringTag](): string {
    return 'Blob'
  }
}

export class File extends Blob {
  readonly name: string
  readonly lastModified: number

  constructor(parts: Iterable<BlobPart>, name: string, options: { type?: string; lastModified?: number } = {}) {
    super(parts, options)
    this.name = String(name)
    // The present time would make every upload ask for the clock.
    this.lastModified = options.lastModified ?? 0
  }

  override get [Symbol.toStringTag](): string {
    return 'File'
  }
}
