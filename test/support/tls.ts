// What a visitor does over TLS, at a port of this machine whatever the name is.

import { request } from 'node:https'
import { connect, type TLSSocket } from 'node:tls'

export type SecureAnswer = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

export type SecureOptions = {
  readonly port: number
  readonly host: string
  /** PEM. */
  readonly authority: string
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  /** With its port, when the visitor's address bar has another one. */
  readonly hostHeader?: string
}

export function askSecurely(options: SecureOptions): Promise<SecureAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<SecureAnswer>()
  const { host, port, authority } = options
  const outgoing = request({
    host: '127.0.0.1',
    port,
    servername: host,
    ca: authority,
    agent: false,
    method: options.method ?? 'GET',
    path: options.path ?? '/',
    headers: { host: options.hostHeader ?? `${host}:${port}`, ...options.headers },
  })
  outgoing.on('error', reject)
  outgoing.on('response', (incoming) => {
    const chunks: Buffer[] = []
    incoming.on('error', reject)
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () =>
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }),
    )
  })
  outgoing.end()
  return promise
}

/** The connection after its handshake; rejects with why there is none. */
export function shakeHands(port: number, host: string, authority: string, protocols?: string[]): Promise<TLSSocket> {
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>()
  const socket: TLSSocket = connect(
    {
      ...{ host: '127.0.0.1', port, servername: host, ca: authority },
      ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
    },
    () => resolve(socket),
  )
  socket.on('error', reject)
  return promise
}
