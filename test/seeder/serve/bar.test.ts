// The bar as a member serves it: one element more, and everything that is said about bytes is about those that are sent.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { BAR_PATH } from '#page/bar/barred.ts'
import { BAR_SCRIPT } from '#page/bar/generated/script.ts'
import { digestFromContentDigest, httpSignatureCheck } from '#protocol/answer/http-signature.ts'
import { bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { verify } from '#seeder/identity/keys.ts'
import { rawPairs, startEdge } from '#test/support/edge.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'

const GATEWAY = 'https://gateway.example'
const PAGE = `<!doctype html><title>page</title><p>${'text '.repeat(400)}`
const PIECE = '<li>a piece of a page</li>'
const LARGE = `<!doctype html><title>large</title>${'x'.repeat(1024 * 1024)}`
const CLIENT = { 'interpeer-client': '1' }
const HTML = 'text/html; charset=utf-8'

const group = hostedGroup('demo', {
  assets: { '/index.html': PAGE, '/large.html': LARGE, '/a.txt': 'text' },
  app({ target, method }) {
    const headers: [string, string][] = [['content-type', target === '/json' ? 'application/json' : HTML]]
    if (target === '/sealed') headers.push(['cache-control', 'no-transform'])
    if (target === '/locked') headers.push(['content-security-policy', "default-src 'none'"])
    if (target === '/tagged') headers.push(['etag', 'W/"own"'], ['last-modified', 'Fri, 20 Nov 2026 10:00:00 GMT'])
    const body = target === '/piece' ? PIECE : target === '/empty' ? '' : PAGE
    return { status: target === '/missing' ? 404 : method === 'POST' ? 201 : 200, headers, body: bytesFromText(body) }
  },
})
let gateway: string | undefined = GATEWAY
const edge = await startEdge(group, { gateway: () => gateway })
after(() => edge[Symbol.asyncDispose]())

const ELEMENT =
  /<script async="" src="([^"]*)" data-site="demo" data-gateway="https:\/\/gateway\.example"[^>]*><\/script>/

test('a page goes with the bar, and without it is the certified one; files, errors and answers to writes alike', async () => {
  for (const [path, method] of [
    ['/', 'GET'],
    ['/script', 'GET'],
    ['/missing', 'GET'],
    ['/write', 'POST'],
  ] as const) {
    const answer = await edge.ask(path, { method })
    const text = answer.body.toString()
    assert.equal(ELEMENT.exec(text)?.[1], BAR_PATH, path)
    assert.equal(text.replace(ELEMENT, ''), PAGE)
    assert.equal(answer.headers['interpeer-body'], 'barred')
    const digest = digestFromContentDigest(String(answer.headers['content-digest']))
    assert.ok(digest.ok && bytesEqual(digest.value, sha256(answer.body)))
    const signed = httpSignatureCheck(answer.status, rawPairs(answer))
    assert.ok(signed.ok && verify(signed.value.key, signed.value.message, signed.value.signature))
  }
})

test('whoever checks answers gets the certified page, whose receipt is the one of the page with the bar', async () => {
  for (const path of ['/', '/script']) {
    const { answer } = await edge.askVerified(path, { headers: CLIENT })
    assert.equal(answer.body.toString(), PAGE)
    assert.equal(answer.headers['interpeer-body'], 'certified')
    const barred = await edge.ask(path)
    for (const name of ['interpeer-receipt', 'interpeer-body-root', 'content-type', 'cache-control', 'vary'])
      assert.equal(barred.headers[name], answer.headers[name], name)
    assert.equal(answer.headers.vary, 'Accept-Encoding, Interpeer-Client, Sec-Fetch-Dest')
    assert.notEqual(barred.headers.etag, answer.headers.etag)
  }
})

test('each of the two has its tag, in each coding, and a condition on one never stands for the other', async () => {
  const tags = new Set<string>()
  for (const client of [{}, CLIENT])
    for (const coding of ['identity', 'gzip', 'br']) {
      const headers = { ...client, 'accept-encoding': coding }
      const answer = await edge.ask('/', { headers })
      const tag = String(answer.headers.etag)
      tags.add(tag)
      const body =
        coding === 'br' ? brotliDecompressSync(answer.body) : coding === 'gzip' ? gunzipSync(answer.body) : answer.body
      assert.equal(ELEMENT.test(body.toString()), client !== CLIENT)
      const same = await edge.ask('/', { headers: { ...headers, 'if-none-match': tag } })
      assert.deepEqual([same.status, same.headers.etag, same.body.length], [304, tag, 0])
    }
  assert.equal(tags.size, 6)
  const certified = await edge.ask('/', { headers: CLIENT })
  const crossed = await edge.ask('/', { headers: { 'if-none-match': String(certified.headers.etag) } })
  assert.equal(crossed.status, 200)
})

test("a script's own weak tag stays weak, and its date stays", async () => {
  const { headers } = await edge.ask('/tagged')
  assert.match(String(headers.etag), /^W\/"own-bar-[0-9a-f]{8}"$/)
  assert.equal(headers['last-modified'], 'Fri, 20 Nov 2026 10:00:00 GMT')
  const same = await edge.ask('/tagged', { headers: { 'if-none-match': String(headers.etag) } })
  assert.equal(same.status, 304)
})

test('HEAD says what GET would, and parts are of the certified page alone', async () => {
  const [get, head] = [await edge.ask('/'), await edge.ask('/', { method: 'HEAD' })]
  for (const name of ['etag', 'content-length', 'content-digest', 'interpeer-body'])
    assert.equal(head.headers[name], get.headers[name], name)
  const range = { range: 'bytes=0-9' }
  const whole = await edge.ask('/', { headers: range })
  assert.deepEqual([whole.status, whole.headers['accept-ranges'], whole.body.length], [200, undefined, get.body.length])
  const part = await edge.ask('/', { headers: { ...CLIENT, ...range } })
  assert.deepEqual([part.status, part.body.toString()], [206, PAGE.slice(0, 10)])
})

test('what is no page, is sealed, streams, or is asked for by a script or a frame, goes as it is certified', async () => {
  for (const path of ['/a.txt', '/json']) {
    const answer = await edge.ask(path)
    assert.equal(answer.headers['interpeer-body'], undefined, path)
    assert.ok(!answer.body.includes('<script async'))
    assert.equal(answer.headers.vary, 'Accept-Encoding, Interpeer-Client')
  }
  for (const [path, headers] of [
    ['/sealed', {}],
    ['/large', {}],
    ['/piece', {}],
    ['/empty', {}],
    ['/', { 'sec-fetch-dest': 'empty' }],
    ['/', { 'sec-fetch-dest': 'iframe' }],
  ] as const) {
    const { answer } = await edge.askVerified(path, { headers })
    assert.equal(answer.headers['interpeer-body'], 'certified', path)
    assert.ok(!answer.body.includes('<script async'), path)
  }
  const visited = await edge.ask('/piece', { headers: { 'sec-fetch-dest': 'document' } })
  assert.equal(visited.headers['interpeer-body'], 'barred', 'a browser opens it as a page')
})

test('a policy that bars scripts gets the one address, at whoever does not check; the certified one is the site’s', async () => {
  const barred = await edge.ask('/locked')
  assert.equal(
    barred.headers['content-security-policy'],
    `default-src 'none'; script-src-elem ${edge.origin}${BAR_PATH}`,
  )
  const { answer } = await edge.askVerified('/locked', { headers: CLIENT })
  assert.equal(answer.headers['content-security-policy'], "default-src 'none'")
})

test('another gateway is another page with another tag, at the same height', async () => {
  const before = await edge.ask('/')
  gateway = undefined
  const without = await edge.ask('/')
  gateway = GATEWAY
  assert.ok(!without.body.includes('data-gateway'))
  assert.notEqual(without.headers.etag, before.headers.etag)
  assert.equal(without.headers['content-length'], String(without.body.length))
  assert.equal((await edge.ask('/')).headers.etag, before.headers.etag)
})

test('the script lies at an address that names its content, and a page of another release gets one that works', async () => {
  const script = await edge.ask(BAR_PATH, { headers: { 'accept-encoding': 'br' } })
  assert.equal(brotliDecompressSync(script.body).toString(), BAR_SCRIPT)
  assert.equal(script.headers['cache-control'], 'public, max-age=31536000, immutable')
  assert.equal(script.headers['content-type'], 'text/javascript; charset=utf-8')
  const head = await edge.ask(BAR_PATH, { method: 'HEAD' })
  assert.deepEqual(
    [head.status, head.body.length, head.headers['content-length']],
    [200, 0, String(Buffer.byteLength(BAR_SCRIPT))],
  )
  const other = await edge.ask('/.well-known/interpeer/bar-0123456789abcdef.js')
  assert.deepEqual([other.status, other.headers['cache-control']], [200, 'no-store'])
  assert.equal((await edge.ask('/.well-known/interpeer/bar-x.js')).status, 404)
})
