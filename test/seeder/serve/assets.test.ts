import assert from 'node:assert/strict'
import { request } from 'node:http'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { localhostLookup } from '#cli/network/http.ts'
import { checkAnswer } from '#protocol/answer/check.ts'
import { chunkChecker, leavesFromBytes } from '#protocol/answer/chunks.ts'
import { evidenceFromHeaders } from '#protocol/answer/evidence.ts'
import { bytesConcat, bytesFromBase64 } from '#protocol/codec/bytes.ts'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { NO_BODY } from '#protocol/site/response-hash.ts'
import { verify } from '#seeder/identity/keys.ts'
import { rulesOf } from '#test/support/answers.ts'
import { rawPairs, startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { until } from '#test/support/until.ts'

const LARGE = Buffer.from(
  Uint8Array.from({ length: 3 * 1024 * 1024 + 123 }, (_, index) => (index * 7 + (index >> 9)) & 255),
)
const ASSETS = {
  '/index.html': '<h1>home</h1>',
  '/about.html': '<h1>about</h1>',
  '/style.css': 'body { color: teal }\n'.repeat(100),
  '/large.png': LARGE,
  '/404.html': '<h1>nothing</h1>',
}
const withScript = hostedGroup('demo', {
  app: (request) => textResponse(200, `script ${request.target}`),
  assets: ASSETS,
})
const filesOnly = hostedGroup('files', {
  assets: ASSETS,
  manifest: {
    assets: {
      htmlHandling: 'auto-trailing-slash',
      notFoundHandling: '404-page',
      scriptFirst: false,
      files: Object.fromEntries(
        Object.entries(ASSETS).map(([path, content]) => [
          path,
          { size: content.length, type: path.endsWith('.html') ? 'text/html' : 'image/png', hash: '0'.repeat(32) },
        ]),
      ),
    },
  },
})
const edge = await startEdge(withScript)
const files = await startEdge(filesOnly)
after(async () => {
  await edge[Symbol.asyncDispose]()
  await files[Symbol.asyncDispose]()
})

test('§3 static files come before the script, by the rules of Workers, with their evidence', async () => {
  const home = await edge.askVerified('/')
  assert.equal(String(home.answer.body), '<h1>home</h1>')
  assert.equal(home.answer.headers['content-type'], 'text/html; charset=utf-8')
  assert.equal(home.answer.headers['cache-control'], 'public, max-age=0, must-revalidate')
  assert.equal(String((await edge.askVerified('/about')).answer.body), '<h1>about</h1>')
  const redirect = await edge.askVerified('/about.html?x=1')
  assert.equal(redirect.answer.status, 307)
  assert.equal(redirect.answer.headers.location, '/about?x=1')
  assert.equal(withScript.reads, 0)
  assert.equal(String((await edge.askVerified('/other')).answer.body), 'script /other')
  assert.equal(
    String((await edge.askVerified('/about', { method: 'POST', body: Buffer.from('') })).answer.body),
    'script /about',
  )
})

test('§3 a site of files alone answers what is missing with its own page', async () => {
  const { answer } = await files.askVerified('/nowhere')
  assert.equal(answer.status, 404)
  assert.equal(String(answer.body), '<h1>nothing</h1>')
})

test('§4 a file has the same entity tag on all members and answers conditions', async () => {
  await using other = await startEdge(withScript, { member: 1 })
  const etag = (await edge.ask('/style.css')).headers.etag
  assert.equal((await other.ask('/style.css')).headers.etag, etag)
  assert.equal((await other.ask('/style.css', { headers: { 'if-none-match': String(etag) } })).status, 304)
  const gzip = await edge.ask('/style.css', { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(gzip.headers['content-encoding'], 'gzip')
})

test('§4 a large file streams, its evidence and digests right, and so do its parts', async () => {
  const { answer } = await edge.askVerified('/large.png')
  assert.ok(answer.body.equals(LARGE))
  assert.equal(answer.headers['content-length'], String(LARGE.length))
  const part = await edge.ask('/large.png', { headers: { range: 'bytes=1000000-2999999' } })
  assert.equal(part.status, 206)
  assert.ok(part.body.equals(LARGE.subarray(1_000_000, 3_000_000)))
  assert.equal(part.headers['content-digest'], `sha-256=:${Buffer.from(sha256(part.body)).toString('base64')}:`)
  const head = await edge.ask('/large.png', { method: 'HEAD' })
  assert.equal(head.headers.etag, answer.headers.etag)
})

test('§5 a stream can be checked chunk by chunk: receipt for the root, leaves by the root', async () => {
  const answer = await edge.ask('/large.png', { headers: { range: 'bytes=131072-196607' } })
  const headers = rawPairs(answer)
  const root = bytesFromBase64(String(answer.headers['interpeer-body-root']))
  const evidence = evidenceFromHeaders(headers)
  assert.ok(root.ok && evidence.ok)
  const asked = { job: withScript.group.job, method: 'GET', target: '/large.png', headers: [], bodyHash: NO_BODY }
  const form = { form: 'root', status: answer.status, headers, root: root.value as Digest } as const
  assert.ok(checkAnswer(rulesOf(withScript), asked, form, evidence.value, verify).ok)
  const path = `/.well-known/interpeer/chunks/${Buffer.from(root.value).toString('hex')}`
  const leaves = leavesFromBytes(new Uint8Array((await edge.ask(path)).body), root.value as Digest)
  assert.ok(leaves.ok)
  const checker = chunkChecker(leaves.value.slice(0, 3), 2)
  const proven = await checker.push(answer.body)
  assert.ok(proven.ok && (await checker.end()).ok)
  assert.deepEqual(Buffer.from(bytesConcat(...proven.value)), LARGE.subarray(131_072, 196_608))
})

test('§4 a stream stops being read when its visitor stops taking it, and the memory stays flat', async () => {
  const one = Buffer.alloc(24 * 1024 * 1024, 7)
  const group = hostedGroup('demo', { assets: { '/big.png': one } })
  await using big = await startEdge(group, { limits: { stallMs: 300, keepAliveMs: 100 } })
  await big.ask('/big.png', { method: 'HEAD' })
  const socket = connect(big.port, '127.0.0.1')
  socket.pause()
  socket.write(`GET /big.png HTTP/1.1\r\nHost: ${new URL(big.origin).host}\r\n\r\n`)
  await until('the stalled visitor is let go', () =>
    /interpeer_http_connections 0/.test(big.registry.text()) ? true : undefined,
  )
  socket.destroy()
})

test('§4 a visitor that goes away in the midst of a stream harms nobody', async () => {
  const url = new URL(`${edge.origin}/large.png`)
  const { promise, resolve } = Promise.withResolvers<void>()
  const outgoing = request(url, { lookup: localhostLookup }, (incoming) => {
    incoming.once('data', () => {
      outgoing.destroy()
      resolve()
    })
    incoming.on('error', () => {})
  })
  outgoing.on('error', () => {})
  outgoing.end()
  await promise
  assert.ok((await edge.ask('/large.png')).body.equals(LARGE))
  assert.deepEqual(edge.complaints, [])
})
