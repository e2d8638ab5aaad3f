// Where a peer is reached, as the network file has it: at an address of its own, or through a peer that relays for it.
//
//   /ip4/192.0.2.7/tcp/4001                  direct
//   /p2p/12D3KooW…/p2p-circuit               through that peer (circuit relay v2)
//
// A relay is named by its key alone: where it is stands in its own record, so that one that moved takes no other record with it. Addresses are
// texts of strangers: what is neither is passed over.

import type { Connection } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { CODE_P2P, CODE_P2P_CIRCUIT, CODE_TCP, type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { PeerName } from '#protocol/identity/keys.ts'
import { nameOfPeerId, peerIdOfName } from '#seeder/network/identity.ts'

export type Places = {
  readonly direct: readonly Multiaddr[]
  /** In the order of the record, each once. */
  readonly relays: readonly PeerName[]
}

export function relayAddress(relay: PeerName): string {
  return `/p2p/${peerIdOfName(relay).toString()}/p2p-circuit`
}

export function placesOf(addresses: readonly string[]): Places {
  const direct: Multiaddr[] = []
  const relays = new Set<PeerName>()
  for (const text of addresses) {
    const address = quietlyParse(text)
    if (address === undefined) continue
    if (isCircuit(address)) {
      const relay = relayOf(address)
      if (relay !== undefined) relays.add(relay)
    } else if (address.getComponents().some(({ code }) => code === CODE_TCP)) direct.push(address)
  }
  return { direct, relays: [...relays] }
}

/** Whether it goes through a peer that relays. */
export function isCircuit(address: Multiaddr): boolean {
  return address.getComponents().some(({ code }) => code === CODE_P2P_CIRCUIT)
}

/** Who relays; undefined: nobody, or it is not said who. */
export function relayOf(address: Multiaddr): PeerName | undefined {
  const components = address.getComponents()
  const at = components.findIndex(({ code }) => code === CODE_P2P_CIRCUIT)
  const before = components.slice(0, Math.max(0, at)).findLast(({ code }) => code === CODE_P2P)?.value
  if (before === undefined) return undefined
  try {
    return nameOfPeerId(peerIdFromString(before))
  } catch {
    return undefined
  }
}

export function isRelayed(connection: Pick<Connection, 'remoteAddr'>): boolean {
  return isCircuit(connection.remoteAddr)
}

function quietlyParse(text: string): Multiaddr | undefined {
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}
