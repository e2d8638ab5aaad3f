// A seeder, put together: key, store, network file, runtime, peers, sites, HTTP, control port, registration.
//
//   startSeeder ──> store (locked) ──> network file ──> peers ──> sites ──> HTTP ──> control ──> gateways
//   stop        <── the other way round; what was acknowledged is on disk at every moment
//
// The parts are handed each other here and nowhere else. Everything lives in one data directory; a restart keeps key and ports.

import { statfsSync } from 'node:fs'
import type { MemberOptions } from '#protocol/agreement/port.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { type PeerName, peerName, type Signer } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { createRegistry } from '#protocol/metrics/registry.ts'
import type { Place } from '#protocol/place/place.ts'
import { originAt, startAudits } from '#seeder/agree/audit.ts'
import { answerContent, type ContentServer } from '#seeder/agree/content-server.ts'
import type { Member } from '#seeder/agree/driver.ts'
import { createMachine } from '#seeder/agree/machine.ts'
import { createPublisher } from '#seeder/agree/publish.ts'
import { createPublishHandler, type PublishHandler as OwnHandler } from '#seeder/agree/publish-http.ts'
import type { Site } from '#seeder/agree/site.ts'
import { createSpreading, fetchHere } from '#seeder/agree/spread.ts'
import { updateFromBytes } from '#seeder/agree/update.ts'
import { type ByzantineKind, liarOf } from '#seeder/byzantine/kinds.ts'
import { steadyClock } from '#seeder/config/clock.ts'
import type { DnsPlace } from '#seeder/config/dns-place.ts'
import { rehearsedFaults } from '#seeder/config/faults.ts'
import type { HttpsSettings } from '#seeder/config/https.ts'
import type { Log } from '#seeder/config/log.ts'
import { noteLostStore, openWholeStore } from '#seeder/config/lost-store.ts'
import { openMemo } from '#seeder/config/memo.ts'
import { placeAt } from '#seeder/config/place.ts'
import { portFor, portOf } from '#seeder/config/ports.ts'
import { QUOTA_DEFAULTS, type Quotas } from '#seeder/config/quota.ts'
import { RELAYING_DEFAULTS } from '#seeder/config/relaying.ts'
import { startLoadMeter } from '#seeder/control/load.ts'
import { startQuotaKeeper } from '#seeder/control/quota-keeper.ts'
import { recentLog } from '#seeder/control/recent-log.ts'
import { startControl } from '#seeder/control/server.ts'
import { createResolver } from '#seeder/dns/resolver.ts'
import { startDns } from '#seeder/dns/server.ts'
import { createRuntime } from '#seeder/execute/pool/runtime.ts'
import type { Runtime } from '#seeder/execute/port.ts'
import { fetchNetworkFiles } from '#seeder/host/network-fetch.ts'
import { type NetworkHolder, openNetworkHolder } from '#seeder/host/network-holder.ts'
import { createOwnOrigin } from '#seeder/host/own-origin.ts'
import { answerRobots } from '#seeder/host/own-robots.ts'
import { SiteHost } from '#seeder/host/site-host.ts'
import { loadOrCreateSigner } from '#seeder/identity/keys.ts'
import { type NetworkOptions, startNetwork } from '#seeder/network/node.ts'
import type { NetworkHandlers, PeerNetwork } from '#seeder/network/port.ts'
import type { RelayLimits } from '#seeder/network/relay-server.ts'
import { registrationFacts } from '#seeder/register/facts.ts'
import { watchLoad } from '#seeder/register/load.ts'
import { startPeerRecord } from '#seeder/register/peer-record.ts'
import { reachFacts } from '#seeder/register/reach.ts'
import { type Registrar, startRegistrar } from '#seeder/register/registrar.ts'
import { limitsWithin } from '#seeder/serve/limits.ts'
import { rememberWhereabouts } from '#seeder/serve/moved.ts'
import type { HostedSites } from '#seeder/serve/port.ts'
import { type SiteServer, startServer } from '#seeder/serve/server.ts'
import { startCollector } from '#seeder/store/collector.ts'
import type { Store } from '#seeder/store/port.ts'
import { watchStore } from '#seeder/store/watch.ts'
import { observeHttps } from '#seeder/tls/facts.ts'
import { keepCertificates } from '#seeder/tls/keep.ts'
import { keepTunnels, type Tunnels } from '#seeder/tunnel/tunnels.ts'

const LOOPBACK = '127.0.0.1'

export type SeederOptions = {
  /** Data directory; one process at a time. */
  readonly directory: string
  /** The network file: read at start, watched from then on. */
  readonly networkFile: string
  /** 0 or absent: the port it had, else any. */
  readonly httpPort?: number
  readonly p2pPort?: number
  readonly controlPort?: number
  /** Absent: as before, else `s` and `hosts`. */
  readonly label?: string
  readonly target?: 'hosts' | 'plain'
  /** `tunnel`: visitors cannot dial this seeder, so they come through the gateways. `nat`: nor can its peers, who come through relays. Absent: `direct`. */
  readonly reach?: 'direct' | 'tunnel' | 'nat'
  /** What it does for peers that nobody can dial; absent: the defaults. */
  readonly relaying?: RelayLimits
  /** Where its own DNS listens; absent: it has none. */
  readonly dns?: DnsPlace
  /** Its name and who gives its certificates; absent: it has no HTTPS. */
  readonly https?: HttpsSettings
  /** Visitors may be sent to it by plain HTTP; in the `local` profile they are anyway. */
  readonly plainHttp?: boolean
  /** Where it stands, for the choice of a near member. */
  readonly place?: Place
  /** Address to listen on, for peers and for HTTP. */
  readonly address?: string
  readonly byzantine?: ByzantineKind
  /** Absent: the defaults. */
  readonly quotas?: Quotas
  /** A file that says what fails (seeder/config/faults.ts), in the `local` profile only. */
  readonly faults?: string
  /** The disk failed to sync and works again now: a new process is to go on from it, without a graceful end of this one. */
  readonly onStoreFailed?: () => void
  readonly log: Log
  readonly now?: () => number
  /** Absent: a pool of worker threads of its own, over the store's file. */
  readonly createRuntime?: (store: Store) => Runtime
  /** Absent: the agreement machine. */
  readonly createMember?: (options: MemberOptions) => Member
}

export type Seeder = AsyncDisposable & {
  readonly peer: PeerName
  readonly directory: string
  /** The seeder's own origin; sites have theirs. */
  readonly http: string
  readonly control: string
  /** Where its own DNS listens, address and port; undefined: it has none. */
  readonly dns: string | undefined
  /** Its name over TLS, and the port that it listens on; undefined: it has none. */
  readonly https: { readonly name: string; readonly port: number } | undefined
  /** Files of certificates may have changed. */
  readCertificates(): void
  readonly sites: HostedSites
  /** Where a hosted site is reached. */
  originOf(siteName: string): string | undefined
  networkVersion(): number
  /** Leaves the gateways, sends visitors on, ends what is under way, closes. */
  stop(drainMs?: number): Promise<void>
}

export async function assemble(options: SeederOptions, onDamaged: (error: unknown) => void): Promise<Seeder> {
  const recent = recentLog(options.log)
  const { log } = recent
  const faults = options.faults === undefined ? undefined : rehearsedFaults(options.faults)
  const now = options.now ?? faults?.wall ?? Date.now
  const steady = steadyClock(now(), () => performance.now())
  const place = placeAt(options.directory, faults?.points)
  noteLostStore(place)
  const late: {
    record?: { check(): void }
    server?: SiteServer
    host?: SiteHost
    content?: ContentServer
    tunnels?: Tunnels
    registrar?: Registrar
  } = {}
  await using stack = new AsyncDisposableStack()
  const store = stack.adopt(
    openWholeStore(place, log, {
      onDamaged,
      onBlockDamaged: (cid) => late.host?.blockIsDamaged(cid),
      points: place.points,
    }),
    (opened) => opened.close(),
  )
  stack.use(startCollector(store, log))
  const signer = loadOrCreateSigner(place.keyFile, place.points)
  const self = peerName(signer.publicKey)
  const memo = openMemo(place, options, log)
  const holder = stack.use(
    openNetworkHolder({ path: options.networkFile, keptPath: place.networkFile, points: place.points, note: log.info }),
  )
  if (options.byzantine !== undefined && holder.file().profile !== 'local') {
    throw new Error('--byzantine is for networks of the local profile only')
  }
  if (faults !== undefined && holder.file().profile !== 'local') {
    throw new Error('--faults is for networks of the local profile only')
  }
  const liar = liarOf(options.byzantine, { signer, domain: holder.domain })
  const runtime = liar.runtime(
    stack.use(
      options.createRuntime?.(store) ??
        createRuntime({
          store: store.path,
          cacheDirectory: place.runtimeDirectory,
          onDamaged: (cid) => late.host?.blockIsDamaged(cid),
        }),
    ),
  )
  if (hexFromBytes(runtime.image) !== holder.file().image) {
    log.error('other_runtime', { ours: runtime.image, network: holder.file().image })
  }

  const handlers: NetworkHandlers = {
    onMessage: (peer, bytes) => late.host?.receive(peer, bytes),
    onRequest: async (peer, bytes) =>
      late.content === undefined ? { ok: false, error: 'starting' } : answerContent(late.content, peer, bytes),
    onLink: (peer, connected) => {
      late.host?.linked(peer, connected)
      if (connected) networkFiles.linked(peer)
      late.registrar?.announce()
    },
  }
  const hasHead = (job: Digest): boolean => late.host?.byJob(job)?.site.head() !== undefined
  const network = liar.network(
    stack.use(
      await listenForPeers(options, memo.memo().p2pPort, signer, liar.handlers(handlers, hasHead), {
        now: steady,
        wall: now,
        onAddresses: () => late.record?.check(),
      }),
    ),
  )
  // One that listens nowhere keeps its port for the day when it does again.
  if (options.reach !== 'nat') memo.change({ p2pPort: portOf(network.addresses()[0] ?? '') })
  const networkFiles = stack.use(fetchNetworkFiles({ holder, network, self, chance: Math.random, log }))
  const registry = createRegistry()
  const { quotas = QUOTA_DEFAULTS } = options
  const keeper = stack.use(startQuotaKeeper({ quotas, store, registry, log, onRoom: () => void late.host?.follow() }))
  const host = new SiteHost({
    taking: keeper,
    signer,
    holder,
    store,
    runtime,
    network,
    createMember: options.createMember ?? createMachine,
    now: steady,
    wall: now,
    log,
  })
  late.host = host
  if (memo.memo().storeLost === true) {
    host.votesAreLost()
    memo.change({ storeLost: false })
  }
  const publisher = stack.use(createPublisher(store, steady, now))
  const spreading = createSpreading(network)
  late.content = host.contentServer({
    networkText: (above) => (holder.file().version > above ? holder.text() : undefined),
    onNetworkVersion: networkFiles.heard,
    fetchBundle: async (job, bytes) => {
      const hosted = host.byJob(job)
      const update = hosted === undefined ? undefined : updateFromBytes(hosted.rule, bytes)
      if (hosted === undefined || !update?.ok) return undefined
      const fetched = await fetchHere(hosted.site.bundles, update.value)
      if (fetched !== undefined) publisher.keepBundle(hosted.site, update.value)
      return fetched
    },
  })
  stack.defer(() => host.stop())
  await host.start()
  // Bytes that were found damaged, or gone, before anybody asked for them.
  if (store.stats().missing > 0) for (const site of host.all()) site.refill()

  const sites = liar.sites(host)
  const publishing = createPublishHandler(publisher, {
    site: (job) => {
      const hosted = host.byJob(job)
      const site = hosted === undefined ? undefined : sites.byName(hosted.site.name)
      if (hosted === undefined || site === undefined) return undefined
      return {
        site,
        rule: hosted.rule,
        bundles: hosted.site.bundles,
        spread: (update) => spreading.ask(hosted.site.job, hosted.site.others, update),
      }
    },
  })
  const reporting = createOwnOrigin({
    peer: self,
    sites,
    store,
    version: () => holder.file().version,
    refused: () => keeper.facts().refused,
    rule: (job) => host.byJob(job)?.rule,
    originOf: (siteName) => late.server?.originOf(siteName),
    now,
    log,
  })
  const main: OwnHandler = (request, response) =>
    answerRobots(request, response) || publishing(request, response) || reporting(request, response)
  const { https } = options
  const certificates =
    https === undefined
      ? undefined
      : stack.use(
          keepCertificates({
            settings: https,
            directory: place.tlsDirectory,
            points: place.points,
            hosts: () => host.all().map(({ name }) => `${name}.${https.name}`),
            onChange: () => late.registrar?.announce(),
            registry,
            now,
            chance: Math.random,
            log,
          }),
        )
  const { target, label, httpPort, controlPort } = memo.memo()
  const address = options.address ?? LOOPBACK
  const server = await startServer({
    sites,
    signer,
    target,
    label,
    address,
    port: await portFor(options.httpPort, httpPort, address),
    plainPorts: memo.plainPorts,
    gateway: () => gatewayOf(holder),
    whereabouts: rememberWhereabouts((siteName) => presentOrigin(holder, self, siteName, https !== undefined), steady),
    ...(https === undefined || certificates === undefined
      ? {}
      : {
          secure: {
            name: https.name,
            port: https.port,
            ...(https.publicPort === undefined ? {} : { publicPort: https.publicPort }),
            certificates,
            reach: (origin: string, gateway: string, challenge: Uint8Array) =>
              cborFromValue(signStatement(holder.domain, 'reach', signer, { gateway, origin, challenge })),
          },
        }),
    main,
    bandwidth: quotas.bandwidth,
    limits: limitsWithin(quotas.memory),
    sheds: keeper.sheds,
    registry,
    log,
    now,
  })
  late.server = server
  stack.defer(() => server.close())
  memo.change({ httpPort: server.port })

  const unproven = new Map<string, string>()
  const isPlain = options.plainHttp === true || holder.file().profile === 'local'
  const rungOf = (siteName: string): string | undefined => {
    if ((options.reach ?? 'direct') !== 'direct') return undefined
    return server.secureOriginOf(siteName) ?? (isPlain ? server.originOf(siteName) : undefined)
  }
  const httpsFacts =
    https === undefined || certificates === undefined
      ? undefined
      : observeHttps({ registry, name: https.name, port: server.securePort ?? 0, certificates, unproven })
  const load = watchLoad(keeper.sheds)
  const registered = () => registrationFacts(host, server, network, steady(), rungOf)
  const meter = stack.use(
    startLoadMeter({
      visits: () => new Map(sites.all().map(({ name }) => [name, server.askedFor(name)])),
    }),
  )
  const control = await startControl({
    load: meter.facts,
    reach: () =>
      reachFacts({
        mode: options.reach ?? 'direct',
        http: server.mainOrigin,
        gateways: late.registrar?.standing() ?? [],
        hasTunnel: (gateway) => late.tunnels?.isOpen(gateway) === true,
        announced: registered().sites,
        hosted: sites.all(),
      }),
    room: () => roomAt(place.storeDirectory),
    recent: recent.lines,
    steady,
    sites,
    quotas: keeper.facts,
    registry,
    peer: self,
    store,
    network,
    holder,
    originOf: (siteName) => server.originOf(siteName),
    announcedOf: rungOf,
    ...(httpsFacts === undefined ? {} : { https: httpsFacts }),
    log,
    now,
    port: await portFor(options.controlPort, controlPort, LOOPBACK),
  })
  stack.defer(() => control.close())
  memo.change({ controlPort: control.port })

  const dns =
    options.dns === undefined
      ? undefined
      : stack.use(
          await startDns({
            ...options.dns,
            resolver: createResolver({
              file: () => holder.file(),
              self,
              http: server.mainOrigin,
              originOf: (siteName) => server.originOf(siteName),
              now: steady,
            }),
            registry,
            log,
            now: steady,
          }),
        )

  const record = stack.use(
    startPeerRecord({
      signer,
      domain: holder.domain,
      file: () => holder.file(),
      addresses: () => network.addresses(),
      http: server.mainOrigin,
      nextSequence: memo.nextSequence,
      now,
      note: log.warn,
    }),
  )
  late.record = record
  const tunnels = stack.use(
    keepTunnels({
      signer,
      domain: holder.domain,
      carry: server.carry,
      gateways: () => holder.file().gateways,
      chance: Math.random,
      onChange: () => late.registrar?.announce(),
      registry,
      log,
    }),
  )
  late.tunnels = tunnels
  const registrar = stack.use(
    startRegistrar({
      signer,
      domain: holder.domain,
      gateways: () => holder.file().gateways,
      facts: () => ({
        ...registered(),
        load: load(),
        ...(options.place === undefined ? {} : { place: options.place }),
      }),
      hasTunnel: tunnels.isOpen,
      onOffer(gateway, offer) {
        tunnels.offered(gateway, offer.tunnels)
        unproven.delete(gateway)
        if (offer.unproven !== '') unproven.set(gateway, offer.unproven)
      },
      evidence: (hash) =>
        host
          .all()
          .flatMap((site) => site.evidence())
          .find((each) => hexFromBytes(each.hash) === hash)?.proof,
      now,
      note: log.info,
    }),
  )
  late.registrar = registrar
  stack.use(
    startAudits({
      domain: holder.domain,
      sites: () => host.all(),
      httpOf: (peer) => holder.directory().peer(peer)?.http,
      ownOriginOf: (siteName) => server.originOf(siteName),
      chance: Math.random,
      log,
    }),
  )
  // Objects, not jobs: a site that left and came again is another one.
  const watched = new WeakSet<Site>()
  const watch = (): void => {
    registrar.announce()
    for (const site of host.all()) {
      if (watched.has(site)) continue
      watched.add(site)
      site.onEvidence(() => registrar.announce())
      site.onEpoch(() => registrar.announce())
      // A site is announced when it has something to show.
      const stop = site.onHead(() => {
        stop()
        registrar.announce()
      })
    }
  }
  host.onChange(watch)
  watch()
  stack.defer(holder.onChange(() => record.check()))

  stack.use(
    watchStore({ store, directory: place.storeDirectory, points: place.points, log, onUsable: options.onStoreFailed }),
  )

  const held = stack.move()
  let stopped: Promise<void> | undefined
  const stop = (drainMs = 0): Promise<void> => {
    stopped ??= (async () => {
      await registrar[Symbol.asyncDispose]()
      await server.drain(drainMs)
      await held.disposeAsync()
    })()
    return stopped
  }
  log.info('seeder_started', { peer: self, http: server.mainOrigin, control: control.url })
  return {
    peer: self,
    directory: options.directory,
    http: server.mainOrigin,
    control: control.url,
    dns: dns?.at,
    https: https === undefined ? undefined : { name: https.name, port: server.securePort ?? 0 },
    readCertificates: () => certificates?.check(),
    sites,
    originOf: (siteName) => server.originOf(siteName),
    networkVersion: () => holder.file().version,
    stop,
    [Symbol.asyncDispose]: () => stop(),
  }
}

/** Of the file system there. */
function roomAt(directory: string): { readonly freeBytes: number; readonly totalBytes: number } {
  const { bavail, blocks, bsize } = statfsSync(directory)
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
}

function gatewayOf(holder: NetworkHolder): string | undefined {
  return holder.file().gateways[0]
}

/**
 * Where visitors go on. What members say of each other's places is of plain HTTP: who came by HTTPS, or is in the whole world, is sent to the gateway,
 * which knows the ladder; else to the first member of the present group that says where it has the site.
 */
async function presentOrigin(
  holder: NetworkHolder,
  self: PeerName,
  siteName: string,
  isSecure: boolean,
): Promise<string | undefined> {
  const known = gatewayOf(holder)
  if (known !== undefined && (isSecure || holder.file().profile !== 'local')) return `${known}/${siteName}`
  const directory = holder.directory()
  for (const peer of directory.jobByName(siteName)?.members ?? []) {
    const http = directory.peer(peer)?.http
    if (http === undefined || peer === self) continue
    const found = await originAt(http, siteName).catch(() => undefined)
    if (found?.isAgreeing === true) return found.origin
  }
  return known === undefined ? undefined : `${known}/${siteName}`
}

async function listenForPeers(
  options: SeederOptions,
  portBefore: number,
  signer: Signer,
  handlers: NetworkHandlers,
  rest: Pick<NetworkOptions, 'now' | 'wall' | 'onAddresses'>,
): Promise<PeerNetwork> {
  const { relaying = RELAYING_DEFAULTS } = options
  if (options.reach === 'nat')
    return startNetwork({ signer, listen: [], handlers, ...rest, chance: Math.random, note: options.log.debug })
  const address = options.address ?? LOOPBACK
  const family = address.includes(':') ? 'ip6' : 'ip4'
  const port = await portFor(options.p2pPort, portBefore, address)
  return startNetwork({
    signer,
    listen: [`/${family}/${address}/tcp/${port}`],
    handlers,
    ...(relaying.reservations === 0 ? {} : { relaying }),
    ...rest,
    chance: Math.random,
    note: options.log.debug,
  })
}
