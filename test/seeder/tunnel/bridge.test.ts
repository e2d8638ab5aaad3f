// What comes through a tunnel is answered as what comes over a socket: the gateway's end and the seeder's, joined in memory, in front
// of the real HTTP edge.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { AskError, TunnelAnswer } from '#gateway/tunnel/connection.ts'
import { bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { assert as must, type Result } from '#protocol/codec/result.ts'
import { STREAM_WINDOW_BYTES, STREAMS_MAX } from '#protocol/tunnel/streams.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { type JoinedTunnel, joinTunnel } from '#test/support/joined-tunnel.ts'
import { until } from '#test/support/until.ts'

const FILE_BYTES = 5 * 1024 * 1024 + 17
const file = new Uint8Array(FILE_BYTES).map((_, at) => (at * 2654435761) >>> 13)
let waiting = 0
const held = Promise.withResolvers<void>()
const group = hostedGroup('demo', {
  assets: { '/file.bin': file, '/page.html': '<title>page</title>' },
  async app(request, context) {
    const path = request.target.split('?')[0]
    if (path === '/held') {
      waiting++
      await held.promise
      return textResponse(200, 'at last')
    }
    if (path === '/wide')
      return textResponse(200, 'x', [
        ['x-wide', 'w'.repeat(60_000)],
        ['x-wider', 'w'.repeat(60_000)],
        ['x-widest', 'w'.repeat(60_000)],
        ['x-most', 'w'.repeat(60_000)],
      ])
    if (request.method === 'POST') {
      context.state.set('body', String(request.body.length))
      return textResponse(200, `got ${request.body.length} of ${request.headers.map(([name]) => name).join()}`)
    }
    return textResponse(200, `hello ${request.method} ${request.target}`, [
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ])
  },
})
const edge = await startEdge(group)
after(() => edge[Symbol.asyncDispose]())

type Ask = {
  method?: string
  site?: string | null
  headers?: readonly (readonly [string, string])[]
  body?: ReadableStream<Uint8Array>
  signal?: AbortSignal
  headMs?: number
}

function ask({ gateway }: JoinedTunnel, target: string, how: Ask = {}): Promise<Result<TunnelAnswer, AskError>> {
  const { method = 'GET', site = 'demo', headers = [], body, signal, headMs = 20_000 } = how
  const head = {
    site,
    scheme: 'https',
    method,
    target,
    host: 'demo.sites.example',
    headers,
    source: '203.0.113.7',
  } as const
  return gateway.ask(head, body, { headMs, ...(signal === undefined ? {} : { signal }) })
}

async function bytesOf(found: Result<TunnelAnswer, AskError>): Promise<Uint8Array> {
  must(found.ok, `an answer came: ${JSON.stringify(found)}`)
  return new Uint8Array(await new Response(found.value.body as Uint8Array<ArrayBuffer>).arrayBuffer())
}

const textOf = async (found: Result<TunnelAnswer, AskError>): Promise<string> =>
  Buffer.from(await bytesOf(found)).toString()
const fieldsOf = (found: Result<TunnelAnswer, AskError>, name: string): readonly string[] =>
  found.ok ? found.value.headers.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value) : []

function pieces(count: number, bytes: number): ReadableStream<Uint8Array> {
  let left = count
  return new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(new Uint8Array(bytes))
      else controller.close()
    },
  })
}

test('F38 a read and a write are answered with their evidence, cookies and all', async () => {
  const joined = joinTunnel(edge.server.carry)
  const read = await ask(joined, '/a?b=c')
  assert.equal(await textOf(read), 'hello GET /a?b=c')
  assert.deepEqual(fieldsOf(read, 'set-cookie'), ['a=1', 'b=2'])
  assert.equal(fieldsOf(read, 'interpeer-receipt').length, 1)
  assert.deepEqual([...fieldsOf(read, 'connection'), ...fieldsOf(read, 'transfer-encoding')], [])
  const write = await ask(joined, '/', {
    method: 'POST',
    body: pieces(1, 10),
    headers: [['content-type', 'text/plain']],
  })
  assert.equal(await textOf(write), 'got 10 of content-type')
  assert.equal(fieldsOf(write, 'interpeer-path').length, 1)
  assert.deepEqual([joined.gateway.underWay, joined.seeder.underWay], [0, 0])
})

test('a body that is too large for one message streams, up and down', async () => {
  const joined = joinTunnel(edge.server.carry)
  const up = await ask(joined, '/', { method: 'POST', body: pieces(30, 70_000) })
  assert.match(await textOf(up), /^got 2100000 /)
  const down = await ask(joined, '/file.bin')
  assert.ok(bytesEqual(await bytesOf(down), file))
  const part = await ask(joined, '/file.bin', { headers: [['range', 'bytes=1000000-3000000']] })
  assert.ok(bytesEqual(await bytesOf(part), file.subarray(1_000_000, 3_000_001)))
  assert.deepEqual([joined.gateway.underWay, joined.seeder.underWay], [0, 0])
})

test('HEAD and 304 have no body, and what the edge refuses is refused', async () => {
  const joined = joinTunnel(edge.server.carry)
  const head = await ask(joined, '/file.bin', { method: 'HEAD' })
  assert.equal((await bytesOf(head)).length, 0)
  assert.deepEqual(fieldsOf(head, 'content-length'), [String(FILE_BYTES)])
  const [etag = ''] = fieldsOf(await ask(joined, '/page'), 'etag')
  const same = await ask(joined, '/page', { headers: [['if-none-match', etag]] })
  assert.ok(same.ok && same.value.status === 304)
  const unknown = await ask(joined, '/', { site: 'other' })
  assert.ok(unknown.ok && unknown.value.status === 404)
  const tooLarge = await ask(joined, '/', { method: 'POST', body: pieces(1, 10), headers: [['expect', 'magic']] })
  assert.ok(tooLarge.ok && tooLarge.value.status === 417)
})

test('a reader that takes nothing holds one window, and others are answered meanwhile', async () => {
  const joined = joinTunnel(edge.server.carry)
  const bulk = await Promise.all(Array.from({ length: 8 }, () => ask(joined, '/file.bin')))
  for (let turn = 0; turn < 5; turn++) assert.match(await textOf(await ask(joined, `/small?${turn}`)), /^hello/)
  const [first, ...others] = bulk
  must(first?.ok === true && first.value.body instanceof ReadableStream, 'the first streams')
  await first.value.body.cancel()
  for (const other of others) assert.ok(bytesEqual(await bytesOf(other), file))
  await until('every stream is over', () => joined.gateway.underWay === 0 && joined.seeder.underWay === 0, 20_000)
  assert.ok(STREAM_WINDOW_BYTES < FILE_BYTES)
})

test('a visitor who goes away before the answer, or waits too long, ends the request at the seeder', async () => {
  const joined = joinTunnel(edge.server.carry)
  const gone = new AbortController()
  const asked = ask(joined, '/held', { signal: gone.signal })
  await until('the script runs', () => waiting > 0, 20_000)
  gone.abort()
  assert.deepEqual(await asked, { ok: false, error: { code: 'gone' } })
  assert.deepEqual(await ask(joined, '/held?2', { headMs: 50 }), { ok: false, error: { code: 'timed_out' } })
  await until('it is forgotten', () => joined.seeder.underWay === 0, 20_000)
  held.resolve()
})

test('a tunnel that ends in the midst of a body breaks that off, and nobody takes it for the whole', async () => {
  const joined = joinTunnel(edge.server.carry)
  const found = await ask(joined, '/file.bin')
  must(found.ok && found.value.body instanceof ReadableStream, 'it streams')
  const reader = found.value.body.getReader()
  await reader.read()
  joined.cut()
  await assert.rejects(async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read());
  })
  assert.deepEqual(await ask(joined, '/'), { ok: false, error: { code: 'gone' } })
})

test('a body that breaks off is no request', async () => {
  const joined = joinTunnel(edge.server.carry)
  let sent = 0
  const broken = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent++ < 3) controller.enqueue(new Uint8Array(40_000))
      else controller.error(new Error('the visitor went away'))
    },
  })
  const heights = group.head().height
  const found = await ask(joined, '/', { method: 'POST', body: broken })
  assert.equal(found.ok, false)
  assert.equal(group.head().height, heights)
})

test('a head that no frame holds, and more streams than fit, are told', async () => {
  const joined = joinTunnel(edge.server.carry)
  assert.deepEqual(await ask(joined, '/wide'), { ok: false, error: { code: 'gone' } })
  const all = Array.from({ length: STREAMS_MAX }, (_, at) => ask(joined, `/many?${at}`))
  assert.deepEqual(await ask(joined, '/one-more'), { ok: false, error: { code: 'busy' } })
  for (const found of await Promise.all(all)) assert.match(await textOf(found), /^hello/)
})

test('a seeder that breaks the rules loses its tunnel', async () => {
  const joined = joinTunnel(edge.server.carry)
  joined.gateway.receive(bytesFromText('not a frame'))
  assert.deepEqual(joined.closed, ['frame_type'])
  assert.deepEqual(await ask(joined, '/'), { ok: false, error: { code: 'gone' } })
})
