// Who may open a WebSocket, and what of the handshake the site is asked with.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asksForSocket, checkHandshake, readFields, writeFields } from '#protocol/socket/handshake.ts'

const OWN = 'https://wiki.example:8443'
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

test('RFC 6455 a GET that asks for websocket and nothing else', () => {
  for (const upgrade of ['websocket', 'WebSocket', ' websocket ']) assert.ok(asksForSocket('GET', upgrade))
  for (const upgrade of [undefined, null, '', 'h2c', 'websocket, h2c', 'websocket/13'])
    assert.ok(!asksForSocket('GET', upgrade), String(upgrade))
  for (const method of ['POST', 'HEAD', undefined]) assert.ok(!asksForSocket(method, 'websocket'))
})

test('version, key and origin of a handshake', () => {
  for (const [version, key, origin, code] of [
    ['13', KEY, undefined, undefined],
    ['13', KEY, null, undefined],
    ['13', KEY, OWN, undefined],
    [undefined, KEY, undefined, 'socket_version'],
    ['8', KEY, undefined, 'socket_version'],
    ['13, 8', KEY, undefined, 'socket_version'],
    ['13', undefined, undefined, 'socket_key'],
    ['13', KEY.slice(1), undefined, 'socket_key'],
    ['13', `${KEY}, ${KEY}`, undefined, 'socket_key'],
    ['13', KEY, 'https://evil.example', 'foreign_origin'],
    ['13', KEY, 'http://wiki.example:8443', 'foreign_origin'],
    ['13', KEY, 'https://wiki.example', 'foreign_origin'],
    ['13', KEY, `${OWN}/`, 'foreign_origin'],
    ['13', KEY, `${OWN}, ${OWN}`, 'foreign_origin'],
    ['13', KEY, 'null', 'foreign_origin'],
    ['13', KEY, '', 'foreign_origin'],
  ] as const) {
    const checked = checkHandshake({ version, key, origin }, OWN)
    assert.equal(checked.ok ? undefined : checked.error.code, code, `${version} ${key} ${origin}`)
  }
})

const SENT = [
  ['Host', 'wiki.example'],
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Key', KEY],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Extensions', 'permessage-deflate'],
  ['Origin', OWN],
  ['Cookie', 'session=7'],
  ['Authorization', 'Bearer x'],
  ['Accept-Language', 'de'],
  ['Accept', '*/*'],
  ['Accept-Encoding', 'br'],
  ['Last-Event-ID', '5'],
  ['Idempotency-Key', 'the visitor sent one'],
  ['If-None-Match', '"a"'],
  ['Range', 'bytes=0-1'],
  ['Interpeer-Height', '7'],
  ['Content-Type', 'text/html'],
] as const
const ASKED = [
  ['Origin', OWN],
  ['Cookie', 'session=7'],
  ['Authorization', 'Bearer x'],
  ['Accept-Language', 'de'],
] as const

test('the site is asked for events as a page asks, and sees nothing of the socket', () => {
  assert.deepEqual(readFields(SENT), [...ASKED, ['Last-Event-ID', '5'], ['accept', 'text/event-stream']])
})

test('a message is a write as this visitor writes, under a key of its own', () => {
  assert.deepEqual(writeFields(SENT, true, 'k'), [
    ...ASKED,
    ['content-type', 'text/plain;charset=UTF-8'],
    ['idempotency-key', 'k'],
    ['interpeer-client', '1'],
  ])
  assert.deepEqual(writeFields(SENT, false, 'k')[4], ['content-type', 'application/octet-stream'])
})
