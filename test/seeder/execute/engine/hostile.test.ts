// Scripts that mean harm, or merely go wrong, end alone: within their fuel, with a failure of the right kind, and the
// instance and the next request as if they had never been (runtime.md, "What must hold").

import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { Box } from '#seeder/execute/engine/box.ts'
import { IMAGES_MAX } from '#seeder/execute/engine/engine.ts'
import { captureImage, restoreImage } from '#seeder/execute/engine/image.ts'
import { loadQuickJs } from '#seeder/execute/engine/quickjs.ts'
import type { RunResult } from '#seeder/execute/engine/run.ts'
import { EngineThread } from '#test/seeder/execute/engine/engine-thread.ts'

const FUEL = 200_000_000
/** Far above what the fuel allows on a slow machine: an unmetered loop would run for minutes or for ever. */

const engine = new EngineThread(FUEL)
after(() => engine.close())

const NEIGHBOUR = `
  let count = 0
  export default { fetch: (request) => new Response([++count, Math.random(), new Date().toISOString(), request.url].join(' ')) }
`

function comparable(result: RunResult): object {
  assert(result.ok)
  return { ...result, response: { ...result.response, body: new TextDecoder().decode(result.response.body) } }
}

const before = comparable(await engine.run(NEIGHBOUR))

/** Body of a `fetch` handler, and how its run may end. */
const SCRIPTS: readonly (readonly [name: string, body: string, failures: readonly (string | undefined)[]])[] = [
  ['an infinite loop', 'for (;;);', ['fuel']],
  ['an infinite loop that catches everything', 'for (;;) try { for (;;); } catch {} finally { continue }', ['fuel']],
  ['a catastrophic regular expression', '/(a+)+$/.test("a".repeat(50) + "b")', ['fuel']],
  ['a huge power', 'String(3n ** 3000000n)', ['fuel', 'memory']],
  ['a huge shift', 'String(1n << 1000000000n)', ['fuel', 'memory', 'exception']],
  ['one long indexOf', '"x".repeat(1e7).indexOf("x".repeat(1e6) + "y")', ['fuel', 'memory']],
  ['a huge array as text', 'new Array(1e9) + ""', ['fuel', 'memory', 'exception']],
  ['a huge sort', 'Array.from({ length: 1e6 }, (_, i) => -i).sort()', ['fuel', 'memory']],
  ['a huge repeat', '"x".repeat(2 ** 30)', ['memory', 'exception']],
  ['arrays for ever', 'const a = []; for (;;) a.push(new Uint8Array(1e6))', ['memory']],
  ['strings for ever', 'let s = "x"; for (;;) s += s', ['memory', 'exception']],
  ['objects for ever', 'let o; for (;;) o = { o, a: [1, 2, 3] }', ['memory', 'fuel']],
  [
    'memory that is caught and asked again',
    'const a = []; for (;;) try { a.push(new Uint8Array(1e5)) } catch {}',
    ['fuel'],
  ],
  ['endless promises', 'const next = () => Promise.resolve().then(next); await next()', ['fuel']],
  [
    'endless microtasks',
    'const next = () => queueMicrotask(next); next(); await new Promise(() => {})',
    ['fuel', 'memory'],
  ],
  ['endless timers', 'setInterval(() => {}, 1); await new Promise(() => {})', ['fuel']],
  [
    'promises that multiply',
    'const next = () => { Promise.resolve().then(next); Promise.resolve().then(next) }; next(); await new Promise(() => {})',
    ['fuel', 'memory'],
  ],
  ['a promise nobody settles', 'await new Promise(() => {})', ['silent']],
  ['deep recursion', 'const f = () => f() + 1; f()', ['depth']],
  ['deep recursion that is caught', 'const f = () => { try { f() } finally { f() } }; f()', ['depth', 'fuel']],
  ['deep recursion through callbacks', 'const f = () => [1].map(f); f()', ['depth']],
  ['deep recursion through getters', 'const o = { get x() { return this.x } }; o.x', ['depth']],
  [
    'deep recursion through proxies',
    'let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); p.x',
    ['depth', 'fuel'],
  ],
  ['deep recursion through toString', 'const o = { toString: () => "" + o }; "" + o', ['depth']],
  ['deep JSON', 'JSON.parse("[".repeat(1e5))', ['depth', 'exception']],
  ['deep JSON to write', 'let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)', ['depth', 'fuel']],
  ['deep eval', 'eval("(".repeat(1e5))', ['depth', 'exception']],
  ['deep eval of functions', 'eval("()=>{".repeat(1e4))', ['depth', 'exception']],
  ['a deep regular expression', 'new RegExp("(?:".repeat(1e5))', ['depth', 'exception']],
  [
    'deep arrays freed at once',
    'let a = []; for (let i = 0; i < 3e5; i++) a = [a]; a = null; return new Response("x")',
    ['depth', 'fuel', undefined],
  ],
  [
    'iterators of iterators',
    'let i = [1].values(); for (let n = 0; n < 1e5; n++) i = i.map((x) => x); i.toArray()',
    ['depth', 'fuel', 'exception'],
  ],
  [
    'proxies of proxies, by every operation',
    'let p = function () {}; for (let n = 0; n < 2e4; n++) p = new Proxy(p, {}); try { p(); Object.keys(p) } catch {}; "x" in p; delete p.x',
    ['depth', 'fuel', 'exception', undefined],
  ],
  ['deep eval of classes', 'eval("class A { static x = ".repeat(5000))', ['depth', 'exception']],
  ['deep eval of templates', 'eval(("`$" + "{").repeat(20000))', ['depth', 'exception']],
  ['a generator for ever', 'const g = function* () { for (;;) yield 1 }; for (const _ of g());', ['fuel']],
  ['a host call that costs more than there is', '__host("dear", "")', ['fuel']],
  [
    'a host call that ends the request',
    'try { __host("stop", "") } catch {} return new Response("caught")',
    ['memory'],
  ],
  ['host calls for ever', 'for (;;) __host("long", "")', ['fuel', 'memory']],
  ['the log for ever', 'for (;;) console.log("x".repeat(1000))', ['fuel']],
  ['random bytes for ever', 'for (;;) crypto.getRandomValues(new Uint8Array(65536))', ['fuel', 'memory']],
  [
    'host calls with arguments that run code',
    'const o = { toString() { return __host(o, o) } }; __host(o, o)',
    [undefined],
  ],
  ['an answer that is too long', 'return new Response(new Uint8Array(2e6))', ['response_size']],
  [
    'a header that HTTP cannot carry',
    'const r = new Response(""); r.headers.set("x", "\\u0100"); return r',
    ['response_form', 'exception'],
  ],
  ['no answer', 'return undefined', ['exception']],
  ['an answer that is none', 'return { status: 200 }', ['exception']],
  ['an exception that is no error', 'throw null', ['exception']],
  ['an error whose text runs code', 'throw { toString() { for (;;); } }', ['exception', 'fuel']],
  [
    'a broken standard library',
    'Promise.prototype.then = () => { throw 1 }; JSON.stringify = () => "!"; return new Response("x")',
    ['silent', 'exception', 'response_form', undefined],
  ],
  [
    'the engine’s door taken away',
    'delete globalThis.__host; delete globalThis.__interpeer; return new Response("x")',
    ['exception'],
  ],
  [
    'Atomics.wait',
    'Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0)',
    ['exception', 'fuel', 'silent', undefined],
  ],
]

describe('hostile requests end alone', () => {
  for (const [name, body, failures] of SCRIPTS) {
    test(name, async () => {
      const script = `export default { async fetch() { ${body}; return new Response('done') } }`
      const result = await engine.run(script)
      const failure = result.ok ? undefined : result.failure
      assert(failures.includes(failure), `ended with ${failure}: ${JSON.stringify(result.ok ? {} : result.error)}`)
      assert(result.fuel <= FUEL)
      assert.deepEqual(comparable(await engine.run(NEIGHBOUR)), before)
      // What a hostile run used and said is agreed as well.
      assert.deepEqual(await engine.run(script), result)
    })
  }
})

describe('scripts that do not start', () => {
  for (const [name, script, failure] of [
    ['a syntax error', 'export default {', 'start'],
    ['an exception', 'throw new Error("no")', 'start'],
    ['an import of what is not there', 'import "fs"; export default {}', 'start'],
    ['an endless top level', 'for (;;);', 'fuel'],
    ['a top-level await without end', 'await new Promise(() => {}); export default {}', 'start'],
    ['a top level that fills the memory', 'const a = []; for (;;) a.push(new Uint8Array(1e6))', 'memory'],
    ['a top level that asks for state', '__host("db.query", "{}"); throw new Error("refused")', 'start'],
    ['a top level that asks for chance', 'crypto.randomUUID(); export default {}', 'start'],
  ] as const) {
    test(name, async () => {
      assert.equal(await engine.start(script), failure)
      assert.equal(await engine.start(script), failure)
      assert.deepEqual(comparable(await engine.run(NEIGHBOUR)), before)
    })
  }

  test('without default export every request fails with a clear error', async () => {
    const result = await engine.run('export const fetch = () => {}')
    assert(!result.ok && result.failure === 'exception')
    assert.match(result.error?.message ?? '', /default export/)
  })

  test('a top-level await that ends is fine', async () => {
    const script = 'const x = await Promise.resolve(4); export default { fetch: () => new Response(String(x)) }'
    assert.equal((await engine.run(script)).ok, true)
  })
})

test('restoring brings back every byte of the memory, whatever ran', () => {
  const binary = loadQuickJs()
  const world = { time: 0, askedTime: false, callHost: () => 0 }
  const box = new Box(binary.module, world)
  box.fuel = 1e9
  box.construct()
  const image = captureImage(box)
  restoreImage(box, image)
  const clean = box.memory.slice()
  for (const code of [
    'const a = []; for (let i = 0; i < 30; i++) a.push(new Uint8Array(1e6).fill(7))',
    'f = () => f(); f()',
    'for (;;) [{}]',
  ]) {
    box.fuel = 1e8
    try {
      box.evaluate(code, 'hostile.js', 0)
    } catch {
      // However it ended.
    }
    assert(!bytesEqual(box.memory, clean))
    restoreImage(box, image)
    assert.equal(Buffer.compare(box.memory, clean), 0)
  }
})

test('an instance that touched much memory is given up, with the same results after', async () => {
  const greedy = 'export default { fetch() { const a = new Uint8Array(4e7).fill(1); return new Response("x") } }'
  const first = await engine.run(greedy)
  assert.equal(first.ok, true)
  for (let turn = 0; turn < 100; turn++) assert.deepEqual(comparable(await engine.run(NEIGHBOUR)), before)
  assert.deepEqual(await engine.run(greedy), first)
})

test('images that were let go are made again, equal to before', async () => {
  for (let index = 0; index <= IMAGES_MAX; index++) {
    await engine.start(`export default { fetch: () => new Response("${index}") }`)
  }
  assert.deepEqual(comparable(await engine.run(NEIGHBOUR)), before)
})
