import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evidenceFromHeaders } from '#protocol/answer/evidence.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { rawPairs, startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { until } from '#test/support/until.ts'

const NONCE = Buffer.alloc(16, 3).toString('base64')

function counter() {
  return hostedGroup('demo', {
    app(request, context) {
      const path = request.target.split('?')[0]
      if (request.method === 'POST') {
        context.state.set('count', String(Number(context.state.get('count') ?? 0) + 1))
        return textResponse(303, '', [['location', '/']])
      }
      if (path === '/time') return textResponse(200, String(context.time()))
      if (path === '/chance') return textResponse(200, Buffer.from(context.chance()).toString('hex'))
      if (path === '/visit') {
        context.state.set('visits', String(Number(context.state.get('visits') ?? 0) + 1))
        return textResponse(200, `visit ${context.state.get('visits')}`)
      }
      const accept = request.headers.find(([name]) => name === 'accept')?.[1]
      return textResponse(200, `count ${context.state.get('count') ?? 0} for ${accept}`)
    },
  })
}

test('§5 a read is answered with a receipt and a certificate that verify', async () => {
  const group = counter()
  await using edge = await startEdge(group, { member: 2 })
  const { answer, verified } = await edge.askVerified('/page?x=1', {
    headers: { accept: 'text/plain', 'user-agent': 'any' },
  })
  assert.equal(String(answer.body), 'count 0 for text/plain')
  assert.equal(verified.kind, 'read')
  assert.ok(verified.signer !== undefined && bytesEqual(verified.signer, group.member(2).signer.publicKey))
  assert.equal(answer.headers['interpeer-height'], '1')
})

test('§5 what asked for neither time nor chance comes from memory until the state root changes', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  await edge.askVerified('/')
  await edge.askVerified('/')
  assert.equal(group.reads, 1)
  group.heartbeat()
  const { verified } = await edge.askVerified('/')
  assert.equal(group.reads, 1, 'a heartbeat leaves the state as it was')
  assert.equal(verified.height, 2, 'only the receipt is signed anew')
  await edge.askVerified('/', { method: 'POST', body: Buffer.from('') })
  const { answer } = await edge.askVerified('/')
  assert.equal(String(answer.body), 'count 1 for undefined')
  assert.equal(group.reads, 2)
})

test('§5 what asked for the time comes from memory until the next block', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  const first = await edge.askVerified('/time')
  const second = await edge.askVerified('/time')
  assert.deepEqual(first.answer.body, second.answer.body)
  assert.equal(group.reads, 1)
  group.heartbeat()
  const third = await edge.askVerified('/time')
  assert.notDeepEqual(third.answer.body, first.answer.body)
  assert.equal(group.reads, 2)
})

test('§5 what asked for chance is never served twice, not even to visitors who ask at once', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  const answers = await Promise.all(Array.from({ length: 5 }, () => edge.askVerified('/chance')))
  assert.equal(new Set(answers.map(({ answer }) => String(answer.body))).size, 5)
  for (const { verified } of answers) assert.equal(verified.nonce?.length, 16)
})

test('§5 visitors who ask the same at once share one run', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  await Promise.all(Array.from({ length: 20 }, () => edge.askVerified('/same')))
  assert.equal(group.reads, 1)
})

test('§5 requests that differ in a listed header do not share an answer; in another header they do', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  const text = async (headers: Record<string, string>) => String((await edge.askVerified('/', { headers })).answer.body)
  assert.equal(await text({ accept: 'a/a' }), 'count 0 for a/a')
  assert.equal(await text({ accept: 'b/b' }), 'count 0 for b/b')
  assert.equal(await text({ accept: 'a/a', 'user-agent': 'x' }), 'count 0 for a/a')
  assert.equal(group.reads, 2)
})

test('§5 whoever compares reuses the nonce and gets the same answer at another member', async () => {
  const group = counter()
  await using one = await startEdge(group, { member: 0 })
  await using two = await startEdge(group, { member: 1 })
  const { answer, verified } = await one.askVerified('/chance')
  const nonce = Buffer.from(verified.nonce ?? []).toString('base64')
  const again = await two.askVerified('/chance', {
    headers: { 'interpeer-nonce': nonce, 'interpeer-height': String(verified.height) },
  })
  assert.deepEqual(again.answer.body, answer.body)
  assert.ok(bytesEqual(again.verified.responseHash, verified.responseHash))
  assert.notDeepEqual(again.verified.signer, verified.signer)
})

test('§5 a chosen nonce touches nobody else, and another site’s page cannot choose one', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  const chosen = await edge.askVerified('/chance', { headers: { 'interpeer-nonce': NONCE } })
  const other = await edge.askVerified('/chance')
  assert.notDeepEqual(other.answer.body, chosen.answer.body)
  const forced = await edge.askVerified('/chance', {
    headers: { 'interpeer-nonce': NONCE, 'sec-fetch-site': 'cross-site' },
  })
  assert.notDeepEqual(forced.answer.body, chosen.answer.body)
  assert.equal((await edge.ask('/chance', { headers: { 'interpeer-nonce': 'AAAA' } })).status, 400)
})

test('§5 a read at a height that has passed is answered from that state while it is remembered', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  const before = await edge.askVerified('/')
  await edge.askVerified('/', { method: 'POST', body: Buffer.from('') })
  const past = await edge.askVerified('/', { headers: { 'interpeer-height': String(before.verified.height) } })
  assert.deepEqual(past.answer.body, before.answer.body)
  assert.equal(past.verified.height, before.verified.height)
  const gone = await edge.ask('/', { headers: { 'interpeer-height': '99' } })
  assert.equal(gone.status, 410)
  assert.equal((await edge.ask('/', { headers: { 'interpeer-height': 'x' } })).status, 400)
})

test('§5 a height whose state has not changed since is answered without another run', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  const before = await edge.askVerified('/')
  group.heartbeat()
  const { reads } = group
  for (const height of [before.verified.height, group.head().height]) {
    const again = await edge.askVerified('/', { headers: { 'interpeer-height': String(height) } })
    assert.equal(again.verified.height, height)
    assert.deepEqual(again.answer.body, before.answer.body)
  }
  assert.equal(group.reads, reads)
})

test('§5 a read that writes is ordered once, and its answer carries a write’s evidence', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  const { answer, verified } = await edge.askVerified('/visit')
  assert.equal(String(answer.body), 'visit 1')
  assert.equal(verified.kind, 'write')
  assert.equal(answer.headers['interpeer-receipt'], undefined)
  assert.equal(String((await edge.askVerified('/visit')).answer.body), 'visit 2')
})

test('§5 reads that write are rate-limited a site', async () => {
  const group = counter()
  await using edge = await startEdge(group, { limits: { resubmitsBurst: 2, resubmitsPerSecond: 0.001 } })
  const statuses = []
  for (let index = 0; index < 4; index++) statuses.push((await edge.ask('/visit')).status)
  assert.deepEqual(statuses, [200, 200, 503, 503])
})

test('§5 a write carries certificate, path and salt hash, and is seen at once by its visitor', async () => {
  const group = counter()
  await using edge = await startEdge(group)
  const { answer, verified } = await edge.askVerified('/', {
    method: 'POST',
    body: Buffer.from('a=1'),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  assert.equal(answer.status, 303)
  assert.equal(verified.kind, 'write')
  assert.equal(verified.voters.length, 3)
  for (const name of [
    'interpeer-path',
    'interpeer-salt-hash',
    'interpeer-certificate',
    'interpeer-job',
    'interpeer-height',
    'interpeer-state-root',
  ])
    assert.ok(answer.headers[name] !== undefined, name)
  assert.match(String((await edge.askVerified('/')).answer.body), /^count 1/)
})

test('§5 a certificate above 4 KiB travels as a link', async () => {
  const members = Array.from({ length: 40 }, (_, index) => `member ${index}`)
  const group = hostedGroup('demo', { members, app: () => textResponse(200, 'x') })
  await using edge = await startEdge(group)
  const answer = await edge.ask('/')
  const read = evidenceFromHeaders(rawPairs(answer))
  assert.deepEqual(read, {
    ok: false,
    error: { code: 'certificate_elsewhere', path: '/.well-known/interpeer/certificate/1' },
  })
  assert.equal((await edge.ask('/.well-known/interpeer/certificate/1')).status, 200)
})

test('§5 memory is bounded: what was asked for longest ago goes first', async () => {
  const group = hostedGroup('demo', { app: (request) => textResponse(200, request.target.padEnd(4000, 'x')) })
  await using edge = await startEdge(group, { limits: { readCacheBytes: 128 * 1024 } })
  for (let index = 0; index < 40; index++) await edge.ask(`/${index}`)
  assert.equal(group.reads, 40)
  await edge.ask('/39')
  assert.equal(group.reads, 40)
  await edge.ask('/0')
  assert.equal(group.reads, 41)
  const bytes = Number(/interpeer_read_cache_bytes (\d+)/.exec(edge.registry.text())?.[1])
  assert.ok(bytes > 0 && bytes <= 128 * 1024)
})

test('§5 a read that waits for its turn is answered from the head that is newest when the turn comes', async () => {
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const group = hostedGroup('demo', {
    app: async ({ target }) => {
      if (target === '/slow') await held
      return textResponse(200, target)
    },
  })
  await using edge = await startEdge(group, { limits: { readsAtOnce: 1 } })
  const slow = edge.ask('/slow')
  await until('the slow one runs', () => group.reads === 1)
  const waiting = edge.askVerified('/waits')
  await until('the other one waits', () => /requests_waiting\{kind="read"\} 2/.test(edge.registry.text()))
  await edge.ask('/', { method: 'POST', body: Buffer.from('') })
  const { height } = group.head()
  letGo()
  assert.equal((await waiting).verified.height, height)
  assert.equal((await slow).status, 200)
})
