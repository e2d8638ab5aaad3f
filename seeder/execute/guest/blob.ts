// Blob and File (File API): immutable bytes with a type.

import { type BufferSource, concatBytes, copyOf, isBufferSource } from '#seeder/execute/guest/bytes.ts'
import { utf8Decode, utf8Encode } from '#seeder/execute/guest/encoding.ts'
import { exactBuffer } from '#seeder/execute/guest/host.ts'
import { type ReadableStream, streamOf } from '#seeder/execute/guest/streams.ts'

export type BlobPart = BufferSource | Blob | string
export type BlobOptions = { type?: unknown; endings?: unknown }

function typeOf(value: unknown): string {
  const text = value === undefined ? '' : String(value)
  return /^[\x20-\x7e]*$/.test(text) ? text.toLowerCase() : ''
}

function optionsOf<T extends object>(options: T | null | undefined): Partial<T> {
  if (options === undefined || options === null) return {}
  if (typeof options !== 'object' && typeof options !== 'function') throw new TypeError('The options are an object.')
  return options
}

/** Web IDL's sequence: anything with an iterator but a text; each item is converted before the next one is asked for. */
function partsOf(parts: unknown): (Uint8Array | Blob | string)[] {
  if (parts === undefined) return []
  const iterable = (typeof parts === 'object' || typeof parts === 'function') && parts !== null
  if (!iterable || typeof (parts as Iterable<unknown>)[Symbol.iterator] !== 'function')
    throw new TypeError('Blob parts are a sequence.')
  const items: (Uint8Array | Blob | string)[] = []
  for (const part of parts as Iterable<unknown>) {
    items.push(part instanceof Blob ? part : isBufferSource(part) ? copyOf(part) : String(part))
  }
  return items
}

/** A place in `size` bytes as `slice` counts them: from the end when negative. */
function placeOf(value: unknown, otherwise: number, size: number): number {
  if (value === undefined) return otherwise
  const whole = Math.trunc(Number(value)) || 0
  return whole < 0 ? Math.max(0, size + whole) : Math.min(whole, size)
}

export class Blob {
  readonly #bytes: Uint8Array
  readonly #type: string

  constructor(...given: [parts?: Iterable<BlobPart>, options?: BlobOptions | null]) {
    const items = partsOf(given[0])
    const { endings = 'transparent', type } = optionsOf<BlobOptions>(given[1])
    const ending = String(endings)
    if (ending !== 'transparent' && ending !== 'native')
      throw new TypeError(`The endings of lines are "transparent" or "native", not "${ending}".`)
    const shown = typeOf(type)
    const chunks = items.map((part) => {
      if (part instanceof Blob) return part.#bytes
      if (typeof part !== 'string') return part
      return utf8Encode(ending === 'native' ? part.replace(/\r\n?/g, '\n') : part)
    })
    const [only] = chunks
    this.#bytes = chunks.length === 1 && only !== undefined ? only : concatBytes(chunks)
    this.#type = shown
  }

  /** The bytes themselves, not a copy: for this library alone. */
  static bytesOf(blob: Blob): Uint8Array {
    return blob.#bytes
  }

  get size(): number {
    return this.#bytes.length
  }

  get type(): string {
    return this.#type
  }

  slice(start?: unknown, end?: unknown, type?: unknown): Blob {
    const { size } = this
    const from = placeOf(start, 0, size)
    return new Blob([this.#bytes.slice(from, Math.max(from, placeOf(end, size, size)))], { type })
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
  readonly #name: string
  readonly #lastModified: number

  constructor(
    ...given: [parts: Iterable<BlobPart>, name: unknown, options?: (BlobOptions & { lastModified?: unknown }) | null]
  ) {
    if (given.length < 2) throw new TypeError('A File needs its parts and a name.')
    const [parts, name, options] = given
    if (parts === undefined) throw new TypeError('Blob parts are a sequence.')
    super(parts, options)
    this.#name = String(name).toWellFormed()
    // The present time would make every upload ask for the clock.
    this.#lastModified = Math.trunc(Number(optionsOf<{ lastModified?: unknown }>(options).lastModified ?? 0)) || 0
  }

  get name(): string {
    return this.#name
  }

  get lastModified(): number {
    return this.#lastModified
  }

  get webkitRelativePath(): string {
    return ''
  }

  override get [Symbol.toStringTag](): string {
    return 'File'
  }
}
