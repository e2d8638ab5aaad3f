// The few outgoing HTTP calls of a seeder (gateways, admission): small, bounded, never waited for long.

import { lookup as systemLookup } from 'node:dns'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'

export const CALL_TIMEOUT_MS = 5_000

export type CallAnswer = {
  readonly status: number
  /** As sent, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

export type CallOptions = {
  readonly method: 'GET' | 'POST'
  readonly body?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  readonly answerBytesMax: number
  readonly timeoutMs?: number
}

/** `localhost` and all names under it are this machine (RFC 6761 §6.3). */
export const lookupHost: LookupFunction = (hostname, options, callback) => {
  if (hostname !== 'localhost' && !hostname.endsWith('.localhost')) {
    systemLookup(hostname, options, callback)
    return
  }
  if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}

/** Rejects when there is no whole answer in time. */
export function call(url: string, options: CallOptions): Promise<CallAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<CallAnswer>()
  const target = new URL(url)
  const open = target.protocol === 'https:' ? httpsRequest : httpRequest
  const outgoing = open(target, {
    method: options.method,
    lookup: lookupHost,
    signal: AbortSignal.timeout(options.timeoutMs ?? CALL_TIMEOUT_MS),
    headers: {
      ...(options.body === undefined
        ? {}
        : { 'content-type': 'application/cbor', 'content-length': options.body.length }),
      ...options.headers,
    },
  })
  outgoing.on('error', reject)
  outgoing.on('response', (incoming) => {
    const chunks: Buffer[] = []
    let size = 0
    incoming.on('error', reject)
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size > options.answerBytesMax) incoming.destroy(new Error('the answer is too large'))
    })
    incoming.on('end', () =>
      resolve({ status: incoming.statusCode ?? 0, headers: pairsOf(incoming.rawHeaders), body: Buffer.concat(chunks) }),
    )
  })
  outgoing.end(options.body)
  return promise
}

function pairsOf(raw: readonly string[]): CallAnswer['headers'] {
  const pairs: [string, string][] = []
  for (let index = 0; index + 1 < raw.length; index += 2) pairs.push([raw[index] ?? '', raw[index + 1] ?? ''])
  return pairs
}
