// The HTTP edge of a seeder: every hosted site at an origin of its own, every answer with its evidence.
//
//   socket ─> head ─> site by host ─┬─> /.well-known/interpeer/…
//                                   ├─> read:  memory, else the bundle's file, else the script ──> receipt, certificate
//                                   └─> write: body whole ─> ordered, agreed, executed ──────────> certificate, path
//
// Invariants: two sites never share an origin; nothing that a visitor sends is held without a bound; an answer that leaves here with a
// receipt or a path has the response hash that they name.

import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, ServerResponse } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { setTimeout as pass } from 'node:timers/promises'
import { takeFormKey } from '#page/form-request.ts'
import { WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { Share, sourceOf } from '#protocol/bounds/share.ts'
import { assert } from '#protocol/codec/result.ts'
import { siteNamedBy } from '#protocol/dns/named-host.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import type { Registry } from '#protocol/metrics/registry.ts'
import { asksForSocket } from '#protocol/socket/handshake.ts'
import type { Log } from '#seeder/config/log.ts'
import { createAssetFinder } from '#seeder/serve/assets.ts'
import { createBandwidth } from '#seeder/serve/bandwidth.ts'
import { barredRepresentation } from '#seeder/serve/barred-page.ts'
import { bodyRefusal, readBody } from '#seeder/serve/body.ts'
import { wantedCoding } from '#seeder/serve/coding.ts'
import { watchConnections } from '#seeder/serve/connections.ts'
import { createLinks } from '#seeder/serve/crawl.ts'
import { StateDamaged } from '#seeder/serve/damage.ts'
import { createEventStreams } from '#seeder/serve/event-streams.ts'
import { createFieldMaker } from '#seeder/serve/evidence-fields.ts'
import { keyedPage } from '#seeder/serve/keyed-page.ts'
import { SERVE_LIMITS, type ServeLimits } from '#seeder/serve/limits.ts'
import { countAnswers, observeServing, type RequestKind } from '#seeder/serve/metrics.ts'
import { sendOn, type Whereabouts } from '#seeder/serve/moved.ts'
import type { Committed, HostedSite, HostedSites } from '#seeder/serve/port.ts'
import { createReadAnswers } from '#seeder/serve/read-answers.ts'
import { createReads, type ReadRequest, readRequest } from '#seeder/serve/reads.ts'
import { watchHeads } from '#seeder/serve/recent-heads.ts'
import { type Refusal, type RefusalCode, refusalBody, refuse, statusOf } from '#seeder/serve/refusal.ts'
import { nativeSha256, representationOf, select } from '#seeder/serve/representation.ts'
import { type RequestHead, readHead, sentPairs } from '#seeder/serve/request-head.ts'
import { createSender } from '#seeder/serve/send.ts'
import { createSiteHosts } from '#seeder/serve/site-hosts.ts'
import { createSockets } from '#seeder/serve/sockets.ts'
import { serveWellKnown } from '#seeder/serve/well-known.ts'
import { createWrites, isKeyed } from '#seeder/serve/writes.ts'
import { tlsOptions, watchHandshakes } from '#seeder/tls/listener.ts'
import type { Certificates } from '#seeder/tls/port.ts'

export type ServeOptions = {
  readonly sites: HostedSites
  /** The seeder's key: signs what RFC 9421 covers; receipts are signed by `HostedSite.receipt`. */
  readonly signer: Signer
  /**
   * `hosts`: `http://<name>.<label>.<hostsDomain>:<port>`, told apart by `Host`. `plain`: a port a site at `address`, for tools that cannot
   * resolve `*.localhost`; `plainPorts` remembers them between starts.
   */
  readonly target: 'hosts' | 'plain'
  readonly label: string
  readonly hostsDomain?: string
  /** Bound address; 127.0.0.1 unless told. */
  readonly address?: string
  /** 0: any free port. */
  readonly port: number
  readonly plainPorts?: PlainPorts
  /** Its sites at a name of its own, over TLS; absent: there is none. */
  readonly secure?: SecureOptions
  /**
   * Answers what is asked of the seeder itself (publishing), on the origin of its own that `mainOrigin` names: `<label>.<hostsDomain>`, or
   * with `plain` a port beside those of the sites. False: not its business.
   */
  readonly main?: (request: IncomingMessage, response: ServerResponse) => boolean
  /** Where a site is hosted that this seeder has left. */
  readonly whereabouts?: Whereabouts
  /** Origin of the network's first gateway, as of now: by its address sites are to be known. */
  readonly gateway?: () => string | undefined
  readonly limits?: Partial<ServeLimits>
  /** Bytes a second to and from visitors; absent: as many as they take. */
  readonly bandwidth?: number
  /** While true, no script is run for a visitor: what is in memory and what is agreed goes on. */
  readonly sheds?: () => boolean
  readonly registry: Registry
  readonly log: Log
  readonly now?: () => number
  readonly random?: (bytes: number) => Uint8Array
}

export type SecureOptions = {
  /** Of the seeder; a site is `<site>.<name>`. */
  readonly name: string
  /** Listened on; 0: any free port. */
  readonly port: number
  /** What visitors come to; absent: the one that is listened on. */
  readonly publicPort?: number
  readonly certificates: Certificates
  /** The seeder's word for an origin, to a gateway that asks for it there (§5.2). */
  readonly reach: (origin: string, gateway: string, challenge: Uint8Array) => Uint8Array
}

/** The port each site had; kept by the caller. */
export type PlainPorts = { get(site: string): number | undefined; set(site: string, port: number): void }

/** Which site a connection is for, and how its visitor came. `only` undefined: the `Host` says which; `''`: the seeder itself. */
type Entrance = { readonly only: string | undefined; readonly scheme: 'http' | 'https' }

/** A connection that no listener here accepted: what of a socket is looked at. */
export type CarriedConnection = Duplex & Pick<Socket, 'bytesRead' | 'bytesWritten' | 'remoteAddress'>

export type SiteServer = {
  /** Of the listener that is no single site's. */
  readonly port: number
  /** Where a hosted site is reached; undefined when it is not hosted or not listening yet. */
  originOf(siteName: string): string | undefined
  /** The same over TLS; undefined while there is no certificate for it that holds. */
  secureOriginOf(siteName: string): string | undefined
  /** Of the TLS listener; undefined: there is none. */
  readonly securePort: number | undefined
  /** It logs people in, and says so in its configuration: one origin for all its members. */
  wantsOneOrigin(siteName: string): boolean
  /** Requests for a site since the start. */
  askedFor(siteName: string): number
  /** Of the seeder itself. */
  readonly mainOrigin: string
  /** Serves a connection that came another way, as one of its own. `site` undefined: the seeder itself is asked. */
  carry(
    connection: CarriedConnection,
    entrance: { readonly site: string | undefined; readonly scheme: 'http' | 'https' },
  ): void
  /**
   * Sends whoever comes from now on to another member (or serves them, when there is none) and tells each connection that it ends.
   * Resolves when nothing is under way and nobody has come for a moment, and after `drainMs` at the latest.
   */
  drain(drainMs: number): Promise<void>
  /** Stops taking requests, lets those under way end within `graceMs`, then closes every connection. */
  close(graceMs?: number): Promise<void>
}

const CLOSE_GRACE_MS = 3_000
/** Nobody came for so long: who was sent here before the gateway knew has arrived. */
const QUIET_MS = 300
const DRAIN_POLL_MS = 20
/** Key of the listener that is no single site's. */
const MAIN = ''
/** And of the TLS listener, which no site is called. */
const SECURE = ' '
/** How long an answer that refuses the rest of a request may linger, so that the visitor can read it. */
const LINGER_MS = 1_000
const AWAY_PAUSE_MS = 200

const HTTP_PORT = 80
const HTTPS_PORT = 443
const ACME_CHALLENGES = '/.well-known/acme-challenge/'

function originHost(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** As browsers write it (RFC 6454 §6.2): without the port that is http's own. */
function originAt(host: string, port: number | undefined): string {
  return port === HTTP_PORT ? `http://${host}` : `http://${host}:${port}`
}

export async function startServer(options: ServeOptions): Promise<SiteServer> {
  const { sites, signer, target: mode, label, registry, log } = options
  const hostsDomain = options.hostsDomain ?? 'localhost'
  const address = options.address ?? '127.0.0.1'
  const limits: ServeLimits = { ...SERVE_LIMITS, ...options.limits }
  const now = options.now ?? Date.now
  const random = options.random ?? ((bytes: number) => new Uint8Array(randomBytes(bytes)))

  const answers = countAnswers(registry)
  const assets = createAssetFinder({ cacheBytes: limits.assetCacheBytes, log })
  const reads = createReads({ limits, assets, random, log, onCache: (result) => answers.cache[result]() })
  const writes = createWrites({ limits, now, random, log })
  const gateway = options.gateway ?? (() => undefined)
  const fields = createFieldMaker({ signer, now, links: createLinks({ manifestOf: assets.manifest, gateway }) })
  const bandwidth = createBandwidth(options.bandwidth ?? Number.POSITIVE_INFINITY)
  const isBounded = options.bandwidth !== undefined && Number.isFinite(options.bandwidth)
  const metered = new WeakMap<Socket, number>()

  /** Counts what went over a connection since it was last counted. */
  function meter(socket: Socket): void {
    const bytes = socket.bytesWritten + socket.bytesRead
    bandwidth.spend(bytes - (metered.get(socket) ?? 0))
    metered.set(socket, bytes)
  }

  const pace = async (response: ServerResponse): Promise<void> => {
    if (response.socket !== null) meter(response.socket)
    while (!response.destroyed && !(await bandwidth.turn()));
  }
  const sender = createSender({ fields, limits, random, gateway, ...(isBounded ? { pace } : {}) })
  const events = createEventStreams({
    limits,
    pace: isBounded ? pace : undefined,
    begin: ({ response, place }, found) => sender.beginEvents(response, place, found),
  })
  const budget = new Share(limits.bodiesBytesMax)
  const connections = watchConnections(limits)
  const sockets = createSockets({ limits, bodies: budget, random, say })
  /** Requests of WebSockets, by connections in memory: what is counted is the visitor's own. */
  const ofSockets = new WeakSet<Duplex>()
  const lingering = new WeakSet<Duplex>()
  const moved = { received: 0, sent: 0 }
  observeServing(registry, {
    connections,
    bandwidth,
    bandwidthLimit: options.bandwidth ?? Number.POSITIVE_INFINITY,
    reads,
    writes,
    events,
    sockets,
    bodies: budget,
    moved,
  })
  const heads = watchHeads(sites)
  const answerRead = createReadAnswers({
    ...{ reads, sender, events, heads, say },
    sheds: () => options.sheds?.() === true,
    isForSocket: ({ req }) => ofSockets.has(req.socket),
    order: async (response, request, asked, site, source) => {
      const committed = await writes.resubmit(site, asked, source)
      return committed.ok ? ordered(response, request, site, committed.value) : say(response, request, committed.error)
    },
  })
  const hosts = createSiteHosts(sites, `${label}.${hostsDomain}`)
  const { secure } = options
  const secureHosts = secure === undefined ? undefined : createSiteHosts(sites, secure.name)
  let stopping = false
  let draining = false
  let underWay = 0
  let cameAt = 0

  function isMain(host: string, only: string | undefined): boolean {
    return only === undefined ? hosts.isOwn(host) : only === MAIN
  }

  function say(
    response: ServerResponse,
    head: RequestHead | undefined,
    refusal: Refusal,
    options: { close?: boolean } = {},
  ): void {
    const close = options.close === true || stopping
    refuse(response, refusal, { accept: head?.accept, head: head?.method === 'HEAD', close })
    if (options.close === true) linger(response)
  }

  /** The rest of a refused body is drained for a moment: a reset would take the answer with it (RFC 9112 §9.6). */
  function linger(response: ServerResponse): void {
    const { req } = response
    lingering.add(req.socket)
    req.on('error', () => {})
    req.resume()
    const timer = setTimeout(() => req.socket.destroy(), LINGER_MS)
    timer.unref()
    req.once('close', () => clearTimeout(timer))
  }

  async function ordered(
    response: ServerResponse,
    request: RequestHead,
    site: HostedSite,
    committed: Committed,
  ): Promise<void> {
    const representation = representationOf(committed.response, false)
    if (!representation.ok) {
      log.warn('script_answer', { site: site.name, target: request.target, status: committed.response.status })
      return say(response, request, { code: representation.error })
    }
    const certified = representation.value
    const page = barredRepresentation(certified, request, site.name, gateway()) ?? certified
    const keyed = await keyedPage({ random, page, request, siteName: site.name })
    const selected = keyed ?? (await select(page, wantedCoding(request.acceptEncoding)))
    const sent = { kind: keyed === undefined ? 'whole' : 'edited', selected } as const
    const { target, origin, client } = request
    const place = { site, target, origin, client }
    response.writeHead(page.status, fields.write(place, committed, page, sent))
    response.end(request.method === 'HEAD' ? undefined : selected.bytes)
  }

  async function answerWrite(
    response: ServerResponse,
    request: RequestHead,
    asked: ReadRequest,
    site: HostedSite,
    source: string,
  ): Promise<void> {
    const { req } = response
    const refused = options.sheds?.() === true ? 'overloaded' : bodyRefusal(request.contentLength, budget, source)
    if (refused !== undefined) return say(response, request, { code: refused }, { close: true })
    if (req.headers.expect !== undefined) response.writeContinue()
    // What is declared counts while it comes: many that begin at once are bounded too.
    const declared = isBounded ? (request.contentLength ?? 0) : 0
    bandwidth.spend(declared)
    const body = await readBody(req, budget, source, limits.requestTimeoutMs)
    bandwidth.spend(-declared)
    if (isBounded) meter(req.socket)
    if (body === undefined) return
    if (!body.ok) return say(response, request, { code: body.error }, { close: true })
    try {
      const sent = { headers: asked.headers, body: body.value.bytes }
      const { headers, body: filled } = (request.client ? undefined : takeFormKey(sent, nativeSha256)) ?? sent
      const write = { ...asked, headers }
      const isPatient = () => waits(request, req) && !stopping && !response.destroyed
      const committed = await writes.submit(site, write, filled, source, isPatient)
      if (committed.ok) return await ordered(response, request, site, committed.value)
      // It left in the midst of it: whoever is there now is asked for the same, which runs once (R9).
      const isSentOn = committed.error.code === 'not_ready' && site.hasLeft?.() === true && isKeyed(write)
      if (isSentOn && options.whereabouts !== undefined) await away(response, request, site, options.whereabouts, true)
      else say(response, request, committed.error)
    } finally {
      body.value.release()
    }
  }

  /** Who checks answers asks another member at once; the message of a visitor's socket, asked as such a one, waits like its visitor. */
  function waits({ client }: RequestHead, { socket }: IncomingMessage): boolean {
    return !client || ofSockets.has(socket)
  }

  async function away(
    response: ServerResponse,
    request: RequestHead,
    site: HostedSite,
    whereabouts: Whereabouts,
    isRead = !request.hasBody,
  ): Promise<void> {
    // In the midst of a hand-over nobody may be there for a moment.
    const until = performance.now() + (waits(request, response.req) ? limits.readyMs : 0)
    for (;;) {
      if (await sendOn(response, site.name, request.target, whereabouts)) {
        // What was not read stays where it is: the visitor sends it again to whom it is sent on.
        if (!isRead) linger(response)
        return
      }
      if (performance.now() > until || stopping || response.destroyed) break
      await pass(AWAY_PAUSE_MS)
    }
    say(response, request, { code: 'not_ready' }, { close: !isRead })
  }

  /** The state is on its way here. When it takes too long another member is the better one. */
  async function hereSoon(response: ServerResponse, request: RequestHead, site: HostedSite): Promise<void> {
    const until = performance.now() + limits.readyMs
    while (site.head() === undefined && performance.now() < until) {
      await pass(AWAY_PAUSE_MS)
      if (stopping || response.destroyed) break
    }
    if (response.destroyed) return
    if (site.head() !== undefined || options.whereabouts === undefined) await visit(response, request, site)
    else await elsewhere(response, request, site, options.whereabouts)
  }

  function handle(req: IncomingMessage, response: ServerResponse, entrance: Entrance): void {
    if (!ofSockets.has(req.socket) && !connections.asked(response)) return
    const began = performance.now()
    underWay++
    if (draining) {
      cameAt = began
      response.setHeader('Connection', 'close')
    }
    const done = (ofKind: RequestKind): void => {
      underWay--
      answers.answered(ofKind, response.statusCode, began)
      connections.given(response)
      if (isBounded) meter(req.socket)
    }
    const failed = (cause: unknown): void => {
      log.error('http_broke', { target: req.url, cause })
      refuse(response, { code: cause instanceof StateDamaged ? 'degraded' : 'internal' }, { close: true })
    }
    let kind: RequestKind | undefined = 'refused'
    let waits = false
    try {
      kind = answer(req, response, entrance, (sending, ofKind) => {
        waits = true
        sending.catch(failed).finally(() => done(ofKind))
      })
    } catch (cause) {
      failed(cause)
    }
    if (kind !== undefined) done(kind)
    else if (!waits) whenOver(response, () => underWay--)
  }

  /** Calls once: when the answer has gone, or its connection has, where it may still have waited behind another. */
  function whenOver(response: ServerResponse, over: () => void): void {
    const { socket } = response.req
    const done = (): void => {
      response.off('close', done)
      socket.off('close', done)
      over()
    }
    response.once('close', done)
    socket.once('close', done)
  }

  function siteFor({ host }: RequestHead, { only, scheme }: Entrance): HostedSite | undefined {
    if (only === undefined) return (scheme === 'https' && secureHosts !== undefined ? secureHosts : hosts).siteOf(host)
    // A listener that is no single site's tells them apart by name, with `plain` too: a name that DNS gives has no port.
    return sites.byName((only === MAIN ? siteNamedBy(host) : only) ?? MAIN)
  }

  /** Answers at once and says what it was, or hands what is under way to `later`. */
  function answer(
    req: IncomingMessage,
    response: ServerResponse,
    entrance: Entrance,
    later: (sending: Promise<void>, kind: RequestKind) => void,
  ): RequestKind | undefined {
    const no = (request: RequestHead | undefined, code: RefusalCode, close = false): RequestKind => {
      say(response, request, { code }, { close })
      return 'refused'
    }
    const { only, scheme } = entrance
    const read = readHead(req, scheme)
    if (!read.ok) return no(undefined, read.error, true)
    const request = read.value
    if (stopping) return no(request, 'stopping', true)
    const site = siteFor(request, entrance)
    if (site === undefined) {
      if (scheme === 'http' && toSecure(response, request)) return 'refused'
      if (isMain(request.host, only) && options.main?.(req, response) === true) return undefined
      return no(request, 'unknown_site', request.hasBody)
    }
    answers.asked(site.name)
    if (request.target.startsWith(WELL_KNOWN)) {
      serveWellKnown(response, request, site, assets, now(), reachOf)
      return 'well_known'
    }
    if (!request.reads) {
      const { ifMatch, ifNoneMatch, ifUnmodifiedSince } = request.conditions ?? {}
      if (ifMatch !== undefined || ifNoneMatch !== undefined || ifUnmodifiedSince !== undefined)
        return no(request, 'precondition_not_implemented', true)
    }
    if (site.hasLeft?.() === true && options.whereabouts !== undefined) {
      later(away(response, request, site, options.whereabouts), 'refused')
      return undefined
    }
    if (draining && options.whereabouts !== undefined) {
      later(elsewhere(response, request, site, options.whereabouts), 'refused')
      return undefined
    }
    const kind = request.reads ? 'read' : 'write'
    if (site.head() === undefined) {
      if (site.isComing?.() !== true || !waits(request, req)) return no(request, 'not_ready', request.hasBody)
      later(hereSoon(response, request, site), kind)
      return undefined
    }
    const sending = bandwidth.free() ? visit(response, request, site) : inTurn(response, request, site)
    if (sending === undefined) return kind
    later(sending, kind)
    return undefined
  }

  /** What is asked over plain HTTP of a name that is served over TLS: an authority's question, or a visitor who is sent on. */
  function toSecure(response: ServerResponse, request: RequestHead): boolean {
    if (secure === undefined || request.hasBody) return false
    if (request.target.startsWith(ACME_CHALLENGES)) {
      const text = secure.certificates.challengeAnswer(request.target.slice(ACME_CHALLENGES.length))
      if (text === undefined) return false
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': text.length })
      response.end(request.method === 'HEAD' ? undefined : text)
      return true
    }
    const site = secureHosts?.siteOf(request.host)
    const origin = site === undefined || siteNamedBy(request.host) !== undefined ? undefined : secureOriginOf(site.name)
    if (origin === undefined) return false
    response.writeHead(308, { Location: `${origin}${request.target}`, 'Content-Length': 0 })
    response.end()
    return true
  }

  function secureOriginOf(siteName: string): string | undefined {
    if (secure === undefined || secureHosts === undefined || sites.byName(siteName) === undefined) return undefined
    const host = secureHosts.hostOf(siteName)
    const port = secure.publicPort ?? ports.get(SECURE)
    if (port === undefined || secure.certificates.contextOf(host) === undefined) return undefined
    return port === HTTPS_PORT ? `https://${host}` : `https://${host}:${port}`
  }

  /** Signed for the gateway that asks; undefined: the site has no origin of its own over TLS. */
  function reachOf(siteName: string, gatewayName: string, challenge: Uint8Array): Uint8Array | undefined {
    const origin = secureOriginOf(siteName)
    return origin === undefined ? undefined : secure?.reach(origin, gatewayName, challenge)
  }

  /** What a visitor asks of a site, answered here. */
  function visit(response: ServerResponse, request: RequestHead, site: HostedSite): undefined | Promise<void> {
    const source = sourceOf(response.req.socket.remoteAddress)
    const head = site.head()
    if (head === undefined) return void say(response, request, { code: 'not_ready' }, { close: request.hasBody })
    const { origin } = request
    const more = assets.listed(site, head)
    const pairs = more.length === 0 ? request.listed : sentPairs(request.raw)
    const asked = readRequest(site, request.method, request.target, pairs, origin, more)
    if (!request.reads) return answerWrite(response, request, asked, site, source)
    return answerRead(
      response,
      request,
      asked,
      { site, head, target: request.target, origin, client: request.client },
      source,
    )
  }

  /** As `visit`, when the bandwidth that visitors may use allows. */
  async function inTurn(response: ServerResponse, request: RequestHead, site: HostedSite): Promise<void> {
    const isTurn = await bandwidth.turn()
    if (response.destroyed) return
    if (isTurn) await visit(response, request, site)
    else say(response, request, { code: 'overloaded' }, { close: request.hasBody })
  }

  /** This seeder is about to stop: another member is the better one, and where there is none, this one still is. */
  async function elsewhere(
    response: ServerResponse,
    request: RequestHead,
    site: HostedSite,
    whereabouts: Whereabouts,
  ): Promise<void> {
    if (await sendOn(response, site.name, request.target, whereabouts)) {
      if (request.hasBody) linger(response)
    } else await visit(response, request, site)
  }

  /** A connection that asks for a WebSocket of a site: it is HTTP's no longer. */
  function upgrade(req: IncomingMessage, head: Buffer, entrance: Entrance): void {
    const response = new ServerResponse(req)
    response.assignSocket(req.socket)
    if (!connections.asked(response)) return
    sockets.open(response, head, {
      scheme: entrance.scheme,
      carry(connection) {
        ofSockets.add(connection)
        carried.set(connection, entrance)
        carrier.emit('connection', connection)
      },
      isLeaving(request) {
        const site = siteFor(request, entrance)
        return stopping || draining || site === undefined || site.hasLeft?.() === true
      },
    })
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
    answers.refused(status)
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
      if (socket.destroyed || ofSockets.has(socket) || !connections.add(socket)) return
      socket.on('close', () => {
        connections.remove(socket)
        moved.received += socket.bytesRead
        moved.sent += socket.bytesWritten
      })
    })
    server.on('request', (req, response) => handle(req, response, entranceOf(req.socket)))
    server.on('upgrade', (req: IncomingMessage, _: Duplex, head: Buffer) => upgrade(req, head, entranceOf(req.socket)))
    server.on('checkContinue', (req, response) => handle(req, response, entranceOf(req.socket)))
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
      : { only: mode === 'plain' ? key : undefined, scheme: 'http' }
    const server = makeServer(() => entrance, isSecure ? secure?.certificates : undefined)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen(wanted, address, resolve)
    await promise
    server.off('error', reject)
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
  await listen(MAIN, options.port)
  if (secure !== undefined) await listen(SECURE, secure.port)
  if (mode === 'plain') await listenPlain()
  const stopWatching = sites.onChange(() => {
    heads.follow()
    secure?.certificates.check()
    if (mode === 'plain') opening = opening.then(listenPlain).catch((cause) => log.error('plain_port', { cause }))
  })

  return {
    get port() {
      return ports.get(MAIN) ?? 0
    },
    get mainOrigin() {
      const host = mode === 'hosts' ? hosts.own : originHost(address)
      return originAt(host, ports.get(MAIN))
    },
    get securePort() {
      return ports.get(SECURE)
    },
    secureOriginOf,
    carry(connection, { site, scheme }) {
      carried.set(connection, { only: site ?? MAIN, scheme })
      carrier.emit('connection', connection)
    },
    wantsOneOrigin(siteName) {
      const site = sites.byName(siteName)
      const head = site?.head()
      return site !== undefined && head !== undefined && assets.wantsOneOrigin(site, head)
    },
    askedFor: answers.askedFor,
    originOf(siteName) {
      if (sites.byName(siteName) === undefined) return undefined
      if (mode === 'hosts') return originAt(hosts.hostOf(siteName), ports.get(MAIN))
      const port = ports.get(siteName)
      return port === undefined ? undefined : originAt(originHost(address), port)
    },
    async drain(drainMs) {
      draining = true
      events.end()
      cameAt = performance.now()
      const end = cameAt + drainMs
      while (performance.now() < end && (underWay > 0 || performance.now() - cameAt < QUIET_MS))
        await pass(DRAIN_POLL_MS)
    },
    async close(graceMs = CLOSE_GRACE_MS) {
      stopping = true
      events.end()
      stopWatching()
      await opening
      connections[Symbol.dispose]()
      heads[Symbol.dispose]()
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
