// Response (Fetch §5.5).

import { Body, type BodyInit, extractBody } from '#seeder/execute/guest/body.ts'
import { Headers, type HeadersInit } from '#seeder/execute/guest/headers.ts'
import { URL } from '#seeder/execute/guest/url.ts'

export type ResponseInit = {
  status?: number
  statusText?: string
  headers?: HeadersInit
  cf?: unknown
  encodeBody?: string
}

const NULL_BODY = new Set([101, 204, 205, 304])
const REDIRECT = new Set([301, 302, 303, 307, 308])
const REASON = /^[\t\x20-\x7e\x80-\xff]*$/

export class Response extends Body {
  #status: number
  readonly #statusText: string
  readonly #headers: Headers
  #type: 'default' | 'error' = 'default'

  constructor(body?: BodyInit, init?: ResponseInit | null) {
    const { status: given, statusText, headers } = init ?? {}
    // Web IDL's unsigned short: what is no number is 0.
    const status = given === undefined ? 200 : Math.trunc(Number(given)) || 0
    if (!(status >= 200 && status <= 599))
      throw new RangeError(`Responses have a status from 200 to 599, not ${status}.`)
    const text = statusText === undefined ? '' : String(statusText)
    if (!REASON.test(text)) throw new TypeError('A status text is one line of bytes.')
    const { source, type } = extractBody(body)
    super(source)
    if (source !== null && NULL_BODY.has(status))
      throw new TypeError(`A response with status ${status} cannot have a body.`)
    this.#status = status
    this.#statusText = text
    this.#headers = new Headers(headers)
    if (type !== null && !this.#headers.has('content-type')) this.#headers.set('content-type', type)
  }

  static error(): Response {
    const response = new Response()
    response.#type = 'error'
    response.#status = 0
    Headers.freeze(response.#headers)
    return response
  }

  static json(data: unknown, init?: ResponseInit | null): Response {
    const text = JSON.stringify(data)
    if (text === undefined) throw new TypeError('This value cannot be written as JSON.')
    const headers = new Headers(init?.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return new Response(text, { ...init, headers })
  }

  static redirect(url: unknown, status = 302): Response {
    const { href } = new URL(url)
    if (!REDIRECT.has(status)) throw new RangeError(`${status} is not a redirect's status.`)
    const response = new Response(null, { status, headers: { location: href } })
    Headers.freeze(response.#headers)
    return response
  }

  get type(): string {
    return this.#type
  }

  get url(): string {
    return ''
  }

  get redirected(): boolean {
    return false
  }

  get status(): number {
    return this.#status
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status <= 299
  }

  get statusText(): string {
    return this.#statusText
  }

  get headers(): Headers {
    return this.#headers
  }

  clone(): Response {
    const source = this.teeSource()
    const status = this.#type === 'error' ? 200 : this.#status
    const copy = new Response(source, { status, statusText: this.#statusText, headers: this.#headers })
    if (!this.#headers.has('content-type')) copy.#headers.delete('content-type')
    copy.#status = this.#status
    copy.#type = this.#type
    return copy
  }

  get [Symbol.toStringTag](): string {
    return 'Response'
  }
}
