// What binds a request and its answer.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256, taggedHash } from '#protocol/codec/digest.ts'
import {
  idempotencyKey,
  orderedRequestHash,
  type Request,
  requestHash,
  requestsRoot,
  saltHash,
} from '#protocol/message/request.ts'
import { requestHeaders } from '#protocol/site/request-headers.ts'
import {
  BODY_CHUNK_BYTES,
  bodyRoot,
  bodyRootAsync,
  coveredHeaders,
  NO_BODY,
  responseHash,
} from '#protocol/site/response-hash.ts'

const request: Request = {
  job: taggedHash('job', bytesFromText('site')),
  method: 'POST',
  target: '/edit/home?x=1',
  headers: [['content-type', 'application/x-www-form-urlencoded']],
  body_hash: sha256(bytesFromText('a=1')),
  body_bytes: 3,
  salt: new Uint8Array(16).fill(7),
  time: 1000,
}

test('every fact of a request is in its hash, its time is not', () => {
  const facts = { job: request.job, method: 'GET', target: '/', headers: request.headers, bodyHash: NO_BODY }
  const variants = [
    facts,
    { ...facts, method: 'HEAD' },
    { ...facts, target: '/?' },
    { ...facts, headers: [] },
    { ...facts, headers: [['content-type', 'x']] as const },
    { ...facts, bodyHash: request.body_hash },
    { ...facts, saltHash: saltHash(request.salt) },
    { ...facts, job: NO_BODY },
  ]
  assert.equal(new Set(variants.map((variant) => hexFromBytes(requestHash(variant)))).size, variants.length)
  assert.deepEqual(orderedRequestHash({ ...request, time: 2000 }), orderedRequestHash(request))
  assert.notDeepEqual(orderedRequestHash({ ...request, salt: new Uint8Array(16) }), orderedRequestHash(request))
})

test('the requests root binds time, salt and order', () => {
  const later = { ...request, time: 2000 }
  const roots = [[request], [later], [request, later], [later, request], []].map((list) =>
    hexFromBytes(requestsRoot(list)),
  )
  assert.equal(new Set(roots).size, roots.length)
})

test('R9 an idempotency key is for one method and target', () => {
  const keys = [
    idempotencyKey('k', 'POST', '/a'),
    idempotencyKey('k', 'PUT', '/a'),
    idempotencyKey('k', 'POST', '/b'),
    idempotencyKey('kP', 'OST', '/a'),
  ]
  assert.equal(new Set(keys.map(hexFromBytes)).size, keys.length)
})

test('only listed headers count, by name, in the order sent; the serving origin becomes the canonical one', () => {
  const origin = 'http://wiki.s1.localhost:8001'
  const sent = [
    ['User-Agent', 'curl'],
    ['Cookie', 'b=2'],
    ['Accept', 'text/html'],
    ['cookie', 'a=1'],
    ['Origin', origin],
    ['Referer', `${origin}/edit?x`],
    ['X-Forwarded-For', '10.0.0.1'],
    ['X-Site', 'yes'],
  ] as const
  assert.deepEqual(requestHeaders(sent, origin, 'wiki'), [
    ['accept', 'text/html'],
    ['cookie', 'b=2'],
    ['cookie', 'a=1'],
    ['origin', 'http://wiki.peer'],
    ['referer', 'http://wiki.peer/edit?x'],
  ])
  assert.deepEqual(requestHeaders(sent, origin, 'wiki', ['x-site']).at(-1), ['x-site', 'yes'])
  assert.deepEqual(requestHeaders([['Origin', `${origin}.evil.example`]], origin, 'wiki'), [
    ['origin', `${origin}.evil.example`],
  ])
  assert.deepEqual(requestHeaders([['Referer', `${origin}1/`]], origin, 'wiki'), [['referer', `${origin}1/`]])
})

test('an answer is covered whatever way it was coded, cut or carried', () => {
  const headers = [
    ['Content-Type', 'text/html'],
    ['Set-Cookie', 'b=1'],
    ['Set-Cookie', 'a=1'],
    ['ETag', '"x"'],
  ] as const
  const carried = [
    ...headers,
    ['Date', 'now'],
    ['Content-Encoding', 'br'],
    ['Content-Length', '9'],
    ['Interpeer-Height', '4'],
    ['Signature', 's'],
  ] as const
  assert.deepEqual(coveredHeaders(carried), [
    ['content-type', 'text/html'],
    ['etag', '"x"'],
    ['set-cookie', 'b=1'],
    ['set-cookie', 'a=1'],
  ])
  const root = bodyRoot(bytesFromText('body'))
  assert.deepEqual(responseHash(200, carried, root), responseHash(200, headers, root))
  assert.notDeepEqual(responseHash(201, headers, root), responseHash(200, headers, root))
  assert.notDeepEqual(responseHash(200, headers.slice(1), root), responseHash(200, headers, root))
  assert.notDeepEqual(responseHash(200, headers, bodyRoot(bytesFromText('bodY'))), responseHash(200, headers, root))
})

test('the body root is over chunks of 64 KiB: a flipped byte anywhere changes it; a hash that answers later comes to the same', async () => {
  for (const size of [0, 1, BODY_CHUNK_BYTES - 1, BODY_CHUNK_BYTES, BODY_CHUNK_BYTES + 1, 3 * BODY_CHUNK_BYTES]) {
    const body = new Uint8Array(size)
    const root = hexFromBytes(bodyRoot(body))
    for (const at of [0, size >> 1, size - 1]) {
      if (at < 0 || at >= size) continue
      const bent = body.slice()
      bent[at] = 1
      assert.deepEqual(await bodyRootAsync(bent, async (bytes) => sha256(bytes)), bodyRoot(bent))
      assert.notEqual(hexFromBytes(bodyRoot(bent)), root)
    }
    assert.notEqual(hexFromBytes(bodyRoot(new Uint8Array(size + 1))), root)
  }
})
