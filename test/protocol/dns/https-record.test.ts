// HTTPS records: their bytes by RFC 9460, one form for what is read, and when the zones have one at all.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesConcat, bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { addressFromText } from '#protocol/dns/address.ts'
import { TYPE } from '#protocol/dns/constants.ts'
import { httpsFromData, httpsToData, httpsToText } from '#protocol/dns/https-record.ts'
import { answerToBytes, queryFromBytes, type RecordData } from '#protocol/dns/message.ts'
import { NAMED_MAX, type SitePlace, siteRecords } from '#protocol/dns/site-records.ts'
import { decoded, queryOf } from '#test/support/dns.ts'

function bytes(hex: string): Uint8Array {
  const read = bytesFromHex(hex.replaceAll(' ', ''))
  assert(read.ok)
  return read.value
}

function address(text: string): Uint8Array {
  return addressFromText(text) ?? assert.fail(text)
}

const SERVICE = { protocols: ['h2'], hints: [address('10.0.0.1'), address('2001:db8::1')] }
const HEX = '0001 00  0001 0003 02 6832  0004 0004 0a000001  0006 0010 20010db8000000000000000000000001'

test('RFC 9460 §2.2: priority, the name itself, and keys in ascending order, each with its length', () => {
  assert.equal(hexFromBytes(httpsToData(SERVICE)), HEX.replaceAll(' ', ''))
  assert.deepEqual(httpsFromData(bytes(HEX)), SERVICE)
  assert.equal(httpsToText(SERVICE), '1 . alpn="h2" ipv4hint=10.0.0.1 ipv6hint=2001:db8::1')
})

test('RFC 9460 §9.1: http/1.1 is the default and is not written; nothing else is then said of protocols', () => {
  const hints = [address('192.0.2.1')]
  assert.deepEqual(httpsFromData(httpsToData({ protocols: ['h3', 'h2', 'http/1.1'], hints }))?.protocols, ['h3', 'h2'])
  assert.equal(hexFromBytes(httpsToData({ protocols: ['http/1.1'], hints })), '00010000040004c0000201')
  assert.equal(httpsToText({ protocols: ['h3', 'h2'], hints: [] }), '1 . alpn="h3,h2"')
})

test('what leads elsewhere, or has another form, is no record of ours', () => {
  for (const [what, hex] of [
    ['nothing', ''],
    ['it breaks off', '0001'],
    ['AliasMode', '0000 00'],
    ['AliasMode with a target', '0000 03666f6f00'],
    ['another priority', '0002 00'],
    ['another target', '0001 03666f6f00'],
    ['mandatory', '0001 00 0000 0002 0001'],
    ['no-default-alpn', '0001 00 0001 0003 026832 0002 0000'],
    ['another port', '0001 00 0003 0002 01bb'],
    ['encrypted client hello', '0001 00 0005 0001 00'],
    ['a key of nobody’s', '0001 00 ff00 0001 00'],
    ['keys out of order', '0001 00 0004 0004 0a000001 0001 0003 026832'],
    ['a key twice', '0001 00 0004 0004 0a000001 0004 0004 0a000002'],
    ['an empty list', '0001 00 0004 0000'],
    ['a part of an address', '0001 00 0004 0005 0a00000102'],
    ['a part of an IPv6 address', '0001 00 0006 0004 0a000001'],
    ['a value that breaks off', '0001 00 0004 0004 0a0000'],
    ['a protocol that breaks off', '0001 00 0001 0003 036832'],
    ['a protocol without a name', '0001 00 0001 0001 00'],
    ['a protocol that ends a text', '0001 00 0001 0003 0222 2c'],
    ['bytes behind the end', '0001 00 00'],
  ] as const)
    assert.equal(httpsFromData(bytes(hex)), undefined, what)
})

test('whatever is read is written as it was, and no bytes make the reader fail', () => {
  const hint = (size: number) => fc.uint8Array({ minLength: size, maxLength: size })
  const service = fc.record(
    {
      protocols: fc.uniqueArray(fc.constantFrom('h3', 'h2')),
      hints: fc
        .tuple(fc.array(hint(4), { maxLength: 4 }), fc.array(hint(16), { maxLength: 4 }))
        .map(([four, six]) => [...four, ...six]),
    },
    { noNullPrototype: true },
  )
  fc.assert(fc.property(service, (given) => assert.deepEqual(httpsFromData(httpsToData(given)), given)))
  const edited = fc.tuple(service, fc.nat(), fc.nat({ max: 255 })).map(([given, at, byte]) => {
    const data = httpsToData(given)
    data[at % data.length] = byte
    return data
  })
  const anything = fc.oneof(
    edited,
    fc.uint8Array({ maxLength: 64 }).map((rest) => bytesConcat(Uint8Array.of(0, 1, 0), rest)),
  )
  fc.assert(
    fc.property(anything, (data) => {
      const read = httpsFromData(data)
      if (read !== undefined) assert.deepEqual(httpsToData(read), data)
    }),
    { numRuns: 1_000 },
  )
})

const PLAIN = { peer: 'aa', origin: 'http://93.184.215.14', http: undefined }
const PLACE: SitePlace = {
  job: 'ab',
  epoch: 1,
  members: [PLAIN],
  direct: [PLAIN],
  gateway: ['198.51.100.7', '2001:db8::7', 'no address'],
  isLocal: false,
}
const typed = (records: readonly RecordData[], type: number): readonly string[] =>
  records.filter((record) => record.type === type).map(({ data }) => hexFromBytes(data))

test('a site has one where the gateway has TLS for its name, and then no address but the gateway’s', () => {
  const without = siteRecords(PLACE)
  assert.deepEqual(typed(without, TYPE.HTTPS), [])
  assert.deepEqual(typed(without, TYPE.A), ['5db8d70e'])
  const records = siteRecords({ ...PLACE, tls: ['h2', 'http/1.1'] })
  assert.deepEqual(typed(records, TYPE.A), ['c6336407'])
  assert.deepEqual(typed(records, TYPE.AAAA), ['20010db8000000000000000000000007'])
  const [https, ...more] = records.filter(({ type }) => type === TYPE.HTTPS)
  assert(https !== undefined && more.length === 0)
  assert.deepEqual(httpsFromData(https.data), {
    protocols: ['h2'],
    hints: [address('198.51.100.7'), address('2001:db8::7')],
  })
  assert.deepEqual(typed(records, TYPE.TXT), typed(without, TYPE.TXT))
})

test('without an address there is none, and of many addresses it names as many as A and AAAA do', () => {
  assert.deepEqual(typed(siteRecords({ ...PLACE, gateway: [], tls: ['h2'] }), TYPE.HTTPS), [])
  assert.deepEqual(typed(siteRecords({ ...PLACE, gateway: [], tls: ['h2'] }), TYPE.A), [])
  const gateway = Array.from({ length: 20 }, (_, last) => `198.51.100.${last}`)
  const records = siteRecords({ ...PLACE, gateway, tls: ['h2'] })
  assert.equal(typed(records, TYPE.A).length, NAMED_MAX)
  const [https] = records.filter(({ type }) => type === TYPE.HTTPS)
  assert.equal(https === undefined ? 0 : httpsFromData(https.data)?.hints.length, NAMED_MAX)
})

test('another codec finds its bytes in the answer, whole', () => {
  const query = queryFromBytes(queryOf('wiki.peer', TYPE.HTTPS))
  assert(query.ok)
  const data = httpsToData(SERVICE)
  const answer = { rcode: 0, answers: [{ type: TYPE.HTTPS, ttl: 15, data }], authority: [] } as const
  const [read] = decoded(answerToBytes(query.value, answer, { maxBytes: 4096, isPrivate: true })).answers ?? []
  assert(read !== undefined && 'data' in read && 'ttl' in read)
  assert.deepEqual([read.name, read.type as string, read.ttl], ['wiki.peer', 'UNKNOWN_65', 15])
  assert.equal(hexFromBytes(Uint8Array.from(read.data as unknown as Uint8Array)), hexFromBytes(data))
})
