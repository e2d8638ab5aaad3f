// One attempt to reach a peer: at the addresses of its own, and if none answers through the relays that it names, those first with which there is a
// connection already, and last the one that the latest link went through: a relay that lets circuits come and not live is tried in turn with the others.

import type { Libp2p } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerName } from '#protocol/identity/keys.ts'
import { peerIdOfName } from '#seeder/network/identity.ts'
import { type Places, relayAddress } from '#seeder/network/relay-address.ts'

export const DIAL_TIMEOUT_MS = 5_000

export type DialOptions = {
  readonly self: PeerName
  /** undefined: no peer of the network file. */
  readonly placesOf: (peer: PeerName) => Places | undefined
  readonly isLinked: (peer: PeerName) => boolean
}

export class Dialer {
  readonly #node: Pick<Libp2p, 'dial'>
  readonly #options: DialOptions

  constructor(node: Pick<Libp2p, 'dial'>, options: DialOptions) {
    this.#node = node
    this.#options = options
  }

  /** False: it has no address of its own. A connection that there is counts. Rejects when nobody answers. */
  async direct(peer: PeerName): Promise<boolean> {
    const id = peerIdOfName(peer).toString()
    const targets = (this.#options.placesOf(peer)?.direct ?? []).map((address) => address.encapsulate(`/p2p/${id}`))
    if (targets.length === 0) return false
    await this.#node.dial(targets, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) })
    return true
  }

  /** False: there is no relay to try. Rejects when none of them leads to it. `latest`: who relayed the latest link. */
  async throughRelays(peer: PeerName, latest?: PeerName): Promise<boolean> {
    const { self, placesOf, isLinked } = this.#options
    const rank = (relay: PeerName): number => (relay === latest ? 2 : isLinked(relay) ? 0 : 1)
    const relays = (placesOf(peer)?.relays ?? [])
      .filter((relay) => relay !== self && relay !== peer && (placesOf(relay)?.direct.length ?? 0) > 0)
      .toSorted((a, b) => rank(a) - rank(b))
    const id = peerIdOfName(peer).toString()
    let problem: unknown
    for (const relay of relays) {
      try {
        await this.direct(relay)
        const target = multiaddr(`${relayAddress(relay)}/p2p/${id}`)
        await this.#node.dial(target, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) })
        return true
      } catch (cause) {
        problem = cause
      }
    }
    if (problem !== undefined) throw problem
    return false
  }
}
