// What the zones answer to, as a table: before anybody is asked who is living.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RCODE, TYPE } from '#protocol/dns/constants.ts'
import { answerToBytes, lifeOf, queryFromBytes } from '#protocol/dns/message.ts'
import { siteNamedBy } from '#protocol/dns/named-host.ts'
import { createZone, NO_NAME_SECONDS, type Settled, settle, siteAnswer, type Zone } from '#protocol/dns/zone.ts'
import { decoded, messageOf, optOf, queryOf, questionOf } from '#test/support/dns.ts'

const FACTS = { server: 'gateway.example', serial: 0xffff_fffe, isSite: (name: string) => name === 'wiki' }
const ZONE = createZone(FACTS)

function settled(bytes: Uint8Array, zone: Zone | 'none' = ZONE): Settled {
  const query = queryFromBytes(bytes)
  assert(query.ok)
  return settle(query.value, zone === 'none' ? undefined : zone)
}

function rcode(bytes: Uint8Array, zone?: Zone | 'none'): number | string {
  const end = settled(bytes, zone)
  return end.kind === 'site' ? `site ${end.name}` : end.answer.rcode
}

test('F32 what each question is answered with', () => {
  for (const [name, type, expected] of [
    ['wiki.peer', TYPE.A, 'site wiki'],
    ['WIKI.IPN', 0xffff, 'site wiki'],
    ['wiki.peer', 0, 'site wiki'],
    ['a.wiki.peer', TYPE.A, RCODE.NXDOMAIN],
    ['nobody.peer', TYPE.ANY, RCODE.NXDOMAIN],
    ['peer', TYPE.SOA, RCODE.NOERROR],
    ['peer', TYPE.A, RCODE.NOERROR],
    ['.', TYPE.NS, RCODE.REFUSED],
    ['peer.org', TYPE.A, RCODE.REFUSED],
    ['wiki.peers', TYPE.A, RCODE.REFUSED],
    ['wiki.peer', TYPE.AXFR, RCODE.REFUSED],
    ['wiki.peer', TYPE.IXFR, RCODE.REFUSED],
    ['wiki.peer', TYPE.OPT, RCODE.FORMERR],
    ['wiki.peer', TYPE.TSIG, RCODE.NOTIMP],
    ['wiki.peer', TYPE.MAILA, RCODE.NOTIMP],
  ] as const)
    assert.equal(rcode(queryOf(name, type)), expected, `${name} ${type}`)
  assert.equal(rcode(queryOf('wiki.peer', TYPE.A), 'none'), RCODE.SERVFAIL)
  assert.equal(rcode(queryOf('example.org', TYPE.A), 'none'), RCODE.REFUSED)
  assert.equal(rcode(queryOf('wiki.peer', TYPE.A, optOf(1232, 0x1_0000))), RCODE.BADVERS)
  const chaos = questionOf('wiki.peer', TYPE.TXT)
  chaos[chaos.length - 1] = 3
  assert.equal(rcode(messageOf({ rest: chaos })), RCODE.REFUSED)
})

test('a name with bytes that no site has is one that does not exist, not an error', () => {
  const strange = Uint8Array.of(4, 0, 0xff, 46, 46, 4, 0x70, 0x65, 0x65, 0x72, 0, 0, 1, 0, 1)
  assert.equal(rcode(messageOf({ rest: strange })), RCODE.NXDOMAIN)
})

test('RFC 8482: whoever asks for everything gets HINFO', () => {
  const query = queryFromBytes(queryOf('wiki.peer', TYPE.ANY))
  assert(query.ok)
  const answer = siteAnswer(TYPE.ANY, ZONE, { ttl: 9, records: [{ type: TYPE.A, data: Uint8Array.of(10, 0, 0, 1) }] })
  const [only, ...more] = decoded(answerToBytes(query.value, answer, { maxBytes: 512, isPrivate: false })).answers ?? []
  assert(only?.type === 'HINFO')
  assert.deepEqual([only.data, only.ttl, more.length], [{ cpu: 'RFC8482', os: '' }, 9, 0])
})

test('RFC 2308: a “no” lives no longer than the SOA says, nor than what it rests on', () => {
  assert.equal(lifeOf(siteAnswer(TYPE.AAAA, ZONE, { ttl: 5, records: [] })), 5)
  assert.equal(lifeOf(siteAnswer(TYPE.AAAA, ZONE, { ttl: 900, records: [] })), NO_NAME_SECONDS)
  assert.equal(lifeOf({ rcode: RCODE.REFUSED, answers: [], authority: [] }), undefined)
})

test('a server that has no name of its own is called localhost, and serials count to 2³² − 1', () => {
  for (const server of ['127.0.0.1', '[::1]', '']) {
    const end = settled(queryOf('peer', TYPE.SOA), createZone({ ...FACTS, server }))
    assert(end.kind === 'answer')
    const query = queryFromBytes(queryOf('peer', TYPE.SOA))
    assert(query.ok)
    const [soa] = decoded(answerToBytes(query.value, end.answer, { maxBytes: 512, isPrivate: false })).answers ?? []
    assert(soa?.type === 'SOA')
    assert.deepEqual([soa.data.mname, soa.data.serial], ['localhost', FACTS.serial])
  }
})

test('hosts of the zones name sites, with any port and in any case; others do not', () => {
  for (const host of ['wiki.peer', 'wiki.ipn:8080', 'WIKI.Peer:80', 'wiki.peer.', 'wiki.ipn.:8080'])
    assert.equal(siteNamedBy(host), 'wiki', host)
  for (const host of [
    'peer',
    'peer:80',
    '.peer',
    'peer.',
    'wiki.peer..',
    'wiki.example',
    'wikipeer',
    '[::1]:80',
    '[::1]',
    '',
  ])
    assert.equal(siteNamedBy(host), undefined, host)
  assert.equal(siteNamedBy('a.b.peer'), 'a.b')
})
