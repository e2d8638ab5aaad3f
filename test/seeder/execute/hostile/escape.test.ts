// A script stays where it is: it finds no way to the host's realm, to other requests, to anything that is not the same on every member
// (runtime.md, "What makes it deterministic and safe"). Each attack is a request in a block with a good one behind it (`hosted.ts`).

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Site } from '#test/seeder/execute/hostile/hosted.ts'
import { LIMITS, textOf } from '#test/seeder/execute/pool/site.ts'

const site = Site.published(undefined, { ...LIMITS, requestFuelMax: 400_000_000 })

function answer(body: string): string {
  const { failure, response } = site.attack(body)
  return failure ?? textOf(response)
}

function attacks(list: readonly (readonly [name: string, body: string, expected: string | RegExp])[]): void {
  for (const [name, body, expected] of list) {
    test(name, () => {
      const given = answer(body)
      if (typeof expected === 'string') assert.equal(given, expected)
      else assert.match(given, expected)
    })
  }
}

/** All that a script finds under a name. What is added here is added for every site and has to be as safe as the rest. */
const GLOBALS = [
  ...[
    'AbortController',
    'AbortSignal',
    'AggregateError',
    'Array',
    'ArrayBuffer',
    'BigInt',
    'BigInt64Array',
    'BigUint64Array',
  ],
  ...[
    'Blob',
    'Boolean',
    'ByteLengthQueuingStrategy',
    'CountQueuingStrategy',
    'CryptoKey',
    'CustomEvent',
    'DOMException',
    'DataView',
    'Date',
  ],
  ...[
    'Error',
    'EvalError',
    'Event',
    'EventTarget',
    'File',
    'FinalizationRegistry',
    'Float16Array',
    'Float32Array',
    'Float64Array',
    'FormData',
    'Function',
  ],
  ...[
    'Headers',
    'Infinity',
    'InternalError',
    'ReadableByteStreamController',
    'ReadableStreamBYOBReader',
    'ReadableStreamBYOBRequest',
    'ReadableStreamDefaultController',
    'TransformStreamDefaultController',
    'WritableStreamDefaultController',
    'Int16Array',
    'Int32Array',
    'Int8Array',
    'Iterator',
    'JSON',
    'Map',
    'Math',
    'NaN',
    'Number',
    'Object',
    'Promise',
    'Proxy',
    'RangeError',
  ],
  ...[
    'ReadableStream',
    'ReadableStreamDefaultReader',
    'ReferenceError',
    'Reflect',
    'RegExp',
    'Request',
    'Response',
    'Set',
    'SharedArrayBuffer',
    'String',
  ],
  ...[
    'SubtleCrypto',
    'Symbol',
    'SyntaxError',
    'TextDecoder',
    'TextDecoderStream',
    'TextEncoder',
    'TextEncoderStream',
    'TransformStream',
  ],
  ...[
    'TypeError',
    'URIError',
    'URL',
    'URLSearchParams',
    'Uint16Array',
    'Uint32Array',
    'Uint8Array',
    'Uint8ClampedArray',
    'WeakMap',
    'WeakRef',
    'WeakSet',
  ],
  ...[
    'WritableStream',
    'WritableStreamDefaultWriter',
    '__host',
    '__interpeer',
    '__site',
    'atob',
    'btoa',
    'clearImmediate',
    'clearInterval',
    'clearTimeout',
  ],
  ...[
    'console',
    'crypto',
    'decodeURI',
    'decodeURIComponent',
    'encodeURI',
    'encodeURIComponent',
    'escape',
    'eval',
    'fetch',
    'globalThis',
    'isFinite',
    'isNaN',
  ],
  ...[
    'navigator',
    'parseFloat',
    'parseInt',
    'performance',
    'queueMicrotask',
    'self',
    'setImmediate',
    'setInterval',
    'setTimeout',
    'structuredClone',
    'undefined',
    'unescape',
  ],
]

test('a script sees these names and no others', () => {
  const found = answer('return Reflect.ownKeys(globalThis).filter((key) => typeof key === "string").sort().join()')
  assert.deepEqual(found.split(','), [...new Set(GLOBALS)].sort())
})

describe('ways out that other hosts have', () => {
  attacks([
    [
      'names of other hosts',
      'return ["process", "require", "module", "exports", "__dirname", "Buffer", "Deno", "Bun", "std", "os", "bjson", "gc", "$262", "print", "load", "read", "quit", "scriptArgs", "WebAssembly", "Worker", "importScripts", "XMLHttpRequest", "WebSocket", "ShadowRealm", "caches", "indexedDB", "localStorage", "document", "window", "global", "Intl", "Temporal"].filter((name) => name in globalThis).join()',
      '',
    ],
    ...[
      'Function',
      '(() => {}).constructor',
      '(async () => {}).constructor',
      '(function* () {}).constructor',
      '(async function* () {}).constructor',
      '__host.constructor',
      'console.log.constructor',
      'Map.prototype.get.constructor.constructor',
      'new Error().constructor.constructor',
      'Object.getPrototypeOf(__interpeer.fetch).constructor',
      '(await import("x").catch((e) => e)).constructor.constructor',
    ].map(
      (code) =>
        [
          `the constructor of functions by ${code}`,
          `const F = ${code}; let made = F("return this === globalThis && typeof process + typeof require")(); made = made.next ? (await made.next()).value : await made; return made`,
          /^undefinedundefined$|^engine$/,
        ] as const,
    ),
    ['an import of a file', 'return await import("/etc/passwd")', 'exception'],
    ['an import of a module of Node', 'return await import("node:fs")', 'exception'],
    ['an import of QuickJS’s own modules', 'return await import("std")', 'exception'],
    [
      'an import with attributes',
      'return await import("app/script.js", { with: { type: "json" } })',
      /engine|exception/,
    ],
    ['import.meta in evaluated code', 'return eval("import.meta")', 'exception'],
    [
      'the caller of a function',
      'return (function f() { return String(f.caller) + String(arguments.callee === f) })()',
      /^(undefined|null)true$|exception/,
    ],
    ['sloppy this of a host call', 'return String(Reflect.apply(__host, { x: 1 }, ["log", "{}"]))', /^\{.*\}$/],
    [
      'the host’s function as a constructor',
      'try { return String(new __host("log", "{}")) } catch (e) { return e.name }',
      /TypeError|object/,
    ],
    [
      'what hangs on the host’s function',
      'return Reflect.ownKeys(__host).map(String).join() + (Object.getPrototypeOf(__host) === Function.prototype)',
      'length,nametrue',
    ],
    [
      'the engine’s object cannot be changed',
      '"use strict"; const own = []; for (const change of [() => { __interpeer.take = 1 }, () => { globalThis.__interpeer = 1 }, () => { delete globalThis.__interpeer }, () => Object.defineProperty(globalThis, "__site", { value: 1 })]) try { change(); own.push("changed") } catch (e) { own.push(e.name) } return own.join()',
      'TypeError,TypeError,TypeError,TypeError',
    ],
  ])
})

describe('errors tell nothing of the host', () => {
  const leak = /node:|file:|\/home|\/work|\/tmp|\.ts\b|seeder\/|RuntimeError|wasm/
  for (const [name, code] of [
    ['the stack of an error', 'return new Error("x").stack'],
    ['the stack of an error out of the library', 'try { new URL("") } catch (e) { return e.stack + e.message }'],
    [
      'the stack of an error out of a host call',
      'try { await env.DB.prepare("nonsense").all() } catch (e) { return e.stack + e.message + Object.getOwnPropertyNames(e) }',
    ],
    [
      'Error.prepareStackTrace',
      'Error.prepareStackTrace = (e, sites) => sites; const { stack } = new Error("x"); return Array.isArray(stack) ? stack.map((s) => [s.getThis?.(), s.getFunction?.(), s.getFileName?.(), s.getEvalOrigin?.()].map(String)).join() : String(stack)',
    ],
    ['Error.captureStackTrace', 'const o = {}; Error.captureStackTrace?.(o); return String(o.stack)'],
    [
      'Error.stackTraceLimit',
      'Error.stackTraceLimit = 1e9; const f = (n) => (n === 0 ? new Error("x").stack : f(n - 1)); return f(200)',
    ],
    [
      'the text of functions of the host and the library',
      'return [__host, fetch, URL, crypto.subtle.digest, console.log, Math.random].map(String).join().slice(0, 5000)',
    ],
    ['an error of a stack that is full', 'const f = () => f(); try { f() } catch (e) { return e.stack + e.message }'],
    ['an error of memory that is full', 'try { new ArrayBuffer(2 ** 40) } catch (e) { return e.stack + e.message }'],
  ] as const) {
    test(name, () => assert.doesNotMatch(answer(code), leak))
  }
})

describe('what a request does to the language is gone with it', () => {
  const POISONS = [
    'Array.prototype[Symbol.iterator] = function* () { yield "stolen" }',
    'Object.prototype.then = function (resolve) { resolve(new Response("stolen")) }',
    'Object.prototype.get = () => "stolen"; Object.prototype.value = "stolen"; Object.prototype.enumerable = true',
    'Object.prototype.toJSON = () => ({ status: 200, headers: [["x", "stolen"]] })',
    'Promise.prototype.then = function (f) { f("stolen"); return this }; Promise.resolve = () => "stolen"',
    'Promise.prototype.constructor = function () { throw 1 }; Object.defineProperty(Promise, Symbol.species, { get() { throw 1 } })',
    'String.prototype.toWellFormed = () => "stolen"; String.prototype.slice = () => "stolen"; String.prototype.charCodeAt = () => 0x3d',
    'Map.prototype.get = Map.prototype.set = () => ["stolen"]; Map.prototype.keys = function* () { yield "stolen" }',
    'RegExp.prototype.exec = () => null; RegExp.prototype.test = () => true; RegExp.prototype[Symbol.replace] = () => "stolen"',
    'JSON.parse = () => ({ error: { code: "x", message: "stolen" } }); JSON.stringify = () => "stolen"',
    'Uint8Array.prototype.slice = () => new Uint8Array(9); Uint8Array.prototype.set = () => {}; ArrayBuffer.prototype.slice = () => "stolen"',
    'Object.defineProperty(Uint8Array, Symbol.species, { get: () => function () { return new Uint8Array(1) } })',
    'Object.defineProperty = Object.freeze = Object.keys = () => ["stolen"]',
    'Response.prototype.constructor = null; Response = class { static [Symbol.hasInstance]() { return true } }; Headers.prototype.entries = () => []',
    'Object.setPrototypeOf(Response.prototype, null); Object.setPrototypeOf(Array.prototype, { stolen: 1 })',
    'Object.defineProperty(Response.prototype, "headers", { get: () => ({ *[Symbol.iterator]() { for (;;) yield ["a", "b"] } }) })',
    'globalThis.__host = (op, text) => "stolen"; delete globalThis.__host',
    'globalThis.__site = { fetch: () => new Response("stolen") }',
    '__interpeer.fetch("{}", new ArrayBuffer(0)); __interpeer.take(); __interpeer.takeBody()',
    'queueMicrotask(() => { Symbol.prototype.toString = () => "stolen"; Symbol.iterator.x = 1 })',
    'Function.prototype.call = Function.prototype.apply = () => "stolen"; Reflect.apply = () => "stolen"',
    'Object.defineProperty(Object.prototype, "length", { get: () => 1e9 })',
    'globalThis.undefined; Object.defineProperty(globalThis, "Promise", { get() { for (;;); } })',
  ]
  for (const poison of POISONS) {
    test(poison.slice(0, 90), () => {
      // The good request of the same block is checked by `attack` to answer as it does alone.
      site.attack(`${poison}; return new Response("x", { headers: { a: "b" } })`)
    })
  }
})

describe('code that runs in the middle of a built-in', () => {
  attacks([
    [
      'a comparator that empties the list',
      'const a = Array.from({ length: 200 }, (_, i) => -i); let n = 0; a.sort((x, y) => { if (++n === 50) a.length = 0; return x - y }); return a.length + " " + a[0]',
      /^\d+ -?\d+|undefined/,
    ],
    [
      'a comparator that is no order',
      'return Array.from({ length: 500 }, (_, i) => i).sort(() => 1).length + Array.from({ length: 500 }, (_, i) => i).sort(() => NaN)[499]',
      /^\d+$/,
    ],
    [
      'a comparator of a typed array that frees it',
      'const b = new ArrayBuffer(4096); const t = new Uint32Array(b).map((_, i) => 4096 - i); const u = new Uint32Array(b); u.set(t.subarray(0, 1024)); let n = 0; u.sort((x, y) => { if (++n === 9) b.transfer(); return x - y }); return u.length',
      '0',
    ],
    [
      'an index whose value frees the buffer',
      'const b = new ArrayBuffer(64); const u = new Uint8Array(b); u.fill(7, { valueOf() { b.transfer(); return 0 } }); return u.length',
      /^0$|exception/,
    ],
    [
      'a species that gives a shorter array',
      'class A extends Uint8Array { static get [Symbol.species]() { return function () { return new Uint8Array(1) } } } try { return new A(9).map((x) => x).length } catch (e) { return e.name }',
      'TypeError',
    ],
    [
      'a species that gives the array itself',
      'const a = [1, 2, 3, 4]; a.constructor = { [Symbol.species]: function () { return a } }; return a.map((x) => x * 2).join() + a.splice(1, 2).join()',
      /^[\d,]+$/,
    ],
    [
      'a proxy that lies of its length',
      'const p = new Proxy([], { get: (t, k) => (k === "length" ? 2 ** 53 - 1 : t[k]), has: () => true }); return Array.prototype.indexOf.call(p, 1)',
      /fuel|-1/,
    ],
    [
      'a proxy whose keys never end',
      'const p = new Proxy({}, { ownKeys() { for (;;); } }); return Object.keys(p)',
      'fuel',
    ],
    [
      'a regular expression that is changed while it runs',
      'const r = /a/g; return "aaa".replace(r, () => { r.compile?.("b", "g"); r.lastIndex = 1e9; return "x" })',
      /^x/,
    ],
    [
      'lastIndex that runs code',
      'const r = /a/g; r.lastIndex = { valueOf() { r.lastIndex = 0; return 1e9 } }; return String(r.exec("aaa"))',
      /null|a/,
    ],
    [
      'a getter of an argument that writes',
      'let n = 0; await env.KV.put("k", "v", { get metadata() { n++; return { n } } }); return n',
      /^\d+$/,
    ],
    [
      'structuredClone of getters',
      'let n = 0; const o = { get a() { return ++n > 100 ? 1 : o } }; try { return JSON.stringify(structuredClone(o)).length } catch (e) { return e.name }',
      /^\d+$|Error|fuel|depth|exception/,
    ],
    [
      'a generator that runs itself',
      'const g = (function* () { g.next() })(); try { g.next() } catch (e) { return e.name }',
      'TypeError',
    ],
    [
      'a then that is read again and again',
      'let n = 0; const t = { get then() { n++; return undefined } }; await t; await Promise.all([t, t]); return n',
      /^\d+$/,
    ],
    [
      'a thenable that settles twice and throws',
      'return await { then(a, b) { a("first"); a("second"); b("third"); throw 1 } }',
      'first',
    ],
  ])
})

describe('nothing tells one member from another', () => {
  attacks([
    [
      'clocks stand still',
      'const a = [Date.now(), performance.now(), +new Date()]; for (let i = 0; i < 1e5; i++); return String(String(a) === String([Date.now(), performance.now(), +new Date()]))',
      'true',
    ],
    [
      'zone and locale are nobody’s',
      'return [new Date(0).getTimezoneOffset(), new Date(2020, 6, 1).getHours(), new Date(0).toLocaleString("ar-EG", { timeZone: "Asia/Tokyo" }), (1234.5).toLocaleString("de-DE"), "ä" < "z", "ä".localeCompare("z", "sv"), "I".toLocaleLowerCase("tr"), typeof Intl].join("|")',
      '0|0|01/01/1970, 12:00:00 AM|1234.5|false|1|i|undefined',
    ],
    [
      'what a collector frees is the same everywhere',
      'const refs = []; let seen = ""; const r = new FinalizationRegistry((x) => { seen += x }); for (let i = 0; i < 5000; i++) { const o = { i, big: new Array(100) }; o.o = o; refs.push(new WeakRef(o)); r.register(o, i % 10) } await null; return refs.filter((x) => x.deref() !== undefined).length + " " + seen.length',
      /^\d+ \d+$/,
    ],
    [
      'shared memory is seen by nobody else, and waiting ends',
      'try { const s = new Int32Array(new SharedArrayBuffer(8)); return String(Atomics.wait(s, 0, 1)) + Atomics.notify(s, 0) } catch (e) { return e.name }',
      /not-equal0|Error/,
    ],
    [
      'waiting for ever on shared memory',
      'try { return Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0, 1e9) } catch (e) { return e.name }',
      /Error|timed-out/,
    ],
    [
      'waiting for ever without a thread',
      'const { async, value } = Atomics.waitAsync?.(new Int32Array(new SharedArrayBuffer(8)), 0, 0) ?? { async: false, value: "none" }; return async ? await value : value',
      /none|silent|timed-out|exception/,
    ],
    [
      'bits of NaN',
      'const v = new DataView(new ArrayBuffer(8)); const bits = new Set(); for (const n of [NaN, -NaN, 0 / 0, Math.sqrt(-1), Infinity - Infinity, Math.log(-1), parseFloat("x"), new Float32Array([NaN])[0], new Float64Array(new BigUint64Array([0xfff8000000000123n]).buffer)[0]]) { v.setFloat64(0, n); bits.add(v.getBigUint64(0).toString(16)) } return [...bits].join()',
      '7ff8000000000000',
    ],
    [
      'the order of keys, and of properties in memory',
      'const o = {}; for (const k of ["b", "2", "a", "1", Symbol("s"), "-1", "01"]) o[k] = 1; return Reflect.ownKeys(o).map(String).join()',
      '1,2,b,a,-1,01,Symbol(s)',
    ],
    [
      'the machine behind',
      'return JSON.stringify(navigator) + Object.keys(performance)',
      '{"userAgent":"Interpeer","language":"en","languages":["en"],"hardwareConcurrency":1}',
    ],
  ])
})
