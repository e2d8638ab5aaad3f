// Room is told in halves of a window: few packets, and a sender that never stands still.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2p } from 'libp2p'
import { spareWindowUpdates } from '#seeder/network/window.ts'
import { until } from '#test/support/until.ts'

const PROTOCOL = '/test/window/1'
const WINDOW_BYTES = 256 * 1024
const PIECE_BYTES = 1024
const PIECES = 2048

const node = (): Promise<Libp2p> =>
  createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ enableKeepAlive: false })],
    connectionMonitor: { enabled: false },
  })

test('a receiver says that there is room when half of the window is used up, and everything comes', async () => {
  const [receiver, sender] = await Promise.all([node(), node()])
  try {
    let updates = 0
    let received = 0
    await receiver.handle(PROTOCOL, (stream) => {
      const counted = stream as unknown as { sendWindowUpdate: () => void }
      const { sendWindowUpdate } = counted
      counted.sendWindowUpdate = () => {
        updates++
        sendWindowUpdate.call(stream)
      }
      assert.equal(spareWindowUpdates(stream), true)
      stream.addEventListener('message', ({ data }) => {
        received += data.byteLength
      })
    })
    const connection = await sender.dial(receiver.getMultiaddrs())
    const stream = await connection.newStream(PROTOCOL)
    let sent = 0
    const send = (): void => {
      for (; sent < PIECES; sent++) if (!stream.send(new Uint8Array(PIECE_BYTES)) && ++sent) return
    }
    stream.addEventListener('drain', send)
    send()
    await until('all pieces', () => received === PIECES * PIECE_BYTES || undefined)
    assert.ok(updates <= 2 + (PIECES * PIECE_BYTES) / (WINDOW_BYTES / 2), `${updates} updates`)
  } finally {
    await Promise.all([receiver.stop(), sender.stop()])
  }
})

test('the streams of another muxer stay as they are', () => {
  assert.equal(spareWindowUpdates({} as Parameters<typeof spareWindowUpdates>[0]), false)
})
