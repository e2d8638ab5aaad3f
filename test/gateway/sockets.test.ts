// F38 What a visitor's WebSocket holds of a gateway, and what it is shown after what it wrote. In this process, in front of the real HTTP edge of a member.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Floor } from '#gateway/carry/floor.ts'
import { createRooms } from '#gateway/carry/room.ts'
import { visitSite } from '#gateway/carry/site-host.ts'
import { visitSocket } from '#gateway/carry/socket.ts'
import type { SocketListener, Sockets, VisitorSocket } from '#gateway/carry/socket-port.ts'
import { evidenceJudge } from '#gateway/evidence/judge.ts'
import type { Gateway } from '#gateway/gateway.ts'
import { assert as must, ok } from '#protocol/codec/result.ts'
import { SOCKET_CLOSE, UNSENT_BYTES_MAX } from '#protocol/socket/talk.ts'
import { verify } from '#seeder/identity/keys.ts'
import { startEdge } from '#test/support/edge.ts'
import { eventApp } from '#test/support/events.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'
import { joinTunnel } from '#test/support/joined-tunnel.ts'
import { until } from '#test/support/until.ts'
import { scene } from './scene.ts'

const ROOM_BYTES = 2 * 1024 * 1024
const at = await scene({ clock: { now: Date.now() }, judge: evidenceJudge(async (...check) => verify(...check)) })
const group = hostedGroup('wiki', {
  network: at.network,
  members: ['ana', 'ben', 'cleo', 'dan'],
  now: () => at.clock.now,
  app: eventApp,
})
const edge = await startEdge(group)
after(() => edge[Symbol.asyncDispose]())
for (const peer of ['ana', 'ben'])
  assert.equal((await at.register(peer, { sites: { wiki: null }, tunnel: true })).status, 200)

function gatewayWith(bytesMax: number): Gateway {
  const tunnel = joinTunnel(edge.server.carry)
  const tunnels: Gateway['ports']['tunnels'] = {
    accept: async () => new Response(null),
    ask: (_, head, body, options) => tunnel.gateway.ask(head, body, options),
  }
  return { ...at.gateway, ports: { ...at.gateway.ports, tunnels }, rooms: createRooms(bytesMax) }
}

/** Of one visitor: what it was told, and what it does. */
type Held = { readonly told: string[]; readonly closed: number[]; unsent: number; readonly listener: SocketListener }

async function open(gateway: Gateway, source = '192.0.2.1'): Promise<Held | string> {
  let begin: ((socket: VisitorSocket) => SocketListener) | undefined
  const sockets: Sockets = {
    canAccept: () => true,
    accept(_, accepted) {
      begin = accepted
      return new Response(null, { status: 204 })
    },
  }
  const headers = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    origin: 'https://wiki.sites.example',
  }
  const request = new Request('https://wiki.sites.example/events', { headers })
  const answered = await visitSocket(gateway, sockets, request, 'wiki', source)
  if (!answered.ok) return answered.error.code
  must(begin !== undefined, 'it was accepted')
  const held = { told: [] as string[], closed: [] as number[], unsent: 0 }
  const listener = begin({
    say: (message) => void held.told.push(String(message)),
    unsent: () => held.unsent,
    drained: async () => {},
    pause() {},
    resume() {},
    close: (code) => void held.closed.push(code),
  })
  return Object.assign(held, { listener })
}

async function opened(gateway: Gateway): Promise<Held> {
  const held = await open(gateway)
  must(typeof held !== 'string', `it opens: ${held}`)
  return held
}

test('a socket holds its places, and gives them back when it goes, however it goes', async () => {
  const gateway = gatewayWith(ROOM_BYTES)
  const first = await opened(gateway)
  first.listener.heard(Buffer.from('a line'), true)
  await until('its answer and its event', () => first.told.length >= 2)
  assert.ok(gateway.rooms.held > 0)
  first.listener.gone()
  first.listener.gone()
  await until('all of it', () => gateway.rooms.held === 0)
  const early = await opened(gateway)
  early.listener.gone()
  await until('all of it', () => gateway.rooms.held === 0)
  const all: Held[] = []
  let refused = ''
  while (refused === '') {
    const next = await open(gateway)
    if (typeof next === 'string') refused = next
    else all.push(next)
  }
  assert.equal(refused, 'overloaded')
  assert.ok(gateway.rooms.held <= ROOM_BYTES / 2 + 64 * 1024, 'half of it is for others')
  const other = await open(gateway, '198.51.100.7')
  must(typeof other !== 'string', 'who finds theirs')
  for (const { listener } of [...all, other]) listener.gone()
  await until('all of it', () => gateway.rooms.held === 0)
})

test('what is not taken is counted, and ends the socket when it is too much', async () => {
  const gateway = gatewayWith(16 * ROOM_BYTES)
  const slow = await opened(gateway)
  const before = gateway.rooms.held
  slow.unsent = UNSENT_BYTES_MAX
  slow.listener.taken()
  assert.ok(gateway.rooms.held >= before + UNSENT_BYTES_MAX)
  slow.unsent = 0
  slow.listener.taken()
  assert.ok(gateway.rooms.held < before + UNSENT_BYTES_MAX)
  slow.unsent = UNSENT_BYTES_MAX + 1
  slow.listener.taken()
  assert.deepEqual(slow.closed, [SOCKET_CLOSE.tryAgain])
  await until('all of it', () => gateway.rooms.held === 0)
})

test('what a visitor wrote while a member was asked is not hidden by an answer from before', async () => {
  const gateway = gatewayWith(16 * ROOM_BYTES)
  const { tunnels } = gateway.ports
  must(tunnels !== undefined, 'it keeps tunnels')
  const floor: Floor = { height: 0 }
  const asked: string[] = []
  /** The first answer is kept until the visitor wrote. */
  const ask: typeof tunnels.ask = async (peer, head, body, options) => {
    const answer = await tunnels.ask(peer, head, body, options)
    if (head.method !== 'GET') return answer
    asked.push(peer)
    if (asked.length > 1 || !answer.ok) return answer
    const whole =
      answer.value.body instanceof Uint8Array ? answer.value.body : await new Response(answer.value.body).bytes()
    const write = new Request('https://wiki.sites.example/', { method: 'POST', body: 'in between' })
    const written = await visitSite(slowed, write, 'wiki', '192.0.2.1', undefined, floor)
    assert.ok(written.ok && floor.height > 0)
    return ok({ ...answer.value, body: whole })
  }
  const slowed: Gateway = { ...gateway, ports: { ...gateway.ports, tunnels: { ...tunnels, ask } } }
  const request = new Request('https://wiki.sites.example/events')
  const seen = await visitSite(slowed, request, 'wiki', '192.0.2.1', undefined, floor)
  must(seen.ok, 'it is answered')
  assert.match(await seen.value.text(), /data: in between\n\n$/)
  assert.equal(asked.length, 2)
})
