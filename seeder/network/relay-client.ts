// Being reached through a relay, and reaching others through theirs (circuit relay v2, the client's side, which is the library's).
//
// Three things of the pinned library are changed where it is made. A relay that failed once is not kept out for ever: when to ask again is ours
// to say (relay-keeper.ts). Whoever is connected and says that somebody dials through it is believed only if there is a reservation with it: the
// library would make one with anybody. And that somebody has to be let in by `lets`. A library of another shape stops the seeder at its start.

import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { type Connection, type PeerId, type Stream, serviceDependencies, type Transport } from '@libp2p/interface'
import { assert } from '#protocol/codec/result.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { nameOfPeerId, peerIdOfName } from '#seeder/network/identity.ts'
import { RELAYS_WANTED } from '#seeder/network/relay-keeper.ts'
import { CIRCUITS_PER_CONNECTION_MAX } from '#seeder/network/relay-server.ts'

/** A relay that does not answer within this does not relay. */
export const RESERVE_TIMEOUT_MS = 5_000

/** What the pinned transport has beside its interface. */
type Store = {
  relayFilter: { has(item: Uint8Array): boolean; add(item: Uint8Array): unknown }
  addRelay(id: PeerId, type: 'configured'): Promise<unknown>
  hasReservation(id: PeerId): boolean
  addEventListener(type: 'relay:removed', listener: (event: CustomEvent<{ readonly relay: PeerId }>) => void): void
}
type RelayTransport = Transport & {
  readonly reservationStore: Store
  onStop: (stream: Stream, connection: Connection) => Promise<void>
}

function isRelayTransport(transport: Transport): transport is RelayTransport {
  const { reservationStore, onStop } = transport as Partial<RelayTransport>
  return (
    typeof onStop === 'function' &&
    typeof reservationStore?.addRelay === 'function' &&
    typeof reservationStore.hasReservation === 'function' &&
    typeof reservationStore.addEventListener === 'function' &&
    typeof reservationStore.relayFilter?.has === 'function'
  )
}

export class RelayClient {
  #store: Store | undefined
  readonly #onLost: (relay: PeerName) => void

  /** `onLost`: a reservation ended, because its connection did or it was not renewed. */
  constructor(onLost: (relay: PeerName) => void) {
    this.#onLost = onLost
  }

  /** For `transports`. */
  transport(): ReturnType<typeof circuitRelayTransport> {
    const make = circuitRelayTransport({
      reservationCompletionTimeout: RESERVE_TIMEOUT_MS,
      // All at once: the library forgets who waits for a turn when another one's reservation is made.
      reservationConcurrency: 2 * RELAYS_WANTED,
      maxInboundStopStreams: CIRCUITS_PER_CONNECTION_MAX,
      maxOutboundStopStreams: CIRCUITS_PER_CONNECTION_MAX,
    })
    return (components) => {
      const transport = make(components)
      assert(isRelayTransport(transport), 'the pinned relay transport has the shape that is known')
      const { reservationStore: store, onStop } = transport
      // It asks for the protocol by which it would find relays among strangers; ours stand in the network file.
      Object.defineProperty(transport, serviceDependencies, { value: [] })
      store.relayFilter = { has: () => false, add: () => true }
      store.addEventListener('relay:removed', ({ detail: { relay } }) => {
        const name = nameOfPeerId(relay)
        if (name !== undefined) this.#onLost(name)
      })
      transport.onStop = async (stream, connection) => {
        if (store.hasReservation(connection.remotePeer)) await onStop.call(transport, stream, connection)
        else stream.abort(new Error('there is no reservation with this peer'))
      }
      this.#store = store
      return transport
    }
  }

  /** Over the connection that there is. It is renewed by itself before it ends. Rejects when the relay does not give one. */
  async reserve(relay: PeerName): Promise<void> {
    await this.#store?.addRelay(peerIdOfName(relay), 'configured')
  }
}
