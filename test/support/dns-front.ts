// TLS before a gateway, as DNS clients want it: HTTP/2 and HTTP/1.1 with a certificate that OpenSSL made for this test; and for the names of sites,
// whose host the gateway is told.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { request } from 'node:http'
import { createSecureServer } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { siteNamedBy } from '#protocol/dns/named-host.ts'

export type DnsFront = AsyncDisposable & {
  /** `https://127.0.0.1:<port>` */
  readonly url: string
  readonly port: number
  /** Of the authority that vouches for it, a PEM file. */
  readonly authority: string
}

export type DnsFrontOptions = {
  /** Absent: any that is free. */
  readonly port?: number
  /** Names of sites that its certificate is for too. */
  readonly names?: readonly string[]
}

/** Files go into `directory`; what comes is passed to `gateway` as it is. */
export async function startDnsFront(
  directory: string,
  gateway: string,
  { port: wanted = 0, names = [] }: DnsFrontOptions = {},
): Promise<DnsFront> {
  const [authority, authorityKey] = [join(directory, 'authority.pem'), join(directory, 'authority.key')]
  const [certificate, key] = [join(directory, 'front.pem'), join(directory, 'front.key')]
  const make = (...words: readonly string[]): void => {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2']
    execFileSync('openssl', ['req', '-x509', ...curve, ...words], { stdio: 'ignore' })
  }
  make(
    '-subj',
    '/CN=authority',
    '-addext',
    'basicConstraints=critical,CA:TRUE',
    '-keyout',
    authorityKey,
    '-out',
    authority,
  )
  const subjects = ['IP:127.0.0.1', ...['localhost', ...names].map((name) => `DNS:${name}`)]
  make(
    ...[
      '-CA',
      authority,
      '-CAkey',
      authorityKey,
      '-subj',
      '/CN=front',
      '-addext',
      'basicConstraints=critical,CA:FALSE',
    ],
    ...['-addext', `subjectAltName=${subjects.join(',')}`, '-keyout', key, '-out', certificate],
  )
  const server = createSecureServer(
    { key: readFileSync(key), cert: readFileSync(certificate), allowHTTP1: true },
    (incoming, outgoing) => {
      const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !name.startsWith(':')))
      const host = incoming.headers[':authority'] ?? incoming.headers.host ?? ''
      const asked = request(gateway + incoming.url, {
        method: incoming.method,
        headers: { ...headers, host: siteNamedBy(host) === undefined ? new URL(gateway).host : host },
      })
      asked.on('response', (answer) => {
        const { connection: _, 'transfer-encoding': __, 'keep-alive': ___, ...rest } = answer.headers
        outgoing.writeHead(answer.statusCode ?? 502, rest)
        answer.pipe(outgoing)
      })
      asked.on('error', () => outgoing.writeHead(502).end())
      incoming.pipe(asked)
    },
  )
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.on('sessionError', () => {})
  await new Promise<void>((resolve) => server.listen(wanted, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `https://127.0.0.1:${port}`,
    port,
    authority,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
