import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  acceptsEvents,
  askedAfter,
  EVENTS_BYTES_MAX,
  isEventStream,
  preferredWait,
  readEvents,
} from '#protocol/answer/event-stream.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'

const read = (text: string, asked = '') => {
  const { lastId, hasEvents, goesOn } = readEvents(bytesFromText(text), asked)
  return [lastId, hasEvents, goesOn] as const
}

test('the id of the last event that ended is what is asked after', () => {
  assert.deepEqual(read('id: 1\ndata: a\n\nid: 2\ndata: b\n\n'), ['2', true, true])
  assert.deepEqual(read('data: a\nid:7\n\n'), ['7', true, true])
  assert.deepEqual(read('id: 1\r\ndata: a\r\n\r\nid: 2\rdata: b\r\r'), ['2', true, true])
  assert.deepEqual(read('id: 1\ndata: a\n\ndata: b\n\n'), ['1', true, true], 'an event without one keeps the last')
  assert.deepEqual(read('id: 1\ndata: a\n\nid\ndata: b\n\n', '1'), ['', true, true], 'an empty one takes it away')
  assert.deepEqual(read('id: 2\0\ndata: a\n\n', '1'), ['1', true, false], 'one with a NULL is none')
  assert.deepEqual(read('id:  2\ndata: a\n\n'), [' 2', true, true], 'one space is no part of it')
})

test('what has no event, or none that can be asked after, is told', () => {
  assert.deepEqual(read('', '5'), ['5', false, true])
  assert.deepEqual(read(': hello\n\nretry: 50\n\n', '5'), ['5', false, true])
  assert.deepEqual(read('id: 6\n\n', '5'), ['6', false, true], 'an id alone is no event')
  assert.deepEqual(read('data: a\n\n'), ['', true, false], 'nothing to ask after: it would come again')
  assert.deepEqual(read('id: 5\ndata: a\n\n', '5'), ['5', true, false])
  assert.deepEqual(read('id: 6\ndata: a\n', '5'), ['5', false, false], 'an event that did not end')
  assert.deepEqual(read('id: 6\ndata: a\n\nid: 7', '5'), ['6', true, false])
  assert.deepEqual(read('id: é\ndata: a\n\n')[2], false, 'a header would carry it otherwise')
  assert.deepEqual(read(`id: ${'x'.repeat(1025)}\ndata: a\n\n`)[2], false)
})

test('whatever a script answers is read, and a long answer is not followed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string(), (body, asked) => {
      const { lastId, hasEvents, goesOn } = readEvents(body, asked)
      assert.ok(!goesOn || !hasEvents || lastId !== asked)
    }),
  )
  const long = new Uint8Array(EVENTS_BYTES_MAX + 1).fill(0x0a)
  assert.equal(readEvents(long.subarray(1), '1').goesOn, true)
  assert.deepEqual(readEvents(long, '1'), { lastId: '1', hasEvents: true, goesOn: false })
})

test('a stream of events is one by its type, and goes on for who asks for one', () => {
  assert.ok(isEventStream(200, 'text/event-stream'))
  assert.ok(isEventStream(200, 'Text/Event-Stream; charset=utf-8'))
  for (const [status, type] of [
    [204, 'text/event-stream'],
    [200, 'text/event-streams'],
    [200, 'text/plain'],
    [200, undefined],
  ] as const)
    assert.ok(!isEventStream(status, type))
  assert.ok(acceptsEvents('text/event-stream'))
  assert.ok(!acceptsEvents('*/*'))
  assert.ok(!acceptsEvents(undefined))
})

test('RFC 7240 §4.3 how long may be waited', () => {
  for (const [prefer, seconds] of [
    ['wait=10', 10],
    ['respond-async, wait=3', 3],
    ['Wait = "4"; x=y', 4],
    ['wait=99999', 25],
    ['wait=0', 0],
    ['wait', undefined],
    ['await=3', undefined],
    ['wait=-1', undefined],
    [undefined, undefined],
  ] as const)
    assert.equal(preferredWait(prefer), seconds, String(prefer))
})

test('the question after an event has its listed headers in their order', () => {
  const headers = [
    ['accept', 'a'],
    ['last-event-id', '1'],
    ['origin', 'o'],
  ] as const
  assert.deepEqual(askedAfter(headers, '2'), [headers[0], ['last-event-id', '2'], headers[2]])
  assert.deepEqual(askedAfter(headers, ''), [headers[0], headers[2]])
  assert.deepEqual(askedAfter([headers[0]], '2'), [headers[0], ['last-event-id', '2']])
  assert.deepEqual(askedAfter([headers[2]], '2'), [['last-event-id', '2'], headers[2]])
})
