// Connections under pressure, over a real edge: what one visitor holds is not another's loss.

import assert from 'node:assert/strict'
import { channel } from 'node:diagnostics_channel'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { watchConnections } from '#seeder/serve/connections.ts'
import { limitsWithin, SERVE_LIMITS } from '#seeder/serve/limits.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { until } from '#test/support/until.ts'

const opened: Socket[] = []
after(() => {
  for (const socket of opened) socket.destroy()
})

function openFrom(edge: Edge, localAddress: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>()
  const socket = connect({ port: edge.port, host: '127.0.0.1', localAddress }, () => resolve(socket))
  socket.once('error', reject)
  socket.on('error', () => {})
  opened.push(socket)
  return promise
}

const metric = (edge: Edge, name: string): number =>
  Number(new RegExp(`^${name.replaceAll(/[{}"]/g, '\\$&')} (\\d+)`, 'm').exec(edge.registry.text())?.[1] ?? 0)

test('a newcomer displaces a resting connection of the source that has most', async () => {
  const group = hostedGroup('demo', { app: () => textResponse(200, 'here') })
  await using edge = await startEdge(group, { limits: { connectionsMax: 8 } })
  const calm = await openFrom(edge, '127.0.0.3')
  for (let count = 0; count < 30; count++) await openFrom(edge, '127.0.0.2')
  await until('the rest is gone', () => metric(edge, 'interpeer_http_connections') === 8)
  assert.equal((await edge.ask('/')).status, 200, 'another visitor finds a place')
  assert.ok(!calm.destroyed && calm.writable)
  calm.write(`GET / HTTP/1.1\r\nHost: ${new URL(edge.origin).host}\r\n\r\n`)
  await until('the calm one is served on the connection that it had', () => calm.bytesRead > 0)
})

test('a connection with too many unanswered requests is cut, one with a few is answered in order', async () => {
  const group = hostedGroup('demo', { app: (request) => textResponse(200, `<${request.target}>`) })
  await using edge = await startEdge(group, { limits: { pipelinedMax: 4 } })
  const { host } = new URL(edge.origin)
  const line = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const few = await edge.raw(line('/1') + line('/2') + line('/3'), '</3>')
  assert.deepEqual(few.match(/<\/\d>/g), ['</1>', '</2>', '</3>'])
  await edge.raw(line('/many').repeat(1_000))
  assert.equal(metric(edge, 'interpeer_http_connections_cut_total{reason="pipelined"}'), 1)
  await until('nothing is under way', () => metric(edge, 'interpeer_http_connections') === 0)
})

test('who asks for much and takes nothing is let go, and others are not', async () => {
  const megabyte = 'x'.repeat(1024 * 1024)
  const group = hostedGroup('demo', { app: (request) => textResponse(200, request.target + megabyte.repeat(4)) })
  await using edge = await startEdge(group, { limits: { unsentBytesMax: 16 * 1024 * 1024 } })
  const { host } = new URL(edge.origin)
  const slow: Socket[] = []
  for (let count = 0; count < 8; count++) {
    const socket = await openFrom(edge, '127.0.0.2')
    socket.pause()
    socket.write(`GET /${count} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    slow.push(socket)
  }
  await until('the slowest are let go', () => metric(edge, 'interpeer_http_connections_cut_total{reason="unsent"}') > 0)
  assert.equal((await edge.ask('/mine')).body.length, '/mine'.length + 4 * megabyte.length)
})

test('bodies that never end leave room for the body of another visitor', async () => {
  const group = hostedGroup('demo', { app: () => textResponse(200, 'taken') })
  await using edge = await startEdge(group, { limits: { bodiesBytesMax: 1024 * 1024 } })
  const { host } = new URL(edge.origin)
  for (let count = 0; count < 8; count++) {
    const socket = await openFrom(edge, '127.0.0.2')
    socket.on('data', () => {})
    socket.write(`POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 200000\r\n\r\n${'b'.repeat(199_000)}`)
  }
  await until('half of it is held', () => metric(edge, 'interpeer_http_body_bytes') > 390_000)
  const answer = await edge.ask('/', { method: 'POST', body: Buffer.alloc(100_000) })
  assert.equal(answer.status, 200)
})

test('of a connection that was cut, what it sent beyond is not even parsed', async () => {
  const group = hostedGroup('demo', { app: () => textResponse(200, 'here') })
  await using edge = await startEdge(group, { limits: { pipelinedMax: 4 } })
  let parsed = 0
  const count = (message: unknown): void => {
    if ((message as { request: IncomingMessage }).request.url === '/deep') parsed++
  }
  channel('http.server.request.start').subscribe(count)
  try {
    for (const more of ['', 'Expect: a wonder\r\n', 'Content-Length: 0\r\n']) {
      const socket = await openFrom(edge, '127.0.0.2')
      socket.write(`GET /deep HTTP/1.1\r\nHost: ${new URL(edge.origin).host}\r\n${more}\r\n`.repeat(1_000))
      socket.resume()
      await until('it is cut', () => socket.destroyed)
    }
  } finally {
    channel('http.server.request.start').unsubscribe(count)
  }
  assert.ok(parsed >= 3 && parsed <= 3 * 5, `${parsed} parsed`)
  assert.equal((await edge.ask('/')).status, 200)
})

const MIB = 1024 * 1024

async function listening(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  return (server.address() as AddressInfo).port
}

function open(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.pause()
  opened.push(socket)
  return socket
}

test('who takes one large answer slowly is not cut, who takes nothing is, and a pause of this process is nobody’s', async () => {
  let time = 0
  using connections = watchConnections({ ...SERVE_LIMITS, stallMs: 10_000, unsentBytesMax: 1024 * MIB }, () => time)
  const answer = Buffer.alloc(64 * MIB)
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('close', () => connections.remove(socket))
    connections.add(socket)
    socket.write(answer)
  })
  const port = await listening(server)
  const slow = open(port)
  const idle = open(port)
  try {
    await until('both are answered', () => [...connections.all].filter((each) => each.writableLength > 0).length === 2)
    connections.look()
    time += 60_000
    connections.look()
    assert.equal(connections.cut.stalled, 0, 'the process stood still')
    let wanted = 0
    slow.on('data', () => {
      if (slow.bytesRead >= wanted) slow.pause()
    })
    for (let turn = 0; turn < 6; turn++) {
      wanted += 9 * MIB
      slow.resume()
      await until('it takes a part', () => slow.isPaused())
      for (let second = 0; second < 3; second++) {
        time += 1_000
        connections.look()
      }
    }
    assert.equal(connections.cut.stalled, 1)
    assert.ok(!slow.destroyed && connections.all.size === 1)
  } finally {
    for (const socket of [...connections.all, slow, idle]) socket.destroy()
    server.close()
  }
})

test('answers that wait behind an unfinished one count as what waits', async () => {
  using connections = watchConnections({ ...SERVE_LIMITS, unsentBytesMax: 4 * MIB })
  const server = createHttpServer((request, response) => {
    assert.ok(connections.asked(response))
    if (request.url === '/first') return
    response.end(Buffer.alloc(5 * MIB))
    connections.given(response)
  })
  server.on('connection', (socket) => connections.add(socket))
  const port = await listening(server)
  const socket = open(port)
  try {
    socket.write(['/first', '/second'].map((path) => `GET ${path} HTTP/1.1\r\nHost: here\r\n\r\n`).join(''))
    await until('it is let go', () => connections.cut.unsent === 1)
    assert.equal(connections.all.size, 0)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('a small seeder gives visitors less, and one visitor always enough', () => {
  assert.deepEqual(limitsWithin(2048 * MIB), {
    bodiesBytesMax: SERVE_LIMITS.bodiesBytesMax,
    unsentBytesMax: SERVE_LIMITS.unsentBytesMax,
    streamsMax: SERVE_LIMITS.streamsMax,
  })
  assert.equal(limitsWithin(Number.POSITIVE_INFINITY).unsentBytesMax, SERVE_LIMITS.unsentBytesMax)
  assert.deepEqual(limitsWithin(512 * MIB), { bodiesBytesMax: 32 * MIB, unsentBytesMax: 32 * MIB, streamsMax: 128 })
  assert.deepEqual(limitsWithin(64 * MIB), { bodiesBytesMax: 16 * MIB, unsentBytesMax: 16 * MIB, streamsMax: 16 })
})
