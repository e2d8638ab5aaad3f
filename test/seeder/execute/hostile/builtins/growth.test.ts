// What a built-in that loops natively burns grows with what it does: eight times the input costs a unit of fuel or more for each further
// item, in the call alone (its own run without the call taken off). Ropes, slices and shared texts that cost nothing because nothing
// is done are left out. A copy that were free, or a comparison, would be a way around the meter.

import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { BuiltinThread } from '#test/seeder/execute/hostile/builtins/thread.ts'

const SMALL = 1_000
const TIMES = 8
const FUEL = 20_000_000_000
/** As long as a call, since short bodies are decoded in another way. */
const NOTHING = `0 /* ${' '.repeat(64)} */`

/** What is made of `N` before the call. */
const SETUPS = {
  text: `const s = 'ab'.repeat(N), t = 'ab'.repeat(N - 1) + 'ac'`,
  wide: `const s = 'é\\u1e9b😀'.repeat(N)`,
  blank: `const s = ' '.repeat(N) + 'x' + ' '.repeat(N)`,
  digits: `const s = '7'.repeat(N)`,
  json: `const s = '[' + '{"a":1},'.repeat(N) + '0]'`,
  list: `const a = Array.from({ length: N }, (_, i) => (i * 7919) % N)`,
  pairs: `const a = Array.from({ length: N }, (_, i) => ['k' + i, i])`,
  typed: `const u = new Uint32Array(N).map((_, i) => i * 7919), w = new Uint32Array(N)`,
  buffer: `const b = new ArrayBuffer(N * 16)`,
  map: `const m = new Map(Array.from({ length: N }, (_, i) => [i, i]))`,
  sets: `const x = new Set(Array.from({ length: N }, (_, i) => 'k' + i)), y = new Set(Array.from({ length: N }, (_, i) => 'k' + i))`,
  object: `const o = Object.fromEntries(Array.from({ length: N }, (_, i) => ['k' + i, i]))`,
  big: `const b = (1n << BigInt(N * 16)) - 1n, d = (1n << BigInt(N * 8)) - 3n`,
  promises: `const a = Array.from({ length: N }, (_, i) => Promise.resolve(i))`,
  none: '',
} as const

const CALLS: Readonly<Record<keyof typeof SETUPS, readonly string[]>> = {
  text: [
    ...[
      's.indexOf("c")',
      's.lastIndexOf("c")',
      's.includes("bb")',
      's.startsWith(t)',
      't.endsWith("a" + t.slice(1))',
      's === t',
      's < t',
      's.localeCompare(t)',
    ],
    ...[
      's.split("")',
      's.split("b")',
      's.repeat(3)',
      's.padStart(s.length * 3, "xy")',
      's.padEnd(s.length * 3)',
      's.toUpperCase()',
      's.toLocaleLowerCase()',
    ],
    ...[
      's.replaceAll("a", "xx")',
      's.replace(/b/g, "")',
      's.match(/a/g)',
      '[...s.matchAll(/a/g)]',
      's.search(/c/)',
      '/c$/.exec(s)',
      '/(?<=b)c/.test(s)',
    ],
    ...[
      '[...s]',
      'Array.from(s)',
      'String.raw({ raw: s })',
      'escape(s)',
      'unescape(s)',
      'encodeURIComponent(s)',
      'decodeURI(s)',
    ],
    ...[
      'JSON.stringify(s)',
      'Symbol.for(s)',
      'Object(s)[s]',
      '({ [s]: 1 })',
      'new Map([[s, 1], [t, 1]])',
      'new RegExp(s)',
      'Function(s)',
      'new TextEncoder().encode(s)',
      'btoa(s)',
      'new Blob([s])',
    ],
    ...[
      'new URL("http://a/" + s)',
      'new URLSearchParams(s)',
      'new Headers({ a: s })',
      'crypto.subtle.digest("SHA-256", new TextEncoder().encode(s))',
    ],
  ],
  wide: [
    's.normalize("NFKD")',
    's.normalize("NFC")',
    's.toWellFormed()',
    's.isWellFormed()',
    's.toUpperCase()',
    'encodeURIComponent(s)',
    '/\\p{Lu}$/u.test(s)',
    '/\\p{Lu}$/iv.test(s)',
    'new TextEncoder().encode(s)',
    's.codePointAt(0) + [...s].length',
    'escape(s)',
  ],
  blank: ['s.trim()', 's.trimStart()', 's.trimEnd()', 'Number(s)', 'parseFloat(s)', 's.split(/\\s+/)'],
  digits: ['BigInt(s)', 'Number(s)', 'parseInt(s, 10)', 'parseInt(s, 32)'],
  json: [
    'JSON.parse(s)',
    'JSON.parse(s, (k, v) => v)',
    'eval(s)',
    'structuredClone(JSON.parse(s))',
    'JSON.stringify(JSON.parse(s), null, 1)',
  ],
  list: [
    ...[
      'a.sort()',
      'a.sort((x, y) => x - y)',
      'a.toSorted()',
      'a.reverse()',
      'a.toReversed()',
      'a.indexOf(-1)',
      'a.lastIndexOf(-1)',
      'a.includes(-1)',
      'a.join()',
      'a.toString()',
      'a.toLocaleString()',
      'a.concat(a)',
    ],
    ...[
      'a.slice()',
      'a.splice(0, 1)',
      'a.toSpliced(0, 1)',
      'a.with(0, 1)',
      'a.shift()',
      'a.unshift(1)',
      'a.fill(0)',
      'a.copyWithin(1, 0)',
      'a.flat()',
      'a.flatMap((x) => x)',
      'a.map((x) => x)',
      'a.filter(() => true)',
    ],
    ...[
      'a.forEach(() => {})',
      'a.reduce((x) => x)',
      'a.reduceRight((x) => x)',
      'a.some(() => false)',
      'a.every(() => true)',
      'a.find(() => false)',
      'a.findLast(() => false)',
      'a.findIndex(() => false)',
      'a.findLastIndex(() => false)',
    ],
    ...[
      '[...a.keys()]',
      '[...a.entries()]',
      '[...a]',
      'Array.from(a)',
      'Array.of(...a)',
      '[].push(...a)',
      'Math.max(...a)',
      'Math.hypot(...a)',
      'String.fromCharCode(...a)',
      'Reflect.apply(Math.min, null, a)',
      'Reflect.construct(Array, a)',
    ],
    ...[
      'new Set(a.map(String))',
      'new Float64Array(a)',
      'Uint8Array.from(a)',
      'Object.groupBy(a, (x) => x % 2)',
      'Map.groupBy(a, (x) => x % 2)',
      'JSON.stringify(a)',
      'structuredClone(a)',
      'Object.assign({}, a)',
      'a.values().drop(1e6).next()',
      'a.values().toArray()',
      'a.values().some(() => false)',
      'delete a[0], a.length = 0',
      'new Proxy(a, {}).indexOf(-1)',
      'Array.prototype.concat.call([], ...a.map((x) => [x]))',
    ],
  ],
  pairs: [
    'new Map(a)',
    'Object.fromEntries(a)',
    'new URLSearchParams(a)',
    'new Headers(a.slice(0, N / 8))',
    'new WeakMap(a.map((x) => [x, 1]))',
    'Object.groupBy(a, ([k]) => k)',
    'JSON.stringify(a)',
  ],
  typed: [
    'u.sort()',
    'u.toSorted()',
    'u.sort((x, y) => x - y)',
    'u.reverse()',
    'u.toReversed()',
    'u.indexOf(1)',
    'u.lastIndexOf(1)',
    'u.includes(1)',
    'u.join()',
    'u.slice()',
    'u.fill(3)',
    'u.copyWithin(1, 0)',
    'w.set(u)',
    'w.set([...u])',
    'u.map((x) => x)',
    'u.filter(() => true)',
    'u.with(0, 1)',
    'new Uint32Array(u)',
    'new Float32Array(u)',
    'Uint32Array.from(u)',
    'u.toString()',
    'Array.from(u)',
    'structuredClone(u)',
    'crypto.getRandomValues(new Uint8Array(N))',
    'new TextDecoder().decode(u)',
    'new Blob([u])',
    'new TextDecoder("utf-16le").decode(u)',
  ],
  buffer: [
    'b.slice(0)',
    'b.transfer(b.byteLength * 2)',
    'structuredClone(b)',
    'new Uint8Array(b).slice()',
    'new ArrayBuffer(b.byteLength)',
    'new Response(b)',
    'crypto.subtle.digest("SHA-512", b)',
    '__host("none", "{}", b)',
  ],
  map: [
    'm.clear()',
    'm.forEach(() => {})',
    'new Map(m)',
    '[...m]',
    'structuredClone(m)',
    'Object.fromEntries(m)',
    'm.keys().reduce((x) => x)',
  ],
  sets: [
    'x.union(y)',
    'x.intersection(y)',
    'x.difference(y)',
    'x.symmetricDifference(y)',
    'x.isSubsetOf(y)',
    'x.isSupersetOf(y)',
    'x.difference(new Set([1])).isDisjointFrom(y)',
    'x.clear()',
    'x.forEach(() => {})',
    'new Set(x)',
    '[...x]',
  ],
  object: [
    'Object.keys(o)',
    'Object.values(o)',
    'Object.entries(o)',
    'Object.assign({}, o)',
    'Object.freeze(o)',
    'Object.isFrozen(Object.freeze(o))',
    'Object.getOwnPropertyNames(o)',
    'Object.getOwnPropertyDescriptors(o)',
    'Object.defineProperties({}, Object.getOwnPropertyDescriptors(o))',
    'Reflect.ownKeys(o)',
    '({ ...o })',
    '(() => { for (const k in o); })()',
    'JSON.stringify(o)',
    'structuredClone(o)',
    'new Proxy(o, {}).x, Object.keys(new Proxy(o, {}))',
  ],
  big: [
    'b * b',
    'b / d',
    'b % d',
    'b + d',
    'b & d',
    'b ^ -d',
    '-b',
    'b << 9n',
    'b >> 9n',
    'b === -d',
    'b > b - 1n',
    'd ** 3n',
    'BigInt.asUintN(N * 8, b)',
    'BigInt.asIntN(N * 8, b)',
    'Number(b)',
    'b.toString(16)',
    'd.toString()',
    'String(d)',
    'b == 1.5',
  ],
  promises: [
    'await Promise.all(a)',
    'await Promise.allSettled(a)',
    'await Promise.race(a)',
    'await Promise.any(a)',
    'for await (const x of a);',
  ],
  none: [
    'new Array(N).fill(1)',
    'Array.from({ length: N })',
    'Array(N).join()',
    'new Uint8Array(N * 16)',
    'new ArrayBuffer(N * 16)',
    '"x".repeat(N * 16)',
    '(0.1).toFixed(100) + "0".padStart(N * 8)',
    '[].indexOf.call({ length: N }, 1)',
    '[].reverse.call({ length: N })',
    '[].fill.call({ length: N }, 0)',
    'Reflect.apply(Math.max, null, { length: N })',
    '1n << BigInt(N * 16)',
    '3n ** BigInt(N)',
    '/(?:a{5}){5}/.test("a".repeat(N))',
    '/^(a+)+$/.test("a".repeat(Math.log2(N)) + "b")',
    'new RegExp("a".repeat(N))',
    'eval("1" + "+1".repeat(N))',
    'Function("x" + ",x".repeat(Math.min(N, 60000)), "")',
    'eval("[" + "1,".repeat(N) + "]")',
    '[..."x".repeat(N)].map(String).concat()',
  ],
}

let thread: BuiltinThread
before(() => {
  thread = new BuiltinThread()
})
after(() => thread.close())

async function fuelOf(size: number, setup: string, call: string): Promise<number> {
  const answer = await thread.evaluate(`const N = ${size}; ${setup}; ${call}`, FUEL)
  assert.equal(answer.failure, undefined, `${call}: ${answer.failure} ${answer.text}`)
  return answer.fuel
}

for (const [name, calls] of Object.entries(CALLS)) {
  describe(`of ${name}`, () => {
    const setup = SETUPS[name as keyof typeof SETUPS]
    const before = (size: number) => fuelOf(size, setup, NOTHING)
    for (const call of calls) {
      test(call, async () => {
        const work: number[] = []
        for (const size of [SMALL, SMALL * TIMES]) work.push((await fuelOf(size, setup, call)) - (await before(size)))
        const [small = 0, large = 0] = work
        assert(large - small >= (TIMES - 1) * SMALL, `${small} fuel for ${SMALL}, ${large} for ${SMALL * TIMES}`)
      })
    }
  })
}
