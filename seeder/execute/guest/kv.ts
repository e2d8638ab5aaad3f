// env.<namespace>: key-value pairs in the shape of Workers KV. Writes are seen at once; expiry is judged by block time.

import { type BufferSource, concatBytes, isBufferSource, viewOf } from '#seeder/execute/guest/bytes.ts'
import { utf8Decode, utf8Encode } from '#seeder/execute/guest/encoding.ts'
import { exactBuffer, hostJson, stateHost } from '#seeder/execute/guest/host.ts'
import { ReadableStream, readAll, streamOf } from '#seeder/execute/guest/streams.ts'

type Type = 'text' | 'json' | 'arrayBuffer' | 'stream'
type GetOptions = Type | { type?: Type; cacheTtl?: number }
type PutOptions = { expiration?: number; expirationTtl?: number; metadata?: unknown }
type ListOptions = { prefix?: string | null; limit?: number; cursor?: string | null }

function typeOf(options: GetOptions | undefined): Type {
  return (typeof options === 'string' ? options : options?.type) ?? 'text'
}

function valueAs(bytes: Uint8Array, type: Type): unknown {
  if (type === 'arrayBuffer') return exactBuffer(bytes)
  if (type === 'stream') return streamOf(bytes)
  const text = utf8Decode(bytes)
  return type === 'json' ? JSON.parse(text) : text
}

export class KVNamespace {
  readonly #namespace: string

  constructor(namespace: string) {
    this.#namespace = namespace
  }

  #bytes(key: string): Uint8Array | null {
    const answer = stateHost('kv.get', { namespace: this.#namespace, key: String(key) })
    return typeof answer === 'string' ? null : new Uint8Array(answer)
  }

  async get(key: string | readonly string[], options?: GetOptions): Promise<unknown> {
    if (Array.isArray(key))
      return new Map(await Promise.all(key.map(async (each) => [each, await this.get(each, options)] as const)))
    const bytes = this.#bytes(key as string)
    return bytes === null ? null : valueAs(bytes, typeOf(options))
  }

  async getWithMetadata(
    key: string,
    options?: GetOptions,
  ): Promise<{ value: unknown; metadata: unknown; cacheStatus: null }> {
    const bytes = this.#bytes(key)
    if (bytes === null) return { value: null, metadata: null, cacheStatus: null }
    const { metadata } = hostJson<{ metadata: unknown }>('kv.head', { namespace: this.#namespace, key: String(key) })
    return { value: valueAs(bytes, typeOf(options)), metadata, cacheStatus: null }
  }

  async put(key: string, value: string | BufferSource | ReadableStream, options: PutOptions = {}): Promise<void> {
    const { expiration, expirationTtl, metadata = null } = options
    const bytes =
      value instanceof ReadableStream
        ? concatBytes(await readAll(value))
        : isBufferSource(value)
          ? viewOf(value)
          : utf8Encode(String(value))
    const argument = { namespace: this.#namespace, key: String(key), expiration, expirationTtl, metadata }
    stateHost('kv.put', argument, exactBuffer(bytes))
  }

  async delete(key: string): Promise<void> {
    stateHost('kv.delete', { namespace: this.#namespace, key: String(key) })
  }

  async list(options: ListOptions = {}): Promise<unknown> {
    const { prefix, limit, cursor } = options
    const answer = hostJson<object>('kv.list', { namespace: this.#namespace, prefix, limit, cursor })
    return { ...answer, cacheStatus: null }
  }
}
