// The URL class (URL §6.1) over a parsed record.

import { percentEncode, USERINFO } from '#seeder/execute/guest/percent.ts'
import {
  cannotHaveCredentialsOrPort,
  parseUrl,
  reparse,
  serializePath,
  serializeUrl,
  type UrlRecord,
} from '#seeder/execute/guest/url-record.ts'
import { URLSearchParams } from '#seeder/execute/guest/url-search-params.ts'

const TUPLE_ORIGIN = new Set(['http', 'https', 'ws', 'wss', 'ftp'])

function recordOf(url: unknown, base: unknown): UrlRecord | undefined {
  const parsedBase = base === undefined ? undefined : parseUrl(String(base))
  return base !== undefined && parsedBase === undefined ? undefined : parseUrl(String(url), parsedBase)
}

export class URL {
  #record: UrlRecord
  #params: URLSearchParams | undefined

  constructor(url: unknown, base?: unknown) {
    const record = recordOf(url, base)
    if (record === undefined) {
      throw new TypeError(`Invalid URL: "${String(url)}"${base === undefined ? '' : ` against "${String(base)}"`}`)
    }
    this.#record = record
  }

  static canParse(url: unknown, base?: unknown): boolean {
    return recordOf(url, base) !== undefined
  }

  static parse(url: unknown, base?: unknown): URL | null {
    return URL.canParse(url, base) ? new URL(url, base) : null
  }

  #queryChanged(): void {
    if (this.#params !== undefined) URLSearchParams.refill(this.#params, this.#record.query ?? '')
  }

  get href(): string {
    return serializeUrl(this.#record)
  }

  set href(value: unknown) {
    const record = parseUrl(String(value))
    if (record === undefined) throw new TypeError(`Invalid URL: "${String(value)}"`)
    this.#record = record
    this.#queryChanged()
  }

  get origin(): string {
    const { scheme, path } = this.#record
    if (scheme === 'blob' && typeof path === 'string') {
      const inner = parseUrl(path)
      return inner !== undefined && (inner.scheme === 'http' || inner.scheme === 'https')
        ? new URL(path).origin
        : 'null'
    }
    return TUPLE_ORIGIN.has(scheme) ? `${scheme}://${this.host}` : 'null'
  }

  get protocol(): string {
    return `${this.#record.scheme}:`
  }

  set protocol(value: unknown) {
    reparse(`${String(value)}:`, this.#record, 'scheme start')
  }

  get username(): string {
    return this.#record.username
  }

  set username(value: unknown) {
    if (!cannotHaveCredentialsOrPort(this.#record))
      this.#record.username = percentEncode(String(value).toWellFormed(), USERINFO)
  }

  get password(): string {
    return this.#record.password
  }

  set password(value: unknown) {
    if (!cannotHaveCredentialsOrPort(this.#record))
      this.#record.password = percentEncode(String(value).toWellFormed(), USERINFO)
  }

  get host(): string {
    const { host, port } = this.#record
    return host === null ? '' : port === null ? host : `${host}:${port}`
  }

  set host(value: unknown) {
    this.#override(String(value), 'host')
  }

  get hostname(): string {
    return this.#record.host ?? ''
  }

  set hostname(value: unknown) {
    this.#override(String(value), 'hostname')
  }

  /** A failed setter leaves what it had changed before it failed, as the standard has it; an opaque path takes no host. */
  #override(value: string, state: 'host' | 'hostname'): void {
    if (typeof this.#record.path !== 'string') reparse(value, this.#record, state)
  }

  get port(): string {
    return this.#record.port === null ? '' : String(this.#record.port)
  }

  set port(value: unknown) {
    if (cannotHaveCredentialsOrPort(this.#record)) return
    if (String(value) === '') this.#record.port = null
    else reparse(String(value), this.#record, 'port')
  }

  get pathname(): string {
    return serializePath(this.#record)
  }

  set pathname(value: unknown) {
    if (typeof this.#record.path === 'string') return
    this.#record.path = []
    reparse(String(value), this.#record, 'path start')
  }

  get search(): string {
    return this.#record.query === null || this.#record.query === '' ? '' : `?${this.#record.query}`
  }

  set search(value: unknown) {
    const text = String(value)
    if (text === '') this.#record.query = null
    else {
      this.#record.query = ''
      reparse(text.startsWith('?') ? text.slice(1) : text, this.#record, 'query')
    }
    this.#queryChanged()
  }

  get searchParams(): URLSearchParams {
    this.#params ??= URLSearchParams.boundTo(this.#record.query ?? '', () => {
      const text = this.#params?.toString() ?? ''
      this.#record.query = text === '' ? null : text
    })
    return this.#params
  }

  get hash(): string {
    return this.#record.fragment === null || this.#record.fragment === '' ? '' : `#${this.#record.fragment}`
  }

  set hash(value: unknown) {
    const text = String(value)
    if (text === '') {
      this.#record.fragment = null
      return
    }
    this.#record.fragment = ''
    reparse(text.startsWith('#') ? text.slice(1) : text, this.#record, 'fragment')
  }

  toString(): string {
    return this.href
  }

  toJSON(): string {
    return this.href
  }

  get [Symbol.toStringTag](): string {
    return 'URL'
  }
}
