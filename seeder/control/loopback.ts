// A listener for whoever runs this machine: loopback only, read only; a page of another origin cannot read it (no CORS) and a name that was pointed at
// 127.0.0.1 is refused (DNS rebinding).
//
// Who can open a connection to loopback is on this machine, and may read what Prometheus does. Pages of others are kept out: they are told nothing
// (no CORS), may frame or embed nothing, and a browser that says it asks for another site's page is refused.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Log } from '#seeder/config/log.ts'

export type LoopbackOptions = {
  /** 0: any free port. */
  readonly port: number
  /** By path, without the query; undefined: there is nothing. */
  readonly pageOf: (path: string) => Page | undefined
  readonly log: Pick<Log, 'error'>
}

export type Loopback = { readonly port: number; readonly url: string; close(): Promise<void> }

const LOOPBACK = '127.0.0.1'
const HEADER_BYTES_MAX = 16 * 1024
const TIMEOUT_MS = 10_000
const CONNECTIONS_MAX = 64
const LOCAL_HOST = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]{1,5})?$/i

const POLICY =
  "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** Of a browser (W3C Fetch Metadata): the page of somebody else asks, other than by a link that a person follows. Whoever is no browser says nothing. */
function isForOthers({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site'] ?? 'none'
  if (site === 'none' || site === 'same-origin') return false
  return headers['sec-fetch-mode'] !== 'navigate' || headers['sec-fetch-dest'] !== 'document'
}

export type Page = { readonly status: number; readonly type: string; readonly body: string }

const NOT_FOUND: Page = {
  status: 404,
  type: 'application/json',
  body: '{"code":"not_found","message":"There is nothing here."}\n',
}

export async function startLoopback({ port: wanted, pageOf, log }: LoopbackOptions): Promise<Loopback> {
  function answer(request: IncomingMessage, response: ServerResponse): void {
    const send = ({ status, type, body }: Page, extra: readonly string[] = []): void => {
      response.writeHead(status, [
        'Content-Type',
        type,
        'Content-Length',
        String(Buffer.byteLength(body)),
        'Cache-Control',
        'no-store',
        'X-Content-Type-Options',
        'nosniff',
        'Content-Security-Policy',
        POLICY,
        'X-Frame-Options',
        'DENY',
        'Cross-Origin-Resource-Policy',
        'same-origin',
        'Cross-Origin-Opener-Policy',
        'same-origin',
        'Referrer-Policy',
        'no-referrer',
        ...extra,
      ])
      response.end(request.method === 'HEAD' ? undefined : body)
    }
    if (!LOCAL_HOST.test(request.headers.host ?? '')) {
      const body = '{"code":"wrong_host","message":"The control port answers to 127.0.0.1 and localhost only."}\n'
      return send({ status: 421, type: 'application/json', body })
    }
    if (isForOthers(request)) {
      const body = '{"code":"cross_site","message":"The control port answers to its own page only."}\n'
      return send({ status: 403, type: 'application/json', body })
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      const body = '{"code":"method_not_allowed","message":"The control port can only be read."}\n'
      return send({ status: 405, type: 'application/json', body }, ['Allow', 'GET, HEAD', 'Connection', 'close'])
    }
    try {
      send(pageOf((request.url ?? '/').split('?', 1)[0] ?? '/') ?? NOT_FOUND)
    } catch (cause) {
      log.error('control_broke', { path: request.url?.split('?', 1)[0], cause })
      const body = '{"code":"internal","message":"Something broke here. It has been logged."}\n'
      send({ status: 500, type: 'application/json', body })
    }
  }

  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS },
    answer,
  )
  server.maxConnections = CONNECTIONS_MAX
  await once(server.listen(wanted, LOOPBACK), 'listening')
  server.on('error', (cause) => log.error('control_server', { cause }))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `http://${LOOPBACK}:${port}`,
    close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      return closed.promise
    },
  }
}
