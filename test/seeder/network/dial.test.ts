// In which order a peer is tried.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Libp2p } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import { Dialer } from '#seeder/network/dial.ts'
import { peerIdOfName } from '#seeder/network/identity.ts'
import { placesOf, relayAddress } from '#seeder/network/relay-address.ts'
import { signerNamed } from '#test/support/network.ts'

const nameOf = (name: string): PeerName => peerName(signerNamed(name).publicKey)
const [HOME, OWN, ...RELAYS] = ['home', 'own', 'a', 'b', 'c'].map(nameOf) as [PeerName, PeerName, ...PeerName[]]
const idOf = (name: PeerName): string => peerIdOfName(name).toString()

function dialer(records: ReadonlyMap<PeerName, readonly string[]>, linked: readonly PeerName[] = []) {
  const through: string[] = []
  const node = {
    dial: async (target: Multiaddr | readonly Multiaddr[]) => {
      const text = String(Array.isArray(target) ? target[0] : target)
      if (!text.includes('/p2p-circuit')) return
      through.push(/^\/p2p\/([^/]+)\//.exec(text)?.[1] ?? '')
      throw new Error('nobody is there')
    },
  } as unknown as Pick<Libp2p, 'dial'>
  const placesOfName = (name: PeerName) => {
    const addresses = records.get(name)
    return addresses === undefined ? undefined : placesOf(addresses)
  }
  const made = new Dialer(node, { self: OWN, placesOf: placesOfName, isLinked: (name) => linked.includes(name) })
  return { made, through }
}

const RECORDS = new Map<PeerName, readonly string[]>([
  [HOME, [...RELAYS, OWN].map(relayAddress)],
  ...[...RELAYS, OWN].map((name, index) => [name, [`/ip4/192.0.2.${index}/tcp/1`]] as const),
])

test('relays with which there is a connection come first, the one of the latest link last, and this peer is none', async () => {
  const [a, b, c] = RELAYS as [PeerName, PeerName, PeerName]
  const { made, through } = dialer(RECORDS, [b, c])
  await assert.rejects(made.throughRelays(HOME, b))
  assert.deepEqual(through, [c, a, b].map(idOf))
})

test('a relay that the file does not know, or that cannot be dialled itself, is not tried', async () => {
  const [a, b] = RELAYS as [PeerName, PeerName]
  const records = new Map(RECORDS).set(a, [relayAddress(b)])
  records.delete(b)
  const { made, through } = dialer(records)
  await assert.rejects(made.throughRelays(HOME))
  assert.deepEqual(through, RELAYS.slice(2).map(idOf))
  assert.equal(await made.throughRelays(a), false)
  assert.equal(await made.direct(HOME), false)
})
