// HTTP as the command speaks it: names under `.localhost` are this machine (RFC 6761 §6.3), whatever the system's resolver says;
// every answer is bounded, every wait has an end, and a redirect is followed only when asked for.

import { lookup as systemLookup } from 'node:dns'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Readable } from 'node:stream'
import { networkFailure } from '#cli/failure.ts'

export const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const DEFAULT_TIMEOUT_MS = 30_000

export type HttpAnswer = {
  readonly status: number
  /** Lower-case names; several of one name joined as Node has them, except `set-cookie`. */
  readonly headers: IncomingMessage['headers']
  /** As received, in order: name, value, name, value, … */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly url: string
}

export type HttpOptions = {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | Readable
  readonly timeoutMs?: number
  readonly maxBytes?: number
  readonly signal?: AbortSignal
}

/** Resolves `localhost` and everything under it to 127.0.0.1. */
export const localhostLookup: LookupFunction = (hostname, options, callback) => {
  if (hostname !== 'localhost' && !hostname.endsWith('.localhost')) {
    systemLookup(hostname, options as never, callback as never)
    return
  }
  if ((options as { all?: boolean }).all === true)
    (callback as (e: null, a: unknown) => void)(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}

/** An answer whose body is read as it comes, once; whoever does not read it to its end destroys it. */
export type HttpStream = Omit<HttpAnswer, 'body'> & {
  /** Waits for its reader. Throws a network `Failure` when it breaks off, stands still, or is larger than `maxBytes`. */
  readonly body: AsyncIterable<Uint8Array>
  destroy(): void
}

/** One exchange. Rejects with a network `Failure` when nobody answers in time, or with more than `maxBytes`. */
export async function exchange(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  const { body, destroy: _, ...answer } = await exchangeStream(url, options)
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return { ...answer, body: Buffer.concat(chunks) }
}

/** As `exchange`, up to the answer's headers. */
export function exchangeStream(url: string, options: HttpOptions = {}): Promise<HttpStream> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpStream>()
  const target = new URL(url)
  const maxBytes = options.maxBytes ?? ANSWER_BYTES_MAX
  const send = target.protocol === 'https:' ? httpsRequest : httpRequest
  const outgoing = send(target, {
    method: options.method ?? 'GET',
    headers: {
      ...(options.body instanceof Uint8Array ? { 'content-length': String(options.body.length) } : {}),
      ...options.headers,
    },
    lookup: localhostLookup,
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  })
  const failure = (cause: string) =>
    networkFailure(`${target.host} did not answer: ${cause}`, `Is it running, and reachable from here? Asked: ${url}`)
  const told = (error: Error) => failure(error.message || (error as NodeJS.ErrnoException).code || 'connection failed')
  outgoing.on('timeout', () =>
    outgoing.destroy(new Error(`no answer within ${(options.timeoutMs ?? DEFAULT_TIMEOUT_MS) / 1000} s`)),
  )
  // What broke an answer that had begun is told to its reader.
  let broken: Error | undefined
  outgoing.on('error', (error) => {
    broken = error
    reject(told(error))
  })
  outgoing.on('response', (incoming) => {
    const body = async function* (): AsyncGenerator<Uint8Array> {
      let size = 0
      try {
        for await (const chunk of incoming as AsyncIterable<Buffer>) {
          size += chunk.length
          if (size > maxBytes) throw new Error(`the answer is larger than ${maxBytes} bytes`)
          yield chunk
        }
      } catch (error) {
        throw told(broken ?? (error as Error))
      } finally {
        if (!incoming.complete) outgoing.destroy()
      }
    }
    resolve({
      status: incoming.statusCode ?? 0,
      headers: incoming.headers,
      rawHeaders: incoming.rawHeaders,
      body: body(),
      url,
      destroy: () => void outgoing.destroy(),
    })
  })
  if (options.body === undefined) outgoing.end()
  else if (options.body instanceof Uint8Array) outgoing.end(options.body)
  else {
    options.body.on('error', (error) => outgoing.destroy(error))
    options.body.pipe(outgoing)
  }
  return promise
}

export const REDIRECTS_MAX = 5

/** As `exchange`, following 301, 302, 303, 307 and 308 of a safe request. */
export async function follow(url: string, options: HttpOptions = {}): Promise<HttpAnswer> {
  let at = url
  for (let hops = 0; hops <= REDIRECTS_MAX; hops++) {
    const answer = await exchange(at, options)
    const location = answer.headers.location
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined) return answer
    at = new URL(location, at).href
  }
  throw networkFailure(`${url} redirects more than ${REDIRECTS_MAX} times`)
}
