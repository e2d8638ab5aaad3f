// Connections under pressure, over a real edge: what one visitor holds is not another's loss.

import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
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
