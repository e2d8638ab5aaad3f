// The frames of a tunnel: what is written reads back, and nothing else reads as a frame.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { err } from '#protocol/codec/result.ts'
import {
  type AnswerHead,
  DATA_BYTES_MAX,
  FRAME,
  FRAME_BYTES_MAX,
  frameFromBytes,
  frameToBytes,
  headToBytes,
  INLINE_BYTES_MAX,
  type OpenHead,
} from '#protocol/tunnel/frame.ts'

const HEAD: OpenHead = {
  site: 'wiki',
  scheme: 'https',
  method: 'POST',
  target: '/a?b=c',
  host: 'wiki.sites.localhost:8787',
  headers: [['accept', 'text/html']],
  source: '203.0.113.7',
  body: null,
}

/** As it would stand on the wire, whether it may or not. */
function bytesOf(head: OpenHead | AnswerHead): Uint8Array {
  return cborFromValue(head)
}

test('each frame reads back as what it was', () => {
  const open = frameToBytes({ type: 'open', stream: 7, head: bytesOf(HEAD) })
  assert.deepEqual(frameFromBytes(open), { ok: true, value: { type: 'open', stream: 7, head: HEAD } })
  const head = { status: 200, headers: [['Content-Type', 'text/plain']] as const, body: Uint8Array.of(1, 2, 3) }
  const answer = frameToBytes({ type: 'answer', stream: 7, head: bytesOf(head) })
  assert.deepEqual(frameFromBytes(answer), { ok: true, value: { type: 'answer', stream: 7, head } })
  for (const frame of [
    { type: 'data', stream: 0xffff_ffff, bytes: new Uint8Array(DATA_BYTES_MAX).fill(9) },
    { type: 'end', stream: 3 },
    { type: 'cancel', stream: 3, reason: 3 },
    { type: 'credit', stream: 0, bytes: 65536 },
    { type: 'reset' },
  ] as const)
    assert.deepEqual(frameFromBytes(frameToBytes(frame)), { ok: true, value: frame })
})

test('a head that could end a line of HTTP, name no host or hold too much is refused', () => {
  const bad: Partial<Record<keyof OpenHead, unknown>>[] = [
    { target: '/a b' },
    { target: 'http://elsewhere/' },
    { method: 'get' },
    { host: 'wiki\r\nx: y' },
    { host: 'Wiki' },
    { site: 'Wiki' },
    { scheme: 'ftp' },
    { headers: [['x y', 'z']] },
    { headers: Array.from({ length: 129 }, () => ['a', 'b']) },
    { source: 'a b' },
    { body: new Uint8Array(INLINE_BYTES_MAX + 1) },
    { body: 'text' },
    { more: 1 } as never,
  ]
  for (const change of bad) {
    const frame = frameToBytes({ type: 'open', stream: 1, head: bytesOf({ ...HEAD, ...change } as OpenHead) })
    assert.equal(frameFromBytes(frame).ok, false, JSON.stringify(change))
  }
  const answer = (value: string): Uint8Array => bytesOf({ status: 200, headers: [['a', value]], body: null })
  assert.equal(frameFromBytes(frameToBytes({ type: 'answer', stream: 1, head: answer('a\r\nb: c') })).ok, false)
  assert.equal(frameFromBytes(frameToBytes({ type: 'answer', stream: 1, head: answer('\xe4 b') })).ok, true)
})

test('a head that no frame holds is told before it is sent', () => {
  const value = 'x'.repeat(60 * 1024)
  const headers = Array.from({ length: 4 }, (_, index) => [`a${index}`, value] as const)
  assert.deepEqual(headToBytes('answer', { status: 200, headers, body: null }), err({ code: 'head_too_long' }))
  const many = Array.from({ length: 129 }, () => ['a', 'b'] as const)
  assert.deepEqual(
    headToBytes('answer', { status: 200, headers: many, body: null }),
    err({ code: 'head_form', path: '.headers' }),
  )
  assert.ok(headToBytes('open', HEAD).ok)
  assert.ok(!headToBytes('open', { ...HEAD, headers: [['a', 'ä'.repeat(5_000)]] }).ok)
})

test('pieces of the wrong length, unknown types and reasons, and messages that are too long are refused', () => {
  const data = (length: number): Uint8Array => Uint8Array.of(FRAME.data, 0, 0, 0, 1, ...new Uint8Array(length))
  assert.equal(frameFromBytes(data(0)).ok, false)
  assert.equal(frameFromBytes(data(DATA_BYTES_MAX)).ok, true)
  assert.equal(frameFromBytes(data(DATA_BYTES_MAX + 1)).ok, false)
  for (const bytes of [
    [],
    [FRAME.end],
    [FRAME.end, 0, 0, 0, 1, 0],
    [0, 0, 0, 0, 1],
    [8, 0, 0, 0, 1],
    [FRAME.cancel, 0, 0, 0, 1],
    [FRAME.cancel, 0, 0, 0, 1, 4],
    [FRAME.credit, 0, 0, 0, 1, 0, 0, 0, 0],
    [FRAME.credit, 0, 0, 0, 1, 0, 0, 1],
    [FRAME.reset, 0, 0, 0, 1],
  ])
    assert.equal(frameFromBytes(Uint8Array.from(bytes)).ok, false, bytes.join())
  assert.equal(frameFromBytes(new Uint8Array(FRAME_BYTES_MAX + 1)).ok, false)
})

test('no bytes throw', () => {
  const types = fc.integer({ min: 0, max: 9 })
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 64 }), (type, rest) => {
      frameFromBytes(Uint8Array.of(type, ...rest))
    }),
    { numRuns: 2000 },
  )
})
