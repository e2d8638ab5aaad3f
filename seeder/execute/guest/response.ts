// Response (Fetch §5.4).

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

export class Response extends Body {
  readonly status: number
  readonly statusText: string
  readonly headers: Headers
  #type: 'default' | 'error' = 'default'
  readonly url = ''
  readonly redirected = false

  constructor(body?: BodyInit, init: ResponseInit = {}) {
    const { source, type } = extractBody(body)
    super(source)
    const status = init.status === undefined ? 200 : Math.trunc(Number(init.status))
    if (!(status >= 200 && status <= 599))
      throw new RangeError(`Responses have a status from 200 to 599, not ${status}.`)
    if (source !== null && NULL_BODY.has(status))
      throw new TypeError(`A response with status ${status} cannot have a body.`)
    this.status = status
    this.statusText = init.statusText === undefined ? '' : String(init.statusText)
    this.headers = new Headers(init.headers)
    if (type !== null && !this.headers.has('content-type')) this.headers.set('content-type', type)
  }

  static error(): Response {
    const response = new Response()
    response.#type = 'error'
    return response
  }

  static json(data: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(data)
    if (text === undefined) throw new TypeError('This value cannot be written as JSON.')
    const headers = new Headers(init.headers)
    if (!headers.has('content-type')) headers.set('content-type', 'application/json')
    return new Response(text, { ...init, headers })
  }

  static redirect(url: unknown, status = 302): Response {
    if (!REDIRECT.has(status)) throw new RangeError(`${status} is not a redirect's status.`)
    return new Response(null, { status, headers: { location: new URL(url).href } })
  }

  get type(): string {
    return this.#type
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299
  }

  clone(): Response {
    const source = this.teeSource()
    const copy = new Response(source, { status: this.status, statusText: this.statusText, headers: this.headers })
    if (!this.headers.has('content-type')) copy.headers.delete('content-type')
    return copy
  }

  get [Symbol.toStringTag](): string {
    return 'Response'
  }
}
