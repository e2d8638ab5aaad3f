// The gateway as one process on Node, for operators without Cloudflare: the same app, its store in a file, its tunnels in this process.
//
// Everything it keeps lies in `directory` (database, key). TLS is for a proxy in front of it, or for its own certificate.

import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { getRequestListener, RequestError } from '@hono/node-server'
import { evidenceJudge } from '#gateway/evidence/judge.ts'
import type { GatewayLog, GatewayPorts, Limiter } from '#gateway/gateway.ts'
import { gatewayKey } from '#gateway/local/key.ts'
import { carryNetwork } from '#gateway/network/carry.ts'
import { createLimiter } from '#gateway/node/limiter.ts'
import { countAnswers, observeGateway } from '#gateway/node/metrics.ts'
import { createProbe } from '#gateway/node/probe.ts'
import { nodeSockets } from '#gateway/node/sockets.ts'
import { openSqlite } from '#gateway/node/sqlite.ts'
import { socketTunnels } from '#gateway/node/tunnels.ts'
import { createService } from '#gateway/service.ts'
import { refill } from '#gateway/store/refill.ts'
import { sqlStore } from '#gateway/store/sql.ts'
import { signerFromPem, verify } from '#gateway/web-crypto.ts'
import type { Registry } from '#protocol/metrics/registry.ts'
import { type Place, placeFromText } from '#protocol/place/place.ts'
import { asksForSocket } from '#protocol/socket/handshake.ts'

export type NodeGatewayOptions = {
  readonly port: number
  /** Listened on; default 127.0.0.1, where a proxy in front of it finds it. */
  readonly host?: string
  /** Made when it is missing. */
  readonly directory: string
  /** The pinned network key, 64 hexadecimal digits. */
  readonly networkKey: string
  /** Text of a network file to begin with; an older one than it holds already changes nothing. */
  readonly networkFile?: string
  /** What the world calls it; default `http://<host>:<port>`. */
  readonly publicUrl?: string
  /** Under which sites have origins of their own here, with its port; default: none, and `sites.localhost:<port>` where `publicUrl` is its default too. */
  readonly sitesDomain?: string
  /** Of this gateway on port 80, for DNS. */
  readonly addresses?: readonly string[]
  /** What a proxy speaks in TLS there on port 443 for `<site>.peer`; absent: nothing. */
  readonly namesTls?: readonly string[]
  /** The header in which a proxy of one's own tells a visitor's address, such as `x-real-ip`; absent: who connects is the visitor. */
  readonly addressHeader?: string
  /** The header in which a proxy tells a visitor's country (ISO 3166-1 alpha-2), for deny-lists and the choice of a near member; absent: it is not known. */
  readonly placeHeader?: string
  /** The header in which a proxy tells where a visitor is, as `52.5,13.4`; absent: no more than the country is known. */
  readonly positionHeader?: string
  /** Where this gateway stands. */
  readonly position?: Place
  /** Certificates of authorities that members' HTTPS is held against, PEM; absent: those that Node trusts. */
  readonly authorities?: readonly string[]
  /** Keys whose deny-lists it follows. */
  readonly denyKeys?: readonly string[]
  readonly securityContact?: string
  /** Where it counts; absent: nowhere. */
  readonly registry?: Registry
  readonly log: GatewayLog
}

export type NodeGateway = AsyncDisposable & {
  /** Where it listens, without a slash at its end. */
  readonly url: string
}

const EXPIRE_MS = 60_000
/** As `wrangler.toml` has them. */
const REGISTER_LIMIT = 2_000
const CARRY_LIMIT = 100
const LIMIT_WINDOW_MS = 10_000

/** Of the server: a head as a seeder takes it, a body of 8 MiB at 1 Mbit/s, and as many connections as a process bears. */
const BOUNDS = { maxHeaderSize: 32 * 1024, headersTimeout: 10_000, requestTimeout: 80_000, keepAliveTimeout: 15_000 }
const CONNECTIONS_MAX = 8_192
const STOP_MS_MAX = 3_000

export async function startNodeGateway(options: NodeGatewayOptions): Promise<NodeGateway> {
  const { directory, host = '127.0.0.1', log, registry } = options
  const counts = registry === undefined ? undefined : countAnswers(registry)
  mkdirSync(directory, { recursive: true })
  const database = openSqlite(join(directory, 'gateway.sqlite'))
  /** Requests of a connection without their whole answer: no upgrade comes in the midst of one. */
  const underWay = new WeakMap<Duplex, number>()
  const server = createServer({
    ...BOUNDS,
    // What asks for another protocol is answered in this one.
    shouldUpgradeCallback: ({ method, headers, socket }) =>
      asksForSocket(method, headers.upgrade) && !hasBody(headers) && (underWay.get(socket) ?? 0) === 0,
  })
  server.maxConnections = CONNECTIONS_MAX
  try {
    await once(server.listen(options.port, host), 'listening')
  } catch (cause) {
    database[Symbol.dispose]()
    throw cause
  }
  const { port } = server.address() as AddressInfo
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  const publicUrl = options.publicUrl ?? url
  const signer = signerFromPem(gatewayKey(join(directory, 'gateway.key')))
  const tunnels = socketTunnels({ gateway: publicUrl, verify, log })
  const sockets = nodeSockets()
  const addresses = new WeakMap<Request, string | undefined>()
  const prober = createProbe({
    isLocal: () => service.gateway.network?.file.profile === 'local',
    ...(options.authorities === undefined ? {} : { authorities: options.authorities }),
  })
  const limited = (limit: 'register' | 'carry', limiter: Limiter): Limiter => counts?.limited(limit, limiter) ?? limiter
  const ports: GatewayPorts = {
    store: sqlStore((statements) =>
      database.run(statements).catch((cause: unknown) => {
        counts?.storeFailed()
        throw cause
      }),
    ),
    now: Date.now,
    verify,
    signer: () => signer,
    judge: evidenceJudge(verify),
    placeOf: (request) =>
      options.placeHeader === undefined ? undefined : (request.headers.get(options.placeHeader) ?? undefined),
    visitorPlace: (request) => {
      const position = options.positionHeader === undefined ? null : request.headers.get(options.positionHeader)
      if (position !== null) return placeFromText(position)
      const country = options.placeHeader === undefined ? null : request.headers.get(options.placeHeader)
      return country === null ? undefined : placeFromText(country)
    },
    probe: prober.probe,
    addressOf: (request) =>
      (options.addressHeader === undefined ? undefined : request.headers.get(options.addressHeader)) ??
      addresses.get(request),
    registerLimit: limited('register', createLimiter(REGISTER_LIMIT, LIMIT_WINDOW_MS, Date.now)),
    carryLimit: limited('carry', createLimiter(CARRY_LIMIT, LIMIT_WINDOW_MS, Date.now)),
    tunnels,
    sockets,
    ...(counts === undefined ? {} : { counts }),
    random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
    log,
  }
  const sitesDomain = options.sitesDomain ?? (options.publicUrl === undefined ? `sites.localhost:${port}` : undefined)
  const service = createService(
    {
      publicUrl,
      networkKey: options.networkKey,
      ...(sitesDomain === undefined ? {} : { sitesDomain }),
      addresses: options.addresses ?? [],
      ...(options.namesTls === undefined ? {} : { namesTls: options.namesTls }),
      ...(options.position === undefined ? {} : { here: options.position }),
      denyKeys: options.denyKeys ?? [],
      ...(options.securityContact === undefined ? {} : { securityContact: options.securityContact }),
    },
    ports,
  )
  let connections = 0
  server.on('connection', (socket) => {
    connections++
    socket.once('close', () => connections--)
  })
  server.on('drop', () => counts?.dropped())
  if (registry !== undefined)
    observeGateway(registry, { gateway: service.gateway, connections: () => connections, tunnels, sockets })
  const answer = (request: Request, message: IncomingMessage): Response | Promise<Response> => {
    addresses.set(request, message.socket.remoteAddress)
    return service.answer(request, (work) => void work)
  }
  const listener = getRequestListener((request, { incoming }) => answer(request, incoming as IncomingMessage), {
    overrideGlobalObjects: false,
    errorHandler(cause) {
      const response = failed(cause, log)
      counts?.unread(response.status)
      return response
    },
  })
  server.on('request', (message, response) => {
    const { socket } = message
    underWay.set(socket, (underWay.get(socket) ?? 0) + 1)
    response.once('close', () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1))
    void listener(message, response)
  })
  server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    upgraded(message, socket, head).catch((cause) => {
      log('error', 'internal_error', { cause: String(cause) })
      socket.destroy()
    })
  })

  async function upgraded(message: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const request = requestOf(message, url)
    if (request !== undefined) sockets.expect(request)
    if (request === undefined) counts?.unread(400)
    const response = request === undefined ? new Response(null, { status: 400 }) : await answer(request, message)
    if (request !== undefined && tunnels.upgrade(request, message, socket, head)) return
    if (request !== undefined && sockets.upgrade(request, message, socket, head)) return
    await sendOn(response, message)
  }

  const expiring = setInterval(() => {
    service.expire().catch((cause: unknown) => log('warn', 'expire_failed', { cause: String(cause) }))
  }, EXPIRE_MS)
  expiring.unref()

  async function stop(): Promise<void> {
    clearInterval(expiring)
    prober[Symbol.dispose]()
    tunnels.close()
    sockets.close()
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    const late = setTimeout(() => server.closeAllConnections(), STOP_MS_MAX)
    server.closeIdleConnections()
    await closed
    clearTimeout(late)
    database[Symbol.dispose]()
  }

  try {
    await refill(service.gateway)
    if (options.networkFile !== undefined) {
      const taken = await carryNetwork(service.gateway, options.networkFile)
      if (!taken.ok && taken.error.code !== 'old_network')
        throw new Error(`the gateway refuses the network file: ${JSON.stringify(taken.error)}`)
    }
  } catch (cause) {
    await stop()
    throw cause
  }
  return { url, [Symbol.asyncDispose]: stop }
}

/** What asks for a WebSocket, as the app takes it; undefined: no address of ours. */
function requestOf(message: IncomingMessage, base: string): Request | undefined {
  const { host = new URL(base).host } = message.headers
  try {
    const headers = new Headers()
    for (let index = 0; index + 1 < message.rawHeaders.length; index += 2)
      headers.append(message.rawHeaders[index] ?? '', message.rawHeaders[index + 1] ?? '')
    return new Request(`http://${host}${message.url}`, { headers })
  } catch {
    return undefined
  }
}

/** An answer to what asked for a WebSocket and got none. */
async function sendOn({ status, headers, body }: Response, message: IncomingMessage): Promise<void> {
  const { socket } = message
  if (socket.destroyed) return body?.cancel()
  const response = new ServerResponse(message)
  response.assignSocket(socket)
  response.shouldKeepAlive = false
  response.writeHead(status, [...headers].flat())
  // What the visitor sent behind its handshake is drained: a reset would take the answer with it.
  socket.resume()
  const parts = body === null ? [] : Readable.fromWeb(body as ReadableStream<Uint8Array>)
  // It went away, or the members broke off.
  await pipeline(parts, response).catch(() => {})
  socket.destroySoon()
}

function hasBody(headers: IncomingMessage['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0
}

function failed(cause: unknown, log: NodeGatewayOptions['log']): Response {
  // A host, or a path, of which no address can be made.
  if (cause instanceof RequestError) return new Response(null, { status: 400 })
  log('error', 'internal_error', { cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) })
  return new Response(null, { status: 500 })
}
