import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { RefusalCode } from '#seeder/serve/refusal.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'

const LONG = 'All work and no play makes a dull page. '.repeat(100)
const group = hostedGroup('demo', {
  app(request, context) {
    const path = request.target.split('?')[0]
    if (path === '/long') return textResponse(200, LONG)
    if (path === '/own-tag')
      return textResponse(200, LONG, [
        ['etag', '"mine"'],
        ['last-modified', 'Fri, 20 Nov 2026 10:00:00 GMT'],
      ])
    if (path === '/fixed') return textResponse(200, LONG, [['cache-control', 'no-transform']])
    if (path === '/cookies')
      return textResponse(200, 'x', [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['vary', 'Cookie'],
        ['connection', 'close'],
        ['date', 'never'],
      ])
    if (path === '/bad-header') return textResponse(200, 'x', [['x-bad', 'line\r\nbreak']])
    if (path === '/missing') return textResponse(404, 'no such page')
    if (path === '/moved') return textResponse(302, '', [['location', 'http://demo.peer/there?x=1']])
    if (path === '/elsewhere') return textResponse(302, '', [['location', 'http://demo.peer.example/']])
    if (path === '/empty') return { status: 204, headers: [], body: new Uint8Array(0) }
    if (path === '/huge') return textResponse(200, 'x'.repeat(8 * 1024 * 1024 + 1))
    if (path === '/throws') throw new Error('the world broke')
    if (request.method === 'POST' || request.method === 'PUT') {
      context.state.set('body', String(request.body.length))
      return textResponse(200, `got ${request.body.length}`)
    }
    return textResponse(200, `hello ${request.method}`)
  },
})
const edge = await startEdge(group, { gateway: () => 'https://gateway.example' })
after(() => edge[Symbol.asyncDispose]())
const HOST = new URL(edge.origin).host
const head = (line: string, ...headers: string[]) => `${[line, `Host: ${HOST}`, ...headers].join('\r\n')}\r\n\r\n`
const statusOf = (text: string) => Number(text.slice(9, 12))

test('§4 the Host header decides: an unknown, missing or repeated host is refused', async () => {
  const of = (headers: string) => edge.raw(`GET / HTTP/1.1\r\n${headers}Connection: close\r\n\r\n`).then(statusOf)
  assert.equal(await of(`Host: ${HOST}\r\n`), 200)
  assert.equal(await of(`Host: ${HOST.toUpperCase()}\r\n`), 200)
  assert.equal(await of('Host: other.s0.localhost\r\n'), 404)
  assert.equal(await of('Host: demo.s9.localhost\r\n'), 404)
  assert.equal(await of('Host: 127.0.0.1\r\n'), 404)
  assert.equal(await of(''), 400)
  assert.equal(await of(`Host: ${HOST}\r\nHost: ${HOST}\r\n`), 400)
  assert.equal(await of('Host: a b\r\n'), 400)
})

test('RFC 9112 §3.2.2 the absolute form names the host itself', async () => {
  const text = await edge.raw(`GET http://${HOST}/missing HTTP/1.1\r\nHost: nowhere\r\nConnection: close\r\n\r\n`)
  assert.equal(statusOf(text), 404)
  assert.match(text, /no such page/)
})

test('RFC 9112 §6 a request that two readers could cut differently is refused and the connection closed', async () => {
  const smuggled = [
    `${head('POST / HTTP/1.1', 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\nGET /x HTTP/1.1\r\n\r\n`,
    `${head('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
    `${head('POST / HTTP/1.1', 'Content-Length: 5', 'Content-Length: 6')}hello!`,
    `${head('POST / HTTP/1.1', 'Content-Length: +5')}hello`,
    `${head('POST / HTTP/1.1', 'Content-Length: 5, 5')}hello`,
    `${head('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity')}0\r\n\r\n`,
    `${head('POST / HTTP/1.1', 'Transfer-Encoding: xchunked')}0\r\n\r\n`,
    `${head('POST / HTTP/1.1', 'Transfer-Encoding : chunked')}0\r\n\r\n`,
    `${head('POST / HTTP/1.1', 'X: y', ' folded: z')}`,
    `GET / HTTP/1.1\nHost: ${HOST}\nTransfer-Encoding: chunked\nContent-Length: 3\n\n`,
  ]
  for (const bytes of smuggled) {
    const text = await edge.raw(bytes)
    assert.ok([400, 501].includes(statusOf(text)), `${JSON.stringify(bytes)} → ${text.slice(0, 40)}`)
    assert.equal(text.split('HTTP/1.1 ').length, 2, 'one answer, and nothing after it')
  }
})

test('RFC 9110 HEAD is like GET without its body, evidence included', async () => {
  const get = await edge.ask('/long')
  const like = await edge.ask('/long', { method: 'HEAD' })
  assert.equal(like.status, 200)
  assert.equal(like.body.length, 0)
  const same = (headers: typeof get.headers) => ({ ...headers, date: '', 'signature-input': '', signature: '' })
  assert.deepEqual(same(like.headers), same(get.headers))
})

test('RFC 9110 methods: OPTIONS reaches the script, what cannot be served is 501', async () => {
  assert.equal(String((await edge.askVerified('/', { method: 'OPTIONS' })).answer.body), 'hello OPTIONS')
  assert.equal(statusOf(await edge.raw(head('TRACE / HTTP/1.1', 'Connection: close'))), 501)
  assert.equal(statusOf(await edge.raw(head('UPDATE / HTTP/1.1', 'Connection: close'))), 501)
  assert.equal(statusOf(await edge.raw(`${head('GET / HTTP/1.1', 'Content-Length: 3')}abc`)), 400)
})

test('§4 an entity tag is derived from the response hash, the same on all members', async () => {
  await using other = await startEdge(group, { member: 3 })
  const one = await edge.askVerified('/long')
  const two = await other.askVerified('/long')
  assert.match(String(one.answer.headers.etag), /^"[0-9a-f]{32}"$/)
  assert.equal(one.answer.headers.etag, two.answer.headers.etag)
  assert.equal((await edge.ask('/own-tag')).headers.etag, '"mine"')
})

test('RFC 9110 §13 conditions: not modified, failed, and the order in which they are asked', async () => {
  const etag = String((await edge.ask('/long')).headers.etag)
  const of = async (path: string, headers: Record<string, string>) => (await edge.ask(path, { headers })).status
  assert.equal(await of('/long', { 'if-none-match': etag }), 304)
  assert.equal(await of('/long', { 'if-none-match': `"x", W/${etag}` }), 304)
  assert.equal(await of('/long', { 'if-none-match': '*' }), 304)
  assert.equal(await of('/long', { 'if-none-match': '"x"' }), 200)
  assert.equal(await of('/long', { 'if-match': etag }), 200)
  assert.equal(await of('/long', { 'if-match': `W/${etag}` }), 412)
  assert.equal(await of('/long', { 'if-match': '"x"' }), 412)
  assert.equal(await of('/own-tag', { 'if-modified-since': 'Fri, 20 Nov 2026 10:00:00 GMT' }), 304)
  assert.equal(await of('/own-tag', { 'if-modified-since': 'Fri, 20 Nov 2026 09:59:59 GMT' }), 200)
  assert.equal(
    await of('/own-tag', { 'if-modified-since': 'Fri, 20 Nov 2026 10:00:00 GMT', 'if-none-match': '"x"' }),
    200,
  )
  assert.equal(await of('/own-tag', { 'if-unmodified-since': 'Fri, 20 Nov 2026 09:59:59 GMT' }), 412)
  assert.equal(await of('/missing', { 'if-none-match': '*' }), 404)
  const answer = await edge.ask('/long', { headers: { 'if-none-match': etag } })
  assert.equal(answer.body.length, 0)
  assert.equal(answer.headers.etag, etag)
  assert.ok(answer.headers['interpeer-receipt'] !== undefined && answer.headers['content-digest'] === undefined)
})

test('RFC 9110 §14 ranges: one, several, the tail, outside, and If-Range', async () => {
  const whole = await edge.ask('/long')
  const etag = String(whole.headers.etag)
  const of = (range: string, more: Record<string, string> = {}) => edge.ask('/long', { headers: { range, ...more } })
  const first = await of('bytes=0-9')
  assert.equal(first.status, 206)
  assert.equal(String(first.body), LONG.slice(0, 10))
  assert.equal(first.headers['content-range'], `bytes 0-9/${LONG.length}`)
  assert.equal(first.headers.etag, etag)
  assert.equal(String((await of('bytes=-5')).body), LONG.slice(-5))
  assert.equal(String((await of('bytes=3990-')).body), LONG.slice(3990))
  assert.equal(String((await of('bytes=3990-99999')).body), LONG.slice(3990))
  const outside = await of('bytes=4000-')
  assert.equal(outside.status, 416)
  assert.equal(outside.headers['content-range'], 'bytes */4000')
  for (const range of ['bytes=9-3', 'lines=1-2', 'bytes=', 'bytes=0-5,3-9', `bytes=${'0-0,'.repeat(20)}1-1`])
    assert.equal((await of(range)).status, 200, range)
  assert.equal((await of('bytes=0-9', { 'if-range': etag })).status, 206)
  assert.equal((await of('bytes=0-9', { 'if-range': '"x"' })).status, 200)
  const several = await of('bytes=0-1, 10-11')
  assert.equal(several.status, 206)
  const boundary = /^multipart\/byteranges; boundary=(.+)$/.exec(String(several.headers['content-type']))?.[1]
  assert.equal(
    String(several.body),
    `${['0-1', '10-11']
      .map((range) => {
        const [start = 0, end = 0] = range.split('-').map(Number)
        return `\r\n--${boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes ${range}/4000\r\n\r\n${LONG.slice(start, end + 1)}`
      })
      .join('')}\r\n--${boundary}--\r\n`,
  )
})

test('RFC 9110 §12.5.3 codings are negotiated, have tags of their own and digests over the bytes sent', async () => {
  const of = (coding: string | undefined, path = '/long') =>
    edge.ask(path, { headers: coding === undefined ? {} : { 'accept-encoding': coding } })
  const gzip = await of('gzip')
  assert.equal(gzip.headers['content-encoding'], 'gzip')
  assert.equal(String(gunzipSync(gzip.body)), LONG)
  assert.ok(gzip.body.length < LONG.length / 2)
  const br = await of('gzip, deflate, br, zstd')
  assert.equal(br.headers['content-encoding'], 'br')
  assert.equal(String(brotliDecompressSync(br.body)), LONG)
  const plain = await of(undefined)
  const tags = [gzip, br, plain].map(({ headers }) => headers.etag)
  assert.equal(new Set(tags).size, 3)
  assert.match(String(plain.headers.vary), /Accept-Encoding, Interpeer-Client/)
  for (const coding of ['identity', 'br;q=0, gzip;q=0', 'deflate', '*;q=0', 'identity, gzip;q=0.5'])
    assert.equal((await of(coding)).headers['content-encoding'], undefined, coding)
  assert.equal((await of('*')).headers['content-encoding'], 'br')
  assert.equal((await of('gzip', '/')).headers['content-encoding'], undefined, 'too small to gain')
  assert.equal((await of('gzip', '/fixed')).headers['content-encoding'], undefined, 'no-transform')
  assert.equal((await of('gzip', '/own-tag')).headers.etag, '"mine-gzip"')
  const conditional = await edge.ask('/long', {
    headers: { 'accept-encoding': 'gzip', 'if-none-match': String(gzip.headers.etag) },
  })
  assert.equal(conditional.status, 304)
  const ranged = await edge.ask('/long', { headers: { 'accept-encoding': 'gzip', range: 'bytes=0-9' } })
  assert.equal(ranged.headers['content-encoding'], undefined, 'a range is of the identity body')
})

test('§5 several cookies, Vary and hop-by-hop headers of a script come out right', async () => {
  const { answer } = await edge.askVerified('/cookies')
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(answer.headers.vary, 'Cookie, Accept-Encoding, Interpeer-Client')
  assert.equal(answer.headers.connection, 'keep-alive')
  assert.match(String(answer.headers.date), /GMT$/)
  assert.match(String(answer.headers.link), /<https:\/\/gateway\.example\/demo\/cookies>; rel="canonical"/)
})

test('§5 every status of a script is certified: 404 and 204 carry their receipt', async () => {
  assert.equal((await edge.askVerified('/missing')).answer.status, 404)
  assert.equal((await edge.askVerified('/empty')).answer.status, 204)
})

test('§4 errors name who is to blame', async () => {
  const code = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await edge.ask(path, { headers })
    return `${answer.status} ${(JSON.parse(String(answer.body)) as { code: RefusalCode }).code}`
  }
  assert.equal(await code('/bad-header'), '502 script_answer')
  assert.equal(await code('/huge'), '502 script_answer')
  assert.equal(await code('/throws'), '503 runtime_unavailable')
  const page = await edge.ask('/throws', { headers: { accept: 'text/html' } })
  assert.match(String(page.headers['content-type']), /text\/html/)
  assert.equal(page.headers['retry-after'], '1')
})

test('§4 writes: a body whole within its limit, chunked or not, with 100-continue when asked', async () => {
  const { answer } = await edge.askVerified('/', { method: 'PUT', body: Buffer.alloc(100_000) })
  assert.equal(String(answer.body), 'got 100000')
  const chunked = await edge.raw(
    `${head('POST / HTTP/1.1', 'Transfer-Encoding: chunked', 'Connection: close')}5\r\nhello\r\n0\r\n\r\n`,
  )
  assert.match(chunked, /got 5/)
  const waiting = await edge.raw(head('POST / HTTP/1.1', 'Content-Length: 5', 'Expect: 100-continue'), '100 Continue')
  assert.match(waiting, /^HTTP\/1\.1 100 Continue/)
  const refused = await edge.raw(head('POST / HTTP/1.1', 'Content-Length: 99999999', 'Expect: 100-continue'))
  assert.equal(statusOf(refused), 413)
  assert.equal(
    statusOf(await edge.raw(head('POST / HTTP/1.1', 'Content-Length: 5', 'Expect: tea', 'Connection: close'))),
    417,
  )
  assert.equal((await edge.ask('/', { method: 'PUT', body: Buffer.alloc(8 * 1024 * 1024 + 1) })).status, 413)
  assert.equal(
    (await edge.ask('/', { method: 'PUT', body: Buffer.from('x'), headers: { 'if-match': '"x"' } })).status,
    501,
  )
})

test('§4 limits of the head: 414 for a long target, 431 for long headers', async () => {
  const of = (line: string, ...headers: string[]) =>
    edge.raw(head(line, ...headers, 'Connection: close')).then(statusOf)
  assert.equal(await of(`GET /${'a'.repeat(8191)} HTTP/1.1`), 200)
  assert.equal(await of(`GET /${'a'.repeat(8192)} HTTP/1.1`), 414)
  assert.equal(await of('GET / HTTP/1.1', `X: ${'a'.repeat(40_000)}`), 431)
  assert.equal(await of('GET / HTTP/1.1', `Cookie: ${'a'.repeat(8193)}`), 431)
  assert.equal(await of('GET / HTTP/1.1', ...Array.from({ length: 33 }, () => 'Accept: a/a')), 431)
})

test('§4 a visitor that sends slowly is let go with 408', async () => {
  await using slow = await startEdge(group, { limits: { headersTimeoutMs: 300, requestTimeoutMs: 600 } })
  const text = await slow.raw(`GET / HTTP/1.1\r\nHost: ${HOST}\r\nX: `)
  assert.equal(statusOf(text), 408)
  const body = await slow.raw(`POST / HTTP/1.1\r\nHost: ${new URL(slow.origin).host}\r\nContent-Length: 10\r\n\r\nabc`)
  assert.equal(statusOf(body), 408)
})

test('§4 our own limits answer 503 with Retry-After: reads that run, writes that wait', async () => {
  const gate = Promise.withResolvers<void>()
  const slow = hostedGroup('demo', {
    async app(request) {
      if (request.target !== '/free') await gate.promise
      return textResponse(200, 'done')
    },
  })
  await using busy = await startEdge(slow, { limits: { readsMax: 1, writesMax: 1 } })
  const held = busy.ask('/a')
  const written = busy.ask('/a', { method: 'POST', body: Buffer.from('') })
  let refused = await busy.ask('/free')
  while (refused.status === 200) refused = await busy.ask(`/free?${Math.random()}`)
  assert.equal(refused.status, 503)
  assert.equal(refused.headers['retry-after'], '1')
  let second = await busy.ask('/free', { method: 'POST', body: Buffer.from('') })
  assert.equal(second.status, 503)
  gate.resolve()
  assert.equal((await held).status, 200)
  assert.equal((await written).status, 200)
  second = await busy.ask('/free', { method: 'POST', body: Buffer.from('') })
  assert.equal(second.status, 200)
})

test("§4 the group's refusals: 503 with its own Retry-After, 504 for its silence", async () => {
  const disputed = hostedGroup('demo', { app: () => textResponse(200, 'x') })
  await using at = await startEdge(disputed)
  disputed.refuseWrites({ code: 'disputed', retryAfterSeconds: 7 })
  const answer = await at.ask('/', { method: 'POST', body: Buffer.from('') })
  assert.equal(answer.status, 503)
  assert.equal(answer.headers['retry-after'], '7')
  assert.equal(JSON.parse(String(answer.body)).code, 'disputed')
  assert.equal((await at.ask('/')).status, 200, 'reads go on from the last certified state')
  disputed.refuseWrites({ code: 'timed_out', retryAfterSeconds: 2 })
  assert.equal((await at.ask('/', { method: 'POST', body: Buffer.from('') })).status, 504)
})

test('§4 with `plain` each site has a port of its own, remembered between starts', async () => {
  const ports = new Map<string, number>()
  const plainPorts = {
    get: (site: string) => ports.get(site),
    set: (site: string, port: number) => void ports.set(site, port),
  }
  let first = ''
  {
    await using plain = await startEdge(group, { target: 'plain', plainPorts })
    assert.match(plain.origin, /^http:\/\/127\.0\.0\.1:\d+$/)
    assert.equal((await plain.askVerified('/')).answer.status, 200)
    first = plain.origin
  }
  await using again = await startEdge(group, { target: 'plain', plainPorts })
  assert.equal(again.origin, first)
})

test('§4 a graceful stop lets an answer under way end', async () => {
  const gate = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const slow = hostedGroup('demo', {
    async app() {
      entered.resolve()
      await gate.promise
      return textResponse(200, 'done')
    },
  })
  const stopping = await startEdge(slow)
  const answer = stopping.ask('/')
  await entered.promise
  const idle = connect(stopping.port, '127.0.0.1')
  idle.on('error', () => {})
  gate.resolve()
  await stopping[Symbol.asyncDispose]()
  assert.equal((await answer).status, 200)
})

test('§5 what a script says about its own origin leads to the member that serves it, and is certified all the same', async () => {
  assert.equal((await edge.askVerified('/moved')).answer.headers.location, `${edge.origin}/there?x=1`)
  assert.equal((await edge.askVerified('/elsewhere')).answer.headers.location, 'http://demo.peer.example/')
  const moved = await edge.askVerified('/moved', { headers: { host: HOST.toUpperCase() } })
  assert.equal(moved.answer.headers.location, `${edge.origin}/there?x=1`)
})
