// F32 `/dns-query` of the gateway: RFC 8484 in both methods and the JSON form, for `.peer` and `.ipn` and nothing else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FRESH_MS } from '#gateway/settings.ts'
import { bytesEqual, hexFromBytes } from '#protocol/codec/bytes.ts'
import { DNS_MESSAGE_BYTES_MAX, RCODE, TYPE } from '#protocol/dns/constants.ts'
import { httpsFromData } from '#protocol/dns/https-record.ts'
import { codeOf, GATEWAY_URL, type Scene, scene } from '#test/gateway/scene.ts'
import { base64url, decoded, messageOf, optOf, queryOf, questionOf, rcodeOf } from '#test/support/dns.ts'
import { testNetwork } from '#test/support/network.ts'

const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const MESSAGE = 'application/dns-message'

async function living(at: Scene, origins: Readonly<Record<string, string>>): Promise<void> {
  for (const [peer, origin] of Object.entries(origins))
    assert.equal((await at.register(peer, { sites: { wiki: origin } })).status, 200)
}

function get(at: Scene, message: Uint8Array): Promise<Response> {
  return at.ask(`/dns-query?dns=${base64url(message)}`)
}

function post(at: Scene, message: Uint8Array, type = MESSAGE): Promise<Response> {
  const body = message as Uint8Array<ArrayBuffer>
  return at.ask('/dns-query', { method: 'POST', body, headers: { 'Content-Type': type } })
}

async function bytesOf(response: Response): Promise<Uint8Array> {
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), MESSAGE)
  return new Uint8Array(await response.arrayBuffer())
}

/** Data of the answers, as another codec reads them. */
async function dataOf(response: Response): Promise<unknown[]> {
  return (decoded(await bytesOf(response)).answers ?? []).map((answer) => ('data' in answer ? answer.data : undefined))
}

test('F32 the members whom visitors are sent to have their addresses in the name, by GET and by POST, in both zones', async () => {
  const at = await scene()
  await living(at, { ana: 'http://10.0.0.1', ben: 'http://10.0.0.2', cleo: 'http://[2001:db8::3]' })
  for (const ask of [get, post])
    for (const name of ['wiki.peer', 'wiki.ipn', 'WiKi.PEER.']) {
      assert.deepEqual((await dataOf(await ask(at, queryOf(name, TYPE.A)))).sort(), ['10.0.0.1', '10.0.0.2'])
      assert.deepEqual(await dataOf(await ask(at, queryOf(name, TYPE.AAAA))), ['2001:db8::3'])
    }
})

test('visitors who take the first address are spread over the members', async () => {
  const at = await scene()
  await living(at, { ana: 'http://10.0.0.1', ben: 'http://10.0.0.2' })
  const first = new Set<unknown>()
  for (let turn = 0; turn < 2; turn++) first.add((await dataOf(await get(at, queryOf('wiki.peer', TYPE.A))))[0])
  assert.equal(first.size, 2)
})

test('an answer lives as long as the choice stands, and in caches no longer; a member that falls silent is out within 15 s', async () => {
  const at = await scene()
  await living(at, { ana: 'http://10.0.0.1' })
  at.clock.now += 5_400
  await living(at, { ben: 'http://10.0.0.2' })
  const response = await get(at, queryOf('wiki.peer', TYPE.A))
  assert.equal(response.headers.get('cache-control'), 'public, max-age=9')
  const { answers } = decoded(await bytesOf(response))
  assert.deepEqual(
    answers?.map((answer) => 'ttl' in answer && answer.ttl),
    [9, 9],
  )
  at.clock.now += FRESH_MS - 5_400
  assert.deepEqual(await dataOf(await get(at, queryOf('wiki.peer', TYPE.A))), ['10.0.0.2'])
})

test('a name that no site has is NXDOMAIN with the zone’s SOA, kept for 30 s', async () => {
  const at = await scene()
  for (const name of ['nobody.peer', 'www.wiki.peer', 'admin.ipn']) {
    const response = await get(at, queryOf(name, TYPE.A))
    assert.equal(response.headers.get('cache-control'), 'public, max-age=30')
    const bytes = await bytesOf(response)
    assert.equal(rcodeOf(bytes), RCODE.NXDOMAIN, name)
    const { authorities, flag_aa } = decoded(bytes)
    assert.equal(flag_aa, true)
    const [soa] = authorities ?? []
    assert(soa?.type === 'SOA')
    assert.equal(soa.name, name.slice(name.lastIndexOf('.') + 1))
    assert.deepEqual([soa.ttl, soa.data.minimum, soa.data.mname], [30, 30, 'gateway.example'])
    assert.equal(soa.data.serial, at.network.file.version)
  }
})

test('a site has no records of other types, and a site that nobody has just now no address: NODATA with SOA', async () => {
  const at = await scene()
  const asked = async (type: number) => {
    const response = await get(at, queryOf('wiki.peer', type))
    const bytes = await bytesOf(response)
    assert.equal(rcodeOf(bytes), RCODE.NOERROR)
    const { answers, authorities } = decoded(bytes)
    return [answers?.length, authorities?.[0]?.type, response.headers.get('cache-control')]
  }
  assert.deepEqual(await asked(TYPE.A), [0, 'SOA', 'public, max-age=5'])
  await living(at, { ana: 'http://10.0.0.1' })
  assert.deepEqual(await asked(TYPE.AAAA), [0, 'SOA', 'public, max-age=15'])
  for (const type of [TYPE.HTTPS, TYPE.NS, TYPE.SOA, 15, 43, 0xff00]) assert.deepEqual((await asked(type))[0], 0)
})

test('TXT says what a client can use: job and epoch, and who has the site where', async () => {
  const at = await scene()
  await living(at, { ana: 'http://10.0.0.1:4711' })
  const bytes = await bytesOf(await get(at, queryOf('wiki.peer', TYPE.TXT)))
  const texts = (decoded(bytes).answers ?? []).map((answer) => {
    assert(answer.type === 'TXT')
    return Buffer.concat(answer.data as Uint8Array[]).toString()
  })
  assert.deepEqual(texts, [
    `v=interpeer1; job=${hexFromBytes(at.network.job('wiki'))}; epoch=1`,
    `v=interpeer1; peer=${at.network.peer('ana')}; origin=http://10.0.0.1:4711`,
  ])
})

test('members on http’s own port come first, then the gateway that sends on, then members at other ports', async () => {
  const away = { ana: 'http://10.0.0.1:8080', ben: 'http://wiki.ben.localhost:8080' }
  const bare = await scene()
  await living(bare, away)
  assert.deepEqual((await dataOf(await get(bare, queryOf('wiki.peer', TYPE.A)))).sort(), ['10.0.0.1', '127.0.0.1'])
  const at = await scene({ config: { addresses: ['198.51.100.7', '2001:db8::7'] } })
  await living(at, away)
  assert.deepEqual(await dataOf(await get(at, queryOf('wiki.peer', TYPE.A))), ['198.51.100.7'])
  assert.deepEqual(await dataOf(await get(at, queryOf('wiki.peer', TYPE.AAAA))), ['2001:db8::7'])
  await living(at, { cleo: 'http://10.0.0.3' })
  assert.deepEqual(await dataOf(await get(at, queryOf('wiki.peer', TYPE.A))), ['10.0.0.3'])
})

test('where the gateway has TLS for the names DNS says so, and gives its addresses alone: no member has a certificate for them', async () => {
  const at = await scene({ config: { addresses: ['198.51.100.7', '2001:db8::7'], namesTls: ['h2', 'http/1.1'] } })
  await living(at, { ana: 'http://10.0.0.1', ben: 'http://[2001:db8::3]' })
  for (const name of ['wiki.peer', 'wiki.ipn']) {
    assert.deepEqual(await dataOf(await get(at, queryOf(name, TYPE.A))), ['198.51.100.7'])
    assert.deepEqual(await dataOf(await get(at, queryOf(name, TYPE.AAAA))), ['2001:db8::7'])
    const [https, ...more] = await dataOf(await get(at, queryOf(name, TYPE.HTTPS)))
    assert.equal(more.length, 0)
    assert.deepEqual(httpsFromData(Uint8Array.from(https as Uint8Array)), {
      protocols: ['h2'],
      hints: [Uint8Array.of(198, 51, 100, 7), Uint8Array.of(0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), 7)],
    })
  }
  const json = await at.ask('/dns-query?name=wiki.peer&type=https')
  assert.equal(json.headers.get('cache-control'), 'public, max-age=15')
  assert.deepEqual(((await json.json()) as { Answer: unknown }).Answer, [
    { name: 'wiki.peer.', type: 65, TTL: 15, data: '1 . alpn="h2" ipv4hint=198.51.100.7 ipv6hint=2001:db8::7' },
  ])
  const nobody = await bytesOf(await get(at, queryOf('nobody.peer', TYPE.HTTPS)))
  assert.equal(rcodeOf(nobody), RCODE.NXDOMAIN)
  assert.deepEqual(await dataOf(await get(at, queryOf('peer', TYPE.HTTPS))), [])
})

test('a gateway that says it has TLS for the names, and not where or what, does not start', async () => {
  for (const [config, said] of [
    [{ namesTls: ['h2'] }, /^Error: NAMES_TLS needs the addresses of this gateway/],
    [{ namesTls: ['h2'], addresses: ['gateway.example'] }, /^Error: NAMES_TLS needs the addresses/],
    [{ namesTls: ['1'], addresses: ['198.51.100.7'] }, /^Error: NAMES_TLS is what TLS speaks there, .*not '1'/],
    [{ namesTls: [], addresses: ['198.51.100.7'] }, /^Error: NAMES_TLS is what TLS speaks there/],
  ] as const)
    await assert.rejects(scene({ config }), said)
})

test('in a network that is not local no name leads into its visitor’s own network', async () => {
  const network = testNetwork({ sites: [{ name: 'wiki', members: MEMBERS }], gateways: [GATEWAY_URL], profile: 'main' })
  const at = await scene({ network })
  await living(at, {
    ana: 'http://192.168.1.1',
    ben: 'http://127.0.0.1',
    cleo: 'http://wiki.cleo.localhost',
    dan: 'http://[::1]',
  })
  assert.deepEqual(await dataOf(await get(at, queryOf('wiki.peer', TYPE.A))), [])
  assert.deepEqual(await dataOf(await get(at, queryOf('wiki.peer', TYPE.AAAA))), [])
  at.clock.now += 1
  await living(at, { ana: 'http://93.184.215.14' })
  assert.deepEqual(await dataOf(await get(at, queryOf('wiki.peer', TYPE.A))), ['93.184.215.14'])
})

test('never an open resolver: every other zone is refused, and kept by nobody', async () => {
  const at = await scene()
  for (const name of ['example.org', 'peer.example', 'localhost', '.', 'wikipeer', 'com']) {
    const response = await get(at, queryOf(name, TYPE.A))
    assert.equal(response.headers.get('cache-control'), 'no-store')
    const bytes = await bytesOf(response)
    assert.equal(rcodeOf(bytes), RCODE.REFUSED, name)
    assert.equal(decoded(bytes).flag_ra, false)
  }
})

test('the apexes have SOA and NS', async () => {
  const at = await scene()
  for (const zone of ['peer', 'ipn']) {
    const [soa] = decoded(await bytesOf(await get(at, queryOf(zone, TYPE.SOA)))).answers ?? []
    assert(soa?.type === 'SOA')
    assert.deepEqual([soa.name, soa.data.rname], [zone, 'hostmaster.gateway.example'])
    assert.deepEqual(await dataOf(await get(at, queryOf(zone, TYPE.NS))), ['gateway.example'])
    assert.deepEqual(await dataOf(await get(at, queryOf(zone, TYPE.A))), [])
  }
})

test('the question comes back as it was written, and so does the id', async () => {
  const at = await scene()
  const question = questionOf('wIkI.pEeR', TYPE.A)
  const bytes = await bytesOf(await post(at, messageOf({ id: 0xbeef, rest: question })))
  assert(bytesEqual(bytes.subarray(12, 12 + question.length), question))
  assert.equal((((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)).toString(16), 'beef')
})

test('what is no message is an HTTP error; what is one, however wrong, gets its answer as one', async () => {
  const at = await scene()
  const fine = queryOf('wiki.peer', TYPE.A)
  for (const [response, status, code] of [
    [await at.ask('/dns-query'), 400, 'bad_dns_query'],
    [await at.ask('/dns-query?dns='), 400, 'bad_dns_query'],
    [await at.ask('/dns-query?dns=AAA='), 400, 'bad_dns_query'],
    [await at.ask('/dns-query?dns=****'), 400, 'bad_dns_query'],
    [await at.ask(`/dns-query?dns=${base64url(fine)}&dns=${base64url(fine)}`), 400, 'bad_dns_query'],
    [await get(at, fine.subarray(0, 11)), 400, 'bad_dns_query'],
    [await get(at, messageOf({ flags: 0x8100, rest: questionOf('wiki.peer', 1) })), 400, 'bad_dns_query'],
    [await get(at, new Uint8Array(DNS_MESSAGE_BYTES_MAX + 1)), 413, 'body_too_large'],
    [await post(at, new Uint8Array(DNS_MESSAGE_BYTES_MAX + 1)), 413, 'body_too_large'],
    [await post(at, fine, 'application/octet-stream'), 415, 'unsupported_media_type'],
    [await at.ask('/dns-query', { method: 'PUT', body: 'x' }), 405, 'method_not_allowed'],
  ] as const)
    assert.deepEqual([response.status, await codeOf(response)], [status, code])
  const longest = new Uint8Array(DNS_MESSAGE_BYTES_MAX)
  longest.set(fine)
  assert.equal(rcodeOf(await bytesOf(await get(at, longest))), RCODE.FORMERR)
  assert.equal(
    rcodeOf(await bytesOf(await post(at, messageOf({ flags: 0x2800, rest: fine.subarray(12) })))),
    RCODE.NOTIMP,
  )
})

test('a HEAD is answered like a GET, without the body', async () => {
  const at = await scene()
  const response = await at.ask(`/dns-query?dns=${base64url(queryOf('wiki.peer', TYPE.SOA))}`, { method: 'HEAD' })
  assert.deepEqual([response.status, response.headers.get('content-type')], [200, MESSAGE])
})

test('padding is answered with padding, up to whole blocks of 468 bytes', async () => {
  const at = await scene()
  const padded = optOf(1232, 0, [0, 12, 0, 3, 0, 0, 0])
  assert.equal((await bytesOf(await get(at, queryOf('wiki.peer', TYPE.A, padded)))).length, 468)
})

test('the JSON form has the same answers', async () => {
  const at = await scene()
  await living(at, { ana: 'http://10.0.0.1' })
  const asked = async (query: string): Promise<Record<string, unknown>> => {
    const response = await at.ask(`/dns-query?${query}`, { headers: { Accept: 'application/dns-json' } })
    assert.equal(response.headers.get('content-type'), 'application/dns-json')
    return (await response.json()) as Record<string, unknown>
  }
  assert.deepEqual(await asked('name=Wiki.peer'), {
    Status: 0,
    TC: false,
    RD: true,
    RA: false,
    AD: false,
    CD: false,
    Question: [{ name: 'wiki.peer.', type: 1 }],
    Answer: [{ name: 'wiki.peer.', type: 1, TTL: 15, data: '10.0.0.1' }],
  })
  const text = await asked('name=wiki.peer&type=txt&cd=1')
  assert.equal(text.CD, true)
  assert.match(JSON.stringify(text.Answer), /"\\"v=interpeer1; job=[0-9a-f]{64}; epoch=1\\""/)
  const none = await asked('name=nobody.peer.&type=28')
  assert.equal(none.Status, 3)
  assert.deepEqual(none.Authority, [
    { name: 'peer.', type: 6, TTL: 30, data: 'gateway.example. hostmaster.gateway.example. 1 300 60 3600 30' },
  ])
  assert.equal((await asked('name=example.org')).Status, 5)
  for (const query of [
    'name=',
    'name=w%C3%AFki.peer',
    'name=a..peer',
    `name=${'a'.repeat(64)}.peer`,
    'name=wiki.peer&type=NOPE',
    'name=wiki.peer&type=65536',
    'name=a.peer&name=b.peer',
  ])
    assert.equal((await at.ask(`/dns-query?${query}`)).status, 400, query)
})

test('a request whose host is the name is sent on as `/<name>/` is, whatever its path', async () => {
  const at = await scene()
  await living(at, { ana: 'http://10.0.0.1:8080' })
  // Once by the router, and once from memory.
  for (const host of [
    'http://wiki.peer',
    'https://wiki.peer',
    'https://wiki.ipn:443',
    'http://wiki.ipn:80',
    'http://WIKI.PEER',
    'http://wiki.peer:8787',
  ])
    for (const path of ['/', '/page?q=1', '/bootstrap', '/network', '/other/x', '//evil.example/'])
      for (let turn = 0; turn < 2; turn++) {
        const response = await at.ask(`${host}${path}`)
        assert.deepEqual([response.status, response.headers.get('location')], [307, `http://10.0.0.1:8080${path}`])
      }
  const nobody = await at.ask('http://nobody.peer/wiki/')
  assert.deepEqual([nobody.status, await codeOf(nobody)], [404, 'unknown_name'])
  for (const host of ['http://www.wiki.peer/', 'http://bootstrap.peer/'])
    assert.equal((await at.ask(host)).status, 404, host)
})

test('no member can say that it has the site at a name that leads here', async () => {
  const at = await scene()
  for (const origin of ['http://wiki.peer', 'https://wiki.ipn:8443', 'http://other.peer']) {
    const response = await at.register('ana', { sites: { wiki: origin } })
    assert.deepEqual([response.status, await codeOf(response)], [400, 'bad_origin'], origin)
  }
})
