// The data of events: as `EventSource` reads them, wherever the bytes were cut.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesConcat } from '#protocol/codec/bytes.ts'
import { EVENT_BYTES_MAX, EventData } from '#protocol/socket/event-data.ts'

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

function saidOf(parts: readonly Uint8Array[]): string[] {
  const data = new EventData()
  return parts.flatMap((part) => {
    const said = data.push(part)
    assert.ok(said.ok)
    return said.value.map((bytes) => utf8.decode(bytes))
  })
}

const CASES: readonly (readonly [what: string, stream: string, said: readonly string[]])[] = [
  ['one line', 'data: a\n\n', ['a']],
  ['no space, one space, two', 'data:a\n\ndata: a\n\ndata:  a\n\n', ['a', 'a', ' a']],
  ['lines are joined by a line feed', 'data: a\ndata: b\n\n', ['a\nb']],
  ['data that is empty is said', 'data\n\ndata:\n\ndata\ndata\n\n', ['', '', '\n']],
  ['an event without data says nothing', 'id: 1\n\nevent: x\n\n:\n\n\n', []],
  ['comments, ids, types and unknown fields', ': c\nid: 1\nevent: e\nretry: 5\nother: o\ndata: a\n\n', ['a']],
  ['names are whole, and in small letters', 'datas: x\nDATA: x\n data: x\ndat: x\ndata: a\n\n', ['a']],
  ['all three ends of a line', 'data: a\r\rdata: b\r\n\r\ndata: c\n\n', ['a', 'b', 'c']],
  ['an end of both kinds is one end', 'data: a\r\ndata: b\r\n\r\n', ['a\nb']],
  ['a byte order mark before the first line', '\ufeffdata: a\n\n\ufeffdata: b\n\n', ['a']],
  ['what has not ended is not said', 'data: a\n\ndata: b\n', ['a']],
  ['colons in a value', 'data: a: b\n\n', ['a: b']],
  ['other scripts', 'data: ü 你好 🙂\n\n', ['ü 你好 🙂']],
]

for (const [what, stream, said] of CASES)
  test(`events: ${what}`, () => {
    const bytes = Buffer.from(stream)
    assert.deepEqual(saidOf([bytes]), said)
    assert.deepEqual(saidOf(Array.from(bytes, (byte) => Uint8Array.of(byte))), said, 'byte by byte')
    for (let cut = 0; cut <= bytes.length; cut++)
      assert.deepEqual(saidOf([bytes.subarray(0, cut), bytes.subarray(cut)]), said, `cut at ${cut}`)
  })

const piece = fc.constantFrom('data', ':', ' ', '\n', '\r', 'a', 'ü', 'id', '\ufeff', '\n\n', 'data: x\n')

test('what is said does not depend on where the bytes were cut', () => {
  fc.assert(
    fc.property(fc.array(piece), fc.array(fc.nat(40)), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.join(''))
      const parts: Uint8Array[] = []
      let rest: Uint8Array = bytes
      for (const cut of cuts) {
        parts.push(rest.subarray(0, cut))
        rest = rest.subarray(cut)
      }
      assert.deepEqual(saidOf([...parts, rest]), saidOf([bytes]))
    }),
  )
})

test('what was written as data is said again, line ends as line feeds', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme' })), (texts) => {
      const lines = (text: string): string[] => text.split(/\r\n|\r|\n/)
      const stream = texts.map(
        (text) =>
          `${lines(text)
            .map((line) => `data: ${line}\n`)
            .join('')}\n`,
      )
      assert.deepEqual(
        saidOf([Buffer.from(stream.join(''))]),
        texts.map((text) => lines(text).join('\n')),
      )
    }),
  )
})

test('a reused buffer changes nothing of what was said or kept', () => {
  const data = new EventData()
  const buffer = Buffer.from('data: a\n\ndata: b')
  const first = data.push(buffer)
  buffer.fill('x')
  const second = data.push(Buffer.from('c\n\n'))
  assert.ok(first.ok && second.ok)
  assert.deepEqual(
    [...first.value, ...second.value].map((bytes) => utf8.decode(bytes)),
    ['a', 'bc'],
  )
})

test('no more than its bound is held of an event, in one line and in many', () => {
  const line = bytesConcat(Buffer.from('data: '), new Uint8Array(EVENT_BYTES_MAX - 6).fill(0x61))
  const long = new EventData()
  assert.ok(long.push(line).ok)
  assert.deepEqual(long.push(Buffer.from('aaaaaaa')), { ok: false, error: { code: 'event_too_long' } })
  const many = new EventData()
  const lines = Buffer.from('data\n'.repeat(100_000))
  let taken = 0
  while (many.push(lines).ok) taken++
  assert.equal(taken, Math.floor((EVENT_BYTES_MAX + 1) / 100_000))
})
