// What a visitor's request says in its head, past the parser: its own fields, conditions and ranges; and the events of an answer, which a script may
// have had from anybody, as the two that read them have them.

import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { evaluate, RANGES_MAX, rangesOf } from '#protocol/answer/condition.ts'
import { preferredWait, readEvents } from '#protocol/answer/event-stream.ts'
import { bytesConcat, bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { TARGET_BYTES_MAX } from '#protocol/message/request.ts'
import { EventData } from '#protocol/socket/event-data.ts'
import { readHead } from '#seeder/serve/request-head.ts'
import { type Target, text } from '../target.ts'

const SIZE = 1_000
const VALIDATORS = { etag: '"one"', modified: Date.parse('Fri, 20 Nov 2026 10:00:00 GMT') } as const
const DATES = ['Fri, 20 Nov 2026 10:00:00 GMT', 'Friday, 20-Nov-26 10:00:00 GMT', 'Fri, 99 Nov 2026', 'Sun Nov  6 1994']

/** The rest of a line after `name: `, of the first that has it. */
function fieldOf(lines: readonly string[], name: string): string | undefined {
  const line = lines.find((each) => each.toLowerCase().startsWith(`${name}:`))
  return line?.slice(name.length + 1).trim()
}

function conditionsOf(input: Uint8Array) {
  const lines = text(input).split(/\r?\n/)
  const given = {
    ifMatch: fieldOf(lines, 'if-match'),
    ifNoneMatch: fieldOf(lines, 'if-none-match'),
    ifModifiedSince: fieldOf(lines, 'if-modified-since'),
    ifUnmodifiedSince: fieldOf(lines, 'if-unmodified-since'),
    ifRange: fieldOf(lines, 'if-range'),
    range: fieldOf(lines, 'range'),
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}

const FIELDS = ['If-Match: ', 'If-None-Match: ', 'If-Range: ', 'Range: bytes=', 'If-Modified-Since: ', '\r\n']

/** What the events say, in these pieces. */
function dataOf(pieces: readonly Uint8Array[]): Uint8Array | 'too long' {
  const reader = new EventData()
  const said: Uint8Array[] = []
  for (const piece of pieces) {
    const result = reader.push(piece)
    if (!result.ok) return 'too long'
    for (const each of result.value) said.push(each, Uint8Array.of(0))
  }
  return bytesConcat(...said)
}

export function headTargets(): readonly Target[] {
  return [
    {
      name: 'ranges',
      form: 'bytes',
      seeds: ['Range: bytes=0-99', 'Range: bytes=0-1,5-9,-10\r\nIf-Range: "one"', 'Range: bytes=900-'].map(
        bytesFromText,
      ),
      words: [...FIELDS, '-', ',', '0-', '-0', '999', '1000', '9'.repeat(15), 'W/"one"', '"one"', ...DATES],
      run(input) {
        const found = rangesOf(conditionsOf(input), SIZE, VALIDATORS)
        if (typeof found === 'string') return found
        assert.ok(found.length > 0 && found.length <= RANGES_MAX)
        let bytes = 0
        for (const { start, end } of found) {
          assert.ok(Number.isInteger(start) && start >= 0 && end >= start && end < SIZE, 'within what there is')
          bytes += end - start + 1
        }
        assert.ok(bytes <= SIZE, 'no byte twice')
        return `accepted ${found.length}`
      },
    },
    {
      name: 'conditions',
      form: 'bytes',
      seeds: ['If-None-Match: "two", W/"one"', 'If-Match: *', `If-Modified-Since: ${DATES[0]}`].map(bytesFromText),
      words: [...FIELDS, '"one"', 'W/', '"', '*', ',', ' ', ...DATES],
      run(input) {
        const conditions = conditionsOf(input)
        return `accepted ${evaluate(conditions, VALIDATORS)} ${evaluate(conditions, { etag: undefined, modified: undefined })}`
      },
    },
    {
      name: 'request head',
      form: 'bytes',
      seeds: [
        'GET /a?b HTTP/1.1\nHost: wiki.s1.localhost:8080\nAccept: text/html\nRange: bytes=0-1',
        'POST http://wiki.example/x HTTP/1.1\nHost: a\nContent-Length: 3\nIdempotency-Key: abc',
        'GET / HTTP/1.1\nHost: [::1]:80\nInterpeer-Nonce: AAAAAAAAAAAAAAAAAAAAAA==\nInterpeer-Height: 7\nPrefer: wait=20',
      ].map(bytesFromText),
      words: [
        '\nHost: ',
        '\nContent-Length: ',
        '\nTransfer-Encoding: chunked',
        'http://',
        '//',
        '@',
        ':0',
        '*',
        '[',
        ']',
        '%',
      ],
      run(input) {
        const [first = '', ...lines] = text(input).split('\n')
        const [method = '', url = ''] = first.split(' ')
        const rawHeaders = lines.flatMap((line) => {
          const colon = line.indexOf(':')
          return colon < 0 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()]
        })
        const head = readHead({ method, url, rawHeaders } as unknown as IncomingMessage, 'http')
        if (!head.ok) return head.error
        const { target, host, origin, listed, prefer, height, nonce } = head.value
        assert.match(target, /^\/[\x21-\x7e]*$/)
        assert.ok(target.length <= TARGET_BYTES_MAX)
        assert.ok(origin === `http://${host}` && !/[\s/?#@A-Z]/.test(host), 'one host')
        assert.ok(listed.every(([name]) => name === name.toLowerCase()))
        const wait = preferredWait(prefer)
        assert.ok(wait === undefined || (Number.isInteger(wait) && wait >= 0))
        return `accepted ${listed.length} ${height === undefined} ${nonce === undefined} ${wait === undefined}`
      },
    },
    {
      name: 'events',
      form: 'bytes',
      seeds: ['id: 7\ndata: one\ndata: two\n\n', ': a\r\ndata\r\rid:8\n\n', '\ufeffdata: x\n\nevent: y\ndata:z'].map(
        bytesFromText,
      ),
      words: ['data', 'id', ':', ' ', '\n', '\r', '\r\n', '\n\n', '\0', '\ufeff'],
      run(input) {
        const whole = dataOf([input])
        const pieces = Array.from(input, (_, at) => input.subarray(at, at + 1))
        const cut = dataOf(pieces)
        assert.ok(
          typeof whole === 'string' ? whole === cut : typeof cut !== 'string' && bytesEqual(whole, cut),
          'wherever it is cut',
        )
        const { lastId, hasEvents, goesOn } = readEvents(input, 'asked')
        assert.ok(!goesOn || /^[\x20-\x7e]{0,1024}$/.test(lastId), 'it comes back in a header as it was')
        return `accepted ${hasEvents} ${goesOn} ${lastId === 'asked'}`
      },
    },
  ]
}
