// What visitors can do to others by WebSockets: nothing. Each attack ends its own socket, or waits for nobody but itself.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { MESSAGE_BYTES_MAX, SOCKET_CLOSE, WAITING_MAX } from '#protocol/socket/talk.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { eventApp } from '#test/support/events.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { refusedAt, type Visitor, visitorAt } from '#test/support/sockets.ts'
import { until } from '#test/support/until.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const LINE_BYTES = 60 * 1024
/** Long lines of one answer. */
const WIDE_AT_ONCE = 3
const WIDE_LINES = 150

/** While set, writes wait. */
let gate: Promise<void> | undefined
const group = hostedGroup('demo', {
  async app(request, context) {
    if (request.method === 'POST') {
      await gate
      if (request.target === '/wide') {
        context.state.set('wide', String(Number(context.state.get('wide') ?? 0) + 1))
        return textResponse(200, '')
      }
      if (request.target === '/long') return textResponse(200, 'x'.repeat(700 * 1024))
    }
    if (request.target === '/wide') {
      const last = Number(request.headers.find(([name]) => name === 'last-event-id')?.[1] ?? 0)
      const numbers = Array.from({ length: Number(context.state.get('wide') ?? 0) }, (_, at) => at + 1)
      const events = numbers.slice(last, last + WIDE_AT_ONCE)
      const text = events.map((number) => `id: ${number}\ndata: ${String(number).padEnd(LINE_BYTES, '.')}\n\n`)
      return { status: 200, headers: [['content-type', 'text/event-stream']], body: Buffer.from(text.join('')) }
    }
    if (request.target === '/long')
      return { status: 200, headers: [['content-type', 'text/event-stream']], body: Buffer.alloc(0) }
    return eventApp(request, context)
  },
})
const edge = await startEdge(group, { limits: { socketPingMs: 200 } })
after(() => edge[Symbol.asyncDispose]())
const gauge = async (name: string, at: Edge = edge): Promise<number> =>
  Number(new RegExp(`^${name} (\\d+)`, 'm').exec(await at.registry.text())?.[1])
const count = async (): Promise<number> => (await edge.ask('/events')).body.toString().split('id: ').length - 1

/** One who is there through it all, and is served after it. */
async function beside(attack: () => Promise<void>): Promise<void> {
  const honest = await visitorAt(`${edge.origin}/events`, { headers: { 'last-event-id': String(await count()) } })
  await attack()
  honest.say('still here')
  await until('the honest one is served', () => honest.told.includes('still here'))
  assert.ok(!honest.isOver())
  honest.socket.close()
  await until('nothing is left of it', async () => {
    const left = [gauge('interpeer_websockets'), gauge('interpeer_event_streams'), gauge('interpeer_http_body_bytes')]
    return (await Promise.all(left)).every((value) => value === 0)
  })
}

/** Writes wait until it is disposed of. */
function shut(): Disposable {
  const { promise, resolve } = Promise.withResolvers<void>()
  gate = promise
  return {
    [Symbol.dispose]() {
      gate = undefined
      resolve()
    },
  }
}

/** Its connection, for frames that no client makes. */
function bareOf({ socket }: Visitor): Socket {
  return (socket as unknown as { readonly _socket: Socket })._socket
}

function maskedFrame(opcode: number, payload: Buffer, { isLast = true } = {}): Buffer {
  assert.ok(payload.length < 126)
  const mask = randomBytes(4)
  const masked = payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0))
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode, 0x80 | payload.length]), mask, masked])
}

test('messages that are too long, in one frame and in many, end their own socket', () =>
  beside(async () => {
    const one = await visitorAt(`${edge.origin}/events`)
    one.say(Buffer.alloc(MESSAGE_BYTES_MAX + 1))
    assert.equal(await one.closed, SOCKET_CLOSE.tooBig)
    const many = await visitorAt(`${edge.origin}/events`)
    const part = Buffer.alloc(MESSAGE_BYTES_MAX / 2)
    for (const fin of [false, false, true]) many.socket.send(part, { fin })
    assert.equal(await many.closed, SOCKET_CLOSE.tooBig)
    const crumbs = await visitorAt(`${edge.origin}/events`)
    const frames = [maskedFrame(1, Buffer.from('a'), { isLast: false })]
    for (let at = 0; at < 4_000; at++) frames.push(maskedFrame(0, Buffer.from('a'), { isLast: false }))
    bareOf(crumbs).write(Buffer.concat(frames))
    assert.ok([1006, 1008].includes(await crumbs.closed))
  }))

test('a flood of messages is not read while it waits, and what comes beyond the bound ends the socket', () =>
  beside(async () => {
    using _ = shut()
    const patient = await visitorAt(`${edge.origin}/events`)
    const wide = Buffer.alloc(MESSAGE_BYTES_MAX, 0x61).toString()
    for (let at = 0; at < 64; at++) patient.say(wide)
    const flood = await visitorAt(`${edge.origin}/events`)
    for (let at = 0; at < 40 * WAITING_MAX; at++) flood.say('m')
    assert.equal(await flood.closed, SOCKET_CLOSE.tryAgain)
    assert.ok(!patient.isOver())
    assert.ok((await gauge('interpeer_http_body_bytes')) <= 8 * MESSAGE_BYTES_MAX)
    patient.socket.terminate()
    await until('the end of both', async () => (await gauge('interpeer_websockets')) === 1)
  }))

test('garbage in place of frames ends its own socket', () =>
  beside(async () => {
    for (const garbage of [
      Buffer.alloc(64, 0xff),
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      maskedFrame(3, Buffer.from('reserved')),
      maskedFrame(1, Buffer.from([0xff, 0xfe])),
      maskedFrame(0, Buffer.from('nothing to go on with')),
      Buffer.from([0x81, 0x01, 0x61]),
      maskedFrame(8, Buffer.from([0x03])),
      maskedFrame(8, Buffer.from([0x00, 0x01])),
      maskedFrame(9, Buffer.from('ping'), { isLast: false }),
    ]) {
      const visitor = await visitorAt(`${edge.origin}/events`)
      bareOf(visitor).write(garbage)
      assert.ok([1002, 1006, 1007].includes(await visitor.closed), garbage.toString('hex'))
    }
  }))

const moreWide = async (): Promise<void> => {
  for (let at = 0; at < WIDE_LINES; at++)
    assert.equal((await edge.ask('/wide', { method: 'POST', body: Buffer.from('one more') })).status, 200)
}

test('who reads nothing for a while holds up nobody, and hears all of it when it reads again', () =>
  beside(async () => {
    const slow = await visitorAt(`${edge.origin}/wide`)
    bareOf(slow).pause()
    await moreWide()
    bareOf(slow).resume()
    await until('all of them', () => slow.told.length === WIDE_LINES)
    assert.deepEqual(
      slow.told.map((line) => Number.parseInt(String(line), 10)),
      Array.from({ length: WIDE_LINES }, (_, at) => at + 1),
    )
    slow.socket.close()
  }))

test('who asks and never reads is ended when too much waits for it', () =>
  beside(async () => {
    const greedy = await visitorAt(`${edge.origin}/long`)
    bareOf(greedy).pause()
    for (let at = 0; at < 14; at++) greedy.say('more')
    await until('its end', async () => (await gauge('interpeer_websockets')) === 1)
    bareOf(greedy).resume()
    assert.ok([SOCKET_CLOSE.tryAgain, 1006].includes(await greedy.closed))
  }))

test('a socket that stands still is cut with the others that take nothing', async () => {
  await using other = await startEdge(group, { limits: { stallMs: 500 } })
  const slow = await visitorAt(`${other.origin}/wide`)
  bareOf(slow).pause()
  await moreWide()
  await until('its end', async () => (await gauge('interpeer_websockets', other)) === 0)
  slow.socket.terminate()
})

const host = new URL(edge.origin).host
const HANDSHAKE = `GET /events HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n`

test('a thousand handshakes that never end, and a thousand that nobody goes on with, leave room for who comes after', async () => {
  const limits = { connectionsMax: 400, headersTimeoutMs: 1_000, eventStreamsMax: 100 }
  await using other = await startEdge(group, { limits })
  const name = new URL(other.origin).host
  const begun = HANDSHAKE.replace(host, name)
  const sockets: Socket[] = []
  for (const text of [begun, `${begun}\r\n`])
    for (let at = 0; at < 1_000; at++) {
      const socket = connect({ port: other.port, host: '127.0.0.1', localAddress: '127.0.0.2' }, () =>
        socket.write(text),
      )
      socket.on('error', () => {})
      sockets.push(socket)
      if (at % 50 === 0) {
        await until('they came', () => !socket.connecting)
        assert.ok((await gauge('interpeer_http_connections', other)) <= limits.connectionsMax)
        assert.ok((await gauge('interpeer_event_streams', other)) <= limits.eventStreamsMax / 2)
      }
    }
  await until('the places that one source may have', async () => (await gauge('interpeer_websockets', other)) > 0)
  // While those that were just turned away are on their way out, who comes may have to come again.
  const honest = await until('a place', () => visitorAt(`${other.origin}/events`).catch(() => undefined))
  honest.say('I am here')
  await until('an answer', () => honest.told.length > 0)
  for (const socket of sockets) socket.destroy()
  honest.socket.close()
  await until('their places', async () => (await gauge('interpeer_websockets', other)) === 0)
})

test('a handshake cut off at any byte, and one whose visitor leaves while it is answered, leave nothing behind', async () => {
  const whole = `${HANDSHAKE}\r\n`
  for (let cut = 1; cut <= whole.length; cut += 7) {
    const socket = connect(edge.port, '127.0.0.1')
    socket.on('error', () => {})
    await new Promise<void>((resolve) => socket.write(whole.slice(0, cut), () => resolve()))
    socket.destroy()
  }
  await beside(async () => {
    for (let at = 0; at < 30; at++) {
      const socket = connect(edge.port, '127.0.0.1')
      socket.on('error', () => {})
      await new Promise<void>((resolve) => socket.write(whole, () => resolve()))
      socket.resetAndDestroy()
    }
  })
})

test('what comes behind a handshake that is refused is read by nobody', async () => {
  const text = `${HANDSHAKE}Origin: http://evil.example\r\n\r\nPOST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 8\r\n\r\nsmuggled`
  const before = await count()
  const answer = await edge.raw(text)
  assert.match(answer, /^HTTP\/1\.1 403 /)
  assert.equal(answer.split('HTTP/1.1 ').length, 2)
  assert.equal(await count(), before)
  const refused = await refusedAt(`${edge.origin}/nothing`, { origin: 'null' })
  assert.equal(refused.status, 403)
})
