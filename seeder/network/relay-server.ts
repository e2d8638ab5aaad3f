// Relaying for peers that nobody can dial (circuit relay v2, the relay's side): they keep a connection and a reservation here, and others reach
// them through it.
//
//   home ── RESERVE ──> ours: a place, as long as its connection stays
//   peer ── CONNECT home ──> ours ── CONNECT peer ──> home: both say yes, and the two streams are one circuit
//
// Invariants. Only peers of the network file get anything. What is given is bounded and shared: reservations, circuits, circuits of a peer and of
// a pair, bytes a second. A circuit is encrypted between its ends: it can be dropped here, and not read or changed.
//
// The library has such a server. It keeps in memory what a receiver does not take, without a bound, and counts no circuits; hence our own. The
// other side of the protocol (reserving, dialling, being dialled) is the library's.

import { RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { Share } from '#protocol/bounds/share.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { nameOfMultihash, nameOfPeerId, peerIdOfName } from '#seeder/network/identity.ts'
import type { RelayFacts } from '#seeder/network/port.ts'
import { isRelayed } from '#seeder/network/relay-address.ts'
import { joinStreams, Rate } from '#seeder/network/relay-join.ts'
import {
  hopRequestFromBytes,
  hopStatusToBytes,
  RELAY_MESSAGE_BYTES_MAX,
  RELAY_STATUS,
  type RelayStatus,
  type ReservationAnswer,
  stopConnectToBytes,
  stopStatusFromBytes,
} from '#seeder/network/relay-message.ts'

/** At once, to or from members of our own groups, and between others; of those that none else holds one peer has half at most. */
export const CIRCUITS_OF_MATES_MAX = 256
export const CIRCUITS_OF_OTHERS_MAX = 128
/** Streams of one protocol on one connection: circuits that a peer has through us, dialled by it or to it. */
export const CIRCUITS_PER_CONNECTION_MAX = 64
/** Their link, a newer one that may replace it, and what both sides dialled at once. */
export const CIRCUITS_PER_PAIR_MAX = 4
/** What a client is told, which asks again before. Here a reservation ends with its connection, whatever the clocks of both say. */
export const RESERVATION_MS = 3_600_000
/** From a request until both sides have answered. */
const HANDSHAKE_MS = 5_000

export type RelayLimits = {
  /** Peers that are reached through this one, beside members of our own groups; 0: it does not relay. */
  readonly reservations: number
  /** Through all circuits together; `Infinity`: no bound. */
  readonly bytesPerSecond: number
}

export type RelayServerOptions = {
  readonly limits: RelayLimits
  /** Whether it is a peer of the network file that broke no rule. */
  readonly lets: (peer: PeerName) => boolean
  /** Whether it is a member of a group of ours: it never lacks room because of others. */
  readonly isMate: (peer: PeerName) => boolean
  readonly now: () => number
  readonly wall: () => number
  readonly note?: ((event: string, facts: Readonly<Record<string, unknown>>) => void) | undefined
}

/** To one that is reached, and what gives its places back. */
type Circuit = { readonly stream: Stream; readonly release: () => void }
type Answer = { readonly status: RelayStatus; readonly reservation?: ReservationAnswer; readonly circuit?: Circuit }

export class RelayServer {
  readonly #node: Libp2p
  readonly #options: RelayServerOptions
  readonly #rate: Rate
  readonly #reserved = new Set<PeerName>()
  /** Two places a circuit, one of each end. */
  readonly #ofMates = new Share(2 * CIRCUITS_OF_MATES_MAX)
  readonly #ofOthers = new Share(2 * CIRCUITS_OF_OTHERS_MAX)
  readonly #pairs = new Map<string, number>()
  #relayedBytes = 0
  #refused = 0

  constructor(node: Libp2p, options: RelayServerOptions) {
    this.#node = node
    this.#options = options
    this.#rate = new Rate(options.limits.bytesPerSecond, options.now)
  }

  async start(): Promise<void> {
    this.#node.addEventListener('connection:close', ({ detail: { remotePeer } }) => {
      const name = nameOfPeerId(remotePeer)
      if (name !== undefined && this.#connectionOf(name) === undefined) this.#reserved.delete(name)
    })
    await this.#node.handle(RELAY_V2_HOP_CODEC, (stream, connection) => this.#hop(stream, connection), {
      maxInboundStreams: CIRCUITS_PER_CONNECTION_MAX,
    })
  }

  facts(): RelayFacts {
    return {
      reservations: this.#reserved.size,
      reservationsMax: this.#options.limits.reservations,
      circuits: (this.#ofMates.total + this.#ofOthers.total) / 2,
      relayedBytes: this.#relayedBytes,
      refused: this.#refused,
    }
  }

  /** It never rejects: a stream that breaks the protocol is cut. */
  async #hop(stream: Stream, connection: Connection): Promise<void> {
    const signal = AbortSignal.timeout(HANDSHAKE_MS)
    const framed = lpStream(stream, { maxDataLength: RELAY_MESSAGE_BYTES_MAX })
    let circuit: Circuit | undefined
    try {
      const request = hopRequestFromBytes((await framed.read({ signal })).subarray())
      const answer = await this.#answer(request, connection, signal)
      if (answer.status !== RELAY_STATUS.ok) this.#refuse(connection, answer.status)
      circuit = answer.circuit
      await framed.write(hopStatusToBytes(answer.status, answer.reservation), { signal })
      if (circuit === undefined) await stream.close({ signal })
      else this.#join(framed.unwrap(), circuit)
    } catch (cause) {
      stream.abort(cause as Error)
      circuit?.stream.abort(cause as Error)
      circuit?.release()
    }
  }

  async #answer(
    request: ReturnType<typeof hopRequestFromBytes>,
    connection: Connection,
    signal: AbortSignal,
  ): Promise<Answer> {
    if (!request.ok)
      return {
        status: request.error.code === 'malformed' ? RELAY_STATUS.malformedMessage : RELAY_STATUS.unexpectedMessage,
      }
    const from = nameOfPeerId(connection.remotePeer)
    // Nobody is reached through two relays.
    if (from === undefined || isRelayed(connection) || !this.#options.lets(from))
      return { status: RELAY_STATUS.permissionDenied }
    if (request.value.type === 'reserve') return this.#reserve(from)
    const to = nameOfMultihash(request.value.peer)
    if (to === undefined || to === from || !this.#options.lets(to)) return { status: RELAY_STATUS.permissionDenied }
    return this.#connect(from, to, connection.remotePeer.toMultihash().bytes, signal)
  }

  #reserve(from: PeerName): Answer {
    // It went meanwhile: what would end the reservation has happened.
    if (this.#connectionOf(from) === undefined) return { status: RELAY_STATUS.reservationRefused }
    const { limits, isMate, wall } = this.#options
    const others = [...this.#reserved].filter((name) => !isMate(name)).length
    if (!this.#reserved.has(from) && !isMate(from) && others >= limits.reservations)
      return { status: RELAY_STATUS.reservationRefused }
    this.#reserved.add(from)
    this.#options.note?.('relay_reserved', { peer: from })
    const addresses = this.#node.getMultiaddrs().map((address) => address.bytes)
    const expire = Math.floor((wall() + RESERVATION_MS) / 1000)
    return { status: RELAY_STATUS.ok, reservation: { expire, addresses } }
  }

  async #connect(from: PeerName, to: PeerName, multihash: Uint8Array, signal: AbortSignal): Promise<Answer> {
    const connection = this.#connectionOf(to)
    if (connection === undefined || !this.#reserved.has(to)) return { status: RELAY_STATUS.noReservation }
    const release = this.#take(from, to)
    if (release === undefined) return { status: RELAY_STATUS.resourceLimitExceeded }
    let stream: Stream | undefined
    try {
      stream = await connection.newStream(RELAY_V2_STOP_CODEC, {
        signal,
        maxOutboundStreams: CIRCUITS_PER_CONNECTION_MAX,
      })
      const framed = lpStream(stream, { maxDataLength: RELAY_MESSAGE_BYTES_MAX })
      await framed.write(stopConnectToBytes(multihash), { signal })
      if (stopStatusFromBytes((await framed.read({ signal })).subarray()) !== RELAY_STATUS.ok)
        throw new Error('it was not wanted')
      return { status: RELAY_STATUS.ok, circuit: { stream: framed.unwrap(), release } }
    } catch (cause) {
      stream?.abort(cause as Error)
      release()
      return { status: RELAY_STATUS.connectionFailed }
    }
  }

  #join(stream: Stream, circuit: Circuit): void {
    joinStreams(stream, circuit.stream, {
      rate: this.#rate,
      onBytes: (bytes) => {
        this.#relayedBytes += bytes
      },
      onEnd: circuit.release,
    })
  }

  /** What gives the places back, once; undefined: there are none. */
  #take(from: PeerName, to: PeerName): (() => void) | undefined {
    const pair = from < to ? from + to : to + from
    const ofPair = this.#pairs.get(pair) ?? 0
    const { isMate } = this.#options
    const circuits = isMate(from) || isMate(to) ? this.#ofMates : this.#ofOthers
    if (ofPair >= CIRCUITS_PER_PAIR_MAX || !circuits.take(from)) return undefined
    if (!circuits.take(to)) {
      circuits.give(from)
      return undefined
    }
    this.#pairs.set(pair, ofPair + 1)
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      circuits.give(from)
      circuits.give(to)
      const left = (this.#pairs.get(pair) ?? 1) - 1
      if (left > 0) this.#pairs.set(pair, left)
      else this.#pairs.delete(pair)
    }
  }

  #refuse(connection: Connection, status: RelayStatus): void {
    this.#refused++
    const peer = nameOfPeerId(connection.remotePeer) ?? connection.remotePeer.toString()
    this.#options.note?.('relay_refused', { peer, status })
  }

  #connectionOf(name: PeerName): Connection | undefined {
    return this.#node
      .getConnections(peerIdOfName(name))
      .find((connection) => connection.status === 'open' && !isRelayed(connection))
  }
}
