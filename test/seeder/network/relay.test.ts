// Peers that nobody can dial, reached through others (circuit relay v2).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import type { Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { ok } from '#protocol/codec/result.ts'
import { type PeerName, peerName, type Signer } from '#protocol/identity/keys.ts'
import { libp2pPrivateKey, peerIdOfName } from '#seeder/network/identity.ts'
import { startNetwork } from '#seeder/network/node.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import { relayAddress } from '#seeder/network/relay-address.ts'
import type { RelayLimits } from '#seeder/network/relay-server.ts'
import { signerNamed } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

type Peer = {
  readonly name: PeerName
  readonly network: PeerNetwork
  readonly got: string[]
  readonly notes: { readonly event: string; readonly facts: Readonly<Record<string, unknown>> }[]
} & AsyncDisposable

const UNBOUNDED: RelayLimits = { reservations: 16, bytesPerSecond: Number.POSITIVE_INFINITY }

type PeerOptions = {
  /** Absent: nobody can dial it. */
  readonly listen?: string
  readonly relaying?: RelayLimits
}

async function peer(signer: Signer, options: PeerOptions = {}): Promise<Peer> {
  const got: string[] = []
  const notes: Peer['notes'] = []
  const network = await startNetwork({
    signer,
    listen: options.listen === undefined ? [] : [options.listen],
    ...(options.relaying === undefined ? {} : { relaying: options.relaying }),
    now: () => performance.now(),
    wall: Date.now,
    chance: Math.random,
    note: (event, facts) => notes.push({ event, facts }),
    handlers: {
      onMessage: (from, bytes) => {
        got.push(`${from.slice(0, 4)} ${Buffer.from(bytes).toString()}`)
        return undefined
      },
      onRequest: (_from, bytes) => Promise.resolve(ok(bytes)),
      onLink: () => {},
    },
  })
  return {
    name: peerName(signer.publicKey),
    network,
    got,
    notes,
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  }
}

const home = (name: string): Promise<Peer> => peer(signerNamed(name))
const open = (name: string, relaying: RelayLimits = UNBOUNDED, port = 0): Promise<Peer> =>
  peer(signerNamed(name), { listen: `/ip4/127.0.0.1/tcp/${port}`, relaying })

/** The network file: told to all, with the addresses of now. `links`: who wants whom; absent: everybody everybody. */
function tell(peers: readonly Peer[], wants: (from: Peer, to: Peer) => boolean = () => true): void {
  const known = peers.map(({ name, network }) => ({ peer: name, addresses: network.addresses() }))
  for (const each of peers) {
    each.network.setKnown(known)
    each.network.setWanted(new Set(peers.filter((other) => wants(each, other)).map(({ name }) => name)))
  }
}

const linked = (from: Peer, to: Peer): boolean => from.network.link(to.name).connected
const bothLinked = (one: Peer, other: Peer): boolean => linked(one, other) && linked(other, one)
const relayOfLink = (from: Peer, to: Peer): PeerName | undefined => from.network.link(to.name).relay
const portOf = ({ network }: Peer): number => Number(/\/tcp\/(\d+)/.exec(network.addresses()[0] ?? '')?.[1])

test('two peers that nobody can dial are linked through a public one, which sees neither message nor answer', async () => {
  await using relay = await open('relay')
  await using one = await home('home one')
  await using two = await home('home two')
  const all = [relay, one, two]
  tell(all)
  await until('both have a reservation', () => [one, two].every(({ network }) => network.addresses().length === 1))
  assert.deepEqual(one.network.addresses(), [relayAddress(relay.name)])
  assert.deepEqual(one.network.relays(), { reservedAt: [relay.name] })
  tell(all)
  await until('a link', () => bothLinked(one, two))
  assert.deepEqual([relayOfLink(one, two), relayOfLink(two, one)], [relay.name, relay.name])
  for (const each of [one, two]) assert.equal(relayOfLink(each, relay), undefined, 'the relay itself is dialled')
  for (let index = 0; index < 200; index++) assert.ok(one.network.send(two.name, Buffer.from(`m${index}`)))
  await until('200 messages', () => two.got.length === 200)
  assert.deepEqual(
    two.got,
    Array.from({ length: 200 }, (_, index) => `${one.name.slice(0, 4)} m${index}`),
  )
  const large = Buffer.alloc(4 * 1024 * 1024, 7)
  const answer = await two.network.request(one.name, large, 30_000)
  assert.ok(answer.ok && Buffer.compare(answer.value, large) === 0)
  assert.deepEqual(relay.got, [])
  const { relaying } = relay.network.relays()
  assert.equal(relaying?.reservations, 2)
  assert.equal(relaying?.circuits, 1)
  assert.ok((relaying?.relayedBytes ?? 0) > 2 * large.length)
})
