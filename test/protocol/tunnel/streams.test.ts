// Two ends of a tunnel and what lies between them: whatever is said in whatever order, bodies come out as they went in, nobody
// is over a bound, and one reader that takes nothing stops its own stream alone.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesConcat, bytesEqual } from '#protocol/codec/bytes.ts'
import { assert as must } from '#protocol/codec/result.ts'
import { CANCEL, FRAME, frameToBytes, type OpenHead } from '#protocol/tunnel/frame.ts'
import {
  CONNECTION_WINDOW_BYTES,
  QUEUE_BYTES_MAX,
  STREAM_WINDOW_BYTES,
  STREAMS_MAX,
  type TunnelEvent,
  TunnelStreams,
} from '#protocol/tunnel/streams.ts'

const KIB = 1024
const ASK: OpenHead = {
  site: 'wiki',
  scheme: 'http',
  method: 'GET',
  target: '/',
  host: 'wiki.test',
  headers: [],
  source: '',
  body: new Uint8Array(0),
}
const FOUND = { status: 200, headers: [], body: null } as const

/** Both ends, and the messages between them. */
class Pair {
  readonly gateway = new TunnelStreams('gateway')
  readonly seeder = new TunnelStreams('seeder')
  readonly toSeeder: Uint8Array[] = []
  readonly toGateway: Uint8Array[] = []
  readonly atGateway: TunnelEvent[] = []
  readonly atSeeder: TunnelEvent[] = []
  /** Bytes that came, by end and stream. */
  readonly came = { gateway: new Map<number, number>(), seeder: new Map<number, number>() }

  /** Puts at most `messages` of one end on the way. */
  send(from: 'gateway' | 'seeder', messages = Number.POSITIVE_INFINITY): number {
    const [end, way, events] =
      from === 'gateway' ? [this.gateway, this.toSeeder, this.atGateway] : [this.seeder, this.toGateway, this.atSeeder]
    let sent = 0
    for (; sent < messages; sent++) {
      const message = end.next(events)
      if (message === undefined) break
      way.push(message)
    }
    return sent
  }

  /** Delivers at most `messages` to one end. */
  deliver(to: 'gateway' | 'seeder', messages = Number.POSITIVE_INFINITY): number {
    const [end, way, events] =
      to === 'gateway' ? [this.gateway, this.toGateway, this.atGateway] : [this.seeder, this.toSeeder, this.atSeeder]
    let delivered = 0
    for (; delivered < messages; delivered++) {
      const message = way.shift()
      if (message === undefined) break
      const found = end.receive(message)
      assert.ok(found.ok, JSON.stringify(found))
      events.push(...found.value)
      for (const event of found.value) {
        if (event.type !== 'data') continue
        this.came[to].set(event.stream, (this.came[to].get(event.stream) ?? 0) + event.bytes.length)
      }
    }
    return delivered
  }

  settle(): void {
    while (this.send('gateway') + this.send('seeder') + this.deliver('seeder') + this.deliver('gateway') > 0);
  }

  open(head: OpenHead = ASK): number {
    const opened = this.gateway.open(head)
    must(opened.ok, 'there is room')
    return opened.value
  }
}

function dataOf(events: readonly TunnelEvent[], stream: number): Uint8Array {
  return bytesConcat(...events.flatMap((each) => (each.type === 'data' && each.stream === stream ? [each.bytes] : [])))
}

function has(events: readonly TunnelEvent[], type: TunnelEvent['type'], stream: number): boolean {
  return events.some((event) => event.type === type && event.stream === stream)
}

test('a request and an answer that fit take one message each, and leave nothing behind', () => {
  const pair = new Pair()
  const stream = pair.open()
  assert.equal(pair.send('gateway'), 1)
  pair.deliver('seeder')
  assert.deepEqual(pair.atSeeder, [{ type: 'opened', stream, head: ASK }])
  pair.seeder.answer(stream, { ...FOUND, body: Uint8Array.of(1) })
  assert.equal(pair.send('seeder'), 1)
  pair.deliver('gateway')
  assert.deepEqual(
    pair.atGateway.map(({ type }) => type),
    ['answered', 'ended'],
  )
  assert.deepEqual([pair.gateway.size, pair.seeder.size], [0, 0])
})

test('bodies of any length in any pieces come out as they went in, whatever is on the way and whoever takes it when', () => {
  const piece = fc.record({ stream: fc.nat(5), length: fc.integer({ min: 1, max: 120 * KIB }), up: fc.boolean() })
  const step = fc.record({ do: fc.constantFrom('send', 'deliver', 'take'), side: fc.boolean(), count: fc.nat(4) })
  const scenario = fc.property(
    fc.array(piece, { maxLength: 24 }),
    fc.array(step, { maxLength: 80 }),
    (pieces, steps) => {
      const pair = new Pair()
      const streams = Array.from({ length: 6 }, () => pair.open({ ...ASK, method: 'POST', body: null }))
      pair.settle()
      for (const stream of streams) pair.seeder.answer(stream, FOUND)
      type Body = { readonly whole: Uint8Array; at: number; isEnded: boolean; mayWrite: boolean; taken: number }
      const bodyOf = (stream: number, up: boolean): Body => ({
        whole: bytesConcat(
          ...pieces
            .filter((each) => each.up === up && streams[each.stream] === stream)
            .map((each, at) => {
              return new Uint8Array(each.length).map((_, index) => (index * 31 + at * 7 + stream) & 0xff)
            }),
        ),
        at: 0,
        isEnded: false,
        mayWrite: true,
        taken: 0,
      })
      const bodies = {
        up: new Map(streams.map((s) => [s, bodyOf(s, true)])),
        down: new Map(streams.map((s) => [s, bodyOf(s, false)])),
      }
      const cursor = { atGateway: 0, atSeeder: 0 }
      /** Requests end before their answers do: whoever answers to the end before is asked for no more. */
      const write = (): void => {
        for (const way of ['up', 'down'] as const) {
          const end = way === 'up' ? pair.gateway : pair.seeder
          for (const [stream, body] of bodies[way]) {
            while (body.mayWrite && body.at < body.whole.length) {
              const next = body.whole.subarray(body.at, body.at + 50_000)
              body.at += next.length
              body.mayWrite = end.write(stream, next)
            }
            const mayEnd = way === 'up' || has(pair.atSeeder, 'ended', stream)
            if (body.at === body.whole.length && !body.isEnded && mayEnd) {
              body.isEnded = true
              end.end(stream)
            }
          }
        }
        for (const side of ['atGateway', 'atSeeder'] as const) {
          for (; cursor[side] < pair[side].length; cursor[side]++) {
            const event = pair[side][cursor[side]]
            if (event?.type !== 'writable') continue
            const body = bodies[side === 'atGateway' ? 'up' : 'down'].get(event.stream)
            if (body !== undefined) body.mayWrite = true
          }
        }
      }
      const take = (side: 'atGateway' | 'atSeeder'): void => {
        const [end, way] = side === 'atGateway' ? [pair.gateway, 'down' as const] : [pair.seeder, 'up' as const]
        for (const [stream, body] of bodies[way]) {
          const here = pair.came[side === 'atGateway' ? 'gateway' : 'seeder'].get(stream) ?? 0
          assert.ok(here - body.taken <= STREAM_WINDOW_BYTES, 'no more than the window waits for its reader')
          end.consumed(stream, here - body.taken)
          body.taken = here
        }
      }
      for (const { do: what, side, count } of steps) {
        write()
        if (what === 'send') pair.send(side ? 'gateway' : 'seeder', count)
        else if (what === 'deliver') pair.deliver(side ? 'gateway' : 'seeder', count)
        else take(side ? 'atGateway' : 'atSeeder')
      }
      for (let round = 0; round < 1000 && pair.gateway.size + pair.seeder.size > 0; round++) {
        write()
        pair.settle()
        take('atGateway')
        take('atSeeder')
      }
      assert.deepEqual([pair.gateway.size, pair.seeder.size], [0, 0], 'every stream ends')
      for (const stream of streams) {
        const [up, down] = [bodies.up.get(stream), bodies.down.get(stream)]
        assert.ok(up !== undefined && bytesEqual(dataOf(pair.atSeeder, stream), up.whole), 'the request')
        assert.ok(down !== undefined && bytesEqual(dataOf(pair.atGateway, stream), down.whole), 'the answer')
      }
    },
  )
  fc.assert(scenario, { numRuns: 25 })
})

test('readers that take nothing stop their own streams: each holds a window, and others go on', () => {
  const pair = new Pair()
  const stalled = Array.from({ length: 8 }, () => pair.open())
  const other = pair.open()
  pair.settle()
  for (const stream of [...stalled, other]) {
    pair.seeder.answer(stream, FOUND)
    for (let at = 0; at < 8; at++) pair.seeder.write(stream, new Uint8Array(64 * KIB))
  }
  pair.settle()
  for (const stream of stalled) assert.equal(dataOf(pair.atGateway, stream).length, STREAM_WINDOW_BYTES)
  pair.gateway.consumed(other, STREAM_WINDOW_BYTES)
  pair.settle()
  assert.equal(dataOf(pair.atGateway, other).length, 2 * STREAM_WINDOW_BYTES)
})

test('what lies on the way is at most the connection window, and eight streams have equal parts of it', () => {
  const pair = new Pair()
  const streams = Array.from({ length: 8 }, () => pair.open())
  pair.settle()
  for (const stream of streams) {
    pair.seeder.answer(stream, FOUND)
    for (let at = 0; at < 8; at++) pair.seeder.write(stream, new Uint8Array(64 * KIB))
  }
  pair.send('seeder')
  const pieces = pair.toGateway.filter((message) => message[0] === FRAME.data)
  const bytes = pieces.reduce((sum, message) => sum + message.length - 5, 0)
  assert.equal(bytes, CONNECTION_WINDOW_BYTES)
  for (const stream of streams) {
    const own = pieces.filter((message) => new DataView(message.buffer, message.byteOffset).getUint32(1) === stream)
    assert.equal(own.length, pieces.length / streams.length)
  }
})

test('a head and a small answer go before the pieces that wait', () => {
  const pair = new Pair()
  const [bulk, small] = [pair.open(), pair.open()]
  pair.settle()
  pair.seeder.answer(bulk, FOUND)
  pair.seeder.write(bulk, new Uint8Array(64 * KIB))
  pair.seeder.write(bulk, new Uint8Array(64 * KIB))
  pair.send('seeder', 2)
  pair.seeder.answer(small, { ...FOUND, body: Uint8Array.of(1) })
  pair.send('seeder', 1)
  assert.deepEqual(
    pair.toGateway.map((message) => message[0]),
    [FRAME.answer, FRAME.data, FRAME.answer],
  )
})

test('whoever writes on is told to wait, and once there is room again', () => {
  const pair = new Pair()
  const stream = pair.open()
  pair.settle()
  pair.seeder.answer(stream, FOUND)
  let written = 0
  while (pair.seeder.write(stream, new Uint8Array(16 * KIB))) written += 16 * KIB
  assert.ok(written < QUEUE_BYTES_MAX)
  pair.settle()
  assert.equal(pair.atSeeder.filter(({ type }) => type === 'writable').length, 1)
})

test('a cancelled stream is over on both sides, and what of it was on the way is given back to the connection', () => {
  const pair = new Pair()
  for (let turn = 0; turn < 20; turn++) {
    const stream = pair.open()
    pair.settle()
    pair.seeder.answer(stream, FOUND)
    for (let at = 0; at < 4; at++) pair.seeder.write(stream, new Uint8Array(64 * KIB))
    pair.send('seeder')
    pair.gateway.cancel(stream, CANCEL.gone)
    pair.settle()
    assert.ok(has(pair.atSeeder, 'cancelled', stream))
    assert.deepEqual([pair.gateway.size, pair.seeder.size], [0, 0])
  }
})

test('an answer that is whole before its request ends that', () => {
  const pair = new Pair()
  const stream = pair.open({ ...ASK, method: 'POST', body: null })
  pair.settle()
  pair.seeder.answer(stream, { status: 413, headers: [], body: new Uint8Array(0) })
  pair.settle()
  assert.ok(has(pair.atGateway, 'ended', stream) && has(pair.atSeeder, 'cancelled', stream))
  assert.equal(pair.gateway.write(stream, Uint8Array.of(1)), true)
  pair.gateway.end(stream)
  assert.deepEqual([pair.gateway.size, pair.seeder.size], [0, 0])
})

test('an end that lost its memory says so, and both begin anew', () => {
  const pair = new Pair()
  const [first, second] = [pair.open(), pair.open()]
  pair.settle()
  pair.seeder.answer(first, FOUND)
  pair.seeder.write(first, new Uint8Array(64 * KIB))
  pair.send('seeder')
  assert.equal(pair.gateway.reset().length, 2)
  pair.settle()
  assert.ok(has(pair.atSeeder, 'cancelled', first) && has(pair.atSeeder, 'cancelled', second))
  const third = pair.open()
  pair.settle()
  assert.ok(has(pair.atSeeder, 'opened', third))
})

test('what was on the way when an end forgot everything is given back, and ends no tunnel; more than that does', () => {
  const pair = new Pair()
  const streams = Array.from({ length: CONNECTION_WINDOW_BYTES / STREAM_WINDOW_BYTES }, () => pair.open())
  pair.settle()
  for (const stream of streams) {
    pair.seeder.answer(stream, FOUND)
    for (let at = 0; at < STREAM_WINDOW_BYTES; at += 64 * KIB) pair.seeder.write(stream, new Uint8Array(64 * KIB))
  }
  pair.send('seeder')
  pair.gateway.reset()
  pair.settle()
  const later = pair.open()
  pair.settle()
  pair.seeder.answer(later, FOUND)
  pair.seeder.write(later, new Uint8Array(STREAM_WINDOW_BYTES))
  pair.settle()
  assert.equal(dataOf(pair.atGateway, later).length, STREAM_WINDOW_BYTES)
  const more = pair.seeder.receive(frameToBytes({ type: 'credit', stream: 0, bytes: 1 }))
  assert.ok(!more.ok && more.error.code === 'over_credit')
})

test('one more than STREAMS_MAX is refused by whoever opens, and by whoever is asked', () => {
  const pair = new Pair()
  for (let at = 0; at < STREAMS_MAX; at++) pair.open()
  assert.deepEqual(pair.gateway.open(ASK), { ok: false, error: { code: 'streams' } })
  pair.settle()
  const rogue = frameToBytes({ type: 'open', stream: 100_000, head: openBytes() })
  assert.deepEqual(pair.seeder.receive(rogue), { ok: true, value: [] })
  pair.send('seeder')
  assert.equal(pair.toGateway.at(-1)?.[0], FRAME.cancel)
})

function openBytes(): Uint8Array {
  const gateway = new TunnelStreams('gateway')
  gateway.open(ASK)
  return (gateway.next([]) ?? new Uint8Array()).subarray(5)
}

test('bytes over a window, credit over a window, an answer twice and a body before its head end the connection', () => {
  const ready = (): { pair: Pair; stream: number } => {
    const pair = new Pair()
    const stream = pair.open()
    pair.settle()
    pair.seeder.answer(stream, FOUND)
    pair.settle()
    return { pair, stream }
  }
  const piece = (stream: number): Uint8Array => frameToBytes({ type: 'data', stream, bytes: new Uint8Array(64 * KIB) })
  {
    const { pair, stream } = ready()
    for (let at = 0; at < 4; at++) assert.ok(pair.gateway.receive(piece(stream)).ok)
    const over = pair.gateway.receive(piece(stream))
    assert.ok(!over.ok && over.error.code === 'over_window')
  }
  {
    const { pair } = ready()
    for (let at = 0; at < 16; at++) assert.ok(pair.gateway.receive(piece(4_000 + at)).ok, 'of no stream')
    const over = pair.gateway.receive(piece(5_000))
    assert.ok(!over.ok && over.error.code === 'over_window')
  }
  {
    const { pair, stream } = ready()
    for (const credited of [stream, 0]) {
      const over = pair.seeder.receive(frameToBytes({ type: 'credit', stream: credited, bytes: 1 }))
      assert.ok(!over.ok && over.error.code === 'over_credit')
    }
  }
  {
    const { pair, stream } = ready()
    const again = new Pair()
    again.open()
    again.settle()
    again.seeder.answer(stream, FOUND)
    again.send('seeder')
    const twice = pair.gateway.receive(again.toGateway[0] ?? new Uint8Array())
    assert.ok(!twice.ok && twice.error.code === 'out_of_order')
  }
  {
    const pair = new Pair()
    const stream = pair.open()
    const early = pair.gateway.receive(piece(stream))
    assert.ok(!early.ok && early.error.code === 'out_of_order')
  }
})

test('refusals that nobody takes end the connection instead of piling up', () => {
  const pair = new Pair()
  for (let at = 0; at < STREAMS_MAX; at++) pair.open()
  pair.settle()
  let refusals = 0
  for (; refusals < 10 * STREAMS_MAX; refusals++)
    if (!pair.seeder.receive(frameToBytes({ type: 'open', stream: 10_000 + refusals, head: openBytes() })).ok) break
  assert.ok(refusals < 5 * STREAMS_MAX)
})
