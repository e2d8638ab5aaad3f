// Request (Fetch §5.3). There is no network behind it, so modes, caches and credentials are carried but mean nothing.

import { Body, type BodyInit, extractBody } from '#seeder/execute/guest/body.ts'
import { AbortSignal } from '#seeder/execute/guest/events.ts'
import { Headers, type HeadersInit } from '#seeder/execute/guest/headers.ts'
import { URL } from '#seeder/execute/guest/url.ts'

export type RequestInit = {
  method?: string
  headers?: HeadersInit
  body?: BodyInit
  redirect?: 'follow' | 'manual' | 'error'
  signal?: AbortSignal | null
  integrity?: string
  cache?: string
  credentials?: string
  mode?: string
  referrer?: string
  keepalive?: boolean
  duplex?: 'half'
  cf?: unknown
}

const NORMALIZED = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH'])
const FORBIDDEN = new Set(['CONNECT', 'TRACE', 'TRACK'])

function methodOf(value: unknown): string {
  const method = String(value)
  const upper = method.toUpperCase()
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method) || FORBIDDEN.has(upper)) {
    throw new TypeError(`"${method}" is not an allowed HTTP method.`)
  }
  return NORMALIZED.has(upper) ? upper : method
}

export class Request extends Body {
  readonly method: string
  readonly url: string
  readonly headers: Headers
  readonly redirect: 'follow' | 'manual' | 'error'
  #signal: AbortSignal | undefined
  readonly integrity: string
  readonly cache: string
  readonly credentials: string
  readonly mode: string
  readonly referrer: string
  readonly keepalive: boolean
  readonly destination = ''
  readonly duplex = 'half'
  readonly cf: unknown

  constructor(input: unknown, init: RequestInit = {}) {
    const from = input instanceof Request ? input : undefined
    const url = from === undefined ? new URL(String(input)) : undefined
    if (url !== undefined && (url.username !== '' || url.password !== '')) {
      throw new TypeError('A Request cannot have credentials in its URL.')
    }
    const method = init.method === undefined ? (from?.method ?? 'GET') : methodOf(init.method)
    const given = init.body !== undefined && init.body !== null
    if ((method === 'GET' || method === 'HEAD') && (given || (init.method !== undefined && from?.hasBody() === true))) {
      throw new TypeError('Request with a GET or HEAD method cannot have a body.')
    }
    const { source, type } = given
      ? extractBody(init.body)
      : { source: from !== undefined && init.body !== null ? from.takeSource() : null, type: null }
    super(source)
    this.method = method
    this.url = from?.url ?? url?.href ?? ''
    this.headers = new Headers(init.headers ?? from?.headers)
    if (type !== null && !this.headers.has('content-type')) this.headers.set('content-type', type)
    this.redirect = init.redirect ?? from?.redirect ?? 'follow'
    this.#signal = init.signal ?? (from === undefined ? undefined : from.#signal)
    this.integrity = init.integrity ?? from?.integrity ?? ''
    this.cache = init.cache ?? from?.cache ?? 'default'
    this.credentials = init.credentials ?? from?.credentials ?? 'same-origin'
    this.mode = init.mode ?? from?.mode ?? 'cors'
    this.referrer = init.referrer ?? from?.referrer ?? 'about:client'
    this.keepalive = init.keepalive ?? from?.keepalive ?? false
    this.cf = init.cf ?? from?.cf
  }

  /** Nobody hangs up here: the signal of a visitor's request never fires. */
  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.never()
    return this.#signal
  }

  /** Whether there is a body that nobody took yet. */
  private hasBody(): boolean {
    return !this.bodyUsed && this.body !== null
  }

  clone(): Request {
    const source = this.teeSource()
    const { method, headers, redirect, signal, integrity, cache, credentials, mode, referrer, keepalive, cf } = this
    const init: RequestInit = {
      method,
      headers,
      redirect,
      signal,
      integrity,
      cache,
      credentials,
      mode,
      referrer,
      keepalive,
      cf,
    }
    const copy = new Request(this.url, source === null ? init : { ...init, body: source })
    if (!this.headers.has('content-type')) copy.headers.delete('content-type')
    return copy
  }

  get [Symbol.toStringTag](): string {
    return 'Request'
  }
}
