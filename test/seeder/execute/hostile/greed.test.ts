// Requests that ask for much end alone, within their fuel, with the failure that says why: memory, stack, promises, regular expressions,
// big numbers, texts to the host, answers (F25; runtime.md, "What must hold"). Behind each of them in its block a good request works.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Site } from '#test/seeder/execute/hostile/hosted.ts'
import { LIMITS, textOf } from '#test/seeder/execute/pool/site.ts'

const FUEL = 500_000_000

const site = Site.published(undefined, { ...LIMITS, requestFuelMax: FUEL })

function attacks(list: readonly (readonly [name: string, body: string, expected: RegExp])[]): void {
  for (const [name, body, expected] of list) {
    test(name, () => {
      const { failure, response, fuel } = site.attack(body)
      assert.match(failure ?? textOf(response), expected)
      assert(fuel <= FUEL, `${fuel} fuel`)
    })
  }
}

describe('computation', () => {
  attacks([
    [
      'a regular expression of nested repeats',
      'return /^(([a-z])+.)+[A-Z]([a-z])+$/.test("a".repeat(60))',
      /fuel|false/,
    ],
    ['a regular expression of alternatives', 'return /^(a|a|a|b)*$/.test("a".repeat(40) + "c")', /fuel|false/],
    [
      'a regular expression of lookbehinds',
      'return /(?<=(a*)*b)c/.test("a".repeat(5000) + "c")',
      /fuel|false|memory|exception/,
    ],
    ['a regular expression of references', 'return /(.*)\\1\\1\\1x/.test("a".repeat(5000))', /fuel|false/],
    [
      'a regular expression of huge counts',
      'return /(?:a{1000}){1000}/.test("a".repeat(1e6))',
      /fuel|true|false|exception|memory/,
    ],
    [
      'a regular expression of wide sets',
      'return /[\\p{L}--[a-z]]+$/v.test("é".repeat(1e6) + "1")',
      /fuel|false|exception/,
    ],
    ['a split by everything', 'return "a".repeat(3e6).split("").length', /fuel|memory|3000000/],
    [
      'replacements that grow',
      'let s = "a"; for (let i = 0; i < 40; i++) s = s.replace(/a/g, "aa"); return s.length',
      /fuel|memory|exception/,
    ],
    [
      'a power of powers',
      'let n = 7n; for (let i = 0; i < 40; i++) n *= n; return String(n).length',
      /fuel|memory|exception/,
    ],
    ['digits of a huge number', 'return String(1n << 3000000n).length', /fuel|exception|\d+/],
    ['a huge number read', 'return String(BigInt("9".repeat(2e6))).length', /fuel|memory|exception|\d+/],
    [
      'a division of huge numbers',
      'const n = 1n << 4000000n; let m = n; for (let i = 0; i < 1000; i++) m = (n * n) / (m + 1n); return 1',
      /fuel|memory|exception|1/,
    ],
    [
      'a sort of everything',
      'return Array.from({ length: 3e5 }, () => Math.random()).sort().length',
      /fuel|memory|300000/,
    ],
    [
      'JSON that is long',
      'return JSON.stringify(JSON.parse("[" + "{\\"a\\":[1]},".repeat(4e5) + "0]")).length',
      /fuel|memory|\d+/,
    ],
    [
      'a Date of many texts',
      'let n = 0; for (let i = 0; ; i++) n += Date.parse("Thu, 01 Jan 1970 00:00:0" + i)',
      /fuel/,
    ],
    [
      'normalisation of long texts',
      'let s = "\\u1e9b\\u0323".repeat(3e5); for (;;) s = s.normalize("NFKD").normalize("NFC")',
      /fuel|memory/,
    ],
    ['code that makes code', 'for (let i = 0; ; i++) Function("return " + "1+".repeat(1000) + i)()', /fuel|memory/],
    [
      'bound functions of bound functions',
      'let f = () => 1; for (let n = 0; n < 1e5; n++) f = f.bind(null); return f()',
      /fuel|depth|memory|exception|1/,
    ],
    [
      'prototypes of prototypes',
      'let o = {}; for (let n = 0; n < 1e6; n++) o = Object.create(o); return "x" in o',
      /fuel|memory|depth|false/,
    ],
  ])
})

describe('memory and stack', () => {
  attacks([
    [
      'a million promises that wait',
      'const all = []; for (let i = 0; i < 1e6; i++) all.push(new Promise(() => {})); await Promise.all(all)',
      /memory|fuel|silent/,
    ],
    [
      'a million promises that are settled',
      'return (await Promise.all(Array.from({ length: 1e6 }, (_, i) => Promise.resolve(i)))).length',
      /memory|fuel|1000000/,
    ],
    [
      'a million promises after one another',
      'let n = 0; for (let i = 0; i < 1e6; i++) n += await 1; return n',
      /fuel|1000000/,
    ],
    [
      'a million thens of one promise',
      'const p = Promise.resolve(1); let n = 0; for (let i = 0; i < 1e6; i++) p.then(() => n++); await p; await null; return n',
      /memory|fuel|\d+/,
    ],
    [
      'a chain of promises that resolve to each other',
      'let p = new Promise(() => {}); for (let i = 0; i < 1e5; i++) p = Promise.race([p, new Promise(() => {})]); await p',
      /memory|fuel|silent/,
    ],
    [
      'rejections that nobody handles',
      'for (let i = 0; i < 1e5; i++) Promise.reject(new Error("x")); return 1',
      /memory|fuel|1/,
    ],
    [
      'ten thousand timers and one more',
      'for (let i = 0; i <= 10000; i++) setTimeout(() => {}, i); return 1',
      /exception/,
    ],
    [
      'an async generator that never rests',
      'const g = (async function* () { for (;;) yield 1 })(); for await (const x of g);',
      /fuel/,
    ],
    [
      'a stream that never ends',
      'return new Response(new ReadableStream({ pull(c) { c.enqueue(new Uint8Array(65536)) } }))',
      /memory|fuel|response_size/,
    ],
    [
      'a stream that is teed for ever',
      'let s = new Response("x".repeat(1000)).body; for (let i = 0; i < 1e5; i++) [s] = s.tee(); return new Response(s)',
      /memory|fuel|depth/,
    ],
    [
      'buffers that grow',
      'const b = new ArrayBuffer(8, { maxByteLength: 2 ** 26 }); for (let i = 8; i <= 2 ** 26; i *= 2) b.resize(i); return b.byteLength',
      /memory|exception|fuel|\d+/,
    ],
    [
      'a list that is set far out',
      'const a = []; a[4294967294] = 1; a.length = 4294967295; return a.concat(a).length',
      /exception|fuel|memory/,
    ],
    [
      'a text out of ropes',
      'let s = "ab"; for (let i = 0; i < 28; i++) s = s + s; return s.charCodeAt(1e8)',
      /memory|exception|NaN|\d+/,
    ],
    ['an error whose cause is itself', 'const e = new Error("x"); e.cause = e; throw e', /exception/],
    ['an error that holds megabytes', 'throw new Error("x".repeat(5e6))', /exception|memory|fuel/],
    ['a log of megabytes', 'for (let i = 0; i < 300; i++) console.log("x".repeat(1e5)); return 1', /fuel|1/],
    [
      'a destructor that makes more',
      'const r = new FinalizationRegistry(() => { for (let i = 0; i < 2; i++) { const o = {}; o.o = o; r.register(o, 1) } }); for (let i = 0; ; i++) { const o = {}; o.o = o; r.register(o, 1); if (i % 1000 === 0) await null }',
      /fuel|memory/,
    ],
    ['spread into arguments', 'return Math.max(...new Array(1e6).fill(1))', /exception|depth|memory|fuel|1/],
    [
      'a destructuring of everything',
      'return eval("const " + "[".repeat(20000) + "a" + "]".repeat(20000) + " = []")',
      /exception|depth|memory|fuel/,
    ],
  ])
})

describe('the host’s own work', () => {
  attacks([
    ['operations of long names', 'const op = "x".repeat(2e7); for (;;) host(op, "")', /fuel|memory/],
    [
      'operations of long names and no text',
      'const op = "x".repeat(2e7); for (;;) host(op, Symbol.iterator)',
      /fuel|memory|exception/,
    ],
    ['long texts that are no JSON', 'const text = "[".repeat(1e7); for (;;) host("kv.get", text)', /fuel|memory/],
    [
      'many bytes to no operation',
      'const bytes = new ArrayBuffer(2e7); for (;;) host("none", "{}", bytes)',
      /fuel|memory/,
    ],
    [
      'texts that are encoded and decoded for ever',
      'const t = new TextEncoder(); const d = new TextDecoder(); let s = "é".repeat(1e6); for (;;) s = d.decode(t.encode(s))',
      /fuel|memory/,
    ],
    [
      'digests of much',
      'const b = new Uint8Array(1e7); for (;;) await crypto.subtle.digest("SHA-512", b)',
      /fuel|memory/,
    ],
    [
      'iterations of PBKDF2',
      'const k = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveBits"]); for (;;) await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-1", salt: new Uint8Array(8), iterations: 1e7 }, k, 8192)',
      /fuel/,
    ],
    ['keys by the hundred thousand', 'for (let i = 0; ; i++) await env.KV.put("key" + i, "v".repeat(100))', /fuel/],
    ['files by the hundred thousand', 'for (let i = 0; ; i++) await env.FILES.put("key" + i, "v")', /fuel/],
    [
      'files of eight megabytes',
      'const b = new Uint8Array(8 * 2 ** 20); for (let i = 0; ; i++) { b[0] = i; await env.FILES.put("f" + i, b) }',
      /fuel|memory/,
    ],
    [
      'values that are read for ever',
      'await env.KV.put("k", "v".repeat(1e6)); for (;;) await env.KV.get("k")',
      /fuel|memory/,
    ],
    [
      'lists that are read for ever',
      'for (let i = 0; i < 300; i++) await env.KV.put("k" + i, "v", { metadata: { x: "y".repeat(900) } }); for (;;) await env.KV.list()',
      /fuel|memory/,
    ],
    [
      'forms of many parts',
      'const b = "----x\\r\\ncontent-disposition: form-data; name=a\\r\\n\\r\\n\\r\\n".repeat(20000) + "----x--"; return [...await new Response(b, { headers: { "content-type": "multipart/form-data; boundary=--x" } }).formData()].length',
      /exception|fuel/,
    ],
    [
      'addresses of many parts',
      'return new URL("http://a/" + "../x/%2e%2e/".repeat(2e5) + "?" + "a&".repeat(2e5)).searchParams.size',
      /fuel|memory|\d+/,
    ],
    [
      'international names',
      'for (let i = 0; ; i++) try { new URL("http://" + "ü.".repeat(1000) + "x/") } catch {}',
      /fuel|memory/,
    ],
    ['base64 of megabytes', 'let s = btoa("x".repeat(1e6)); for (;;) s = btoa(atob(s))', /fuel|memory/],
  ])
})

describe('answers', () => {
  attacks([
    ['nine megabytes', 'return new Response("x".repeat(9 * 2 ** 20))', /response_size|memory|fuel/],
    [
      'a hundred thousand headers',
      'const h = new Headers(); for (let i = 0; i < 1e5; i++) h.append("x" + i, "v"); return new Response("x", { headers: h })',
      /response_form|fuel|memory/,
    ],
    [
      'a header of megabytes',
      'return new Response("x", { headers: { x: "v".repeat(4e6) } })',
      /response_form|fuel|memory/,
    ],
    [
      'a header name of megabytes',
      'return new Response("x", { headers: { ["v".repeat(4e6)]: "x" } })',
      /response_form|fuel|memory/,
    ],
    [
      'cookies by the thousand',
      'const h = new Headers(); for (let i = 0; i < 5000; i++) h.append("set-cookie", "a=" + i); return new Response("x", { headers: h })',
      /response_form/,
    ],
    ['an answer within an answer', 'return new Response(new Response(new Response("x").body).body)', /^x$/],
    [
      'headers that smuggle',
      'const r = new Response("x"); Object.defineProperty(r, "headers", { value: [["a", "b\\r\\nset-cookie: c=d"]] }); return r',
      /response_form/,
    ],
    [
      'headers of the connection',
      'return new Response("x", { headers: { "content-length": "999", "transfer-encoding": "chunked", connection: "upgrade", upgrade: "x" } })',
      /./,
    ],
    [
      'a status of another protocol',
      'const r = new Response("x"); Object.defineProperty(r, "status", { value: 101 }); return r',
      /response_form|x/,
    ],
  ])
})
