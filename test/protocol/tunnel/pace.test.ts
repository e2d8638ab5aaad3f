// What lies on the way between the two ends of a tunnel, over links of every width and length, in a time of the test's own: the way is full, and a
// small answer does not wait behind a window of large ones.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assert as must } from '#protocol/codec/result.ts'
import type { OpenHead } from '#protocol/tunnel/frame.ts'
import { PACE_BYTES_MIN, Pace } from '#protocol/tunnel/pace.ts'
import { CONNECTION_WINDOW_BYTES, type TunnelEvent, TunnelStreams } from '#protocol/tunnel/streams.ts'

const KIB = 1024
const PIECE_BYTES = 64 * KIB
const PIECE = new Uint8Array(PIECE_BYTES)
const BULK_STREAMS = 8
const SMALL_EVERY_MS = 37
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

type Link = {
  /** Bytes a ms. */
  readonly rate: number
  /** There and back, ms, of what does not wait. */
  readonly delayMs: number
  /** Up to so much more, ms, in turns. */
  readonly jitterMs?: number
}

/** What came of bodies, bytes a ms, and how long each small answer waited behind what was on the way, ms. */
function run(link: Link, ms: number, paced: boolean): { readonly rate: number; readonly waits: readonly number[] } {
  const gateway = new TunnelStreams('gateway')
  const seeder = new TunnelStreams('seeder')
  const pace = new Pace(CONNECTION_WINDOW_BYTES)
  const due: { at: number; readonly run: () => void }[] = []
  let now = 0
  let wireFreeAt = 0
  let lastAt = 0
  let turn = 0
  const later = (at: number, work: () => void): void => void due.push({ at, run: work })
  const small = new Map<number, number>()
  const waits: number[] = []
  let came = 0

  const toSeeder = (): void => {
    for (let message = gateway.next([]); message !== undefined; message = gateway.next([])) {
      const sent = message
      later(now + link.delayMs / 2, () => {
        const before = seeder.givenBytes
        const events = seeder.receive(sent)
        must(events.ok, 'the gateway keeps the rules')
        if (seeder.givenBytes !== before) pace.given(seeder.givenBytes, now)
        for (const event of events.value)
          if (event.type === 'opened')
            seeder.answer(event.stream, {
              status: 200,
              headers: [],
              body: event.head.target === '/small' ? Uint8Array.of(1) : null,
            })
        toGateway()
      })
    }
  }
  const toGateway = (): void => {
    for (;;) {
      for (const stream of bulk) while (isFed(stream) && seeder.write(stream, PIECE));
      const before = seeder.sentBytes
      if (paced) seeder.allowedBytes = pace.allowedBytes
      const events: TunnelEvent[] = []
      const message = seeder.next(events)
      if (message === undefined) return
      if (seeder.sentBytes !== before) pace.sent(seeder.sentBytes, now)
      wireFreeAt = Math.max(wireFreeAt, now) + message.length / link.rate
      const jitter = ((turn++ * 7919) % 100) / 100
      // What comes over one socket stays in its order.
      lastAt = Math.max(lastAt, wireFreeAt + link.delayMs / 2 + jitter * (link.jitterMs ?? 0))
      later(lastAt, () => arrived(message))
    }
  }
  const arrived = (message: Uint8Array): void => {
    const events = gateway.receive(message)
    must(events.ok, 'the seeder keeps the rules')
    for (const event of events.value) {
      if (event.type === 'data') {
        came += event.bytes.length
        gateway.consumed(event.stream, event.bytes.length)
      }
      const since = event.type === 'answered' ? small.get(event.stream) : undefined
      if (since !== undefined) waits.push(now - since - link.delayMs)
    }
    toSeeder()
  }
  const bulk = Array.from({ length: BULK_STREAMS }, () => {
    const opened = gateway.open(ASK)
    must(opened.ok, 'there is room')
    return opened.value
  })
  const isFed = (stream: number): boolean => now > link.delayMs && stream > 0
  toSeeder()
  for (let at = 10; at < ms; at += SMALL_EVERY_MS)
    later(at, () => {
      const opened = gateway.open({ ...ASK, target: '/small' })
      must(opened.ok, 'there is room')
      small.set(opened.value, now)
      toSeeder()
    })
  later(link.delayMs + 1, toGateway)
  while (due.length > 0) {
    let first = 0
    for (let index = 1; index < due.length; index++) if ((due[index]?.at ?? 0) < (due[first]?.at ?? 0)) first = index
    const [next] = due.splice(first, 1)
    if (next === undefined || next.at > ms) break
    now = next.at
    next.run()
  }
  return { rate: came / ms, waits: waits.sort((a, b) => a - b) }
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
}

const LINKS: readonly (Link & { readonly name: string; readonly forMs: number })[] = [
  { name: '2 Mbit/s, 80 ms', rate: 250, delayMs: 80, forMs: 40_000 },
  { name: '10 Mbit/s, 50 ms', rate: 1_250, delayMs: 50, forMs: 20_000 },
  { name: '10 Mbit/s, 30 to 70 ms', rate: 1_250, delayMs: 30, jitterMs: 40, forMs: 20_000 },
  { name: '40 Mbit/s, 150 ms', rate: 5_000, delayMs: 150, forMs: 12_000 },
  { name: '100 Mbit/s, 20 ms', rate: 12_500, delayMs: 20, forMs: 3_000 },
  { name: '100 Mbit/s, 5 to 25 ms', rate: 12_500, delayMs: 5, jitterMs: 20, forMs: 3_000 },
  { name: '800 Mbit/s, 1 ms', rate: 100_000, delayMs: 1, forMs: 400 },
]

for (const link of LINKS)
  test(`F38 beside ${BULK_STREAMS} large answers over ${link.name} the way is full, and small ones wait for little`, () => {
    const plain = run(link, link.forMs, false)
    const paced = run(link, link.forMs, true)
    assert.ok(paced.rate > 0.95 * plain.rate, `${paced.rate} of ${plain.rate} bytes a ms`)
    const mayWaitMs =
      (link.jitterMs ?? 0) + 2 * Math.max(5, link.delayMs / 2) + (2 * PACE_BYTES_MIN + PIECE_BYTES) / link.rate
    const [half, most] = [quantile(paced.waits, 0.5), quantile(paced.waits, 0.95)]
    assert.ok(half <= mayWaitMs, `half wait for ${half} ms, not ${mayWaitMs}`)
    assert.ok(most <= 2 * mayWaitMs, `of twenty one waits for ${most} ms`)
    assert.ok(half <= quantile(plain.waits, 0.5), 'no more than without')
  })

test('an end that gives back as late as a quarter of the window stops nobody', () => {
  for (const grain of [1, 64 * KIB, 200_000, CONNECTION_WINDOW_BYTES / 4]) {
    const pace = new Pace(CONNECTION_WINDOW_BYTES)
    let [sent, given, now] = [0, 0, 0]
    for (let turn = 0; turn < 2_000; turn++) {
      now++
      if (sent - given < pace.allowedBytes) {
        sent += PIECE_BYTES
        pace.sent(sent, now)
      } else {
        assert.ok(sent - given >= grain, `${sent - given} of ${grain} bytes on the way, and no more`)
        given = sent
        pace.given(given, now)
      }
      assert.ok(pace.allowedBytes >= PACE_BYTES_MIN && pace.allowedBytes <= CONNECTION_WINDOW_BYTES)
    }
  }
})
