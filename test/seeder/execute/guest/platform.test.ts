// Streams, events, timers, clones, the console and Web Crypto of the guest library.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { format, console as guestConsole, inspect } from '#seeder/execute/guest/console.ts'
import { crypto as guestCrypto } from '#seeder/execute/guest/crypto.ts'
import { AbortController, AbortSignal, Event, EventTarget } from '#seeder/execute/guest/events.ts'
import { setInRequest } from '#seeder/execute/guest/host.ts'
import { forgetRandom, random } from '#seeder/execute/guest/math-random.ts'
import {
  ReadableStream,
  readAll,
  TextDecoderStream,
  TextEncoderStream,
  TransformStream,
  WritableStream,
} from '#seeder/execute/guest/streams.ts'
import { structuredClone as guestClone } from '#seeder/execute/guest/structured-clone.ts'
import { clearTimer, forgetTimers, runNextTimer, setRepeating, setTimer } from '#seeder/execute/guest/timers.ts'
import { installGuestHost } from '#test/support/guest-host.ts'

const { logs } = installGuestHost()

function listStream<T>(items: readonly T[]): ReadableStream<T> {
  return new ReadableStream<T>({
    start(controller) {
      for (const item of items) controller.enqueue(item)
      controller.close()
    },
  })
}

test('streams: text is encoded and decoded across chunks that cut characters in half', async () => {
  const encoded = listStream(['a\ud83d', '\ude00é']).pipeThrough(
    new TextEncoderStream() as never,
  ) as ReadableStream<Uint8Array>
  const bytes = Buffer.concat(await readAll(encoded))
  assert.equal(bytes.toString(), 'a😀é')
  const cut = listStream([bytes.subarray(0, 3), bytes.subarray(3)])
  const decoded = cut.pipeThrough(new TextDecoderStream() as never) as ReadableStream<string>
  assert.equal(Buffer.concat(await readAll(decoded)).toString(), 'a😀é')
})

test('streams: pipeTo, transform, tee and cancel', async () => {
  const seen: number[] = []
  const double = new TransformStream<number, number>({
    transform: (chunk, controller) => controller.enqueue(chunk * 2),
  })
  await listStream([1, 2, 3])
    .pipeThrough(double)
    .pipeTo(new WritableStream({ write: (chunk: number) => void seen.push(chunk) }))
  assert.deepEqual(seen, [2, 4, 6])
  const [left, right] = listStream(['x']).tee()
  assert.equal(Buffer.concat(await readAll(left)).toString(), 'x')
  assert.equal(Buffer.concat(await readAll(right)).toString(), 'x')
  let cancelled: unknown
  const cancel = (reason: unknown): void => {
    cancelled = reason
  }
  await new ReadableStream({ cancel }).cancel('enough')
  assert.equal(cancelled, 'enough')
})

test('events: listeners, once, handler objects and stopping', () => {
  const target = new EventTarget()
  const seen: string[] = []
  target.addEventListener('x', () => seen.push('a'), { once: true })
  target.addEventListener('x', {
    handleEvent(event) {
      seen.push('b')
      event.stopImmediatePropagation()
    },
  })
  target.addEventListener('x', () => seen.push('never'))
  target.dispatchEvent(new Event('x'))
  assert.equal(target.dispatchEvent(new Event('x', { cancelable: true })), true)
  assert.deepEqual(seen, ['a', 'b', 'b'])
})

test('events: abort signals fire once, with their reason, and combine', () => {
  const controller = new AbortController()
  const any = AbortSignal.any([AbortSignal.never(), controller.signal])
  let count = 0
  any.addEventListener('abort', () => count++)
  controller.abort('why')
  controller.abort('again')
  assert.deepEqual([any.aborted, any.reason, count], [true, 'why', 1])
  assert.throws(
    () => controller.signal.throwIfAborted(),
    (error) => error === 'why',
  )
  assert.equal((AbortSignal.abort().reason as Error).name, 'AbortError')
})

test('timers: they run by due time, then by the order in which they were set, without waiting', () => {
  forgetTimers()
  const seen: string[] = []
  setTimer(() => seen.push('last'), 50)
  setTimer(() => seen.push('first'))
  setTimer((text: string) => seen.push(text), 0, 'second')
  clearTimer(setTimer(() => seen.push('never'), 10))
  const every = setRepeating(() => {
    seen.push('tick')
    if (seen.length === 4) clearTimer(every)
  }, 20)
  while (runNextTimer());
  assert.deepEqual(seen, ['first', 'second', 'tick', 'tick', 'last'])
})

test('structuredClone: data, cycles, maps and buffers; functions are refused', () => {
  const source: Record<string, unknown> = {
    list: [1, [], 'two'],
    date: new Date(5),
    map: new Map<unknown, unknown>([['k', { deep: 1n }]]),
    set: new Set([1]),
    regexp: /a/gi,
    view: Uint16Array.of(1, 2),
    error: new RangeError('no'),
    nothing: undefined,
  }
  source.self = source
  const copy = guestClone(source)
  assert.equal(copy.self, copy)
  delete copy.self
  delete source.self
  assert.deepEqual(copy, source)
  assert.notEqual(copy.map, source.map)
  assert.throws(() => guestClone({ f() {} }), { name: 'DataCloneError' })
  assert.throws(() => guestClone(Symbol('s')), { name: 'DataCloneError' })
  const buffer = new ArrayBuffer(4)
  assert.equal(guestClone(buffer, { transfer: [buffer] }).byteLength, 4)
  assert.equal(buffer.byteLength, 0)
})

test('console: values are shown as JavaScript, bounded, and each call is a line of the log', () => {
  const circle: Record<string, unknown> = { a: [1, 'x'], m: new Map([['k', new Set([1])]]) }
  circle.self = circle
  assert.equal(inspect(circle), '{a: [1, "x"], m: Map(1) {"k" => Set(1) {1}}, self: [Circular]}')
  assert.equal(format(['%s has %d of %o%%', 'x', '2', { a: 1 }, 'rest']), 'x has 2 of {a: 1}% rest')
  assert.match(inspect(new TypeError('bad')), /^TypeError: bad\n/)
  guestConsole.warn('careful', { n: 1 })
  guestConsole.log('x'.repeat(20_000))
  assert.deepEqual(logs[0], { level: 'warn', text: 'careful {n: 1}' })
  assert.equal(logs[1]?.text.length, 8_193)
})

const data = new TextEncoder().encode('what is hashed')

test('crypto: digests and HMAC as Node’s Web Crypto has them', async () => {
  for (const hash of ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512']) {
    assert.deepEqual(await guestCrypto.subtle.digest(hash, data), await crypto.subtle.digest(hash, data))
    const algorithm = { name: 'HMAC', hash }
    const ours = await guestCrypto.subtle.importKey('raw', data, algorithm, true, ['sign', 'verify'])
    const theirs = await crypto.subtle.importKey('raw', data, algorithm, true, ['sign', 'verify'])
    const signature = await guestCrypto.subtle.sign('HMAC', ours, data)
    assert.deepEqual(signature, await crypto.subtle.sign('HMAC', theirs, data))
    assert.equal(await guestCrypto.subtle.verify('HMAC', ours, signature, data), true)
    assert.equal(await guestCrypto.subtle.verify('HMAC', ours, signature, data.subarray(1)), false)
    const jwk = await guestCrypto.subtle.exportKey('jwk', ours)
    assert.equal((jwk as { k?: string }).k, (await crypto.subtle.exportKey('jwk', theirs)).k)
    await guestCrypto.subtle.importKey('jwk', jwk as never, algorithm, false, ['sign'])
  }
})

test('crypto: PBKDF2 as Node has it; scrypt as RFC 7914 §12 has it', async () => {
  const derive = { name: 'PBKDF2', hash: 'SHA-512', salt: data, iterations: 10 }
  const ours = await guestCrypto.subtle.importKey('raw', data, 'PBKDF2', false, ['deriveBits'])
  const theirs = await crypto.subtle.importKey('raw', data, 'PBKDF2', false, ['deriveBits'])
  assert.deepEqual(
    await guestCrypto.subtle.deriveBits(derive, ours, 512),
    await crypto.subtle.deriveBits(derive, theirs, 512),
  )
  const hex = Buffer.from(await guestCrypto.scrypt('password', 'NaCl', { N: 1024, r: 8, p: 16, length: 64 })).toString(
    'hex',
  )
  assert.match(hex, /^fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e773/)
  await assert.rejects(guestCrypto.scrypt('p', 's', { N: 1 << 20, r: 8, p: 1 }), { code: 'argument' })
})

test('crypto: what a replicated script cannot have is refused with its reason', async () => {
  await assert.rejects(guestCrypto.subtle.importKey('raw', data, 'AES-GCM', false, ['encrypt']), {
    name: 'NotSupportedError',
  })
  await assert.rejects(guestCrypto.subtle.digest('MD5', data), { name: 'NotSupportedError' })
  await assert.rejects(guestCrypto.subtle.encrypt(), { name: 'NotSupportedError' })
})

test('crypto: chance exists only within a request, Math.random outside too', () => {
  assert.match(guestCrypto.randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(guestCrypto.getRandomValues(new Uint8Array(4)).length, 4)
  assert.throws(() => guestCrypto.getRandomValues(new Uint8Array(65_537)), { name: 'QuotaExceededError' })
  forgetRandom()
  const values = Array.from({ length: 1000 }, random)
  assert.ok(values.every((value) => value >= 0 && value < 1))
  assert.equal(new Set(values).size, 1000)
  const mean = values.reduce((sum, value) => sum + value, 0) / 1000
  assert.ok(mean > 0.4 && mean < 0.6)
  setInRequest(false)
  assert.throws(() => guestCrypto.randomUUID(), /global scope/)
  assert.ok(random() < 1)
  setInRequest(true)
})
