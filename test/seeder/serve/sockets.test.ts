// WebSockets at the HTTP edge: any event stream of a site, each message an ordered write.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { startEdge } from '#test/support/edge.ts'
import { eventApp, listen } from '#test/support/events.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { refusedAt, visitorAt } from '#test/support/sockets.ts'
import { until } from '#test/support/until.ts'

type Heard = { readonly body: string; readonly headers: Readonly<Record<string, string>> }
/** The writes that ran. */
const heard: Heard[] = []
const field = (headers: readonly (readonly [string, string])[], wanted: string): string | undefined =>
  headers.find(([name]) => name === wanted)?.[1]

const group = hostedGroup('demo', {
  app(request, context) {
    const { target, method, headers, body } = request
    if (method === 'POST') {
      const text = Buffer.from(body).toString()
      heard.push({ body: text, headers: Object.fromEntries(headers) })
      if (target === '/quiet') return { status: 204, headers: [['set-cookie', 'a=1']], body: Buffer.alloc(0) }
      if (target === '/elsewhere') return { status: 303, headers: [['location', '/']], body: Buffer.from('see /') }
      if (target === '/bytes')
        return { status: 200, headers: [['content-type', 'image/png']], body: Buffer.from([1, 2, 255]) }
      if (target === '/long') return textResponse(200, 'x'.repeat(1024 * 1024 + 1))
      if (/^[45]\d\d$/.test(text)) return textResponse(Number(text), 'no')
      return eventApp(request, context)
    }
    if (target === '/page') return textResponse(200, `hello ${field(headers, 'accept')}`)
    if (target === '/away') return { status: 302, headers: [['location', '/page']], body: Buffer.alloc(0) }
    if (target === '/none') return textResponse(404, 'nothing here')
    if (target === '/same') return eventStream('data: again\n\n')
    if (target === '/lines')
      return eventStream(': a comment\ndata: one\ndata:\ndata: three\n\nevent: other\ndata:ü\nid: 1\n\nid: 2\n\n')
    if (['/quiet', '/elsewhere', '/bytes', '/long'].includes(target)) return eventStream('')
    return eventApp(request, context)
  },
})
const eventStream = (text: string) => ({
  status: 200,
  headers: [['content-type', 'text/event-stream']] as const,
  body: Buffer.from(text),
})
const limits = { eventStreamsMax: 8, socketPingMs: 50, socketSilenceMs: 60_000 }
const edge = await startEdge(group, { limits })
after(() => edge[Symbol.asyncDispose]())
const count = async (): Promise<number> => (await edge.ask('/events')).body.toString().split('id: ').length - 1
const untilFree = (): Promise<unknown> =>
  until('the places of those that left', async () => {
    const metrics = await edge.registry.text()
    return /interpeer_event_streams 0\b/.test(metrics) && /interpeer_websockets 0\b/.test(metrics)
  })

test('F38 events come down and messages go up, each an ordered write under a key of its own, one after the other', async () => {
  const before = await count()
  heard.length = 0
  const headers = { cookie: 'session=7', 'accept-language': 'de', 'last-event-id': String(before) }
  const visitor = await visitorAt(`${edge.origin}/events`, { origin: edge.origin, headers })
  for (const text of ['one', 'two', 'drei ü']) visitor.say(text)
  visitor.say(Buffer.from('bytes'))
  await until('answers and events', () => visitor.told.length === 8)
  const ids = [1, 2, 3, 4].map((add) => String(before + add))
  assert.deepEqual(
    visitor.told.filter((said) => ids.includes(String(said))),
    ids,
    'each was answered, in order',
  )
  assert.deepEqual(
    visitor.told.filter((said) => !ids.includes(String(said))),
    ['one', 'two', 'drei ü', 'bytes'],
    'each was heard as an event, in order',
  )
  assert.deepEqual(
    heard.map(({ body }) => body),
    ['one', 'two', 'drei ü', 'bytes'],
  )
  const keys = heard.map((write) => write.headers['idempotency-key'])
  assert.equal(new Set(keys).size, 4)
  assert.ok(keys.every((key) => key?.length === 22))
  assert.deepEqual(
    heard.map((write) => write.headers['content-type']),
    [...Array<string>(3).fill('text/plain;charset=UTF-8'), 'application/octet-stream'],
  )
  for (const write of heard) {
    const { cookie, 'accept-language': language, origin, 'last-event-id': last } = write.headers
    assert.deepEqual([cookie, language, origin, last], ['session=7', 'de', 'http://demo.peer', undefined])
  }
  visitor.socket.close()
  await untilFree()
})

test('the lines of data of one event are one message, and comments, ids and types are none', async () => {
  const visitor = await visitorAt(`${edge.origin}/lines`)
  await until('both', () => visitor.told.length === 2)
  assert.deepEqual(visitor.told, ['one\n\nthree', 'ü'])
  visitor.socket.close()
  await untilFree()
})

test('what is no stream of events is answered as it is, with its evidence', async () => {
  const page = await refusedAt(`${edge.origin}/page`)
  assert.deepEqual([page.status, page.body.toString()], [200, 'hello text/event-stream'])
  assert.ok(page.headers['interpeer-receipt'])
  const none = await refusedAt(`${edge.origin}/none`)
  assert.deepEqual([none.status, none.body.toString()], [404, 'nothing here'])
  assert.ok(none.headers['interpeer-receipt'])
  const away = await refusedAt(`${edge.origin}/away`)
  assert.deepEqual([away.status, away.headers.location], [302, '/page'])
  const nobody = await refusedAt(`${edge.origin.replace('demo', 'nobody')}/events`)
  assert.equal(nobody.status, 404)
})

test('a page of another origin is refused before the site is asked, a program without any is not', async () => {
  for (const origin of ['http://evil.example', 'null', edge.origin.replace('http:', 'https:'), `${edge.origin}/`]) {
    const refused = await refusedAt(`${edge.origin}/events`, { origin })
    assert.deepEqual([refused.status, JSON.parse(refused.body.toString()).code], [403, 'foreign_origin'], origin)
  }
  const visitor = await visitorAt(`${edge.origin}/events`)
  visitor.socket.close()
  await untilFree()
})

test('another version, a key that is none, and other protocols than websocket', async () => {
  const head = `GET /events HTTP/1.1\r\nHost: ${new URL(edge.origin).host}\r\n`
  const old = await edge.raw(`${head}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\n\r\n`)
  assert.match(old, /^HTTP\/1\.1 426 /)
  assert.match(old, /sec-websocket-version: 13\r\n/i)
  const keyless =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n'
  assert.match(await edge.raw(head + keyless), /^HTTP\/1\.1 400 /)
  const other = await edge.raw(`${head}Connection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n`)
  assert.match(other, /^HTTP\/1\.1 200 /)
  const withBody = 'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nab'
  assert.match(await edge.raw(head + withBody), /^HTTP\/1\.1 400 /)
  const offered = await visitorAt(`${edge.origin}/events`, { headers: { 'sec-websocket-extensions': 'x-nothing' } })
  assert.equal(offered.socket.protocol, '')
  offered.socket.close()
  await untilFree()
})

test('an answer without text says nothing, one of bytes is bytes, and what is not taken ends the socket with its status', async () => {
  for (const path of ['/quiet', '/elsewhere']) {
    const runs = heard.length
    const visitor = await visitorAt(edge.origin + path)
    visitor.say('a')
    visitor.say('b')
    await until('both', () => heard.length === runs + 2)
    assert.deepEqual(visitor.told, [])
    visitor.socket.close()
  }
  const bytes = await visitorAt(`${edge.origin}/bytes`)
  bytes.say('a')
  await until('the bytes', () => bytes.told.length === 1)
  assert.deepEqual(bytes.told, [Buffer.from([1, 2, 255])])
  bytes.socket.close()
  for (const status of [400, 403, 422, 500]) {
    const visitor = await visitorAt(`${edge.origin}/events`)
    visitor.say(String(status))
    visitor.say('never asked')
    assert.equal(await visitor.closed, 4000 + status)
  }
  const long = await visitorAt(`${edge.origin}/long`)
  long.say('a')
  assert.equal(await long.closed, 1011)
  assert.ok(!heard.some(({ body }) => body === 'never asked'))
  await untilFree()
})

test('events that cannot be followed end the socket, after what there was', async () => {
  const visitor = await visitorAt(`${edge.origin}/same`)
  assert.equal(await visitor.closed, 1011)
  assert.deepEqual(visitor.told, ['again'])
  await untilFree()
})

test('sockets and event streams share their places: one more is 503', async () => {
  const url = `${edge.origin}/events`
  const sockets = [await visitorAt(url), await visitorAt(url)]
  const streams = [await listen(url), await listen(url)]
  const refused = await refusedAt(url)
  assert.equal(refused.status, 503)
  assert.ok(refused.headers['retry-after'])
  for (const { socket } of sockets) socket.close()
  for (const stream of streams) stream.leave()
  await untilFree()
})

test('F28 a member that stops lets the message under way end, and ends its sockets, so that pages come again elsewhere', async () => {
  const other = await startEdge(group)
  const visitor = await visitorAt(`${other.origin}/events`)
  visitor.say('the last one')
  const ends = until('the write', () => heard.at(-1)?.body === 'the last one').then(() => other.server.drain(5_000))
  assert.equal(await visitor.closed, 1012)
  assert.ok(
    visitor.told.some((said) => /^\d+$/.test(String(said))),
    'it was answered',
  )
  await ends
  await other[Symbol.asyncDispose]()
})

test('who pings is answered, and who is silent is let go', async () => {
  await using other = await startEdge(group, { limits: { socketPingMs: 20, socketSilenceMs: 200 } })
  const silent = await visitorAt(`${other.origin}/events`, { autoPong: false })
  const alive = await visitorAt(`${other.origin}/events`)
  assert.equal(await silent.closed, 1006)
  const pong = new Promise((resolve) => alive.socket.once('pong', resolve))
  alive.socket.ping()
  await pong
  assert.ok(!alive.isOver())
  alive.socket.terminate()
})

test('a request that comes behind an unanswered one is answered in its turn, and is no handshake', async () => {
  const host = new URL(edge.origin).host
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='
  const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n`
  const both = `GET /page?1 HTTP/1.1\r\nHost: ${host}\r\n\r\nGET /page HTTP/1.1\r\nHost: ${host}\r\n${upgrade}\r\n`
  const { promise, resolve } = Promise.withResolvers<string>()
  let text = ''
  const socket = connect(edge.port, '127.0.0.1', () => socket.write(both))
  socket.setEncoding('latin1').on('data', (part: string) => {
    text += part
    if (text.split('HTTP/1.1 ').length === 3 && text.endsWith('hello undefined')) socket.destroy()
  })
  socket.on('close', () => resolve(text))
  const answers = (await promise).split('HTTP/1.1 ')
  assert.ok(answers.slice(1).every((answer) => answer.startsWith('200 ')))
})
