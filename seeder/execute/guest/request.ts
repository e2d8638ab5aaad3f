// Request (Fetch §5.4). There is no network behind it, so modes, caches and credentials are carried but mean nothing.

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
  referrerPolicy?: string
  keepalive?: boolean
  duplex?: 'half'
  priority?: string
  window?: null
  cf?: unknown
}

const NORMALIZED = new Set(['DELETE', 'GET', 'HEAD', 'OPTIONS', 'POST', 'PUT'])
const FORBIDDEN = new Set(['CONNECT', 'TRACE', 'TRACK'])

/** What each of these may be; the first is meant when nothing is said. */
const CHOICES = {
  cache: ['default', 'no-store', 'reload', 'no-cache', 'force-cache', 'only-if-cached'],
  credentials: ['same-origin', 'omit', 'include'],
  mode: ['cors', 'same-origin', 'no-cors'],
  redirect: ['follow', 'error', 'manual'],
  referrerPolicy: [
    '',
    'no-referrer',
    'no-referrer-when-downgrade',
    'same-origin',
    'origin',
    'strict-origin',
    'origin-when-cross-origin',
    'strict-origin-when-cross-origin',
    'unsafe-url',
  ],
} as const
type Choice = keyof typeof CHOICES

function chosen(name: Choice, init: RequestInit, from: Request | undefined): string {
  const value = init[name]
  if (value === undefined) return from?.[name] ?? CHOICES[name][0]
  const text = String(value)
  if (!(CHOICES[name] as readonly string[]).includes(text)) throw new TypeError(`"${text}" is no ${name} of a Request.`)
  return text
}

function methodOf(value: unknown): string {
  const method = String(value)
  const upper = method.toUpperCase()
  if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(method) || FORBIDDEN.has(upper)) {
    throw new TypeError(`"${method}" is not an allowed HTTP method.`)
  }
  return NORMALIZED.has(upper) ? upper : method
}

function signalOf(init: RequestInit, from: AbortSignal | undefined): AbortSignal | undefined {
  if (init.signal === undefined || init.signal === null) return init.signal === null ? undefined : from
  if (!(init.signal instanceof AbortSignal)) throw new TypeError('A signal is an AbortSignal.')
  return init.signal
}

export class Request extends Body {
  readonly #method: string
  readonly #url: string
  readonly #headers: Headers
  readonly #choices: Readonly<Record<Choice, string>>
  /** What it follows, until someone asks for the signal that does so. */
  readonly #followed: AbortSignal | undefined
  #signal: AbortSignal | undefined
  readonly #integrity: string
  readonly #referrer: string
  readonly #keepalive: boolean
  readonly cf: unknown

  constructor(...args: [input?: unknown, init?: RequestInit | null]) {
    if (args.length === 0) throw new TypeError('A Request needs a URL or a Request.')
    const input = args[0]
    const init = args[1] ?? {}
    const from = input instanceof Request ? input : undefined
    const url = from === undefined ? new URL(String(input)) : undefined
    if (url !== undefined && (url.username !== '' || url.password !== '')) {
      throw new TypeError('A Request cannot have credentials in its URL.')
    }
    if (init.window !== undefined && init.window !== null) throw new TypeError('A Request has no window.')
    const choices = {
      cache: chosen('cache', init, from),
      credentials: chosen('credentials', init, from),
      mode: chosen('mode', init, from),
      redirect: chosen('redirect', init, from),
      referrerPolicy: chosen('referrerPolicy', init, from),
    }
    if (choices.cache === 'only-if-cached' && choices.mode !== 'same-origin')
      throw new TypeError('"only-if-cached" needs the mode "same-origin".')
    if (init.priority !== undefined && !['high', 'low', 'auto'].includes(String(init.priority)))
      throw new TypeError(`"${init.priority}" is no priority of a Request.`)
    if (init.duplex !== undefined && String(init.duplex) !== 'half')
      throw new TypeError(`"${init.duplex}" is no duplex of a Request.`)
    const method = init.method === undefined ? (from?.method ?? 'GET') : methodOf(init.method)
    const signal = signalOf(init, from === undefined ? undefined : (from.#signal ?? from.#followed))
    const given = init.body !== undefined && init.body !== null
    if ((method === 'GET' || method === 'HEAD') && (given || (init.body !== null && from?.hasBody() === true))) {
      throw new TypeError('Request with a GET or HEAD method cannot have a body.')
    }
    const { source, type } = given
      ? extractBody(init.body)
      : { source: from !== undefined && init.body !== null ? from.takeSource() : null, type: null }
    super(source)
    this.#method = method
    this.#url = from?.url ?? url?.href ?? ''
    this.#headers = new Headers(init.headers ?? from?.headers)
    if (type !== null && !this.#headers.has('content-type')) this.#headers.set('content-type', type)
    this.#choices = choices
    this.#followed = signal
    this.#integrity = init.integrity === undefined ? (from?.integrity ?? '') : String(init.integrity)
    this.#referrer = init.referrer === undefined ? (from?.referrer ?? 'about:client') : referrerOf(init.referrer)
    this.#keepalive = init.keepalive === undefined ? (from?.keepalive ?? false) : Boolean(init.keepalive)
    this.cf = init.cf ?? from?.cf
  }

  get method(): string {
    return this.#method
  }

  get url(): string {
    return this.#url
  }

  get headers(): Headers {
    return this.#headers
  }

  get destination(): string {
    return ''
  }

  get referrer(): string {
    return this.#referrer
  }

  get referrerPolicy(): string {
    return this.#choices.referrerPolicy
  }

  get mode(): string {
    return this.#choices.mode
  }

  get credentials(): string {
    return this.#choices.credentials
  }

  get cache(): string {
    return this.#choices.cache
  }

  get redirect(): string {
    return this.#choices.redirect
  }

  get integrity(): string {
    return this.#integrity
  }

  get keepalive(): boolean {
    return this.#keepalive
  }

  get isReloadNavigation(): boolean {
    return false
  }

  get isHistoryNavigation(): boolean {
    return false
  }

  get duplex(): string {
    return 'half'
  }

  /** Nobody hangs up here: the signal of a visitor's request never fires. */
  get signal(): AbortSignal {
    this.#signal ??= AbortSignal.following(this.#followed === undefined ? [] : [this.#followed])
    return this.#signal
  }

  /** Whether there is a body that nobody took yet. */
  private hasBody(): boolean {
    return !this.bodyUsed && this.body !== null
  }

  clone(): Request {
    const source = this.teeSource()
    const copy = new Request(this.#url, {
      ...{ method: this.#method, headers: this.#headers, signal: this.signal, keepalive: this.#keepalive },
      ...(this.#choices as RequestInit),
      ...{ integrity: this.#integrity, referrer: this.#referrer, cf: this.cf },
      ...(source === null ? {} : { body: source }),
    })
    if (!this.#headers.has('content-type')) copy.#headers.delete('content-type')
    return copy
  }

  get [Symbol.toStringTag](): string {
    return 'Request'
  }
}

/** There is no page that a request comes from, so another's address and none are alike. */
function referrerOf(value: unknown): string {
  const text = String(value)
  if (text === '') return ''
  const { href } = new URL(text)
  return href === 'about:client' ? href : 'about:client'
}
