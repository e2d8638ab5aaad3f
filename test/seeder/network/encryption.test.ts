// One message is one write, and comes whole however the packets are cut on their way.

import assert from 'node:assert/strict'
import { connect, createServer, type Socket as NetSocket, type Server, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { wholePackets, writePacketsWhole } from '#seeder/network/encryption.ts'
import { spareWindowUpdates } from '#seeder/network/window.ts'
import { until } from '#test/support/until.ts'

const PROTOCOL = '/test/packets/1'
const MESSAGES = 50

const node = (): Promise<Libp2p> =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [wholePackets()],
    streamMuxers: [yamux({ enableKeepAlive: false })],
    connectionMonitor: { enabled: false },
  })

/** Collects what comes on a stream of the receiver. */
async function listening(receiver: Libp2p): Promise<{ readonly bytes: () => Buffer }> {
  const pieces: Uint8Array[] = []
  await receiver.handle(PROTOCOL, (stream) => {
    spareWindowUpdates(stream)
    stream.addEventListener('message', ({ data }) => pieces.push(data.subarray()))
  })
  return { bytes: () => Buffer.concat(pieces) }
}

test('one message of the agreement is one write', async (context: TestContext) => {
  const [receiver, sender] = await Promise.all([node(), node()])
  try {
    const { bytes } = await listening(receiver)
    const stream = await (await sender.dial(receiver.getMultiaddrs())).newStream(PROTOCOL)
    stream.send(Buffer.from('first'))
    await until('the first message', () => bytes().length === 5 || undefined)
    const write = context.mock.method(Socket.prototype, 'write')
    for (let count = 1; count <= MESSAGES; count++) {
      stream.send(Buffer.alloc(300, count))
      await until('a message', () => bytes().length === 5 + 300 * count || undefined)
    }
    // libp2p's own talk on a new connection may come in between.
    assert.ok(write.mock.callCount() < 1.5 * MESSAGES, `${write.mock.callCount()} writes`)
  } finally {
    await Promise.all([receiver.stop(), sender.stop()])
  }
})

/** Hands on what comes byte by byte at first, then in odd pieces. */
async function cutter(port: number): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer((from) => {
    const to = connect(port, '127.0.0.1')
    const cut = (source: NetSocket, sink: NetSocket): void => {
      let passed = 0
      source.on('data', (chunk) => {
        const bytes = Buffer.from(chunk as Buffer)
        for (let at = 0; at < bytes.length; ) {
          const size = passed < 4_000 ? 1 : 1_001
          sink.write(bytes.subarray(at, at + size))
          at += size
          passed += size
        }
      })
      source.on('error', () => sink.destroy()).on('close', () => sink.destroy())
    }
    cut(from, to)
    cut(to, from)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { server, port: (server.address() as { port: number }).port }
}

test('messages large and small come as they were sent, cut anywhere', async () => {
  const [receiver, sender] = await Promise.all([node(), node()])
  const port = Number(/tcp\/(\d+)/.exec(String(receiver.getMultiaddrs()[0]))?.[1])
  const between = await cutter(port)
  try {
    const { bytes } = await listening(receiver)
    const address = multiaddr(`/ip4/127.0.0.1/tcp/${between.port}/p2p/${receiver.peerId}`)
    const stream = await (await sender.dial(address)).newStream(PROTOCOL)
    const sent = [1, 300, 16_000, 17_000, 70_000, 2].map((length, index) => Buffer.alloc(length, index + 1))
    for (const message of sent) stream.send(message)
    const whole = Buffer.concat(sent)
    await until('all bytes', () => bytes().length === whole.length || undefined)
    assert.ok(bytes().equals(whole))
  } finally {
    await Promise.all([receiver.stop(), sender.stop()])
    between.server.close()
  }
})

test('the streams of another library stay as they are', () => {
  assert.equal(writePacketsWhole({} as Parameters<typeof writePacketsWhole>[0]), false)
})
