// The seeder's own DNS at its sockets: whom it answers, how much, and what bad askers cannot do to it.

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { DNS_MESSAGE_BYTES_MAX, RCODE, TYPE } from '#protocol/dns/constants.ts'
import { httpsToData } from '#protocol/dns/https-record.ts'
import { type Answer, answerToBytes, queryFromBytes } from '#protocol/dns/message.ts'
import { textData } from '#protocol/dns/site-records.ts'
import { createRegistry } from '#protocol/metrics/registry.ts'
import { dnsPlaceOf } from '#seeder/config/dns-place.ts'
import { createLog } from '#seeder/config/log.ts'
import { createResolver, type ResolverOptions } from '#seeder/dns/resolver.ts'
import { type DnsServer, startDns } from '#seeder/dns/server.ts'
import { createTurns } from '#seeder/dns/turns.ts'
import { askTcp, askUdp, decoded, framed, messageOf, optOf, queryOf, questionOf, rcodeOf } from '#test/support/dns.ts'
import { testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

const network = testNetwork({
  sites: [{ name: 'wiki', members: ['ana', 'ben', 'cleo', 'dan'] }],
  gateways: ['http://a.example', 'http://b.example'],
})

/** A gateway's answer to whatever is asked. */
function gatewaySays(answer: Answer): NonNullable<ResolverOptions['ask']> {
  return async (_, message) => {
    const query = queryFromBytes(message)
    assert(query.ok)
    return answerToBytes(query.value, answer, { maxBytes: DNS_MESSAGE_BYTES_MAX, isPrivate: true })
  }
}

const address = (last: number, ttl = 10): Answer => ({
  rcode: RCODE.NOERROR,
  answers: [{ type: TYPE.A, ttl, data: Uint8Array.of(10, 0, 0, last) }],
  authority: [],
})

type Scene = AsyncDisposable & {
  readonly dns: DnsServer
  readonly at: { address: string; port: number }
  readonly clock: { now: number }
  readonly metrics: () => string
  readonly complaints: string[]
}

async function dnsWith(options: Partial<ResolverOptions>): Promise<Scene> {
  const clock = { now: 1_000 }
  const registry = createRegistry()
  const complaints: string[] = []
  const now = (): number => clock.now
  const resolver = createResolver({
    file: () => network.file,
    self: network.peer('ana'),
    http: 'http://ana.localhost',
    originOf: () => undefined,
    now,
    ask: gatewaySays(address(1)),
    ...options,
  })
  const log = createLog({ level: 'warn', form: 'json', sink: (line) => complaints.push(line) })
  const dns = await startDns({ resolver, address: '127.0.0.1', port: 0, registry, log, now })
  const at = { address: '127.0.0.1', port: dns.port }
  return {
    dns,
    at,
    clock,
    complaints,
    metrics: () => registry.text(),
    [Symbol.asyncDispose]: () => dns[Symbol.asyncDispose](),
  }
}

const dataOf = (bytes: Uint8Array | undefined): unknown[] =>
  (decoded(bytes ?? assert.fail('there is an answer')).answers ?? []).map((each) =>
    'data' in each ? each.data : undefined,
  )

test('an answer is kept as long as the gateway says, and one question is asked for all who ask at once', async () => {
  let asked = 0
  await using at = await dnsWith({
    ask: async (...question) => {
      asked++
      return gatewaySays(address(asked))(...question)
    },
  })
  const all = await Promise.all(Array.from({ length: 20 }, () => askUdp(at.at, queryOf('wiki.peer', TYPE.A))))
  for (const bytes of all) assert.deepEqual(dataOf(bytes), ['10.0.0.1'])
  at.clock.now += 4_500
  const later = await askUdp(at.at, queryOf('wiki.ipn', TYPE.A))
  assert.deepEqual(
    decoded(later ?? assert.fail()).answers?.map((each) => 'ttl' in each && each.ttl),
    [5],
  )
  assert.equal(asked, 1)
  at.clock.now += 5_500
  assert.deepEqual(dataOf(await askUdp(at.at, queryOf('wiki.peer', TYPE.A))), ['10.0.0.2'])
})

test('a gateway that is silent, says nonsense, refuses or answers another question is passed over for the next', async () => {
  const other = answerToBytes(
    (() => {
      const query = queryFromBytes(queryOf('evil.peer', TYPE.A))
      assert(query.ok)
      return query.value
    })(),
    address(66),
    { maxBytes: 4096, isPrivate: true },
  )
  for (const first of [
    async () => assert.fail('unreachable'),
    async () => new Uint8Array(5000),
    async () => other,
    gatewaySays({ rcode: RCODE.NXDOMAIN, answers: [], authority: [] }),
    gatewaySays({ rcode: RCODE.REFUSED, answers: [], authority: [] }),
  ]) {
    const asked: string[] = []
    await using at = await dnsWith({
      ask: (gateway, message) => {
        asked.push(gateway)
        return gateway === 'http://a.example' ? first(gateway, message) : gatewaySays(address(2))(gateway, message)
      },
    })
    assert.deepEqual(dataOf(await askUdp(at.at, queryOf('wiki.peer', TYPE.A))), ['10.0.0.2'])
    assert.deepEqual(asked, ['http://a.example', 'http://b.example'])
  }
})

test('records that are none are left out, and in a network that is not local so are addresses of this one', async () => {
  const mixed: Answer = {
    rcode: RCODE.NOERROR,
    answers: [
      { type: TYPE.A, ttl: 5, data: Uint8Array.of(192, 168, 0, 1) },
      { type: TYPE.A, ttl: 5, data: Uint8Array.of(1, 2, 3) },
      { type: TYPE.TXT, ttl: 5, data: Uint8Array.of(9) },
      { type: TYPE.A, ttl: 5, data: Uint8Array.of(93, 184, 215, 14) },
    ],
    authority: [],
  }
  await using at = await dnsWith({ file: () => ({ ...network.file, profile: 'main' }), ask: gatewaySays(mixed) })
  assert.deepEqual(dataOf(await askUdp(at.at, queryOf('wiki.peer', TYPE.A))), ['93.184.215.14'])
  assert.deepEqual(dataOf(await askUdp(at.at, queryOf('wiki.peer', TYPE.TXT))), [])
})

test('an HTTPS record of a gateway is passed on; one that leads elsewhere is not, nor in a network that is not local one into this one', async () => {
  const outside = httpsToData({ protocols: ['h2'], hints: [Uint8Array.of(93, 184, 215, 14)] })
  const inside = httpsToData({ protocols: ['h2'], hints: [Uint8Array.of(192, 168, 0, 1)] })
  const elsewhere = Uint8Array.of(0, 1, 4, 104, 111, 109, 101, 0)
  const answers = [outside, inside, elsewhere].map((data) => ({ type: TYPE.HTTPS, ttl: 5, data }))
  const ask = gatewaySays({ rcode: RCODE.NOERROR, answers, authority: [] })
  for (const [profile, expected] of [
    ['main', [outside]],
    ['local', [outside, inside]],
  ] as const) {
    await using at = await dnsWith({ file: () => ({ ...network.file, profile }), ask })
    const given = dataOf(await askUdp(at.at, queryOf('wiki.peer', TYPE.HTTPS)))
    assert.deepEqual(
      given.map((data) => Uint8Array.from(data as Uint8Array)),
      expected,
      profile,
    )
  }
  await using alone = await dnsWith({ ask: () => Promise.reject(new Error('down')), originOf: () => 'http://10.9.9.9' })
  const none = (await askUdp(alone.at, queryOf('wiki.peer', TYPE.HTTPS))) ?? assert.fail()
  assert.deepEqual([rcodeOf(none), dataOf(none)], [RCODE.NOERROR, []])
})

test('without a gateway a seeder that has the site names itself, another one says that it does not know; then it asks again', async () => {
  let isThere = false
  const ask: ResolverOptions['ask'] = (gateway, message) =>
    isThere ? gatewaySays(address(3))(gateway, message) : Promise.reject(new Error('down'))
  await using has = await dnsWith({ ask, originOf: () => 'http://10.9.9.9:4711' })
  assert.deepEqual(dataOf(await askUdp(has.at, queryOf('wiki.peer', TYPE.A))), ['127.0.0.1'])
  await using has_not = await dnsWith({ ask })
  assert.equal(rcodeOf((await askUdp(has_not.at, queryOf('wiki.peer', TYPE.A))) ?? assert.fail()), RCODE.SERVFAIL)
  isThere = true
  has_not.clock.now += 5_000
  assert.deepEqual(dataOf(await askUdp(has_not.at, queryOf('wiki.peer', TYPE.A))), ['10.0.0.3'])
})

test('nobody is asked about other zones, names that no site has, or types that the zones lack', async () => {
  await using at = await dnsWith({ ask: async () => assert.fail('nobody is asked') })
  for (const [name, type, rcode] of [
    ['example.org', TYPE.A, RCODE.REFUSED],
    ['nobody.peer', TYPE.A, RCODE.NXDOMAIN],
    ['peer', TYPE.NS, RCODE.NOERROR],
    ['wiki.peer', 15, RCODE.NOERROR],
    ['nobody.peer', TYPE.HTTPS, RCODE.NXDOMAIN],
    ['peer', TYPE.HTTPS, RCODE.NOERROR],
    ['wiki.peer', TYPE.ANY, RCODE.NOERROR],
    ['wiki.peer', TYPE.AXFR, RCODE.REFUSED],
  ] as const)
    assert.equal(rcodeOf((await askUdp(at.at, queryOf(name, type))) ?? assert.fail()), rcode, `${name} ${type}`)
  assert.deepEqual(at.complaints, [])
})

test('what does not fit into a datagram is truncated, and whole over TCP', async () => {
  const answers = Array.from({ length: 9 }, () => ({ type: TYPE.TXT, ttl: 5, data: textData('x'.repeat(200)) }))
  await using at = await dnsWith({ ask: gatewaySays({ rcode: RCODE.NOERROR, answers, authority: [] }) })
  for (const query of [queryOf('wiki.peer', TYPE.TXT), queryOf('wiki.peer', TYPE.TXT, optOf(65_535))]) {
    const cut = (await askUdp(at.at, query)) ?? assert.fail()
    assert.equal(decoded(cut).flag_tc, true)
    assert(cut.length <= query.length)
    const [whole] = await askTcp(at.at, framed(query))
    assert.equal(dataOf(whole).length, 9)
  }
})

test('garbage over UDP gets nothing or FORMERR, and what comes after it is answered', async () => {
  await using at = await dnsWith({})
  const question = questionOf('wiki.peer', TYPE.A)
  for (const nothing of [Uint8Array.of(1), new Uint8Array(11), messageOf({ flags: 0x8180, rest: question })])
    assert.equal(await askUdp(at.at, nothing, 100), undefined)
  const malformed = messageOf({ id: 7, counts: [1, 0, 0, 3], rest: question })
  const answer = (await askUdp(at.at, malformed)) ?? assert.fail()
  assert.deepEqual([rcodeOf(answer), answer[1], answer.length], [RCODE.FORMERR, 7, 12])
  assert.deepEqual(dataOf(await askUdp(at.at, queryOf('wiki.peer', TYPE.A))), ['10.0.0.1'])
  assert.match(at.metrics(), /interpeer_dns_questions_total\{transport="udp",outcome="malformed"\} 1/)
  assert.deepEqual(at.complaints, [])
})

test('over TCP many questions may be under way, in pieces too; a frame without an end, or too long, ends the connection alone', async () => {
  await using at = await dnsWith({})
  const queries = Array.from({ length: 40 }, (_, id) => queryOf('wiki.peer', TYPE.A, undefined, id))
  const answers = await askTcp(at.at, Buffer.concat(queries.map(framed)), queries.length)
  assert.deepEqual(new Set(answers.map((bytes) => decoded(bytes).id)), new Set(queries.keys()))
  for (const bad of [Uint8Array.of(0, 0), Uint8Array.of(0xff, 0xff, 1), framed(Uint8Array.of(1, 2, 3))])
    assert.deepEqual(await askTcp(at.at, bad), [])
  const socket = connect(at.at.port, at.at.address)
  const [first, ...rest] = framed(queryOf('wiki.peer', TYPE.A))
  assert(first !== undefined)
  const came = new Promise<Buffer>((resolve) => socket.once('data', resolve))
  for (const byte of [first, ...rest]) await new Promise((resolve) => socket.write(Uint8Array.of(byte), resolve))
  assert((await came).length > 30)
  socket.destroy()
})

test('one source takes no more connections than its share, and those that end make room', async () => {
  await using at = await dnsWith({})
  const sockets = Array.from({ length: 80 }, () => connect(at.at.port, at.at.address).on('error', () => {}))
  const closed = (): number => sockets.filter((socket) => socket.destroyed || socket.readableEnded).length
  for (const socket of sockets) socket.resume()
  await until('those over it are closed', () => closed() >= 80 - 32)
  const [kept] = sockets.filter((socket) => !socket.destroyed)
  assert(kept)
  for (const socket of sockets) socket.destroy()
  await until('room again', async () => (await askTcp(at.at, framed(queryOf('wiki.peer', TYPE.A)))).length === 1)
})

test('a source that asks too often over UDP is answered now and then, truncated; others are not touched, and it recovers', () => {
  const turns = createTurns()
  const first = Array.from({ length: 400 }, () => turns.of('10.0.0.1', 0))
  assert.equal(first.filter((turn) => turn === 'answer').length, 200)
  assert.equal(first.filter((turn) => turn === 'truncate').length, 100)
  assert.equal(turns.of('10.0.0.2', 0), 'answer')
  assert.equal(turns.of('10.0.0.1', 1_000), 'answer')
})

test('a place is a port, or an address and a port; loopback unless told', () => {
  assert.deepEqual(dnsPlaceOf('5353'), { address: '127.0.0.1', port: 5353 })
  assert.deepEqual(dnsPlaceOf(':53'), { address: '127.0.0.1', port: 53 })
  assert.deepEqual(dnsPlaceOf('192.168.1.2:53'), { address: '192.168.1.2', port: 53 })
  assert.deepEqual(dnsPlaceOf('[::1]:53'), { address: '::1', port: 53 })
  for (const text of [
    '',
    'x',
    '::1:53',
    '[::1]',
    '65536',
    '1.2.3:53',
    'localhost:53',
    '[1.2.3.4]:53',
    '1.2.3.4:',
    '-1',
  ])
    assert.equal(dnsPlaceOf(text), undefined, text)
})
