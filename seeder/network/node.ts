// The peer network over libp2p: TCP, noise, yamux; one link a peer.
//
//   network file ──> known peers ──> who is let in, where each is dialled
//   wanted peers ──> dial with backoff ──> connection ──> the peer with the lower name opens both streams ──> link
//                    at its address, else through a relay that its record names (relay-*.ts)
//
// Invariants. A connection proves its peer (noise is signed by the peer's own Ed25519 key), and only peers of the network
// file get past the handshake. Of two peers the one with the lower name opens the streams, whoever dialled, so that
// dialling at the same time ends in one link. A link is replaced by a newer connection only when it does not answer, or
// when it is relayed and the newer one is direct. A relayed connection proves its peer as any other does.
// There is one table of members and addresses, ours; libp2p's own expire and are not asked.

import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { err, type Result } from '#protocol/codec/result.ts'
import { type PeerName, peerName, type Signer } from '#protocol/identity/keys.ts'
import { backoffMs } from '#seeder/network/backoff.ts'
import { cut } from '#seeder/network/cut.ts'
import { Dialer } from '#seeder/network/dial.ts'
import { createDoor } from '#seeder/network/door.ts'
import { wholePackets } from '#seeder/network/encryption.ts'
import { libp2pPrivateKey, nameOfPeerId } from '#seeder/network/identity.ts'
import { AGREE_PROTOCOL, CONTENT_PROTOCOL, Link, type LinkEnd, type LinkProtocol } from '#seeder/network/link.ts'
import type { LinkStatus, NetworkHandlers, PeerNetwork, RelayStatus, RequestError } from '#seeder/network/port.ts'
import { isRelayed, type Places, placesOf, relayAddress, relayOf } from '#seeder/network/relay-address.ts'
import { RelayClient } from '#seeder/network/relay-client.ts'
import { RelayKeeper } from '#seeder/network/relay-keeper.ts'
import { CIRCUITS_PER_CONNECTION_MAX, type RelayLimits, RelayServer } from '#seeder/network/relay-server.ts'

/** Connections of all peers together; a peer of the file needs one, and a second while it reconnects. */
const CONNECTIONS_MAX = 512
/** Of one peer: its link, a newer one that may replace it, and what both sides dialled at once. */
const CONNECTIONS_PER_PEER_MAX = 4
/** A link has two, beside circuits that the peer dials and those to it; a peer that opens more holds windows for nothing. */
const STREAMS_PER_CONNECTION_MAX = 8 + CIRCUITS_PER_CONNECTION_MAX
/** Before their protocol is known. */
const EARLY_STREAMS_MAX = 8
const OPEN_TIMEOUT_MS = 5_000
/** A link whose peer answers within this is not replaced by a newer connection. */
const PROBE_MS = 1_000
/** Who can be dialled waits so long for one who cannot, and dials it through its relay then. */
const EXPECTED_MS = 3_000
/** When a direct way is tried to a peer whose link is relayed: at first, and at last after pauses that doubled. */
const DIRECT_FIRST_MS = 1_000
const DIRECT_LAST_MS = 60_000
/** After an offence the peer is not let in for this long. */
const OFFENCE_PAUSE_MS = 30_000
/** What costs a peer its link and a pause; everything else is the ordinary end of a connection. */
const OFFENCES: ReadonlySet<LinkEnd> = new Set([
  'frame_too_large',
  'frame_kind',
  'frame_empty',
  'frame_rate',
  'garbage',
  'unexpected_kind',
  'malformed',
])

export type NetworkOptions = {
  readonly signer: Signer
  /** Multiaddrs to listen on, such as `/ip4/127.0.0.1/tcp/0`; none: nobody can dial this peer, so it is reached through relays. */
  readonly listen: readonly string[]
  /** What it does for peers that nobody can dial; absent: nothing. */
  readonly relaying?: RelayLimits
  /** `addresses` are others than before. */
  readonly onAddresses?: () => void
  readonly handlers: NetworkHandlers
  /** For time-outs; it is never set. */
  readonly now: () => number
  /** What peers are told when they ask for the time; absent: `now`. */
  readonly wall?: () => number
  /** In [0, 1), for jitter only. */
  readonly chance: () => number
  readonly note?: (event: string, facts: Readonly<Record<string, unknown>>) => void
}

type Member = {
  readonly name: PeerName
  addresses: readonly string[]
  places: Places
  failures: number
  /** Of attempts to reach it directly while its link is relayed. */
  directFailures: number
  /** Who relayed its latest link. */
  relay: PeerName | undefined
  dialing: boolean
  timer: NodeJS.Timeout | undefined
  link: Link | undefined
  gone: boolean
  shutOutUntil: number
  /** Without a link. */
  since: number
  heardAt: number
  readonly offences: Record<string, number>
  readonly ended: { sentBytes: number; receivedBytes: number; droppedFrames: number }
}

export async function startNetwork(options: NetworkOptions): Promise<PeerNetwork> {
  const network = new Libp2pNetwork(options)
  await network.start()
  return network
}

class Libp2pNetwork implements PeerNetwork {
  readonly self: PeerName
  readonly #options: NetworkOptions
  readonly #members = new Map<PeerName, Member>()
  readonly #door = createDoor()
  #wanted: ReadonlySet<PeerName> = new Set()
  readonly #client = new RelayClient((relay) => this.#keeper.lost(relay))
  /** Idle unless nobody can dial this peer. */
  readonly #keeper: RelayKeeper
  #relay: RelayServer | undefined
  #node: Libp2p | undefined
  #dialer: Dialer | undefined
  #stopped = false

  constructor(options: NetworkOptions) {
    this.#options = options
    this.self = peerName(options.signer.publicKey)
    this.#keeper = new RelayKeeper({
      self: this.self,
      reserve: (relay) => this.#reserve(relay),
      now: options.now,
      chance: options.chance,
      onChange: () => options.onAddresses?.(),
      note: options.note,
    })
  }

  async start(): Promise<void> {
    const node: Libp2p = await createLibp2p({
      privateKey: libp2pPrivateKey(this.#options.signer),
      addresses: { listen: [...this.#options.listen] },
      transports: [tcp(), this.#client.transport()],
      connectionEncrypters: [wholePackets()],
      streamMuxers: [
        yamux({
          enableKeepAlive: false,
          maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
          maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
          maxEarlyStreams: EARLY_STREAMS_MAX,
        }),
      ],
      connectionManager: {
        maxConnections: CONNECTIONS_MAX,
        // Who may take how much of this is the door's to say.
        inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
        maxIncomingPendingConnections: Number.MAX_SAFE_INTEGER,
        reconnectRetries: 0,
      },
      // A machine under load answers late: silence is judged by the channels, not by libp2p.
      connectionMonitor: { enabled: false, abortConnectionOnPingFailure: false },
      connectionGater: {
        denyDialMultiaddr: () => false,
        denyInboundConnection: (connection) => !this.#door.knock(connection),
        denyInboundEncryptedConnection: (id) => {
          const name = nameOfPeerId(id)
          if (this.#lets(name)) return false
          this.#options.note?.('peer_refused', { peer: name ?? id.toString() })
          return true
        },
        denyInboundUpgradedConnection: (id, connection) => {
          this.#door.leave(connection)
          return node.getConnections(id).length >= CONNECTIONS_PER_PEER_MAX
        },
        denyInboundRelayedConnection: (_relay, id) => !this.#lets(nameOfPeerId(id)),
      },
    })
    this.#node = node
    this.#dialer = new Dialer(node, {
      self: this.self,
      placesOf: (name) => this.#members.get(name)?.places,
      isLinked: (name) => this.#members.get(name)?.link?.ready ?? false,
    })
    node.addEventListener('connection:open', (event) => this.#connected(event.detail))
    for (const protocol of [AGREE_PROTOCOL, CONTENT_PROTOCOL] as const) {
      await node.handle(protocol, (stream, connection) => this.#inbound(protocol, stream, connection), {
        maxInboundStreams: 2,
        runOnLimitedConnection: true,
      })
    }
    const { relaying, now, wall = now, note } = this.#options
    if (relaying === undefined || this.#isHidden) return
    const lets = (name: PeerName): boolean => this.#lets(name)
    const isMate = (name: PeerName): boolean => this.#wanted.has(name)
    this.#relay = new RelayServer(node, { limits: relaying, lets, isMate, now, wall, note })
    await this.#relay.start()
  }

  /** Nobody can dial it. */
  get #isHidden(): boolean {
    return this.#options.listen.length === 0
  }

  addresses(): readonly string[] {
    if (this.#isHidden) return this.#keeper.announced().map(relayAddress)
    const listening = this.#node?.getMultiaddrs() ?? []
    return listening.map((address) => address.toString().replace(/\/p2p\/[^/]+$/, ''))
  }

  setKnown(peers: readonly { readonly peer: PeerName; readonly addresses: readonly string[] }[]): void {
    const names = new Set(peers.map((entry) => entry.peer))
    this.#door.setKnown(peers.flatMap(({ addresses }) => addresses))
    for (const { peer, addresses } of peers) {
      if (peer === this.self) {
        if (this.#isHidden) this.#keeper.remember(placesOf(addresses).relays)
        continue
      }
      const known = this.#members.get(peer)
      if (known === undefined) this.#members.set(peer, newMember(peer, addresses, this.#options.now()))
      else if (known.addresses.join() !== addresses.join()) {
        known.addresses = addresses
        known.places = placesOf(addresses)
        known.failures = 0
        if (couldBeDirect(known)) this.#dialLater(known, 0)
      }
    }
    for (const [name, member] of this.#members) {
      if (names.has(name)) continue
      clearTimeout(member.timer)
      member.link?.end('stopped')
      this.#members.delete(name)
    }
    this.#findRelays()
    this.#dialWanted()
  }

  setWanted(peers: ReadonlySet<PeerName>): void {
    this.#wanted = new Set([...peers].filter((name) => name !== this.self))
    for (const member of this.#members.values()) {
      if (this.#wanted.has(member.name)) continue
      clearTimeout(member.timer)
      member.timer = undefined
    }
    this.#findRelays()
    this.#dialWanted()
  }

  /** Of those that can be dialled, the members of its own groups first: anybody may become a peer, and nobody chooses its groups. */
  #findRelays(): void {
    if (!this.#isHidden) return
    const open = [...this.#members.values()].filter(({ places }) => places.direct.length > 0).map(({ name }) => name)
    const mates = open.filter((name) => this.#wanted.has(name))
    this.#keeper.setCandidates(
      mates,
      open.filter((name) => !this.#wanted.has(name)),
    )
  }

  send(peer: PeerName, bytes: Uint8Array): boolean {
    return this.#members.get(peer)?.link?.send(bytes) ?? false
  }

  async request(peer: PeerName, bytes: Uint8Array, deadlineMs: number): Promise<Result<Uint8Array, RequestError>> {
    const link = this.#members.get(peer)?.link
    return link === undefined ? err({ code: 'not_connected' }) : link.exchange.ask(bytes, deadlineMs)
  }

  link(peer: PeerName): LinkStatus {
    const member = this.#members.get(peer)
    const link = member?.link
    const totals = { sentBytes: 0, receivedBytes: 0, droppedFrames: 0, ...member?.ended }
    for (const channel of link?.channels() ?? []) addCounts(totals, channel.counts)
    const { smoothed, atMost } = link?.agree?.roundTrip ?? {}
    const clockAheadMs = link?.agree?.clockAheadMs
    const relay = link === undefined ? undefined : relayOf(link.connection.remoteAddr)
    return {
      connected: link?.ready ?? false,
      ...(relay === undefined ? {} : { relay }),
      gone: member?.gone ?? false,
      heardAt: Math.max(member?.heardAt ?? 0, link?.heardAt ?? 0),
      ...(smoothed === undefined || atMost === undefined ? {} : { roundTripMs: smoothed, roundTripAtMostMs: atMost }),
      ...(clockAheadMs === undefined ? {} : { clockAheadMs }),
      ...totals,
      offences: member?.offences ?? {},
    }
  }

  connected(): readonly PeerName[] {
    return [...this.#members.values()].filter((member) => member.link?.ready).map((member) => member.name)
  }

  relays(): RelayStatus {
    const relaying = this.#relay?.facts()
    return {
      ...(this.#isHidden ? { reservedAt: this.#keeper.reserved() } : {}),
      ...(relaying === undefined ? {} : { relaying }),
    }
  }

  offend(peer: PeerName): void {
    this.#members.get(peer)?.link?.end('garbage')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true
    this.#keeper[Symbol.dispose]()
    for (const member of this.#members.values()) {
      clearTimeout(member.timer)
      member.link?.end('stopped')
    }
    await this.#node?.stop()
  }

  #lets(name: PeerName | undefined): boolean {
    const member = name === undefined ? undefined : this.#members.get(name)
    return !this.#stopped && member !== undefined && this.#options.now() >= member.shutOutUntil
  }

  #opens(name: PeerName): boolean {
    return this.self < name
  }

  #dialWanted(): void {
    for (const name of this.#wanted) {
      const member = this.#members.get(name)
      if (member !== undefined && member.link === undefined && !member.dialing) this.#dialLater(member, 0)
    }
  }

  #dialLater(member: Member, pauseMs: number): void {
    clearTimeout(member.timer)
    member.timer = undefined
    if (this.#stopped || !this.#wanted.has(member.name)) return
    member.timer = setTimeout(() => void this.#dial(member), pauseMs)
    member.timer.unref()
  }

  #retry(member: Member): void {
    if (member.dialing) return
    if (member.link !== undefined) {
      if (!couldBeDirect(member)) return
      const pause = Math.min(DIRECT_LAST_MS, DIRECT_FIRST_MS * 2 ** Math.min(member.directFailures, 16))
      member.directFailures++
      this.#dialLater(member, pause * (1 + this.#options.chance()))
      return
    }
    const pause = backoffMs(member.failures, this.#options.chance())
    member.failures++
    this.#dialLater(member, Math.max(pause, member.shutOutUntil - this.#options.now()))
  }

  async #dial(member: Member): Promise<void> {
    const dialer = this.#dialer
    if (dialer === undefined || this.#stopped || member.dialing) return
    if (member.link !== undefined && !couldBeDirect(member)) return
    member.dialing = true
    try {
      await this.#try(dialer, member)
    } catch {
      // Unreachable: counted as a failure and dialled again after a pause.
      this.#missed(member)
    } finally {
      member.dialing = false
    }
    // A connection becomes a link in `#connected`; if it does not, the next attempt is due.
    this.#retry(member)
  }

  /** Rejects when it was asked and did not answer. */
  async #try(dialer: Dialer, member: Member): Promise<void> {
    let problem: unknown
    try {
      if (await dialer.direct(member.name)) return
    } catch (cause) {
      problem = cause
    }
    const isExpected =
      !this.#isHidden && member.places.direct.length === 0 && this.#options.now() - member.since < EXPECTED_MS
    if (member.link === undefined && !isExpected && (await dialer.throughRelays(member.name, member.relay))) return
    if (problem !== undefined) throw problem
  }

  /** A place at a relay, over a connection that is a link to it or becomes one. */
  async #reserve(relay: PeerName): Promise<void> {
    await this.#dialer?.direct(relay)
    await this.#client.reserve(relay)
  }

  /** Nobody answered. Of one that never had a link that says nothing. */
  #missed(member: Member): void {
    if (this.#stopped || member.link !== undefined || member.gone || member.heardAt === 0) return
    member.gone = true
    this.#options.handlers.onLink(member.name, false)
  }

  #connected(connection: Connection): void {
    const name = nameOfPeerId(connection.remotePeer)
    const member = name === undefined ? undefined : this.#members.get(name)
    if (member === undefined || !this.#lets(member.name)) {
      cut(connection, 'not a peer of the network file')
      return
    }
    if (this.#opens(member.name)) {
      void this.#openOrProbe(member, connection)
      return
    }
    // The other side opens the streams; a connection on which it never does is cut.
    setTimeout(() => {
      const carriesLink = member.link?.connection === connection && member.link.ready
      if (connection.status === 'open' && !carriesLink) cut(connection, 'no streams')
    }, 2 * OPEN_TIMEOUT_MS).unref()
  }

  async #openOrProbe(member: Member, connection: Connection): Promise<void> {
    const present = member.link
    if (present !== undefined && isBetter(connection, present)) present.end('replaced')
    else if (present !== undefined && !present.ended) {
      const asked = this.#options.now()
      for (const channel of present.channels()) channel.ping()
      await new Promise((resolve) => setTimeout(resolve, PROBE_MS).unref())
      if (!present.ended && present.heardAt >= asked) {
        if (connection !== present.connection && connection.status === 'open') await quietly(connection.close())
        return
      }
      present.end('replaced')
    }
    if (connection.status !== 'open' || member.link !== undefined) return
    // It may have broken the rules on another connection meanwhile.
    if (!this.#lets(member.name)) {
      cut(connection, 'shut out')
      return
    }
    const link = this.#newLink(member, connection)
    for (const protocol of [AGREE_PROTOCOL, CONTENT_PROTOCOL] as const) {
      try {
        const stream = await connection.newStream(protocol, {
          signal: AbortSignal.timeout(OPEN_TIMEOUT_MS),
          runOnLimitedConnection: true,
        })
        if (link.ended) stream.abort(new Error('the link ended'))
        else link.adopt(protocol, stream)
      } catch {
        link.end('stream_closed')
        return
      }
    }
  }

  #inbound(protocol: LinkProtocol, stream: Stream, connection: Connection): void {
    const name = nameOfPeerId(connection.remotePeer)
    const member = name === undefined ? undefined : this.#members.get(name)
    if (member === undefined || this.#opens(member.name)) {
      stream.abort(new Error('this side opens the streams'))
      return
    }
    if (!this.#lets(member.name)) {
      cut(connection, 'shut out')
      return
    }
    let link = member.link
    if (link !== undefined && link.connection !== connection) {
      // The opener decides which connection carries the link.
      link.end('replaced')
      link = undefined
    }
    link ??= this.#newLink(member, connection)
    if (link.has(protocol)) {
      stream.abort(new Error('one stream a protocol'))
      return
    }
    link.adopt(protocol, stream)
  }

  #newLink(member: Member, connection: Connection): Link {
    const { handlers, now, wall = now } = this.#options
    const link = new Link(
      connection,
      {
        onMessage: (bytes) => handlers.onMessage(member.name, bytes),
        onRequest: (bytes) => handlers.onRequest(member.name, bytes),
        onReady: () => {
          member.failures = 0
          member.directFailures = 0
          member.relay = relayOf(connection.remoteAddr)
          member.gone = false
          const { relay } = member
          this.#options.note?.('link_up', { peer: member.name, ...(relay === undefined ? {} : { relay }) })
          handlers.onLink(member.name, true)
          this.#retry(member)
        },
        onEnd: (reason) => this.#linkEnded(member, link, reason),
      },
      now,
      wall,
    )
    member.link = link
    return link
  }

  #linkEnded(member: Member, link: Link, reason: LinkEnd): void {
    member.heardAt = Math.max(member.heardAt, link.heardAt)
    for (const channel of link.channels()) addCounts(member.ended, channel.counts)
    if (OFFENCES.has(reason)) {
      member.offences[reason] = (member.offences[reason] ?? 0) + 1
      member.shutOutUntil = this.#options.now() + OFFENCE_PAUSE_MS
    }
    if (member.link !== link) return
    member.link = undefined
    member.since = this.#options.now()
    this.#options.note?.('link_down', { peer: member.name, reason })
    if (link.channels().length === 2) this.#options.handlers.onLink(member.name, false)
    this.#retry(member)
  }
}

/** Its link is relayed, and it has an address of its own. */
function couldBeDirect({ link, places }: Member): boolean {
  return link !== undefined && isRelayed(link.connection) && places.direct.length > 0
}

/** A direct connection that can take the place of a relayed one. */
function isBetter(connection: Connection, present: Link): boolean {
  return connection.status === 'open' && !isRelayed(connection) && isRelayed(present.connection)
}

function newMember(name: PeerName, addresses: readonly string[], since: number): Member {
  return {
    name,
    addresses,
    places: placesOf(addresses),
    since,
    failures: 0,
    directFailures: 0,
    relay: undefined,
    dialing: false,
    timer: undefined,
    link: undefined,
    gone: false,
    shutOutUntil: 0,
    heardAt: 0,
    offences: {},
    ended: { sentBytes: 0, receivedBytes: 0, droppedFrames: 0 },
  }
}

type Totals = { sentBytes: number; receivedBytes: number; droppedFrames: number }

function addCounts(totals: Totals, counts: Readonly<Totals>): void {
  totals.sentBytes += counts.sentBytes
  totals.receivedBytes += counts.receivedBytes
  totals.droppedFrames += counts.droppedFrames
}

async function quietly(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch {
    // The connection went by itself.
  }
}
