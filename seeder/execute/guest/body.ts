// The body mixin of Request and Response (Fetch §5.2). Bytes stay bytes until someone asks for the stream.

import { Blob } from '#seeder/execute/guest/blob.ts'
import { type BufferSource, concatBytes, copyOf, isBufferSource } from '#seeder/execute/guest/bytes.ts'
import { utf8Decode, utf8Encode } from '#seeder/execute/guest/encoding.ts'
import { boundaryOf, FormData, parseMultipart, serializeMultipart } from '#seeder/execute/guest/form-data.ts'
import type { Headers } from '#seeder/execute/guest/headers.ts'
import { exactBuffer } from '#seeder/execute/guest/host.ts'
import { ReadableStream, readAll, streamOf } from '#seeder/execute/guest/streams.ts'
import { parseForm, URLSearchParams } from '#seeder/execute/guest/url-search-params.ts'

export type BodyInit = string | BufferSource | Blob | FormData | URLSearchParams | ReadableStream | null | undefined

/** Text and bytes are kept as they came; a stream once it was given or asked for. */
type Source = string | Uint8Array | ReadableStream | null

/** What a body is made of, and the content type that it brings along. */
export function extractBody(init: BodyInit): { source: Source; type: string | null } {
  if (init === null || init === undefined) return { source: null, type: null }
  if (typeof init === 'string') return { source: init, type: 'text/plain;charset=UTF-8' }
  if (init instanceof Blob) return { source: Blob.bytesOf(init), type: init.type === '' ? null : init.type }
  if (init instanceof URLSearchParams) {
    return { source: init.toString(), type: 'application/x-www-form-urlencoded;charset=UTF-8' }
  }
  if (init instanceof FormData) {
    const { bytes, boundary } = serializeMultipart(init)
    return { source: bytes, type: `multipart/form-data; boundary=${boundary}` }
  }
  if (init instanceof ReadableStream) {
    if (init.locked || isDisturbed(init))
      throw new TypeError('This ReadableStream was read or is locked: a body must be a stream that nobody reads yet.')
    return { source: init, type: null }
  }
  if (isBufferSource(init)) return { source: copyOf(init), type: null }
  // Everything else is a string by conversion; Hono's html helper hands in a String object.
  return { source: String(init), type: 'text/plain;charset=UTF-8' }
}

export abstract class Body {
  #source: Source
  #used = false
  abstract readonly headers: Headers

  constructor(source: Source) {
    this.#source = source
  }

  get body(): ReadableStream | null {
    const source = this.#source
    if (source === null || source instanceof ReadableStream) return source
    const bytes = typeof source === 'string' ? utf8Encode(source) : source
    const stream = streamOf(this.#used ? new Uint8Array(0) : bytes)
    // A used body keeps a locked stream, so that it looks as used as it is.
    if (this.#used) stream.getReader()
    this.#source = stream
    return stream
  }

  get bodyUsed(): boolean {
    return this.#used || (this.#source instanceof ReadableStream && isDisturbed(this.#source))
  }

  /** Takes the source out of the body and marks it used. */
  protected takeSource(): Source {
    if (this.bodyUsed || (this.#source instanceof ReadableStream && this.#source.locked)) {
      throw new TypeError(
        'Body has already been used. It can only be used once. Use tee() first if you need to read it twice.',
      )
    }
    if (this.#source !== null) this.#used = true
    return this.#source
  }

  /** A second body of the same content; a stream is teed. */
  protected teeSource(): Source {
    if (this.bodyUsed || (this.#source instanceof ReadableStream && this.#source.locked)) {
      throw new TypeError('A body that was used or is being read cannot be cloned.')
    }
    if (!(this.#source instanceof ReadableStream)) return this.#source
    const [mine, theirs] = this.#source.tee()
    this.#source = mine
    return theirs
  }

  /** All bytes, as they are: for this library alone. */
  static async bytesOf(body: Body): Promise<Uint8Array> {
    const source = body.takeSource()
    if (source === null) return new Uint8Array(0)
    if (typeof source === 'string') return utf8Encode(source)
    return source instanceof Uint8Array ? source : concatBytes(await readAll(source))
  }

  async text(): Promise<string> {
    const source = this.takeSource()
    if (source === null) return ''
    if (typeof source === 'string') return withoutMark(source.toWellFormed())
    return withoutMark(utf8Decode(source instanceof Uint8Array ? source : concatBytes(await readAll(source))))
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async bytes(): Promise<Uint8Array> {
    return (await Body.bytesOf(this)).slice()
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return exactBuffer((await Body.bytesOf(this)).slice())
  }

  async blob(): Promise<Blob> {
    return new Blob([await Body.bytesOf(this)], { type: this.headers.get('content-type') ?? '' })
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get('content-type') ?? ''
    const essence = type.split(';', 1)[0]?.trim().toLowerCase()
    if (essence === 'application/x-www-form-urlencoded') {
      const form = new FormData()
      for (const [name, value] of parseForm(utf8Decode(await Body.bytesOf(this)))) form.append(name, value)
      return form
    }
    const boundary = boundaryOf(type)
    if (essence === 'multipart/form-data' && boundary !== undefined) {
      return parseMultipart(await Body.bytesOf(this), boundary)
    }
    throw new TypeError(`formData() needs a form's Content-Type, not "${type}".`)
  }
}

function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

function isDisturbed(stream: ReadableStream): boolean {
  return (stream as unknown as { _disturbed?: boolean })._disturbed === true
}
