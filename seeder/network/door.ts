// Who may begin a handshake. Until it is done nobody knows who knocks, so that whoever opens connections and says nothing takes places from
// those who would prove to be members.
//
//   connection ──> its address stands in the network file, or a peer came from there? ──> a share of the many places
//                                                                   └─ no ──────────────> a share of the few (a member may have moved)
//
// A peer behind NAT has no address in the file: where it came from is remembered.
//
// Invariant: connections from addresses that no peer names or came from take no place from those that one does; nobody takes all of either.

import type { MultiaddrConnection } from '@libp2p/interface'
import { Share, sourceOf } from '#protocol/bounds/share.ts'

/** Handshakes at once with addresses of the network file, and with others. */
export const KNOWN_HANDSHAKES_MAX = 512
export const STRANGE_HANDSHAKES_MAX = 64
/** Sources from which a peer came, the latest. */
const PROVEN_SOURCES_MAX = 512

type Knocking = Pick<MultiaddrConnection, 'remoteAddr' | 'addEventListener'>

export type PeerDoor = {
  /** Multiaddrs of the peers of the network file. */
  setKnown(addresses: readonly string[]): void
  /** False: it is to be closed. Otherwise it holds a place until it leaves or closes. */
  knock(connection: Knocking): boolean
  /** It is a peer's connection from now on, and the next one from there is known. */
  leave(connection: Knocking): void
}

const HOST = /^\/ip[46]\/([^/]+)\//

function sourceOfMultiaddr(address: string): string {
  return sourceOf(HOST.exec(`${address}/`)?.[1])
}

export function createDoor(): PeerDoor {
  let known: ReadonlySet<string> = new Set()
  const proven = new Set<string>()
  const places = { known: new Share(KNOWN_HANDSHAKES_MAX), strange: new Share(STRANGE_HANDSHAKES_MAX) }
  const held = new WeakMap<Knocking, () => void>()
  const release = (connection: Knocking): void => {
    held.get(connection)?.()
    held.delete(connection)
  }
  return {
    setKnown(addresses) {
      known = new Set(addresses.filter((address) => HOST.test(`${address}/`)).map(sourceOfMultiaddr))
    },
    knock(connection) {
      const source = sourceOfMultiaddr(connection.remoteAddr.toString())
      const share = known.has(source) || proven.has(source) ? places.known : places.strange
      if (!share.take(source)) return false
      held.set(connection, () => share.give(source))
      connection.addEventListener('close', () => release(connection), { once: true })
      return true
    },
    leave(connection) {
      release(connection)
      const source = sourceOfMultiaddr(connection.remoteAddr.toString())
      proven.delete(source)
      proven.add(source)
      const [oldest] = proven
      if (proven.size > PROVEN_SOURCES_MAX && oldest !== undefined) proven.delete(oldest)
    },
  }
}
