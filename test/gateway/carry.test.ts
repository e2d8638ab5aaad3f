// F38 What the visits of carried sites hold of a gateway: shared by source, and given back with their last byte. In this process, in front of
// the real HTTP edge of a member.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Lengths } from '#gateway/carry/length.ts'
import { beginningOf, streamed, wholeOf } from '#gateway/carry/read.ts'
import { createRooms, type Room } from '#gateway/carry/room.ts'
import { visitSite } from '#gateway/carry/site-host.ts'
import { evidenceJudge } from '#gateway/evidence/judge.ts'
import type { Gateway } from '#gateway/gateway.ts'
import { evidenceFromHeaders, RECEIPT_HEADER, receiptText } from '#protocol/answer/evidence.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { err, assert as must, ok, type Result } from '#protocol/codec/result.ts'
import { cidOfBytes } from '#protocol/content/block.ts'
import { CODEC_RAW } from '#protocol/content/cid.ts'
import { signStatement } from '#protocol/message/domain.ts'
import type { Headers } from '#protocol/site/response-hash.ts'
import { verify } from '#seeder/identity/keys.ts'
import { startEdge } from '#test/support/edge.ts'
import { eventApp } from '#test/support/events.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { joinTunnel } from '#test/support/joined-tunnel.ts'
import { until } from '#test/support/until.ts'
import { scene } from './scene.ts'

const MEBIBYTE = 1024 * 1024
const LARGE_BYTES = 6 * MEBIBYTE + 5
const MEDIUM_BYTES = 700 * 1024
const large = new Uint8Array(LARGE_BYTES).map((_, at) => (at * 2654435761) >>> 11)

const at = await scene({ clock: { now: Date.now() }, judge: evidenceJudge(async (...check) => verify(...check)) })
const group = hostedGroup('wiki', {
  network: at.network,
  members: ['ana', 'ben', 'cleo', 'dan'],
  now: () => at.clock.now,
  assets: { '/large.bin': large, '/medium.bin': large.subarray(0, MEDIUM_BYTES) },
  app: (request, context) => {
    if (request.target === '/lines' || request.target === '/events') return eventApp(request, context)
    const origin = request.headers.find(([name]) => name === 'origin')?.[1]
    return textResponse(200, origin ?? `got ${request.body.length}`)
  },
})
const edge = await startEdge(group)
after(() => edge[Symbol.asyncDispose]())
assert.equal((await at.register('ana', { sites: { wiki: null }, tunnel: true })).status, 200)

/** The gateway of the scene with so much room, and a tunnel to the member. */
function gatewayWith(bytesMax: number): Gateway {
  const tunnel = joinTunnel(edge.server.carry)
  const tunnels: Gateway['ports']['tunnels'] = {
    accept: async () => new Response(null),
    ask: (_, head, body, options) => tunnel.gateway.ask(head, body, options),
  }
  return { ...at.gateway, ports: { ...at.gateway.ports, tunnels }, rooms: createRooms(bytesMax) }
}

async function visit(
  gateway: Gateway,
  path: string,
  source: string,
  init: RequestInit = {},
): Promise<Response | string> {
  const request = new Request(`https://wiki.sites.example${path}`, init)
  const answered = await visitSite(gateway, request, 'wiki', source)
  return answered.ok ? answered.value : answered.error.code
}

async function bytesOf(answer: Response | string): Promise<Uint8Array> {
  must(answer instanceof Response, `an answer came: ${answer}`)
  return new Uint8Array(await answer.arrayBuffer())
}

test('one that takes nothing of large answers has half the room, others are served, and what it gives up is there again', async () => {
  const gateway = gatewayWith(4 * MEBIBYTE)
  const taken: Response[] = []
  let refused: Response | string = ''
  while (refused === '') {
    const answer = await visit(gateway, '/large.bin', '192.0.2.1')
    if (answer instanceof Response) taken.push(answer)
    else refused = answer
  }
  assert.equal(refused, 'overloaded')
  assert.ok(taken.length >= 3, `${taken.length} at once`)
  assert.ok(gateway.rooms.held <= 2 * MEBIBYTE, `${gateway.rooms.held} bytes`)
  assert.deepEqual(await bytesOf(await visit(gateway, '/large.bin', '198.51.100.1')), large)
  for (const answer of taken) await answer.body?.cancel()
  await until('the room', () => gateway.rooms.held === 0)
  assert.deepEqual(await bytesOf(await visit(gateway, '/large.bin', '192.0.2.1')), large)
  await until('the room', () => gateway.rooms.held === 0)
})

test('answers that are checked whole count until their last byte was taken, bodies of requests until they are answered', async () => {
  const gateway = gatewayWith(4 * MEBIBYTE)
  const [first, second] = [
    await visit(gateway, '/medium.bin', '192.0.2.1'),
    await visit(gateway, '/medium.bin', '192.0.2.1'),
  ]
  assert.ok(gateway.rooms.held > 2 * MEDIUM_BYTES)
  assert.equal(await visit(gateway, '/medium.bin', '192.0.2.1'), 'overloaded')
  assert.equal((await bytesOf(first)).length, MEDIUM_BYTES)
  assert.equal((await bytesOf(second)).length, MEDIUM_BYTES)
  assert.equal(gateway.rooms.held, 0)
  const body = new Uint8Array(3 * MEBIBYTE)
  assert.equal(await visit(gateway, '/', '192.0.2.1', { method: 'POST', body }), 'overloaded')
  assert.equal(gateway.rooms.held, 0)
  const posted = await visit(gateway, '/', '192.0.2.1', { method: 'POST', body: body.subarray(0, MEBIBYTE) })
  assert.equal(Buffer.from(await bytesOf(posted)).toString(), `got ${MEBIBYTE}`)
  assert.equal(gateway.rooms.held, 0)
})

test('a stream of events goes on as heights pass, holds its room while it does, and gives it back when its visitor goes', async () => {
  const gateway = gatewayWith(4 * MEBIBYTE)
  const add = async (line: string): Promise<void> => {
    await bytesOf(await visit(gateway, '/lines', '192.0.2.1', { method: 'POST', body: line }))
  }
  await add('one')
  const answer = await visit(gateway, '/events', '192.0.2.1', { headers: { accept: 'text/event-stream' } })
  must(answer instanceof Response && answer.body !== null, 'it is answered')
  assert.equal(answer.headers.get('cache-control'), 'no-cache')
  let text = ''
  const reader = answer.body.getReader()
  const reading = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) text += Buffer.from(next.value)
  })()
  const lines = (): string[] => Array.from(text.matchAll(/^data: (.*)$/gm), ([, line = '']) => line)
  await until('the first', () => lines().length === 1)
  assert.ok(gateway.rooms.held > 0)
  for (const line of ['two', 'three', 'four']) await add(line)
  await until('the others', () => lines().length === 4)
  assert.deepEqual(lines(), ['one', 'two', 'three', 'four'])
  await reader.cancel()
  await reading
  await until('the room', () => gateway.rooms.held === 0)
  const once = await visit(gateway, '/events', '192.0.2.1')
  assert.equal(
    Buffer.from(await bytesOf(once))
      .toString()
      .split('id: ').length,
    5,
    'who asks for none gets one answer',
  )
})

type Ask = NonNullable<Gateway['ports']['tunnels']>['ask']

/** The gateway with a member that says this of the large file's length. */
function lyingWith(said: number): Gateway {
  const gateway = gatewayWith(32 * MEBIBYTE)
  const { tunnels } = gateway.ports
  must(tunnels !== undefined, 'it keeps tunnels')
  const ask: Ask = async (peer, head, body, options) => {
    const answer = await tunnels.ask(peer, head, body, options)
    if (!answer.ok) return answer
    const isLie = head.target === '/large.bin' && answer.value.status === 200
    const headers = answer.value.headers.map(([name, value]) =>
      isLie && name.toLowerCase() === 'content-length' ? ([name, String(said)] as const) : ([name, value] as const),
    )
    return ok({ ...answer.value, headers })
  }
  return { ...gateway, lengths: new Lengths(), ports: { ...gateway.ports, tunnels: { ...tunnels, ask } } }
}

/** What is said of a length in the answer. */
async function lengthIn(answer: Response | string): Promise<readonly (string | null)[]> {
  must(answer instanceof Response, `it is answered: ${answer}`)
  await answer.body?.cancel()
  return [String(answer.status), answer.headers.get('content-length'), answer.headers.get('content-range')]
}

test('a member that lies about the length of a large body is seen to: the body comes whole, and only a true length is told', async () => {
  for (const lie of [0, -3, 3, -70_000, 70_000, -LARGE_BYTES, Number.MAX_SAFE_INTEGER - LARGE_BYTES]) {
    const got = await visit(lyingWith(LARGE_BYTES + lie), '/large.bin', '192.0.2.1')
    must(got instanceof Response, `it is answered: ${got} ${lie}`)
    const told = got.headers.get('content-length')
    assert.ok(told === null || told === String(LARGE_BYTES), `${told} for ${lie}`)
    assert.deepEqual(await bytesOf(got), large, `${lie}`)
  }
})

test('of a head and of a part only a length that was shown is told: a little wrong it is put right, else there is none', async () => {
  const head = { method: 'HEAD' }
  const part = { headers: { range: 'bytes=-10' } }
  for (const [lie, isPutRight] of [
    [0, true],
    [-3, true],
    [3, true],
    [-70_000, false],
    [70_000, false],
    [Number.MAX_SAFE_INTEGER - LARGE_BYTES, false],
  ] as const) {
    const gateway = lyingWith(LARGE_BYTES + lie)
    const told = isPutRight ? String(LARGE_BYTES) : null
    assert.deepEqual(await lengthIn(await visit(gateway, '/large.bin', '192.0.2.1', head)), ['200', told, null])
    const cut = await lengthIn(await visit(gateway, '/large.bin', '192.0.2.1', part))
    const range = `bytes ${LARGE_BYTES - 10}-${LARGE_BYTES - 1}/${LARGE_BYTES}`
    // Without a length it is as if no part had been asked for.
    assert.deepEqual(cut, isPutRight ? ['206', '10', range] : ['200', String(LARGE_BYTES), null])
  }
  const small = await visit(gatewayWith(4 * MEBIBYTE), '/', '192.0.2.1', {
    method: 'HEAD',
    headers: { 'interpeer-client': '1' },
  })
  assert.deepEqual(await lengthIn(small), ['200', '5', null], 'of a script’s answer too')
})

test('a member that calls the whole a part, or says that nothing changed, is not believed: neither was asked', async () => {
  for (const path of ['/large.bin', '/medium.bin', '/'])
    for (const method of ['GET', 'HEAD'])
      for (const status of [200, 206, 304]) {
        const gateway = gatewayWith(32 * MEBIBYTE)
        const { tunnels } = gateway.ports
        must(tunnels !== undefined, 'it keeps tunnels')
        const lying: typeof tunnels.ask = async (...asked) => {
          const answer = await tunnels.ask(...asked)
          return answer.ok && asked[1].target === path ? { ok: true, value: { ...answer.value, status } } : answer
        }
        const ports = { ...gateway.ports, tunnels: { ...tunnels, ask: lying } }
        const got = await visit({ ...gateway, ports }, path, '192.0.2.1', { method })
        if (got instanceof Response) await got.body?.cancel()
        assert.equal(
          got instanceof Response ? got.status : got,
          status === 200 ? 200 : 'no_honest_member',
          `${method} ${path}`,
        )
      }
})

test('behind a proxy that speaks TLS the site is the origin that its visitor sees', async () => {
  const gateway = gatewayWith(4 * MEBIBYTE)
  const form = { method: 'POST', body: 'x', headers: { origin: 'https://wiki.sites.example' } }
  const request = new Request('http://wiki.sites.example/origin', form)
  const answered = await visitSite(gateway, request, 'wiki', '192.0.2.1')
  assert.ok(answered.ok)
  assert.equal(await answered.value.text(), 'http://wiki.peer', 'as its script knows itself')
})

function inPieces(count: number, bytes: number, breaks: boolean): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      if (sent++ < count) controller.enqueue(new Uint8Array(bytes))
      else if (breaks) controller.error(new Error('broke off'))
      else controller.close()
    },
  })
}

function heldBy(work: (room: Room) => Promise<unknown>, bytesMax = MEBIBYTE): Promise<[unknown, number]> {
  const rooms = createRooms(2 * bytesMax)
  const room = rooms.enter('one')
  must(room !== undefined, 'there is room')
  const before = rooms.held
  return work(room).then((result) => [result, rooms.held - before])
}

test('what is refused, too long or breaks off is given back', async () => {
  const code = (found: Result<unknown, unknown>): unknown => (found.ok ? 'whole' : found.error)
  for (const [body, most, expected, held] of [
    [inPieces(4, 1_000, false), 4_000, 'whole', 4_000],
    [inPieces(5, 1_000, false), 4_000, 'too_long', 0],
    [inPieces(3, 1_000, true), 4_000, 'broke_off', 0],
    [inPieces(30, 100_000, false), 4_000_000, 'no_room', 0],
    [new Uint8Array(4_000), 4_000, 'whole', 4_000],
    [new Uint8Array(4_001), 4_000, 'too_long', 0],
  ] as const)
    assert.deepEqual(await heldBy(async (room) => code(await wholeOf(body, most, room))), [expected, held])
})

test('a stream gives back when it ends, breaks off or nobody takes it any more', async () => {
  for (const breaks of [false, true])
    for (const cancels of [false, true]) {
      const [, held] = await heldBy(async (room) => {
        const begun = await beginningOf(inPieces(9, 1_000, breaks), 2_500, room)
        must(begun.ok && begun.value.rest !== undefined, 'it is longer')
        if (cancels) return begun.value.rest.cancel()
        return new Response(begun.value.rest as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer().catch(() => {})
      })
      assert.equal(held, 0)
    }
  const [, held] = await heldBy(async (room) => {
    while (streamed(inPieces(1, 10, false), room) !== undefined);
    room.leave()
    assert.equal(room.take(1), false)
  })
  assert.ok(held < 0, 'its place too')
})

test('who wrote is shown no state from before, while a member has it; the site hears nothing of that', async () => {
  assert.equal((await at.register('ben', { sites: { wiki: null }, tunnel: true })).status, 200)
  const gateway = gatewayWith(32 * MEBIBYTE)
  const { tunnels } = gateway.ports
  must(tunnels !== undefined, 'it keeps tunnels')
  const heard: (string | undefined)[] = []
  const before = new Map<string, { readonly headers: Headers; readonly body: Uint8Array }>()
  let behind: readonly string[] = []
  const ask: typeof tunnels.ask = async (peer, head, body, options) => {
    heard.push(head.headers.find(([name]) => name === 'cookie')?.[1])
    const old = head.method === 'GET' && behind.includes(peer) ? before.get(head.target) : undefined
    if (old !== undefined) return ok({ status: 200, ...old })
    const answer = await tunnels.ask(peer, head, body, options)
    if (!answer.ok || head.method !== 'GET') return answer
    const whole =
      answer.value.body instanceof Uint8Array ? answer.value.body : await new Response(answer.value.body).bytes()
    before.set(head.target, { headers: answer.value.headers, body: whole })
    return ok({ ...answer.value, body: whole })
  }
  const at2 = { ...gateway, ports: { ...gateway.ports, tunnels: { ...tunnels, ask } } }
  const linesSeen = async (cookie: string): Promise<number> => {
    const seen = await bytesOf(await visit(at2, '/events', '192.0.2.1', { headers: { cookie } }))
    return new TextDecoder().decode(seen).split('id: ').length - 1
  }
  const known = await linesSeen('a=b')
  const wrote = await visit(at2, '/lines', '192.0.2.1', { method: 'POST', body: 'one more' })
  must(wrote instanceof Response, 'it was written')
  const [floor = '', ...attributes] = (wrote.headers.get('set-cookie') ?? '').split('; ')
  assert.match(floor, /^interpeer-floor=[1-9][0-9]*$/)
  assert.deepEqual(attributes, ['Path=/', 'Max-Age=120', 'HttpOnly', 'SameSite=Lax', 'Secure'])
  behind = [at.network.peer('ana')]
  const cookie = `a=b; ${floor}; c=d`
  for (let count = 0; count < 4; count++) assert.equal(await linesSeen(cookie), known + 1)
  assert.ok(heard.includes('a=b; c=d') && heard.every((each) => each?.includes('interpeer-floor') !== true))
  // Nobody has it: what they have is shown at last, and a floor out of the air costs no more than that.
  before.clear()
  behind = []
  assert.equal(await linesSeen('interpeer-floor=999999999999999'), known + 1)
  for (const form of ['interpeer-floor=-1', 'interpeer-floor=1e9', 'interpeer-floor=', 'interpeer-floor'])
    assert.equal(await linesSeen(form), known + 1)
})

test('while members cannot answer a visitor waits, a write under one key, and is told in the end', async () => {
  const gateway = gatewayWith(32 * MEBIBYTE)
  const { tunnels } = gateway.ports
  must(tunnels !== undefined, 'it keeps tunnels')
  const keys = new Set<string | undefined>()
  const before = at.clock.now
  let away = 5
  let passes = 0
  const ask: typeof tunnels.ask = async (peer, head, body, options) => {
    if (head.method === 'POST') keys.add(head.headers.find(([name]) => name === 'idempotency-key')?.[1])
    if (away-- <= 0) return tunnels.ask(peer, head, body, options)
    at.clock.now += passes
    if (away % 2 === 0) return err({ code: 'gone' })
    return ok({ status: 503, headers: [], body: new Uint8Array(0) })
  }
  const shaky = { ...gateway, ports: { ...gateway.ports, tunnels: { ...tunnels, ask } } }
  must((await visit(shaky, '/', '192.0.2.1')) instanceof Response, 'it was read')
  away = 5
  must((await visit(shaky, '/lines', '192.0.2.1', { method: 'POST', body: 'x' })) instanceof Response, 'it was written')
  assert.equal(keys.size, 1)
  away = Number.POSITIVE_INFINITY
  passes = 4_000
  assert.equal(await visit(shaky, '/', '192.0.2.1'), 'no_living_member')
  // Not the machine's: who registered above would be gone by then on a slow one.
  at.clock.now = before
})

test('who signs for a state beside the certificate of another one is asked once: the proof is kept, and nobody is led there any more', async () => {
  const gateway = gatewayWith(32 * MEBIBYTE)
  const { tunnels } = gateway.ports
  must(tunnels !== undefined, 'it keeps tunnels')
  const liar = at.network.peer('ana')
  const asked: string[] = []
  const lying: typeof tunnels.ask = async (peer, head, body, options) => {
    asked.push(peer)
    const answer = await tunnels.ask(peer, head, body, options)
    if (!answer.ok || peer !== liar) return answer
    const read = evidenceFromHeaders(answer.value.headers)
    must(read.ok && read.value.kind === 'read', 'the answer to a read has its receipt')
    const { body: said } = read.value.receipt
    const other = { ...said, state_root: cidOfBytes(CODEC_RAW, new Uint8Array(said.height), sha256) }
    const receipt = receiptText(signStatement(at.network.domain, 'receipt', at.network.signer('ana'), other))
    const headers = answer.value.headers.map(([name, value]) =>
      name.toLowerCase() === RECEIPT_HEADER ? ([name, receipt] as const) : ([name, value] as const),
    )
    return { ok: true, value: { ...answer.value, headers } }
  }
  const lied = { ...gateway, ports: { ...gateway.ports, tunnels: { ...tunnels, ask: lying } } }
  for (let count = 0; count < 4; count++)
    assert.equal(new TextDecoder().decode(await bytesOf(await visit(lied, '/', '192.0.2.1'))), 'got 0')
  assert.deepEqual(
    asked.filter((peer) => peer === liar),
    [liar],
  )
  assert.ok(gateway.savedLiars.has(liar))
  assert.ok(!at.gateway.locations.target('wiki', at.clock.now)?.hosts.some(({ peer }) => peer === liar))
})
