// Peers that nobody can dial, reached through others (circuit relay v2).

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { Connection, Stream } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { lpStream } from '@libp2p/utils'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { ok } from '#protocol/codec/result.ts'
import { type PeerName, peerName, type Signer } from '#protocol/identity/keys.ts'
import { libp2pPrivateKey, nameOfPeerId, peerIdOfName } from '#seeder/network/identity.ts'
import { AGREE_PROTOCOL, CONTENT_PROTOCOL } from '#seeder/network/link.ts'
import { startNetwork } from '#seeder/network/node.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import { relayAddress } from '#seeder/network/relay-address.ts'
import { RELAY_STATUS } from '#seeder/network/relay-message.ts'
import { CIRCUITS_PER_PAIR_MAX, type RelayLimits } from '#seeder/network/relay-server.ts'
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
  // Both may have dialled at once; one circuit stays.
  const relaying = await until('one circuit', () => {
    const facts = relay.network.relays().relaying
    return facts?.circuits === 1 ? facts : undefined
  })
  assert.equal(relaying.reservations, 2)
  assert.ok(relaying.relayedBytes > 2 * large.length)
})

test('a relay that was away is asked again, and the group goes on; what was announced stays as it was', async () => {
  await using one = await home('home one')
  await using two = await home('home two')
  const first = await open('relay')
  const port = portOf(first)
  let all = [first, one, two]
  tell(all)
  await until('both have a reservation', () => [one, two].every(({ network }) => network.addresses().length === 1))
  tell(all)
  await until('a link', () => bothLinked(one, two))
  await first[Symbol.asyncDispose]()
  await until('the link is down', () => !linked(one, two) && one.network.relays().reservedAt?.length === 0)
  assert.deepEqual(one.network.addresses(), [relayAddress(first.name)])
  await using again = await open('relay', UNBOUNDED, port)
  all = [again, one, two]
  tell(all)
  await until('the reservation is back', () => one.network.relays().reservedAt?.length === 1)
  await until('the link is back', () => bothLinked(one, two))
  assert.ok(one.network.send(two.name, Buffer.from('again')))
  await until('the message', () => two.got.length === 1)
})

test('with several relays two are held, and one that goes is replaced by another', async () => {
  await using one = await home('home one')
  await using two = await home('home two')
  const relays = await Promise.all(['a', 'b', 'c'].map((name) => open(`relay ${name}`)))
  await using stack = new AsyncDisposableStack()
  for (const relay of relays) stack.use(relay)
  const all = [...relays, one, two]
  tell(all)
  const reservedAt = ({ network }: Peer) => network.relays().reservedAt ?? []
  await until('two reservations each', () => [one, two].every((each) => reservedAt(each).length === 2))
  tell(all)
  await until('a link', () => bothLinked(one, two))
  const gone = relays.find(({ name }) => name === relayOfLink(one, two))
  assert.ok(gone)
  const before = new Set([...reservedAt(one), ...reservedAt(two)])
  assert.ok(before.has(gone.name))
  await gone[Symbol.asyncDispose]()
  await until('two others', () =>
    [one, two].every((each) => reservedAt(each).length === 2 && !reservedAt(each).includes(gone.name)),
  )
  for (const { network } of [one, two]) assert.equal(network.addresses().length, 2)
  tell(all.filter((each) => each !== gone))
  await until('a link through another', () => bothLinked(one, two) && relayOfLink(one, two) !== gone.name)
})

test('who can be dialled is dialled: a link through a relay gives way to a direct one', async () => {
  await using relay = await open('relay')
  await using own = await open('public')
  await using one = await home('home one')
  tell([relay, own, one])
  await until('a reservation', () => one.network.addresses().length > 0)
  const known = (address: string) => [
    { peer: relay.name, addresses: relay.network.addresses() },
    { peer: own.name, addresses: [address] },
    { peer: one.name, addresses: [relayAddress(relay.name)] },
  ]
  // As after a change of address that the home has not heard of.
  await own[Symbol.asyncDispose]()
  await using moved = await open('public')
  const closed = '/ip4/127.0.0.1/tcp/1'
  relay.network.setKnown(known(closed))
  one.network.setKnown(known(closed))
  moved.network.setKnown(known(closed))
  moved.network.setWanted(new Set([one.name]))
  await until('a relayed link', () => bothLinked(moved, one) && relayOfLink(moved, one) === relay.name)
  one.network.setKnown(known(moved.network.addresses()[0] ?? ''))
  await until('a direct one', () => bothLinked(moved, one) && relayOfLink(moved, one) === undefined)
  assert.equal(relayOfLink(one, moved), undefined)
  assert.ok(moved.network.send(one.name, Buffer.from('direct')))
  await until('the message', () => one.got.length === 1)
})

const LINK_PROTOCOLS = [AGREE_PROTOCOL, CONTENT_PROTOCOL]

/** A peer of the network file that speaks the protocol as it likes. */
async function rawNode(signer: Signer, listens = false): Promise<Libp2p & AsyncDisposable> {
  const node = await createLibp2p({
    privateKey: libp2pPrivateKey(signer),
    addresses: { listen: listens ? ['/ip4/127.0.0.1/tcp/0'] : [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ enableKeepAlive: false })],
    connectionMonitor: { enabled: false },
  })
  for (const protocol of LINK_PROTOCOLS) await node.handle(protocol, () => {})
  return Object.assign(node, { [Symbol.asyncDispose]: async () => void (await node.stop()) })
}

/** A connection that is a link, so that it is kept. */
async function dialled(node: Libp2p, to: Peer): Promise<Connection> {
  const connection = await node.dial(addressOf(to))
  const own = nameOfPeerId(node.peerId)
  if (own !== undefined && own < to.name) for (const protocol of LINK_PROTOCOLS) await connection.newStream(protocol)
  return connection
}

const addressOf = ({ name, network }: Peer) =>
  multiaddr(`${network.addresses()[0]}/p2p/${peerIdOfName(name).toString()}`)

const RESERVE = Uint8Array.of(0x08, 0)
const connectTo = (name: PeerName): Uint8Array => {
  const id = peerIdOfName(name).toMultihash().bytes
  return Uint8Array.of(0x08, 1, 0x12, id.length + 2, 0x0a, id.length, ...id)
}
const STOP_OK = Uint8Array.of(0x08, 1, 0x20, 100)

/** The status of an answer of a relay; undefined: it cut the stream. */
async function asked(stream: Stream, message: Uint8Array): Promise<number | undefined> {
  const framed = lpStream(stream)
  try {
    await framed.write(message)
    const bytes = (await framed.read({ signal: AbortSignal.timeout(20_000) })).subarray()
    framed.unwrap()
    // The last field is the status, a number of two bytes or, below 128, of one.
    const [high = 0, low = 0] = [bytes.at(-1), bytes.at(-2)]
    return bytes.at(-2) === 0x28 ? high : (high << 7) | (low & 0x7f)
  } catch {
    return undefined
  }
}

test('a stranger to the network file gets no reservation, and neither does who is named no more', async () => {
  await using relay = await open('relay')
  await using stranger = await rawNode(signerNamed('stranger'))
  relay.network.setKnown([])
  await assert.rejects(async () => {
    const connection = await stranger.dial(addressOf(relay))
    await connection.newStream(RELAY_V2_HOP_CODEC)
  })
  relay.network.setKnown([{ peer: peerName(signerNamed('stranger').publicKey), addresses: [] }])
  const connection = await dialled(stranger, relay)
  assert.equal(await asked(await connection.newStream(RELAY_V2_HOP_CODEC), RESERVE), RELAY_STATUS.ok)
  assert.equal(relay.network.relays().relaying?.reservations, 1)
  const nobody = peerName(signerNamed('nobody').publicKey)
  const refused = await asked(await connection.newStream(RELAY_V2_HOP_CODEC), connectTo(nobody))
  assert.equal(refused, RELAY_STATUS.permissionDenied)
  await connection.close()
  await until('a reservation ends with its connection', () => relay.network.relays().relaying?.reservations === 0)
})

test('reservations are bounded, and so are the circuits of a pair', async () => {
  await using relay = await open('relay', { reservations: 1, bytesPerSecond: Number.POSITIVE_INFINITY })
  const signers = ['raw one', 'raw two', 'raw three'].map(signerNamed)
  const names = signers.map(({ publicKey }) => peerName(publicKey))
  relay.network.setKnown(names.map((name) => ({ peer: name, addresses: [] })))
  await using one = await rawNode(signers[0] as Signer)
  await using two = await rawNode(signers[1] as Signer)
  await using three = await rawNode(signers[2] as Signer)
  const [first, second, third] = await Promise.all([one, two, three].map((node) => dialled(node, relay)))
  assert.ok(first && second && third)
  const hop = (connection: Connection, message: Uint8Array) =>
    connection.newStream(RELAY_V2_HOP_CODEC).then((stream) => asked(stream, message))
  assert.equal(await hop(first, RESERVE), RELAY_STATUS.ok)
  assert.equal(await hop(first, RESERVE), RELAY_STATUS.ok, 'asked again it is the same one')
  assert.equal(await hop(second, RESERVE), RELAY_STATUS.reservationRefused)
  const [, , nameThree] = names
  assert.ok(nameThree)
  relay.network.setWanted(new Set([nameThree]))
  assert.equal(await hop(third, RESERVE), RELAY_STATUS.ok, 'a member of a group of its own has a place')
  assert.equal(await hop(second, RESERVE), RELAY_STATUS.reservationRefused)
  const [nameOne, nameTwo] = names
  assert.ok(nameOne && nameTwo)
  assert.equal(await hop(first, connectTo(nameTwo)), RELAY_STATUS.noReservation)
  assert.equal(await hop(second, connectTo(nameOne)), RELAY_STATUS.connectionFailed, 'it takes no circuits')
  await one.handle(RELAY_V2_STOP_CODEC, async (stream) => {
    const framed = lpStream(stream)
    await framed.read()
    await framed.write(STOP_OK)
  })
  for (let count = 0; count < CIRCUITS_PER_PAIR_MAX; count++)
    assert.equal(await hop(second, connectTo(nameOne)), RELAY_STATUS.ok)
  assert.equal(await hop(second, connectTo(nameOne)), RELAY_STATUS.resourceLimitExceeded)
  assert.equal(await hop(third, connectTo(nameOne)), RELAY_STATUS.ok, 'others have places of their own')
  assert.equal(relay.network.relays().relaying?.circuits, CIRCUITS_PER_PAIR_MAX + 1)
  second.abort(new Error('it goes'))
  await until('its places are free', () => relay.network.relays().relaying?.circuits === 1)
  assert.equal(await hop(first, Uint8Array.of(0xff)), RELAY_STATUS.malformedMessage)
  assert.equal(await hop(first, Uint8Array.of(0x08, 7)), RELAY_STATUS.unexpectedMessage)
})

test('what a receiver does not take is not read: neither relay nor receiver holds it, and once it reads everything comes', async () => {
  await using relay = await open('relay')
  const signers = ['raw one', 'raw two'].map(signerNamed)
  const [nameOne, nameTwo] = signers.map(({ publicKey }) => peerName(publicKey))
  assert.ok(nameOne && nameTwo)
  relay.network.setKnown([nameOne, nameTwo].map((name) => ({ peer: name, addresses: [] })))
  await using one = await rawNode(signers[0] as Signer)
  await using two = await rawNode(signers[1] as Signer)
  const [first, second] = await Promise.all([one, two].map((node) => dialled(node, relay)))
  assert.ok(first && second)
  const taken = Promise.withResolvers<Stream>()
  await one.handle(RELAY_V2_STOP_CODEC, async (stream) => {
    const framed = lpStream(stream)
    await framed.read()
    await framed.write(STOP_OK)
    taken.resolve(framed.unwrap())
    stream.pause()
  })
  assert.equal(await asked(await first.newStream(RELAY_V2_HOP_CODEC), RESERVE), RELAY_STATUS.ok)
  const sender = await second.newStream(RELAY_V2_HOP_CODEC)
  assert.equal(await asked(sender, connectTo(nameOne)), RELAY_STATUS.ok)
  const receiver = await taken.promise
  const piece = Buffer.alloc(64 * 1024, 5)
  const pieces = 1_024
  let sent = 0
  const send = (): void => {
    while (sent < pieces) {
      sent++
      if (!sender.send(piece)) return
    }
  }
  sender.addEventListener('drain', send)
  send()
  const relayed = () => relay.network.relays().relaying?.relayedBytes ?? 0
  let before = -1
  // It stands still when the windows are full: the same at twenty looks in a row.
  let still = 0
  await until('it stands still', () => {
    still = relayed() === before && before > 0 ? still + 1 : 0
    before = relayed()
    return still >= 20
  })
  assert.ok(before <= 4 * 1024 * 1024, `${before} bytes went through`)
  assert.equal(sender.status, 'open')
  let received = 0
  receiver.addEventListener('message', ({ data }) => {
    received += data.byteLength
  })
  receiver.resume()
  await until('everything', () => received === pieces * piece.length)
  assert.equal(relayed(), received)
})

test('above its bandwidth a relay is slow, and loses nothing', async () => {
  await using relay = await open('relay', { reservations: 16, bytesPerSecond: 256 * 1024 })
  await using one = await home('home one')
  await using two = await home('home two')
  const all = [relay, one, two]
  tell(all)
  await until('both have a reservation', () => [one, two].every(({ network }) => network.addresses().length === 1))
  tell(all)
  await until('a link', () => bothLinked(one, two))
  const large = Buffer.alloc(384 * 1024, 7)
  const answer = await two.network.request(one.name, large, 60_000)
  assert.ok(answer.ok && Buffer.compare(answer.value, large) === 0)
})

test('who says that somebody dials through it is believed only where there is a reservation', async () => {
  await using one = await home('home one')
  const signer = signerNamed('raw one')
  await using raw = await rawNode(signer, true)
  const liar = peerName(signer.publicKey)
  const [address] = raw.getMultiaddrs()
  assert.ok(address)
  let asks = 0
  const connected = Promise.withResolvers<Connection>()
  await raw.handle(RELAY_V2_HOP_CODEC, (stream, connection) => {
    asks++
    stream.abort(new Error('it does not relay'))
    connected.resolve(connection)
  })
  one.network.setKnown([{ peer: liar, addresses: [address.toString().replace(/\/p2p\/.*$/, '')] }])
  const connection = await connected.promise
  const stream = await connection.newStream(RELAY_V2_STOP_CODEC)
  await until('it is cut', () => stream.status !== 'open')
  assert.deepEqual(one.network.relays().reservedAt, [])
  await until('a relay that failed is asked again', () => asks > 2)
})
