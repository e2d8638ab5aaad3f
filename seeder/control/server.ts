// The control port: metrics, status and health for whoever runs this seeder. Loopback only, read only; a page of another origin cannot
// read it (no CORS) and a name that was pointed at 127.0.0.1 is refused (DNS rebinding).
//
//   /  dashboard · /status JSON · /log its newest lines, JSON lines · /metrics Prometheus · /healthz the process lives · /readyz every site has something to show
//
// Who can open a connection to loopback is on this machine, and may read what Prometheus does. Pages of others are kept out: they are told nothing
// (no CORS), may frame or embed nothing, and a browser that says it asks for another site's page is refused.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OWN_SCRIPT } from '#page/own-script.ts'
import { OWN_STYLE } from '#page/own-style.ts'
import type { Log } from '#seeder/config/log.ts'
import { type ControlParts, observeFacts, seederFacts } from '#seeder/control/facts.ts'
import { CONTENT_TYPE } from '#seeder/control/metrics.ts'
import type { RecentLine } from '#seeder/control/recent-log.ts'
import { DASHBOARD_ICON, dashboardPage } from '#seeder/dashboard/page.ts'

export type ControlOptions = ControlParts & {
  readonly log: Log
  /** The newest lines of it, newest first. */
  readonly recent?: () => readonly RecentLine[]
  /** 0: any free port. */
  readonly port: number
}

export type Control = { readonly port: number; readonly url: string; close(): Promise<void> }

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

type Page = { readonly status: number; readonly type: string; readonly body: string }

export async function startControl(options: ControlOptions): Promise<Control> {
  const { registry, log } = options
  observeFacts(options)

  function pageOf(path: string): Page {
    switch (path) {
      case '/':
        return {
          status: 200,
          type: 'text/html; charset=utf-8',
          body: dashboardPage(seederFacts(options), options.recent?.() ?? []),
        }
      case '/style.css':
        return { status: 200, type: 'text/css; charset=utf-8', body: OWN_STYLE }
      case '/page.js':
        return { status: 200, type: 'text/javascript; charset=utf-8', body: OWN_SCRIPT }
      case '/icon.svg':
        return { status: 200, type: 'image/svg+xml', body: DASHBOARD_ICON }
      case '/status':
        return { status: 200, type: 'application/json', body: `${JSON.stringify(seederFacts(options))}\n` }
      case '/log': {
        const lines = (options.recent?.() ?? []).toReversed()
        const text = lines.map(
          ({ time, ...line }) => `${JSON.stringify({ time: new Date(time).toISOString(), ...line })}\n`,
        )
        return { status: 200, type: 'application/jsonl', body: text.join('') }
      }
      case '/metrics':
        return { status: 200, type: CONTENT_TYPE, body: registry.text() }
      case '/healthz':
        return { status: 200, type: 'text/plain; charset=utf-8', body: 'ok\n' }
      case '/readyz': {
        const waiting = options.sites
          .all()
          .filter((site) => site.head() === undefined || site.status().state === 'degraded')
        const names = waiting.map(({ name }) => name).join(', ')
        return waiting.length === 0
          ? { status: 200, type: 'text/plain; charset=utf-8', body: 'ready\n' }
          : { status: 503, type: 'text/plain; charset=utf-8', body: `not ready: ${names}\n` }
      }
      default:
        return {
          status: 404,
          type: 'application/json',
          body: '{"code":"not_found","message":"There is nothing here."}\n',
        }
    }
  }

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
      send(pageOf((request.url ?? '/').split('?', 1)[0] ?? '/'))
    } catch (cause) {
      log.error('control_broke', { path: request.url, cause })
      const body = '{"code":"internal","message":"Something broke on this seeder. It has been logged."}\n'
      send({ status: 500, type: 'application/json', body })
    }
  }

  const server = createServer(
    { maxHeaderSize: HEADER_BYTES_MAX, headersTimeout: TIMEOUT_MS, requestTimeout: TIMEOUT_MS },
    answer,
  )
  server.maxConnections = CONNECTIONS_MAX
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(options.port, LOOPBACK, resolve)
  await promise
  server.off('error', reject)
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
