import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { ok, type Result } from '#protocol/codec/result.ts'
import { type PeerName, peerName, type Signer } from '#protocol/identity/keys.ts'
import { libp2pPrivateKey } from '#seeder/network/identity.ts'
import { AGREE_PROTOCOL, CONTENT_PROTOCOL } from '#seeder/network/link.ts'
import { startNetwork } from '#seeder/network/node.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import { signerNamed } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

type Peer = {
  readonly name: PeerName
  readonly network: PeerNetwork
  readonly got: string[]
  readonly links: string[]
  readonly notes: string[]
  hold: Promise<void> | undefined
} & AsyncDisposable

async function peer(signer: Signer, answer?: (bytes: Uint8Array) => Promise<Result<Uint8Array, string>>, port = 0) {
  const got: string[] = []
  const links: string[] = []
  const notes: string[] = []
  const made = { hold: undefined as Promise<void> | undefined }
  const network = await startNetwork({
    signer,
    listen: [`/ip4/127.0.0.1/tcp/${port}`],
    now: Date.now,
    chance: Math.random,
    note: (event) => notes.push(event),
    handlers: {
      onMessage: (from, bytes) => {
        got.push(`${from.slice(0, 4)} ${bytes.length < 40 ? Buffer.from(bytes).toString() : bytes.length}`)
        return made.hold
      },
      onRequest: (_from, bytes) => (answer === undefined ? Promise.resolve(ok(bytes)) : answer(bytes)),
      onLink: (from, connected) => links.push(`${from.slice(0, 4)} ${connected ? 'up' : 'down'}`),
    },
  })
  const result: Peer = Object.assign(made, {
    name: peerName(signer.publicKey),
    network,
    got,
    links,
    notes,
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  })
  return result
}

function acquaint(...peers: Peer[]): void {
  const known = peers.map(({ name, network }) => ({ peer: name, addresses: network.addresses() }))
  for (const { network } of peers) {
    network.setKnown(known)
    network.setWanted(new Set(known.map((entry) => entry.peer)))
  }
}

async function pair(answer?: (bytes: Uint8Array) => Promise<Result<Uint8Array, string>>) {
  const signers = ['one', 'two'].map(signerNamed)
  const [first, second] = await Promise.all(signers.map((signer) => peer(signer, answer)))
  assert.ok(first && second)
  acquaint(first, second)
  await until('a link', () => linked(first, second) && linked(second, first))
  return first.name < second.name ? { low: first, high: second } : { low: second, high: first }
}

const linked = (from: Peer, to: Peer): boolean => from.network.link(to.name).connected

test('two peers that dial each other at once end with one link, and messages arrive in order', async () => {
  const { low, high } = await pair()
  await using _low = low
  await using _high = high
  for (let index = 0; index < 500; index++) assert.ok(low.network.send(high.name, Buffer.from(`m${index}`)))
  await until('500 messages', () => high.got.length === 500)
  assert.deepEqual(
    high.got,
    Array.from({ length: 500 }, (_, index) => `${low.name.slice(0, 4)} m${index}`),
  )
  assert.deepEqual(low.links, [`${high.name.slice(0, 4)} up`])
  assert.deepEqual(high.links, [`${low.name.slice(0, 4)} up`])
})

test('questions in flight are matched with their answers by id', async () => {
  const { low, high } = await pair(async (bytes) => {
    await until('an odd moment', () => bytes[0] === undefined || bytes[0] % 2 === 0 || performance.now() % 5 < 1)
    return bytes[0] === 7 ? { ok: false, error: 'unlucky' } : ok(bytes)
  })
  await using _low = low
  await using _high = high
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => low.network.request(high.name, Uint8Array.of(index), 5000)),
  )
  for (const [index, answer] of answers.entries()) {
    if (index === 7) assert.deepEqual(answer, { ok: false, error: { code: 'refused', reason: 'unlucky' } })
    else assert.deepEqual(answer.ok && answer.value[0], index)
  }
})

test('a question that is never answered ends at its deadline', async () => {
  const { low, high } = await pair(() => new Promise(() => {}))
  await using _low = low
  await using _high = high
  assert.deepEqual(await high.network.request(low.name, Uint8Array.of(1), 50), {
    ok: false,
    error: { code: 'deadline', deadlineMs: 50 },
  })
})

test('a large answer crosses the stream window', async () => {
  const size = 8 * 1024 * 1024
  const { low, high } = await pair(async () => ok(Buffer.alloc(size, 7)))
  await using _low = low
  await using _high = high
  const answer = await high.network.request(low.name, Uint8Array.of(1), 20_000)
  assert.ok(answer.ok)
  assert.equal(answer.value.length, size)
  assert.ok(answer.value.every((byte) => byte === 7))
})

test('a busy receiver holds its sender back, and the sender drops beyond its queue instead of growing', async () => {
  const { low, high } = await pair()
  await using _low = low
  await using _high = high
  const held = Promise.withResolvers<void>()
  high.hold = held.promise
  const message = Buffer.alloc(512 * 1024)
  let accepted = 0
  while (low.network.send(high.name, message)) accepted++
  assert.ok(accepted < 64, `${accepted} accepted`)
  await until('the first message', () => high.got.length === 1)
  assert.ok(low.network.link(high.name).droppedFrames > 0)
  assert.equal(high.got.length, 1)
  high.hold = undefined
  held.resolve()
  await until('the rest', () => high.got.length === accepted)
  assert.ok(low.network.send(high.name, Buffer.from('again')))
  await until('one more', () => high.got.length === accepted + 1)
})

test('a peer that ended is gone once nobody answers where it was; started again on the same address it is linked again', async () => {
  const { low, high } = await pair()
  await using _low = low
  const port = Number(high.network.addresses()[0]?.split('/').at(-1))
  const signer = ['one', 'two'].map(signerNamed).find((each) => peerName(each.publicKey) === high.name)
  assert.ok(signer)
  await high.network[Symbol.asyncDispose]()
  await until('the link is down', () => !linked(low, high))
  await until('it is gone', () => low.network.link(high.name).gone)
  await using again = await peer(signer, undefined, port)
  acquaint(low, again)
  await until('the link is back', () => linked(low, again) && linked(again, low))
  assert.equal(low.network.link(again.name).gone, false)
  assert.ok(low.network.send(again.name, Buffer.from('hello')))
  await until('the message', () => again.got.length === 1)
})

test('a stranger to the network file is not let in', async () => {
  const { low, high } = await pair()
  await using _low = low
  await using _high = high
  await using stranger = await peer(signerNamed('stranger'))
  stranger.network.setKnown([{ peer: low.name, addresses: low.network.addresses() }])
  stranger.network.setWanted(new Set([low.name]))
  await until('two refusals', () => low.notes.filter((event) => event === 'peer_refused').length >= 2)
  assert.equal(stranger.network.send(low.name, Buffer.from('x')), false)
  assert.deepEqual(low.network.connected(), [high.name])
})

test('garbage on a stream ends the link and is counted, and the node goes on', async () => {
  const signers = ['one', 'two', 'three']
    .map(signerNamed)
    .sort((a, b) => (peerName(a.publicKey) < peerName(b.publicKey) ? -1 : 1))
  const [liar, honest, other] = signers
  assert.ok(liar && honest && other)
  await using victim = await peer(honest)
  const liarName = peerName(liar.publicKey)
  const known = [{ peer: liarName, addresses: [] }]
  victim.network.setKnown(known)
  const node = await createLibp2p({
    privateKey: libp2pPrivateKey(liar),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
  })
  try {
    const connection = await node.dial(multiaddr(victim.network.addresses()[0] ?? ''))
    const stream = await connection.newStream(AGREE_PROTOCOL)
    await connection.newStream(CONTENT_PROTOCOL)
    const spare = await node.dial(multiaddr(victim.network.addresses()[0] ?? ''), { force: true })
    await until('a link', () => victim.network.link(liarName).connected)
    stream.send(Buffer.from('ffffffffffffffff', 'hex'))
    await until('an offence', () => victim.network.link(liarName).offences.frame_too_large === 1)
    assert.equal(victim.network.link(liarName).connected, false)
    for (const protocol of [AGREE_PROTOCOL, CONTENT_PROTOCOL]) await spare.newStream(protocol).catch(() => {})
    await until('the connection that it had beside it is cut', () => spare.status !== 'open')
    assert.deepEqual(victim.network.connected(), [])
    await assert.rejects(async () => {
      const again = await node.dial(multiaddr(victim.network.addresses()[0] ?? ''))
      await again.newStream(AGREE_PROTOCOL)
    })
  } finally {
    await node.stop()
  }
  await using friend = await peer(other)
  acquaint(victim, friend)
  await until('an honest link', () => linked(victim, friend))
})

test('bytes that are no handshake leave the listener standing', async () => {
  const { low, high } = await pair()
  await using _low = low
  await using _high = high
  const port = Number(low.network.addresses()[0]?.split('/').at(-1))
  const socket = connect(port, '127.0.0.1')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\n\r\n')
  socket.write(Buffer.alloc(100_000, 0xff))
  socket.end()
  await closed
  assert.ok(low.network.send(high.name, Buffer.from('still here')))
  await until('the message', () => high.got.length === 1)
})

/** Connections from another address of this machine that say nothing, opened again when they are cut. */
function silentConnections(address: string, from: string, count: number): Disposable & { readonly connected: number } {
  const port = Number(/\/tcp\/(\d+)/.exec(address)?.[1])
  const sockets = new Set<Socket>()
  let over = false
  let connected = 0
  const open = (): void => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from })
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('connect', () => connected++)
    socket.on('close', () => {
      sockets.delete(socket)
      if (!over) setTimeout(open, 100)
    })
  }
  for (let index = 0; index < count; index++) open()
  return {
    get connected() {
      return connected
    },
    [Symbol.dispose]() {
      over = true
      for (const socket of sockets) socket.destroy()
    },
  }
}

test('connections that say nothing take no place from a member that dials', async () => {
  const [signer, other] = [signerNamed('victim'), signerNamed('friend')]
  await using victim = await peer(signer)
  await using friend = await peer(other)
  const known = [victim, friend].map(({ name, network }) => ({ peer: name, addresses: network.addresses() }))
  victim.network.setKnown(known)
  using silent = silentConnections(victim.network.addresses()[0] ?? '', '127.0.0.2', 700)
  await until('many are connected', () => silent.connected >= 600)
  friend.network.setKnown(known)
  friend.network.setWanted(new Set([victim.name]))
  await until('a link, which only the friend dials', () => linked(victim, friend) && linked(friend, victim))
})

test('of a peer that opens connections and streams without end only a few are kept, and others are linked', async () => {
  const [signer, liar, other] = [signerNamed('victim'), signerNamed('liar'), signerNamed('friend')]
  await using victim = await peer(signer)
  const liarName = peerName(liar.publicKey)
  victim.network.setKnown([{ peer: liarName, addresses: [] }])
  const address = multiaddr(victim.network.addresses()[0] ?? '')
  const nodes = await Promise.all(
    Array.from({ length: 8 }, () =>
      createLibp2p({
        privateKey: libp2pPrivateKey(liar),
        transports: [tcp()],
        connectionEncrypters: [noise()],
        streamMuxers: [yamux()],
        connectionMonitor: { enabled: false },
      }),
    ),
  )
  try {
    for (const node of nodes) {
      const connection = await node.dial(address).catch(() => undefined)
      const opened = Array.from({ length: 64 }, () => connection?.newStream('/nothing/1'))
      await Promise.allSettled(opened)
    }
    assert.ok(nodes.filter((node) => node.getConnections().some(({ status }) => status === 'open')).length <= 4)
    await using friend = await peer(other)
    acquaint(victim, friend)
    await until('an honest link', () => linked(victim, friend))
  } finally {
    await Promise.all(nodes.map((node) => node.stop()))
  }
})
