// The HTTP edge of a seeder: every hosted site at an origin of its own, every answer with its evidence.
//
//   socket ─> head ─> site by host ─┬─> /.well-known/interpeer/…
//                                   ├─> read:  memory, else the bundle's file, else the script ──> receipt, certificate
//                                   └─> write: body whole ─> ordered, agreed, executed ──────────> certificate, path
//
// Invariants: two sites never share an origin; nothing that a visitor sends is held without a bound; an answer that leaves here with a
// receipt or a path has the response hash that they name.

import { randomBytes } from 'node:crypto'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { setTimeout as pass } from 'node:timers/promises'
import { WELL_KNOWN } from '#protocol/answer/evidence.ts'
import { Share } from '#protocol/bounds/share.ts'
import { siteNamedBy } from '#protocol/dns/named-host.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import type { Registry } from '#protocol/metrics/registry.ts'
import type { Log } from '#seeder/config/log.ts'
import { createAssetFinder } from '#seeder/serve/assets.ts'
import { createBandwidth } from '#seeder/serve/bandwidth.ts'
import { watchConnections } from '#seeder/serve/connections.ts'
import { createLinks } from '#seeder/serve/crawl.ts'
import { StateDamaged } from '#seeder/serve/damage.ts'
import { createEventStreams } from '#seeder/serve/event-streams.ts'
import { createFieldMaker } from '#seeder/serve/evidence-fields.ts'
import { SERVE_LIMITS, type ServeLimits } from '#seeder/serve/limits.ts'
import {
  type CarriedConnection,
  createListeners,
  type Entrance,
  MAIN,
  type PlainPorts,
  SECURE,
} from '#seeder/serve/listeners.ts'
import { countAnswers, observeServing, type RequestKind } from '#seeder/serve/metrics.ts'
import type { Whereabouts } from '#seeder/serve/moved.ts'
import type { HostedSite, HostedSites } from '#seeder/serve/port.ts'
import { createReadAnswers } from '#seeder/serve/read-answers.ts'
import { createReads } from '#seeder/serve/reads.ts'
import { watchHeads } from '#seeder/serve/recent-heads.ts'
import { type Refusal, type RefusalCode, refuse } from '#seeder/serve/refusal.ts'
import { type RequestHead, readHead } from '#seeder/serve/request-head.ts'
import { createSecureOrigins, type SecureOptions } from '#seeder/serve/secure-origins.ts'
import { createSender } from '#seeder/serve/send.ts'
import { createSiteHosts } from '#seeder/serve/site-hosts.ts'
import { createSockets } from '#seeder/serve/sockets.ts'
import { createVisits } from '#seeder/serve/visits.ts'
import { serveWellKnown } from '#seeder/serve/well-known.ts'
import { createWriteAnswers } from '#seeder/serve/write-answers.ts'
import { createWrites } from '#seeder/serve/writes.ts'

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
const HTTP_PORT = 80

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
  const isBounded = Number.isFinite(bandwidth.bytesPerSecond)
  const pace = async (response: ServerResponse): Promise<void> => {
    if (response.socket !== null) bandwidth.meter(response.socket)
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
  const listeners = createListeners({
    ...{ sites, address, limits, connections, registry, log },
    port: options.port,
    secure: options.secure,
    plain: mode === 'plain',
    plainPorts: options.plainPorts,
    isOfSocket: (connection) => ofSockets.has(connection),
    onRequest: handle,
    onUpgrade: upgrade,
    onRefused: (status) => answers.refused(status),
  })
  observeServing(registry, {
    connections,
    bandwidth,
    bandwidthLimit: bandwidth.bytesPerSecond,
    reads,
    writes,
    events,
    sockets,
    bodies: budget,
    moved: listeners.moved,
  })
  const heads = watchHeads(sites)
  const sheds = (): boolean => options.sheds?.() === true
  const answerRead = createReadAnswers({
    ...{ reads, sender, events, heads, say, sheds },
    isForSocket: ({ req }) => ofSockets.has(req.socket),
    order: async (response, request, asked, site, source) => {
      const committed = await writes.resubmit(site, asked, source)
      if (committed.ok) await writeAnswers.ordered(response, request, site, committed.value)
      else say(response, request, committed.error)
    },
  })
  const writeAnswers = createWriteAnswers({
    ...{ writes, fields, bandwidth, limits, gateway, random, log, sheds, say },
    budget,
    isPatient: (request, message) => waits(request, message) && !stopping,
    away: (response, request, site) => visits.away(response, request, site),
  })
  const visits = createVisits({
    ...{ assets, bandwidth, limits, say, answerRead },
    whereabouts: options.whereabouts,
    answerWrite: writeAnswers.answer,
    isStopping: () => stopping,
    isDraining: () => draining,
    isPatient: waits,
    linger: listeners.linger,
  })
  const hosts = createSiteHosts(sites, `${label}.${hostsDomain}`)
  const secure =
    options.secure === undefined
      ? undefined
      : createSecureOrigins(options.secure, sites, () => listeners.portOf(SECURE))
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
    if (options.close === true) listeners.linger(response)
  }

  /** Who checks answers asks another member at once; the message of a visitor's socket, asked as such a one, waits like its visitor. */
  function waits({ client }: RequestHead, { socket }: IncomingMessage): boolean {
    return !client || ofSockets.has(socket)
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
      bandwidth.meter(req.socket)
    }
    const failed = (cause: unknown): void => {
      log.error('http_broke', { target: req.url, cause })
      refuse(response, { code: cause instanceof StateDamaged ? 'degraded' : 'internal' }, { close: true })
    }
    let kind: RequestKind | undefined = 'refused'
    let isUnderWay = false
    try {
      kind = answer(req, response, entrance, (sending, ofKind) => {
        isUnderWay = true
        sending.catch(failed).finally(() => done(ofKind))
      })
    } catch (cause) {
      failed(cause)
    }
    if (kind !== undefined) done(kind)
    else if (!isUnderWay) whenOver(response, () => underWay--)
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
    if (only === undefined) return (scheme === 'https' && secure !== undefined ? secure : hosts).siteOf(host)
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
      if (scheme === 'http' && secure?.answerPlain(response, request) === true) return 'refused'
      if (isMain(request.host, only) && options.main?.(req, response) === true) return undefined
      return no(request, 'unknown_site', request.hasBody)
    }
    answers.asked(site.name)
    if (request.target.startsWith(WELL_KNOWN)) {
      serveWellKnown(response, request, site, assets, now(), (...asked) => secure?.reachOf(...asked))
      return 'well_known'
    }
    if (!request.reads) {
      const { ifMatch, ifNoneMatch, ifUnmodifiedSince } = request.conditions ?? {}
      if (ifMatch !== undefined || ifNoneMatch !== undefined || ifUnmodifiedSince !== undefined)
        return no(request, 'precondition_not_implemented', true)
    }
    const { kind, sending } = visits.begin(response, request, site)
    if (sending === undefined) return kind
    later(sending, kind)
    return undefined
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
        listeners.carry(connection, entrance)
      },
      isLeaving(request) {
        const site = siteFor(request, entrance)
        return stopping || draining || site === undefined || site.hasLeft?.() === true
      },
    })
  }

  await listeners.open()
  const stopWatching = sites.onChange(() => {
    heads.follow()
    options.secure?.certificates.check()
    listeners.follow()
  })

  return {
    get port() {
      return listeners.portOf(MAIN) ?? 0
    },
    get mainOrigin() {
      const host = mode === 'hosts' ? hosts.own : originHost(address)
      return originAt(host, listeners.portOf(MAIN))
    },
    get securePort() {
      return listeners.portOf(SECURE)
    },
    secureOriginOf: (siteName) => secure?.originOf(siteName),
    carry: (connection, { site, scheme }) => listeners.carry(connection, { only: site ?? MAIN, scheme }),
    wantsOneOrigin(siteName) {
      const site = sites.byName(siteName)
      const head = site?.head()
      return site !== undefined && head !== undefined && assets.wantsOneOrigin(site, head)
    },
    askedFor: answers.askedFor,
    originOf(siteName) {
      if (sites.byName(siteName) === undefined) return undefined
      if (mode === 'hosts') return originAt(hosts.hostOf(siteName), listeners.portOf(MAIN))
      const port = listeners.portOf(siteName)
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
      connections[Symbol.dispose]()
      heads[Symbol.dispose]()
      await listeners.close(graceMs)
    },
  }
}
