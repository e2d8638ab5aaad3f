// env.<FILES>: files of the site in the shape of R2 (head, get, put, delete, list); the bytes lie in the state tree as plain files.

import { Blob } from '#seeder/execute/guest/blob.ts'
import { type BufferSource, concatBytes, isBufferSource, viewOf } from '#seeder/execute/guest/bytes.ts'
import { utf8Decode, utf8Encode } from '#seeder/execute/guest/encoding.ts'
import { Headers } from '#seeder/execute/guest/headers.ts'
import { exactBuffer, hostJson, stateHost } from '#seeder/execute/guest/host.ts'
import { ReadableStream, readAll, streamOf } from '#seeder/execute/guest/streams.ts'

const HTTP_FIELDS = ['contentType', 'contentLanguage', 'contentDisposition', 'contentEncoding', 'cacheControl'] as const
type HttpMetadata = Partial<Record<(typeof HTTP_FIELDS)[number], string>>
type Head = {
  key: string
  size: number
  etag: string
  uploaded: number
  httpMetadata: HttpMetadata
  customMetadata: Record<string, string>
}
type Range = { offset?: number; length?: number; suffix?: number }
type Condition = { etagMatches?: string; etagDoesNotMatch?: string }
type GetOptions = { range?: Range; onlyIf?: Condition | Headers }
type PutOptions = {
  httpMetadata?: HttpMetadata | Headers
  customMetadata?: Record<string, string>
  onlyIf?: Condition | Headers
}
type ListOptions = { prefix?: string; limit?: number; cursor?: string; delimiter?: string; include?: string[] }

const headerOf = (field: string): string => field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
const unquote = (etag: string): string => etag.trim().replace(/^W\//, '').replace(/^"|"$/g, '')

export class FileObject {
  readonly key: string
  readonly size: number
  readonly etag: string
  readonly httpEtag: string
  readonly version: string
  readonly uploaded: Date
  readonly httpMetadata: HttpMetadata
  readonly customMetadata: Record<string, string>
  readonly storageClass = 'Standard'
  readonly checksums: { sha256: string }

  constructor(head: Head) {
    this.key = head.key
    this.size = head.size
    this.etag = head.etag
    this.httpEtag = `"${head.etag}"`
    this.version = head.etag
    this.uploaded = new Date(head.uploaded)
    this.httpMetadata = head.httpMetadata
    this.customMetadata = head.customMetadata
    this.checksums = { sha256: head.etag }
  }

  writeHttpMetadata(headers: Headers): void {
    for (const field of HTTP_FIELDS) {
      const value = this.httpMetadata[field]
      if (value !== undefined) headers.set(headerOf(field), value)
    }
  }
}

export class FileBody extends FileObject {
  readonly range: { offset: number; length: number }
  readonly #bytes: Uint8Array
  #used = false

  constructor(head: Head, bytes: Uint8Array, offset: number) {
    super(head)
    this.#bytes = bytes
    this.range = { offset, length: bytes.length }
  }

  #take(): Uint8Array {
    if (this.#used) throw new TypeError('Body has already been used. It can only be used once.')
    this.#used = true
    return this.#bytes
  }

  get bodyUsed(): boolean {
    return this.#used
  }

  get body(): ReadableStream {
    return streamOf(this.#take())
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return exactBuffer(this.#take())
  }

  async bytes(): Promise<Uint8Array> {
    return this.#take()
  }

  async text(): Promise<string> {
    return utf8Decode(this.#take())
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text())
  }

  async blob(): Promise<Blob> {
    return new Blob([this.#take()], { type: this.httpMetadata.contentType ?? '' })
  }
}

function meets(head: Head | null, condition: Condition | Headers | undefined): boolean {
  if (condition === undefined) return true
  const match = condition instanceof Headers ? condition.get('if-match') : condition.etagMatches
  const noMatch = condition instanceof Headers ? condition.get('if-none-match') : condition.etagDoesNotMatch
  const has = (list: string): boolean =>
    head !== null && list.split(',').some((etag) => etag.trim() === '*' || unquote(etag) === head.etag)
  if (match !== undefined && match !== null && !has(match)) return false
  return noMatch === undefined || noMatch === null || !has(noMatch)
}

function httpMetadataOf(given: HttpMetadata | Headers | undefined): HttpMetadata {
  const metadata: HttpMetadata = {}
  for (const field of HTTP_FIELDS) {
    const value = given instanceof Headers ? given.get(headerOf(field)) : given?.[field]
    if (value !== undefined && value !== null) metadata[field] = String(value)
  }
  return metadata
}

export class FileStore {
  readonly #binding: string

  constructor(binding: string) {
    this.#binding = binding
  }

  #head(key: string): Head | null {
    return hostJson<Head | null>('files.head', { binding: this.#binding, key: String(key) })
  }

  async head(key: string): Promise<FileObject | null> {
    const head = this.#head(key)
    return head === null ? null : new FileObject(head)
  }

  /** Null when there is no such file; without a body when `onlyIf` is not met. */
  async get(key: string, options: GetOptions = {}): Promise<FileBody | FileObject | null> {
    const head = this.#head(key)
    if (head === null) return null
    if (!meets(head, options.onlyIf)) return new FileObject(head)
    const { offset: from, length, suffix } = options.range ?? {}
    const offset = Math.min(head.size, suffix === undefined ? (from ?? 0) : Math.max(0, head.size - suffix))
    const bytes = stateHost('files.get', {
      binding: this.#binding,
      key: String(key),
      offset,
      length: length ?? head.size - offset,
    })
    if (typeof bytes === 'string') return null
    return new FileBody(head, new Uint8Array(bytes), offset)
  }

  async put(
    key: string,
    value: string | BufferSource | Blob | ReadableStream | null,
    options: PutOptions = {},
  ): Promise<FileObject | null> {
    if (options.onlyIf !== undefined && !meets(this.#head(key), options.onlyIf)) return null
    let bytes: Uint8Array
    if (value === null) bytes = new Uint8Array(0)
    else if (value instanceof Blob) bytes = Blob.bytesOf(value)
    else if (value instanceof ReadableStream) bytes = concatBytes(await readAll(value))
    else bytes = isBufferSource(value) ? viewOf(value) : utf8Encode(String(value))
    const httpMetadata = httpMetadataOf(options.httpMetadata)
    if (value instanceof Blob && value.type !== '' && httpMetadata.contentType === undefined)
      httpMetadata.contentType = value.type
    const argument = {
      binding: this.#binding,
      key: String(key),
      httpMetadata,
      customMetadata: options.customMetadata ?? {},
    }
    return new FileObject(JSON.parse(stateHost('files.put', argument, exactBuffer(bytes)) as string) as Head)
  }

  async delete(keys: string | readonly string[]): Promise<void> {
    for (const key of typeof keys === 'string' ? [keys] : keys) {
      stateHost('files.delete', { binding: this.#binding, key: String(key) })
    }
  }

  async list(options: ListOptions = {}): Promise<unknown> {
    const { prefix, limit, cursor, delimiter } = options
    const answer = hostJson<{ objects: Head[] }>('files.list', {
      binding: this.#binding,
      prefix,
      limit,
      cursor,
      delimiter,
    })
    return { ...answer, objects: answer.objects.map((head) => new FileObject(head)) }
  }
}
