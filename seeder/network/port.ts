// How the parts of a seeder reach other peers: messages that nothing answers, questions that are answered once, and what
// is known about each link. `node.ts` implements it over libp2p; a test may stand between.

import type { Result } from '#protocol/codec/result.ts'
import type { PeerName } from '#protocol/identity/keys.ts'

export type RequestError =
  /** No link, or it ended while the question was in flight. */
  | { readonly code: 'not_connected' }
  /** Too many questions in flight to this peer, here or there. */
  | { readonly code: 'busy' }
  | { readonly code: 'deadline'; readonly deadlineMs: number }
  /** The peer said no; its own code. */
  | { readonly code: 'refused'; readonly reason: string }

export type LinkStatus = {
  readonly connected: boolean
  /** Who relays the link; absent: nobody does. */
  readonly relay?: PeerName
  /** Its link ended, and where it was nobody answered since: its process ended, or its machine is out of reach. */
  readonly gone: boolean
  /** By the network's `now`: when the peer last sent anything; 0: never since the start. */
  readonly heardAt: number
  /** Of an agreement message and its answer, without what either does about it: smoothed, and at most (RFC 6298). Absent: not measured yet. */
  readonly roundTripMs?: number
  readonly roundTripAtMostMs?: number
  /** How far the peer says that its wall clock is ahead of this one, ms. Absent: it has not said. */
  readonly clockAheadMs?: number
  /** Since the start of this process, over all links to the peer. */
  readonly sentBytes: number
  readonly receivedBytes: number
  readonly droppedFrames: number
  /** Links that it lost by breaking the rules of the wire, by reason. */
  readonly offences: Readonly<Record<string, number>>
}

/** What this peer relays, and who relays for it. */
export type RelayStatus = {
  /** Through whom others reach it; absent: it can be dialled. */
  readonly reservedAt?: readonly PeerName[]
  /** Absent: it relays for nobody. */
  readonly relaying?: RelayFacts
}

export type RelayFacts = {
  /** Peers that are reached through this one. */
  readonly reservations: number
  readonly reservationsMax: number
  readonly circuits: number
  /** Since the start of this process; so `refused`. */
  readonly relayedBytes: number
  readonly refused: number
}

export type NetworkHandlers = {
  /** One agreement message. A promise holds this peer back until it resolves; it must not reject. */
  onMessage(peer: PeerName, bytes: Uint8Array): undefined | Promise<void>
  /** A question on the content protocol: its answer, or a code (ASCII, ≤ 64) to refuse with. */
  onRequest(peer: PeerName, bytes: Uint8Array): Promise<Result<Uint8Array, string>>
  /** A link came up (both protocols ready) or went down; said again when a peer whose link went down is gone. */
  onLink(peer: PeerName, connected: boolean): void
}

export type PeerNetwork = AsyncDisposable & {
  readonly self: PeerName
  /** Where it is reached, as multiaddrs without the peer id: where it listens, or through whom. */
  addresses(): readonly string[]
  /** Who may connect at all, and where each is reached: the peers of the network file. */
  setKnown(peers: readonly { readonly peer: PeerName; readonly addresses: readonly string[] }[]): void
  /** With whom a link is kept up; everybody else's link is let go. */
  setWanted(peers: ReadonlySet<PeerName>): void
  /** False: no link or its queue is full; the message is lost. */
  send(peer: PeerName, bytes: Uint8Array): boolean
  request(peer: PeerName, bytes: Uint8Array, deadlineMs: number): Promise<Result<Uint8Array, RequestError>>
  link(peer: PeerName): LinkStatus
  /** Peers with a link now. */
  connected(): readonly PeerName[]
  /** The peer sent what no honest peer sends: its link is cut, and it is let in again only after a pause. */
  offend(peer: PeerName): void
  relays(): RelayStatus
}
