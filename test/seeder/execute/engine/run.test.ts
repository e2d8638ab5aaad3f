// The door between script and host, and what a run may learn of the world.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { CODEC_DAG_PB, cidFromDigest } from '#protocol/content/cid.ts'
import { Chance } from '#seeder/execute/engine/chance.ts'
import { Engine } from '#seeder/execute/engine/engine.ts'
import type { RunResult } from '#seeder/execute/engine/run.ts'
import { type FuelPurse, type HostOperations, HostStop } from '#seeder/execute/host/port.ts'
import { plainHost } from '#test/seeder/execute/engine/plain-host.ts'

const engine = new Engine()
const TIME = 1_700_000_000_000

type Call = readonly [op: string, text: string, bytes: Uint8Array | undefined]

type Given = {
  readonly seed?: string
  readonly fuelMax?: number
  readonly body?: Uint8Array
  readonly cost?: (op: string) => number
  readonly answer?: (op: string, text: string, bytes: Uint8Array | undefined) => string | Uint8Array
}

/** Runs `fetch(request)` with this body on a host that notes its calls. */
function run(body: string, given: Given = {}): { result: RunResult; calls: Call[]; text: string } {
  const script = `let runs = 0; export default { async fetch(request) { runs++; ${body} } }`
  const site = engine.start(cidFromDigest(CODEC_DAG_PB, sha256(bytesFromText(script))), () => script)
  assert(site.ok)
  const calls: Call[] = []
  const operations = (): HostOperations =>
    plainHost((op, text, bytes) => {
      calls.push([op, text, bytes])
      return given.answer?.(op, text, bytes) ?? '"answer"'
    }, given.cost)
  const bindings = { db: [], kv: [], files: [], assets: false }
  const meta = { method: 'POST', url: 'http://site.peer/', headers: [], site: 'site', bindings }
  const result = engine.run(site, {
    entry: 'fetch',
    meta: JSON.stringify(meta),
    body: given.body ?? new Uint8Array(0),
    time: TIME,
    seed: sha256(bytesFromText(given.seed ?? 'seed')),
    fuelMax: given.fuelMax ?? 1_000_000_000,
    responseBytesMax: 1_000_000,
    operations,
  })
  return {
    result,
    calls,
    text: result.ok ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(result.response.body) : '',
  }
}

describe('the door', () => {
  test('texts and bytes pass as they are', () => {
    const answer = Uint8Array.of(9, 0, 255)
    const { calls, text } = run(
      `const bytes = new Uint8Array(__host('op', '\\uFEFFäöü 😀 \\u2028', Uint8Array.of(0, 1, 255).buffer)); return new Response(bytes.join())`,
      { answer: () => answer },
    )
    assert.deepEqual(calls, [['op', '\uFEFFäöü 😀 \u2028', Uint8Array.of(0, 1, 255)]])
    assert.equal(text, '9,0,255')
  })

  test('a body of any bytes arrives and comes back', () => {
    const body = Uint8Array.from({ length: 100_000 }, (_, index) => index * 7)
    const { result } = run('return new Response(await request.arrayBuffer())', { body })
    assert(result.ok)
    assert.deepEqual(result.response.body, body)
  })

  test('a call is paid before it runs', () => {
    const { result, calls } = run('__host("dear", ""); return new Response("")', { cost: () => 1e12 })
    assert.equal(result.ok ? '' : result.failure, 'fuel')
    assert.deepEqual(calls, [])
  })

  test('what the host stops cannot be caught', () => {
    const stop = () => {
      throw new HostStop('wrote')
    }
    const { result } = run('try { __host("op", "") } catch {} return new Response("caught")', { answer: stop })
    assert(!result.ok && result.failure === 'wrote' && result.wrote)
  })

  test('a fault of the host is no answer of the script, and the next run is fine', () => {
    const fault = () => {
      throw new Error('a block is missing')
    }
    assert.throws(() => run('__host("op", "")', { answer: fault }), /a block is missing/)
    assert.equal(run('return new Response(String(runs))').text, '1')
  })

  test('an argument whose text runs code cannot call the host from there', () => {
    const { calls } = run('__host({ toString: () => String(__host("inner", "")) }, "outer"); return new Response("")')
    assert.deepEqual(calls, [['undefined', 'outer', undefined]])
  })

  test('the purse that operations get is the run’s own', () => {
    let seen = 0
    const script = 'export default { fetch() { __host("op", ""); return new Response(null) } }'
    const site = engine.start(cidFromDigest(CODEC_DAG_PB, sha256(bytesFromText(script))), () => script)
    assert(site.ok)
    const runWith = (charge: number) =>
      engine.run(site, {
        entry: 'fetch',
        meta: JSON.stringify({
          method: 'GET',
          url: 'http://a.peer/',
          headers: [],
          site: 'a',
          bindings: { db: [], kv: [], files: [] },
        }),
        body: new Uint8Array(0),
        time: TIME,
        seed: sha256(new Uint8Array(0)),
        fuelMax: 10_000_000,
        responseBytesMax: 1000,
        operations: (purse: FuelPurse) =>
          plainHost(() => {
            seen = purse.remaining()
            purse.charge(charge)
            return '1'
          }),
      })
    const free = runWith(0)
    assert(seen > 0 && seen < 10_000_000)
    assert.equal(runWith(1234).fuel, free.fuel + 1234)
    assert.equal(runWith(20_000_000).ok, false)
  })
})

describe('the world', () => {
  test('nothing of one run is there in the next', () => {
    const body =
      'globalThis.left = (globalThis.left ?? 0) + 1; Array.prototype.extra = 1; return new Response(String([runs, globalThis.left]))'
    assert.equal(run(body).text, '1,1')
    assert.equal(run(body).text, '1,1')
  })

  test('time is the block’s, the zone UTC, and asking is noted', () => {
    const now = run('return new Response(new Date().toISOString() + " " + Date.now())')
    assert.equal(now.text, `${new Date(TIME).toISOString()} ${TIME}`)
    assert.equal(now.result.asked.time, true)
    const given = run(
      'const d = new Date(1999, 0, 2, 3, 4, 5); return new Response(d.toISOString() + d.getTimezoneOffset() + d)',
    )
    assert.equal(given.text, '1999-01-02T03:04:05.000Z0Sat Jan 02 1999 03:04:05 GMT+0000')
    assert.equal(given.result.asked.time, false)
  })

  test('chance follows the seed, of whatever kind it is', () => {
    const body =
      'return new Response([Math.random(), crypto.randomUUID(), crypto.getRandomValues(new Uint8Array(4))].join())'
    const first = run(body)
    assert.equal(run(body).text, first.text)
    assert.notEqual(run(body, { seed: 'other' }).text, first.text)
    assert.deepEqual(first.result.asked, { time: false, chance: true })
  })

  test('a run that asks for neither is told apart', () => {
    assert.deepEqual(run('return new Response("x")').result.asked, { time: false, chance: false })
  })

  test('what a microtask throws is in the log, and the answer is given all the same', () => {
    const body = 'queueMicrotask(() => { throw new Error("lost") }); await null; return new Response("fine")'
    const { result, text } = run(body)
    assert.equal(text, 'fine')
    assert.match(result.logs[0]?.text ?? '', /^Error: lost\n.*app\/script\.js:1:/)
  })

  test('work after the answer belongs to the request', () => {
    const script =
      'export default { fetch(r, e, context) { context.waitUntil((async () => { await null; await null; console.log("later") })()); return new Response("x") } }'
    const site = engine.start(cidFromDigest(CODEC_DAG_PB, sha256(bytesFromText(script))), () => script)
    assert(site.ok)
    const { logs } = engine.run(site, {
      entry: 'fetch',
      meta: JSON.stringify({
        ...{ method: 'GET', url: 'http://a.peer/', headers: [], site: 'a' },
        bindings: { db: [], kv: [], files: [] },
      }),
      body: new Uint8Array(0),
      time: TIME,
      seed: sha256(new Uint8Array(0)),
      fuelMax: 1e9,
      responseBytesMax: 1000,
      operations: () => plainHost(() => ''),
    })
    assert.deepEqual(logs, [{ level: 'info', text: 'later', time: TIME }])
  })

  test('the log has the level, the text and the block’s time, and is bounded', () => {
    const { result } = run(
      'console.warn("a", 1, { b: "\\uFEFFc" }); for (let i = 0; i < 1000; i++) console.log(i); return new Response("")',
    )
    assert.deepEqual(result.logs[0], { level: 'warn', text: 'a 1 {b: "\uFEFFc"}', time: TIME })
    assert.equal(result.logs.length, 256)
  })
})

test('RFC 8439 the stream of a seed is the ChaCha20 key stream from counter zero', () => {
  // Test vector 1 of the appendix A.1: the zero key.
  const chance = new Chance(new Uint8Array(32) as ReturnType<typeof sha256>)
  assert.equal(chance.asked, false)
  const head = Buffer.concat([chance.bytes(3), chance.bytes(13)]).toString('hex')
  assert.equal(head, '76b8e0ada0f13d90405d6ae55386bd28')
  assert.equal(chance.asked, true)
})
