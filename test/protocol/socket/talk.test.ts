// A visitor's WebSocket: one message is asked at a time, what waits is bounded, and after its end nothing is said or asked.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  MESSAGE_BYTES_MAX,
  type MessageAnswer,
  SOCKET_CLOSE,
  SocketTalk,
  type Step,
  WAITING_BYTES_MAX,
  WAITING_MAX,
  WAITING_PAUSE,
} from '#protocol/socket/talk.ts'

const bytes = (text: string): Uint8Array => Buffer.from(text)
const answer = (status: number, text = '', contentType = 'text/plain'): MessageAnswer => ({
  status,
  contentType,
  body: bytes(text),
})
/** Steps as words. */
const told = (steps: readonly Step[]): string[] =>
  steps.map((step) => {
    if (step.type === 'close') return `close ${step.code}`
    if (step.type === 'pause' || step.type === 'resume') return step.type
    return `${step.type}${step.isText ? '' : ' bytes'} ${Buffer.from(step.bytes)}`
  })
const heard = (talk: SocketTalk, text: string): string[] => told(talk.heard(bytes(text), true))

test('messages are asked one after the other, in order, and what they are answered is said', () => {
  const talk = new SocketTalk()
  assert.deepEqual(heard(talk, 'a'), ['ask a'])
  assert.deepEqual(heard(talk, 'b'), [])
  assert.deepEqual(told(talk.heard(bytes('c'), false)), [])
  assert.deepEqual(told(talk.came(bytes('data: x\n\ndata: y\n\n'))), ['say x', 'say y'])
  assert.deepEqual(told(talk.answered(answer(200, 'A'))), ['say A', 'ask b'])
  assert.deepEqual(told(talk.answered(answer(204))), ['ask bytes c'])
  assert.deepEqual(told(talk.answered(answer(201, 'C', 'image/png'))), ['say bytes C'])
  assert.deepEqual(heard(talk, 'd'), ['ask d'])
})

test('text is what is text by its type, and what has none', () => {
  for (const [type, isText] of [
    ['text/plain;charset=utf-8', true],
    ['TEXT/html', true],
    ['application/json', true],
    ['application/problem+json; charset=utf-8', true],
    [undefined, true],
    ['application/octet-stream', false],
    ['application/jsonish', false],
    ['image/svg+xml', false],
  ] as const) {
    const talk = new SocketTalk()
    talk.heard(bytes('a'), true)
    const [said] = talk.answered({ status: 200, contentType: type, body: bytes('x') })
    assert.ok(said?.type === 'say')
    assert.equal(said.isText, isText, String(type))
  }
})

test('how a message was answered that was not taken is how the socket ends, and the rest is not asked', () => {
  for (const [status, code] of [
    [400, 4400],
    [451, 4451],
    [503, 4503],
    [599, 4599],
    [304, 4304],
    [101, 4502],
    [999, 4502],
    [307, SOCKET_CLOSE.restart],
    [308, SOCKET_CLOSE.restart],
  ] as const) {
    const talk = new SocketTalk()
    talk.heard(bytes('a'), true)
    talk.heard(bytes('b'), true)
    assert.deepEqual(told(talk.answered(answer(status, 'no'))), [`close ${code}`])
    assert.deepEqual(
      [heard(talk, 'c'), told(talk.came(bytes('data: x\n\n'))), told(talk.close(1000, ''))],
      [[], [], []],
    )
    assert.equal(talk.waitingBytes, 0)
  }
})

test('a form that was taken says nothing, an answer that is too long ends the socket', () => {
  for (const status of [301, 302, 303]) {
    const talk = new SocketTalk()
    talk.heard(bytes('a'), true)
    assert.deepEqual(told(talk.answered(answer(status, 'moved'))), [])
  }
  const talk = new SocketTalk()
  talk.heard(bytes('a'), true)
  const long = talk.answered({ status: 200, contentType: 'text/plain', body: 'too_long' })
  assert.deepEqual(told(long), [`close ${SOCKET_CLOSE.broken}`])
})

test('when the events end the message under way is answered first, and those that wait are not asked', () => {
  for (const [isLeaving, code] of [
    [true, SOCKET_CLOSE.restart],
    [false, SOCKET_CLOSE.broken],
  ] as const) {
    const quiet = new SocketTalk()
    assert.deepEqual(told(quiet.ended(isLeaving)), [`close ${code}`])
    const busy = new SocketTalk()
    busy.heard(bytes('a'), true)
    busy.heard(bytes('b'), true)
    assert.deepEqual(told(busy.ended(isLeaving)), [])
    assert.deepEqual(told(busy.ended(!isLeaving)), [])
    assert.deepEqual(heard(busy, 'c'), [])
    assert.deepEqual(told(busy.answered(answer(200, 'A'))), ['say A', `close ${code}`])
  }
})

test('a message that is too long ends the socket, one of the most is asked', () => {
  const talk = new SocketTalk()
  assert.equal(talk.heard(new Uint8Array(MESSAGE_BYTES_MAX), false).length, 1)
  assert.deepEqual(told(talk.heard(new Uint8Array(MESSAGE_BYTES_MAX + 1), false)), [`close ${SOCKET_CLOSE.tooBig}`])
})

test('with many messages that wait it is paused, resumed when they were asked, and ended with too many', () => {
  const talk = new SocketTalk()
  const steps = Array.from({ length: WAITING_PAUSE + 1 }, () => heard(talk, 'm')).flat()
  assert.deepEqual(steps, ['ask m', 'pause'])
  assert.deepEqual(told(talk.answered(answer(200))), ['ask m', 'resume'])
  const flooded = new SocketTalk()
  const flood = Array.from({ length: WAITING_MAX + 2 }, () => heard(flooded, 'm')).flat()
  assert.deepEqual(flood, ['ask m', 'pause', `close ${SOCKET_CLOSE.tryAgain}`])
  const large = new SocketTalk()
  const count = WAITING_BYTES_MAX / MESSAGE_BYTES_MAX + 2
  const ended = Array.from({ length: count }, () => told(large.heard(new Uint8Array(MESSAGE_BYTES_MAX), false))).flat()
  assert.equal(ended.at(-1), `close ${SOCKET_CLOSE.tryAgain}`)
})

test('an event without an end ends the socket before it fills the memory', () => {
  const talk = new SocketTalk()
  let steps: readonly Step[] = []
  for (let part = 0; part < 20 && steps.length === 0; part++) steps = talk.came(new Uint8Array(64 * 1024).fill(0x61))
  assert.deepEqual(told(steps), [`close ${SOCKET_CLOSE.broken}`])
})

const input = fc.oneof(
  fc.record({ type: fc.constant('heard' as const), length: fc.nat(300) }),
  fc.record({ type: fc.constant('answered' as const), status: fc.constantFrom(200, 204, 303, 200, 200, 404) }),
  fc.record({ type: fc.constant('came' as const), text: fc.constantFrom('data: x\n\n', ':\n\n', 'da') }),
  fc.record({ type: fc.constant('ended' as const), isLeaving: fc.boolean() }),
)

test('whatever happens in whatever order: one at a time, in order, once, within the bounds, and nothing after the end', () => {
  fc.assert(
    fc.property(fc.array(input, { maxLength: 400 }), (inputs) => {
      const talk = new SocketTalk()
      const sent: number[] = []
      const asked: number[] = []
      let underWay = 0
      let isPaused = false
      let isClosed = false
      for (const [index, step] of inputs.entries()) {
        let steps: readonly Step[] = []
        if (step.type === 'heard') {
          sent.push(index)
          steps = talk.heard(Uint8Array.from(Buffer.from(String(index).padEnd(step.length))), true)
        } else if (step.type === 'answered') {
          if (underWay === 0) continue
          underWay--
          steps = talk.answered(answer(step.status, 'x'))
        } else steps = step.type === 'came' ? talk.came(bytes(step.text)) : talk.ended(step.isLeaving)
        for (const made of steps) {
          assert.ok(!isClosed, 'nothing after the end')
          if (made.type === 'ask') {
            underWay++
            asked.push(Number(Buffer.from(made.bytes).toString()))
          }
          if (made.type === 'pause' || made.type === 'resume') {
            assert.equal(made.type === 'resume', isPaused)
            isPaused = made.type === 'pause'
          }
          isClosed = made.type === 'close'
        }
        assert.ok(underWay <= 1)
        assert.ok(talk.waitingBytes <= WAITING_BYTES_MAX)
        assert.equal(talk.isOver, isClosed)
      }
      assert.deepEqual(asked, sent.slice(0, asked.length))
    }),
  )
})
