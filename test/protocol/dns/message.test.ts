// DNS messages: what is read, what is refused and how, and that another codec reads what is written.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as oracle from '@dnsquery/dns-packet'
import fc from 'fast-check'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { DNS_MESSAGE_BYTES_MAX, PLAIN_UDP_BYTES, RCODE, TYPE, UDP_PAYLOAD_BYTES } from '#protocol/dns/constants.ts'
import {
  type Answer,
  answerFromBytes,
  answerToBytes,
  type Query,
  queryFromBytes,
  queryToBytes,
  udpBytesMax,
} from '#protocol/dns/message.ts'
import { questionToBytes } from '#protocol/dns/name.ts'
import { textData } from '#protocol/dns/site-records.ts'
import { decoded, messageOf, optIn, optOf, queryOf, questionOf } from '#test/support/dns.ts'

const WHOLE = { maxBytes: DNS_MESSAGE_BYTES_MAX, isPrivate: true }
const ADDRESSES: Answer = {
  rcode: RCODE.NOERROR,
  answers: [{ type: TYPE.A, ttl: 15, data: Uint8Array.of(10, 0, 0, 1) }],
  authority: [],
}

function read(bytes: Uint8Array): Query {
  const query = queryFromBytes(bytes)
  assert(query.ok, JSON.stringify(query))
  return query.value
}

/** The code, and for what is answered also the response code. */
function verdict(bytes: Uint8Array): string {
  const query = queryFromBytes(bytes)
  if (query.ok) return 'ok'
  if (query.error.code !== 'bad_query') return query.error.code
  assert.equal(query.error.answer.length, 12)
  assert.equal((query.error.answer[3] ?? 0) & 15, query.error.rcode)
  assert.deepEqual(query.error.answer.subarray(0, 2), bytes.subarray(0, 2))
  return `${query.error.rcode} ${query.error.detail}`
}

test('a query that other software writes is read: name in lower case, type, class, EDNS', () => {
  const opt = { type: 'OPT', name: '.', udpPayloadSize: 4000, flags: oracle.DNSSEC_OK, options: [] }
  const bytes = oracle.encode({
    id: 0x1234,
    type: 'query',
    flags: oracle.RECURSION_DESIRED,
    questions: [{ type: 'TXT', name: 'WiKi.Peer' }],
    additionals: [opt as unknown as oracle.Answer],
  })
  const { id, question, edns } = read(bytes)
  assert.equal(id, 0x1234)
  assert.deepEqual([question.labels, question.type, question.class], [['wiki', 'peer'], TYPE.TXT, 1])
  assert.deepEqual(edns, { payloadBytes: 4000, version: 0, dnssecOk: true, pads: false })
})

test('what is no query is answered with nothing', () => {
  const query = queryOf('wiki.peer', 1)
  assert.equal(verdict(query.subarray(0, 11)), 'no_query')
  assert.equal(verdict(new Uint8Array(0)), 'no_query')
  assert.equal(verdict(messageOf({ flags: 0x8000, rest: query.subarray(12) })), 'no_query')
  assert.equal(verdict(new Uint8Array(DNS_MESSAGE_BYTES_MAX + 1)), 'too_long')
})

test('RFC 9619, RFC 1035: malformed queries are FORMERR, other opcodes NOTIMP', () => {
  const question = questionOf('wiki.peer', 1)
  const cut = question.subarray(0, question.length - 1)
  const long = new Uint8Array(5).fill(63)
  for (const [message, expected] of [
    [messageOf({ counts: [0, 0, 0, 0], rest: new Uint8Array(0) }), '1 not one question'],
    [messageOf({ counts: [2, 0, 0, 0], rest: Uint8Array.from([...question, ...question]) }), '1 not one question'],
    [messageOf({ counts: [1, 1, 0, 0], rest: question }), '1 answers in a query'],
    [messageOf({ counts: [1, 0, 1, 0], rest: question }), '1 answers in a query'],
    [messageOf({ counts: [1, 0, 0, 5], rest: question }), '1 too many records'],
    [messageOf({ rest: cut }), '1 the question breaks off or is too long'],
    [messageOf({ rest: long }), '1 the question breaks off or is too long'],
    [messageOf({ rest: Uint8Array.from([...question, 0]) }), '1 bytes behind the end'],
    [messageOf({ counts: [1, 0, 0, 1], rest: question }), '1 a record breaks off'],
    [
      messageOf({ counts: [1, 0, 0, 2], rest: Uint8Array.from([...question, ...optOf(), ...optOf()]) }),
      '1 OPT twice, or not of the root',
    ],
    [
      messageOf({ counts: [1, 0, 0, 1], rest: Uint8Array.from([...question, 1, 97, ...optOf()]) }),
      '1 OPT twice, or not of the root',
    ],
    [
      messageOf({ counts: [1, 0, 0, 1], rest: Uint8Array.from([...question, ...optOf(1232, 0, [0, 12, 0, 9, 0])]) }),
      '1 an option breaks off',
    ],
    [messageOf({ flags: 0x2000, rest: question }), '4 another opcode than QUERY'],
    [messageOf({ flags: 0x7800, rest: new Uint8Array(0) }), '4 another opcode than QUERY'],
  ] as const)
    assert.equal(verdict(message), expected)
})

test('names: 63 bytes a label and 255 in all, not one more; no pointer in a question, none ahead anywhere', () => {
  const nameOf = (...lengths: number[]): Uint8Array =>
    Uint8Array.from([...lengths.flatMap((length) => [length, ...new Array<number>(length).fill(97)]), 0, 0, 1, 0, 1])
  assert.equal(verdict(messageOf({ rest: nameOf(63) })), 'ok')
  assert.match(verdict(messageOf({ rest: nameOf(64) })), /^1 /)
  assert.equal(verdict(messageOf({ rest: nameOf(63, 63, 63, 61) })), 'ok')
  assert.match(verdict(messageOf({ rest: nameOf(63, 63, 63, 62) })), /^1 /)
  assert.match(verdict(messageOf({ rest: Uint8Array.of(0xc0, 12, 0, 1, 0, 1) })), /^1 the question/)
  const question = questionOf('wiki.peer', 1)
  const withOwner = (...owner: number[]): Uint8Array =>
    messageOf({ counts: [1, 0, 0, 1], rest: Uint8Array.from([...question, ...owner, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]) })
  const start = 12 + question.length
  assert.equal(verdict(withOwner(0xc0, 12)), 'ok')
  for (const target of [start, start + 2, 11, 0]) assert.match(verdict(withOwner(0xc0, target)), /^1 a record/)
  assert.match(verdict(withOwner(0x40, 1)), /^1 a record/)
})

test('the question comes back byte for byte, whatever its case, and answers point to it', () => {
  fc.assert(
    fc.property(fc.mixedCase(fc.constant('wiki.peer')), fc.integer({ min: 0, max: 0xffff }), (name, id) => {
      const bytes = answerToBytes(read(queryOf(name, TYPE.A, undefined, id)), ADDRESSES, WHOLE)
      const answer = decoded(bytes)
      assert.equal(answer.id, id)
      assert.equal(answer.questions?.[0]?.name, name)
      assert.equal(answer.answers?.[0]?.name, name)
      assert.equal(bytes.length, 12 + 15 + 16)
    }),
  )
})

test('RFC 6891: EDNS is answered with EDNS, its absence with none; an unknown version with BADVERS', () => {
  const plain = decoded(answerToBytes(read(queryOf('wiki.peer', 1)), ADDRESSES, WHOLE))
  assert.equal(plain.additionals?.length, 0)
  const opt = optIn(decoded(answerToBytes(read(queryOf('wiki.peer', 1, optOf(4096, 0x8000))), ADDRESSES, WHOLE)))
  assert.deepEqual([opt?.udpPayloadSize, opt?.flag_do, opt?.ednsVersion], [UDP_PAYLOAD_BYTES, true, 0])
  const refusal: Answer = { rcode: RCODE.BADVERS, answers: [], authority: [] }
  const bytes = answerToBytes(read(queryOf('wiki.peer', 1, optOf(1232, 0x1_0000))), refusal, WHOLE)
  const bad = optIn(decoded(bytes))
  assert.deepEqual([bad?.extendedRcode, (bytes[3] ?? 0) & 15, bad?.ednsVersion], [1, 0, 0])
})

test('over UDP: 512 bytes unless the asker says more, 1232 at most; what is longer is left out, and TC says so', () => {
  assert.equal(udpBytesMax(read(queryOf('wiki.peer', 1)), PLAIN_UDP_BYTES), 512)
  for (const [said, taken] of [
    [0, 512],
    [511, 512],
    [1000, 1000],
    [1232, 1232],
    [65_535, 1232],
  ] as const)
    assert.equal(udpBytesMax(read(queryOf('wiki.peer', 1, optOf(said))), PLAIN_UDP_BYTES), taken)
  const answers = Array.from({ length: 8 }, () => ({ type: TYPE.TXT, ttl: 1, data: textData('x'.repeat(100)) }))
  const query = read(queryOf('wiki.peer', TYPE.TXT, optOf()))
  const long = { ...ADDRESSES, answers }
  const whole = answerToBytes(query, long, { maxBytes: 4096, isPrivate: false })
  assert.equal(decoded(whole).flag_tc, false)
  assert(bytesEqual(answerToBytes(query, long, { maxBytes: whole.length, isPrivate: false }), whole))
  const cut = answerToBytes(query, long, { maxBytes: whole.length - 1, isPrivate: false })
  const { flag_tc, answers: none, additionals, questions } = decoded(cut)
  assert.deepEqual([flag_tc, none?.length, additionals?.length, questions?.length], [true, 0, 1, 1])
})

test('RFC 8467: who pads is answered in blocks of 468 bytes, where nobody on the way can read', () => {
  const query = read(queryOf('wiki.peer', 1, optOf(1232, 0, [0, 12, 0, 0])))
  assert.equal(answerToBytes(query, ADDRESSES, WHOLE).length, 468)
  assert.equal(answerToBytes(query, ADDRESSES, { ...WHOLE, isPrivate: false }).length < 100, true)
  assert.equal(answerToBytes(query, ADDRESSES, { maxBytes: 467, isPrivate: true }).length < 100, true)
  decoded(answerToBytes(query, ADDRESSES, WHOLE))
})

test('a gateway’s answer is read again as it was written; another question’s is refused', () => {
  const question = questionToBytes('wiki.peer', TYPE.A)
  assert(question !== undefined)
  const query = read(queryToBytes(question))
  assert.deepEqual([query.id, query.edns?.payloadBytes], [0, UDP_PAYLOAD_BYTES])
  const soa = { type: TYPE.SOA, ttl: 7, data: Uint8Array.of(0, 0, ...new Uint8Array(20)) }
  const written = answerFromBytes(answerToBytes(query, { ...ADDRESSES, authority: [soa] }, WHOLE), question)
  assert.deepEqual(written, {
    ok: true,
    value: { rcode: 0, isTruncated: false, answers: ADDRESSES.answers, noTtl: 7 },
  })
  const other = questionOf('wiki.ipn', TYPE.A)
  assert.deepEqual(answerFromBytes(answerToBytes(query, ADDRESSES, WHOLE), other), {
    ok: false,
    error: { code: 'bad_answer', detail: 'another question' },
  })
  const bytes = answerToBytes(query, ADDRESSES, WHOLE)
  for (let length = 0; length < bytes.length; length++)
    assert.equal(answerFromBytes(bytes.subarray(0, length), question).ok, false, `${length} bytes`)
  assert.equal(answerFromBytes(Uint8Array.from([...bytes, 0]), question).ok, false)
})

test('a text of any length is strings of at most 255 bytes that another codec joins again', () => {
  for (const length of [0, 1, 255, 256, 600]) {
    const text = 'v'.repeat(length)
    const data = textData(text)
    const bytes = answerToBytes(
      read(queryOf('wiki.peer', TYPE.TXT)),
      { ...ADDRESSES, answers: [{ type: TYPE.TXT, ttl: 0, data }] },
      WHOLE,
    )
    const [answer] = decoded(bytes).answers ?? []
    assert(answer?.type === 'TXT')
    assert.equal(Buffer.concat(answer.data as Uint8Array[]).toString(), text)
  }
})
