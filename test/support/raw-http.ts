// HTTP/1.1 by hand: request lines that no client library would send, and the answer as it came.

import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'

const DEADLINE_MS = 20_000

export type RawAnswer = {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly text: string
}

/** Sends `line` (method and target) with a Host, if `headers` has none, and `Connection: close`; header names come back in lower case. */
export function rawRequest(url: string, line: string, ...headers: readonly string[]): Promise<RawAnswer> {
  const { protocol, hostname, port, host } = new URL(url)
  const own = headers.some((header) => /^host:/i.test(header)) ? [] : [`Host: ${host}`]
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>()
  const chunks: Uint8Array[] = []
  const isSecure = protocol === 'https:'
  const to = { host: hostname, port: port === '' ? (isSecure ? 443 : 80) : Number(port) }
  const socket = isSecure ? connectSecurely({ ...to, servername: hostname }) : connect(to)
  socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error(`no answer to ${line.slice(0, 80)}`)))
  socket.on('error', reject)
  socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)))
  socket.on('close', () => {
    const [head = '', ...body] = Buffer.concat(chunks).toString('latin1').split('\r\n\r\n')
    const [statusLine = '', ...fields] = head.split('\r\n')
    const pairs = fields.map((field) => {
      const colon = field.indexOf(':')
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()] as const
    })
    resolve({ status: Number(statusLine.split(' ')[1]), headers: new Map(pairs), text: body.join('\r\n\r\n') })
  })
  socket.end(Buffer.from([`${line} HTTP/1.1`, ...own, 'Connection: close', ...headers, '', ''].join('\r\n'), 'latin1'))
  return promise
}
