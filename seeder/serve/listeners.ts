// The sockets of the HTTP edge: a listener for all sites, told apart by name (with `plain` one a site beside it), one over TLS, and connections that
// came another way. Each has an entrance, which says for whom its requests are.
//
// Invariant: every connection of a visitor is watched (connections.ts), however it came.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { assert } from '#protocol/codec/result.ts'
import type { Registry } from '#protocol/metrics/registry.ts'
import { asksForSocket } from '#protocol/socket/handshake.ts'
import type { Log } from '#seeder/config/log.ts'
import type { Connections } from '#seeder/serve/connections.ts'
import type { ServeLimits } from '#seeder/serve/limits.ts'
import type { HostedSites } from '#seeder/serve/port.ts'
import { type RefusalCode, refusalBody, refuse, statusOf } from '#seeder/serve/refusal.ts'
import { tlsOptions, watchHandshakes } from '#seeder/tls/listener.ts'
import type { Certificates } from '#seeder/tls/port.ts'

/** Which site a connection is for, and how its visitor came. `only` undefined: the `Host` says which; `MAIN`: the seeder itself. */
export type Entrance = { readonly only: string | undefined; readonly scheme: 'http' | 'https' }

/** The port each site had; kept by the caller. */
export type PlainPorts = { get(site: string): number | undefined; set(site: string, port: number): void }

/** A connection that no listener here accepted: what of a socket is looked at. */
export type CarriedConnection = Duplex & Pick<Socket, 'bytesRead' | 'bytesWritten' | 'remoteAddress'>

/** Key of the listener that is no single site's. */
export const MAIN = ''
/** And of the TLS listener, which no site is called. */
export const SECURE = ' '

/** How long an answer that refuses the rest of a request may linger, so that the visitor can read it. */
const LINGER_MS = 1_000

export type ListenersOptions = {
  readonly sites: HostedSites
  readonly address: string
  /** 0: any free port. */
  readonly port: number
  readonly secure?: { readonly port: number; readonly certificates: Certificates } | undefined
  /** A port a site beside `port`. */
  readonly plain: boolean
  readonly plainPorts?: PlainPorts | undefined
  readonly limits: ServeLimits
  readonly connections: Connections
  readonly registry: Registry
  readonly log: Log
  /** Of a WebSocket's requests, in memory: the visitor's own connection is the one that is counted. */
  readonly isOfSocket: (connection: Duplex) => boolean
  readonly onRequest: (request: IncomingMessage, response: ServerResponse, entrance: Entrance) => void
  readonly onUpgrade: (request: IncomingMessage, head: Buffer, entrance: Entrance) => void
  /** What came was no request. */
  readonly onRefused: (status: number) => void
}

export type Listeners = {
  /** Bytes of the connections that have gone. */
  readonly moved: { readonly received: number; readonly sent: number }
  /** Listens; rejects when a port can't be had. */
  open(): Promise<void>
  /** By `MAIN`, `SECURE` or a site's name; undefined: nobody listens. */
  portOf(key: string): number | undefined
  /** Serves a connection that came another way. */
  carry(connection: Duplex, entrance: Entrance): void
  /** The rest of a refused body is drained for a moment: a reset would take the answer with it (RFC 9112 §9.6). */
  linger(response: ServerResponse): void
  /** Other sites are hosted than before. */
  follow(): void
  /** Takes nobody any more; resolves when the last connection has gone, each of which is cut after `graceMs`. */
  close(graceMs: number): Promise<void>
}

export function createListeners(options: ListenersOptions): Listeners {
  const { sites, address, secure, plain, limits, connections, registry, log } = options
  const moved = { received: 0, sent: 0 }
  const lingering = new WeakSet<Duplex>()
  let stopping = false

  function linger({ req }: ServerResponse): void {
    lingering.add(req.socket)
    req.on('error', () => {})
    req.resume()
    const timer = setTimeout(() => req.socket.destroy(), LINGER_MS)
    timer.unref()
    req.once('close', () => clearTimeout(timer))
  }

  /** What is upgraded has nothing else under way, whose answer would come in the midst of it. */
  function isUpgraded(req: IncomingMessage): boolean {
    const { method, headers, httpVersion } = req
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0
    return asksForSocket(method, headers.upgrade) && httpVersion === '1.1' && !hasBody && connections.rests(req.socket)
  }

  function onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    // What follows a refused head is no request: one answer has been given, and a second one would be read as another's.
    if (lingering.has(socket)) {
      socket.end()
      return
    }
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const code: RefusalCode =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? 'headers_too_large'
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? 'request_timeout'
          : error.code === 'HPE_INVALID_METHOD'
            ? 'method_not_implemented'
            : 'bad_request'
    const status = statusOf(code)
    const { text } = refusalBody({ code }, undefined)
    options.onRefused(status)
    const length = Buffer.byteLength(text)
    socket.end(
      `HTTP/1.1 ${status} ${code}\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${text}`,
    )
  }

  function makeServer(entranceOf: (socket: Socket) => Entrance, certificates?: Certificates): Server {
    const bounds = {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.uploadTimeoutMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(5_000, limits.headersTimeoutMs),
      insecureHTTPParser: false,
      requireHostHeader: false,
      noDelay: true,
      shouldUpgradeCallback: isUpgraded,
    }
    const server =
      certificates === undefined ? createServer(bounds) : createSecureServer({ ...bounds, ...tlsOptions(certificates) })
    if (certificates !== undefined) watchHandshakes(server as SecureServer, certificates, registry)
    server.maxRequestsPerSocket = limits.requestsPerConnectionMax
    server.timeout = limits.idleMs
    server.on(certificates === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      if (socket.destroyed || options.isOfSocket(socket) || !connections.add(socket)) return
      socket.on('close', () => {
        connections.remove(socket)
        moved.received += socket.bytesRead
        moved.sent += socket.bytesWritten
      })
    })
    server.on('request', (req, response) => options.onRequest(req, response, entranceOf(req.socket)))
    server.on('upgrade', (req: IncomingMessage, _: Duplex, head: Buffer) =>
      options.onUpgrade(req, head, entranceOf(req.socket)),
    )
    server.on('checkContinue', (req, response) => options.onRequest(req, response, entranceOf(req.socket)))
    server.on('checkExpectation', (_, response) => {
      if (connections.asked(response)) refuse(response, { code: 'expectation_failed' }, { close: true })
    })
    // The last answer that this connection was to get has said so.
    server.on('dropRequest', (_, socket) => socket.destroy())
    server.on('clientError', onClientError)
    return server
  }

  const carried = new WeakMap<object, Entrance>()
  const carrier = makeServer((socket) => {
    const entrance = carried.get(socket)
    assert(entrance !== undefined, 'what is carried came with where it is to go')
    return entrance
  })

  const servers = new Map<string, Server>()
  const ports = new Map<string, number>()

  async function listen(key: string, wanted: number): Promise<number> {
    const isSecure = key === SECURE
    const entrance: Entrance = isSecure
      ? { only: undefined, scheme: 'https' }
      : { only: plain ? key : undefined, scheme: 'http' }
    const server = makeServer(() => entrance, isSecure ? secure?.certificates : undefined)
    await once(server.listen(wanted, address), 'listening')
    server.on('error', (cause) => log.error('http_server', { cause }))
    const { port } = server.address() as AddressInfo
    servers.set(key, server)
    ports.set(key, port)
    return port
  }

  async function listenPlain(): Promise<void> {
    for (const { name } of sites.all()) {
      if (servers.has(name) || stopping) continue
      const before = options.plainPorts?.get(name) ?? 0
      let port: number
      try {
        port = await listen(name, before)
      } catch (cause) {
        if (before === 0) throw cause
        log.warn('port_taken', { site: name, port: before })
        port = await listen(name, 0)
      }
      options.plainPorts?.set(name, port)
    }
    for (const [name, server] of servers) {
      if (name === MAIN || name === SECURE || sites.byName(name) !== undefined) continue
      servers.delete(name)
      ports.delete(name)
      server.close()
      server.closeIdleConnections()
    }
  }

  let opening: Promise<void> = Promise.resolve()

  return {
    moved,
    async open() {
      await listen(MAIN, options.port)
      if (secure !== undefined) await listen(SECURE, secure.port)
      if (plain) await listenPlain()
    },
    portOf: (key) => ports.get(key),
    carry(connection, entrance) {
      carried.set(connection, entrance)
      carrier.emit('connection', connection)
    },
    linger,
    follow() {
      if (plain) opening = opening.then(listenPlain).catch((cause) => log.error('plain_port', { cause }))
    },
    async close(graceMs) {
      stopping = true
      await opening
      const closed = [...servers.values()].map((server) => {
        const { promise, resolve } = Promise.withResolvers<void>()
        server.close(() => resolve())
        server.closeIdleConnections()
        return promise
      })
      const timer = setTimeout(() => {
        for (const socket of connections.all) socket.destroy()
      }, graceMs)
      await Promise.all(closed)
      clearTimeout(timer)
    },
  }
}
