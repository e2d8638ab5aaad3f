// F38 WebSockets of a site at any gateway: a stream of events that comes down, a write for each message that goes up, whichever member is there.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exchange } from '#cli/network/http.ts'
import { MESSAGE_BYTES_MAX, SOCKET_CLOSE } from '#protocol/socket/talk.ts'
import { type SeederTunnel, startTunnel } from '#seeder/tunnel/tunnel.ts'
import { type Edge, startEdge } from '#test/support/edge.ts'
import { eventApp } from '#test/support/events.ts'
import { type HostedGroup, hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { registrationBytes, signRegistration, type TestNetwork, testNetwork } from '#test/support/network.ts'
import { refusedAt, visitorAt } from '#test/support/sockets.ts'
import { until } from '#test/support/until.ts'
import type { GatewayHost, RunningGateway } from './hosts.ts'

const NAME = 'demo'
const LONG_BYTES = 600 * 1024
const MEMBERS = ['ana', 'ben', 'cleo', 'dan']

type Heard = { readonly body: string; readonly headers: Readonly<Record<string, string>> }

export function socketsSuite(kind: string, host: GatewayHost): void {
  const network: TestNetwork = testNetwork({ sites: [{ name: NAME, members: MEMBERS }] })
  const directory = mkdtempSync(join(tmpdir(), 'gateway-sockets-'))
  let gateway: RunningGateway
  let group: HostedGroup
  const edges: Edge[] = []
  const tunnels: SeederTunnel[] = []
  let lastTime = 0
  /** The writes that ran. */
  const heard: Heard[] = []

  const origin = (): string => `http://${NAME}.sites.localhost:${new URL(gateway.url).port}`

  /** The members are there, and level. */
  async function register(): Promise<void> {
    group.heartbeat()
    lastTime = Math.max(Date.now(), lastTime + 1)
    for (const peer of ['ana', 'ben']) {
      const statement = signRegistration(network, peer, {
        ...{ gateway: gateway.url, time: lastTime, sites: { [NAME]: null }, tunnel: true },
        sees: MEMBERS.filter((other) => other !== peer),
      })
      const body = registrationBytes(statement) as Uint8Array<ArrayBuffer>
      assert.equal((await fetch(`${gateway.url}/register`, { method: 'POST', body })).status, 200)
    }
  }

  before(async () => {
    gateway = await host({ port: 0, directory, networkKey: network.file.network_key, networkFile: network.text })
    group = hostedGroup(NAME, {
      network,
      members: MEMBERS,
      app(request, context) {
        const { target, method, headers, body } = request
        const text = Buffer.from(body).toString()
        if (method === 'POST') {
          heard.push({ body: text, headers: Object.fromEntries(headers) })
          if (/^[45]\d\d$/.test(text)) return textResponse(Number(text), 'no')
          if (text === 'elsewhere') return { status: 303, headers: [['location', '/']], body: Buffer.alloc(0) }
          if (text === 'bytes')
            return { status: 200, headers: [['content-type', 'image/png']], body: Buffer.from([1, 2, 255]) }
          if (text === 'long') return textResponse(200, 'x'.repeat(LONG_BYTES))
          if (text === 'cookie') return textResponse(200, 'set', [['set-cookie', 'a=1; Domain=.localhost']])
        }
        if (target === '/page') return textResponse(200, 'a page')
        if (target === '/none') return textResponse(404, 'nothing here')
        if (target === '/same')
          return { status: 200, headers: [['content-type', 'text/event-stream']], body: Buffer.from('data: again\n\n') }
        return eventApp(request, context)
      },
    })
    for (const [index, peer] of ['ana', 'ben'].entries()) {
      const edge = await startEdge(group, { member: index })
      edges.push(edge)
      tunnels.push(
        startTunnel({
          gateway: gateway.url,
          signer: network.signer(peer),
          domain: network.domain,
          carry: edge.server.carry,
          chance: Math.random,
          onChange: () => {},
        }),
      )
    }
    await until('the tunnels', () => tunnels.every(({ isOpen }) => isOpen), 30_000)
    await register()
  })
  after(async () => {
    for (const tunnel of tunnels) await tunnel[Symbol.asyncDispose]()
    for (const edge of edges) await edge[Symbol.asyncDispose]()
    await gateway?.dispose()
    rmSync(directory, { recursive: true, force: true })
  })

  const count = async (): Promise<number> =>
    (await exchange(`${origin()}/events`)).body.toString().split('id: ').length - 1

  test(`${kind}: events come down and messages go up, each an ordered write, one after the other`, async () => {
    await register()
    const before = await count()
    heard.length = 0
    const headers = { cookie: 'session=7; interpeer-floor=1', 'last-event-id': String(before) }
    const visitor = await visitorAt(`${origin()}/events`, { origin: origin(), headers })
    for (const text of ['one', 'two', 'drei ü']) visitor.say(text)
    visitor.say(Buffer.from('four'))
    await until('answers and events', () => visitor.told.length === 8)
    const ids = [1, 2, 3, 4].map((add) => String(before + add))
    const texts = ['one', 'two', 'drei ü', 'four']
    const isId = (said: string | Buffer): boolean => ids.includes(String(said))
    assert.deepEqual(visitor.told.filter(isId), ids, 'each was answered, in order')
    assert.deepEqual(
      visitor.told.filter((said) => !isId(said)),
      texts,
      'each was heard as an event, in order',
    )
    assert.deepEqual(
      heard.map(({ body }) => body),
      texts,
    )
    assert.equal(new Set(heard.map((write) => write.headers['idempotency-key'])).size, 4)
    assert.deepEqual(
      heard.map((write) => write.headers['content-type']),
      [...Array<string>(3).fill('text/plain;charset=UTF-8'), 'application/octet-stream'],
    )
    for (const write of heard) {
      const { cookie, origin: from, 'last-event-id': last } = write.headers
      assert.deepEqual([cookie, from, last], ['session=7', 'http://demo.peer', undefined])
    }
    await exchange(`${origin()}/`, { method: 'POST', body: Buffer.from('from elsewhere') })
    await until('what others write', () => visitor.told.includes('from elsewhere'))
    visitor.socket.close()
    assert.equal(await visitor.closed, 1005)
  })

  test(`${kind}: what is no stream of events is answered as it is, with its evidence`, async () => {
    await register()
    const page = await refusedAt(`${origin()}/page`, { origin: origin() })
    assert.deepEqual([page.status, page.body.toString()], [200, 'a page'])
    assert.ok(page.headers['interpeer-receipt'])
    const none = await refusedAt(`${origin()}/none`)
    assert.deepEqual([none.status, none.body.toString()], [404, 'nothing here'])
    const nobody = await refusedAt(`${origin().replace(NAME, 'nobody')}/events`)
    assert.deepEqual([nobody.status, JSON.parse(nobody.body.toString()).code], [404, 'unknown_name'])
  })

  test(`${kind}: a page of another origin is refused, and so are other versions and keys that are none`, async () => {
    await register()
    for (const from of ['http://evil.example', 'null', gateway.url, origin().replace('http:', 'https:')]) {
      const refused = await refusedAt(`${origin()}/events`, { origin: from })
      assert.deepEqual([refused.status, JSON.parse(refused.body.toString()).code], [403, 'foreign_origin'], from)
    }
    const old = await raw('Sec-WebSocket-Version: 8\r\n')
    assert.match(old, /^HTTP\/1\.1 426 /)
    assert.match(old, /sec-websocket-version: 13\r\n/i)
    assert.match(await raw('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n'), /^HTTP\/1\.1 400 /)
    assert.match(await raw('', 'h2c'), /^HTTP\/1\.1 200 /, 'what asks for another protocol is answered in this one')
  })

  test(`${kind}: a handshake that brings a body opens no socket, and is answered as any request`, async () => {
    await register()
    const fields = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 2\r\n'
    const statusOf = (answer: string): string => answer.slice(0, answer.indexOf('\r\n'))
    const asked = statusOf(await raw(fields, 'websocket', 'hi'))
    assert.equal(asked, statusOf(await raw('Content-Length: 2\r\n', 'h2c', 'hi')))
    assert.match(asked, /^HTTP\/1\.1 [24]/)
  })

  /** The answer to a handshake with these fields. */
  async function raw(fields: string, protocol = 'websocket', body = ''): Promise<string> {
    const { port, host: name } = new URL(origin())
    const head = `GET /events HTTP/1.1\r\nHost: ${name}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n${fields}\r\n${body}`
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    let text = ''
    const socket = connect(Number(port), '127.0.0.1', () => socket.write(head))
    socket.on('data', (part) => {
      text += part.toString('latin1')
      if (text.includes('\r\n\r\n')) socket.destroy()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
    return promise
  }

  test(`${kind}: an answer without text says nothing, one of bytes is bytes, and what is not taken ends the socket with its status`, async () => {
    await register()
    const visitor = await visitorAt(`${origin()}/events`, { headers: { 'last-event-id': '1000' } })
    for (const text of ['elsewhere', 'bytes', 'cookie', 'after']) visitor.say(text)
    await until('the last', () => visitor.told.length === 3)
    assert.deepEqual(visitor.told.slice(0, 2), [Buffer.from([1, 2, 255]), 'set'])
    visitor.socket.close()
    for (const status of [422, 503]) {
      const refused = await visitorAt(`${origin()}/events`)
      refused.say(String(status))
      refused.say('never asked')
      assert.equal(await refused.closed, 4000 + status)
    }
    assert.ok(!heard.some(({ body }) => body === 'never asked'))
  })

  test(`${kind}: messages that are too long or too many end their own socket alone`, async () => {
    await register()
    const still = await visitorAt(`${origin()}/events`, { headers: { 'last-event-id': '1000' } })
    const long = await visitorAt(`${origin()}/events`)
    long.say(Buffer.alloc(MESSAGE_BYTES_MAX + 1))
    assert.equal(await long.closed, SOCKET_CLOSE.tooBig)
    const many = await visitorAt(`${origin()}/events`)
    for (let at = 0; at < 2_000; at++) many.say('m')
    assert.equal(await many.closed, SOCKET_CLOSE.tryAgain)
    const garbage = await visitorAt(`${origin()}/events`)
    const { _socket: bare } = garbage.socket as unknown as { _socket: { write(bytes: Buffer): void } }
    bare.write(Buffer.alloc(64, 0xff))
    const code = await garbage.closed
    assert.ok([1002, 1006].includes(code), String(code))
    still.say('still here')
    await until('an answer', () => still.told.length > 0)
    still.socket.close()
  })

  test(`${kind}: long answers come, as long as what was not taken is within its bound`, async () => {
    await register()
    const visitor = await visitorAt(`${origin()}/events`, { headers: { 'last-event-id': '1000' } })
    visitor.say('long')
    await until('the first', () => visitor.told.length === 1)
    visitor.say('long')
    // The edge is told of nothing that was taken: all that was said counts.
    if (kind === 'workerd') assert.equal(await visitor.closed, SOCKET_CLOSE.tryAgain)
    else await until('the second', () => visitor.told.length === 2)
    assert.equal(visitor.told[0]?.length, LONG_BYTES)
    visitor.socket.close()
  })

  test(`${kind}: events that cannot be followed end the socket, after what there was`, async () => {
    await register()
    const visitor = await visitorAt(`${origin()}/same`)
    assert.equal(await visitor.closed, SOCKET_CLOSE.broken)
    assert.deepEqual(visitor.told, ['again'])
  })

  test(`${kind}: at the gateway's own address a handshake is led to the site, as any request is`, async () => {
    await register()
    const led = await refusedAt(`${gateway.url}/${NAME}/events?a=b`)
    assert.deepEqual([led.status, led.headers.location], [307, `${origin()}/events?a=b`])
    const own = await refusedAt(`${gateway.url}/bootstrap`)
    assert.equal(own.status, 200)
  })

  test(`${kind}: a socket goes on when the tunnel of the member that was asked ends`, async () => {
    await register()
    const before = await count()
    const visitor = await visitorAt(`${origin()}/events`, { headers: { 'last-event-id': String(before) } })
    visitor.say('before')
    await until('it was heard', () => visitor.told.includes('before'))
    await tunnels[0]?.[Symbol.asyncDispose]()
    visitor.say('after')
    await until('it goes on', () => visitor.told.includes('after'))
    assert.deepEqual(
      visitor.told.filter((said) => !/^\d+$/.test(String(said))),
      ['before', 'after'],
    )
    assert.equal(heard.filter(({ body }) => body === 'after').length, 2, 'once here, and once in a test before')
    visitor.socket.close()
  })
}
