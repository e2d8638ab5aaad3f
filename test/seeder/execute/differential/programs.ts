// Programs drawn from a seed: straight-line code over variables of known kinds that uses as much of the language's library as it
// can, with what is easiest to get different on another machine in it (number formats, NaN, sorting, locale, time, garbage).
//
//   seed → statements `v = <expression of a kind>` → the body of a handler that answers with what it saw
//
// Every exception is part of the answer. Sizes are cut after each statement, so that programs end within a second's fuel.

import { Random } from '#test/seeder/execute/differential/random.ts'

type Kind = 'num' | 'str' | 'big' | 'arr' | 'bytes' | 'map' | 'set' | 'date' | 'obj' | 'bool' | 'any'
const KINDS: readonly Exclude<Kind, 'any'>[] = [
  'num',
  'str',
  'big',
  'arr',
  'bytes',
  'map',
  'set',
  'date',
  'obj',
  'bool',
]
const VARIABLES_PER_KIND = 3
const STATEMENTS = 40

const LITERALS: Readonly<Record<Exclude<Kind, 'any'>, readonly string[]>> = {
  num: [
    '0',
    '-0',
    '1',
    '0.1',
    'NaN',
    'Infinity',
    '-Infinity',
    '1e21',
    '5e-324',
    '2 ** 53',
    '123.456',
    '-7',
    '0x7fffffff',
    '1 / 3',
  ],
  str: [
    "''",
    "'abc'",
    "'äÖß'",
    "'\\ud83d'",
    "'😀é'",
    "'İıſK'",
    "'a,b;c'",
    "'10'",
    "'1e3'",
    "' x '",
    "'été zoo Zebra'",
    '\'{"a":[1,2]}\'',
  ],
  big: ['0n', '1n', '-1n', '2n ** 64n', '-(2n ** 127n)', '123456789012345678901234567890n'],
  arr: [
    '[]',
    '[3, 1, 2]',
    "['b', 'a', 'ä', 'B', 10, 9]",
    '[undefined, null, NaN, , 1]',
    '[[1, 2], [3, [4]]]',
    'Array.from({ length: 40 }, (_, i) => (i * 17) % 23)',
  ],
  bytes: [
    'new Uint8Array([1, 2, 255, 0])',
    'new Float64Array([NaN, -0, 1.5, Infinity])',
    'new Int16Array(20).map((_, i) => i * 997)',
    'new Float32Array([0.1, NaN, 3e38])',
    'new BigInt64Array([1n, -1n])',
    'new Uint8ClampedArray([300, -5, 1.5])',
  ],
  map: ['new Map()', "new Map([['b', 1], ['a', 2], [NaN, 3], [-0, 4]])", 'new Map([3, 1, 2].map((x) => [x, [x]]))'],
  set: ['new Set()', "new Set([1, '1', NaN, NaN, 0, -0])", "new Set('hello world')"],
  date: [
    'new Date(0)',
    'new Date(NaN)',
    'new Date(2021, 6, 4, 3, 30)',
    "new Date('2024-02-29T12:00:00+05:45')",
    'new Date(8.64e15)',
    'new Date(-62198755200000)',
  ],
  obj: [
    '{}',
    '{ b: 1, a: 2, 10: 3, 9: 4, [Symbol.for("s")]: 5 }',
    '{ get x() { return this.y }, y: [1] }',
    'Object.create({ inherited: 1 }, { hidden: { value: 2 } })',
    'class { static s = 1 }',
  ],
  bool: ['true', 'false'],
}

/** `[kind, expression]`; `$num` is a variable of that kind, `#9` a number below 9. */
const EXPRESSIONS: readonly (readonly [Exclude<Kind, 'any'>, string])[] = [
  ...[
    '$num + $num',
    '$num - $num',
    '$num * $num',
    '$num / $num',
    '$num % $num',
    '$num ** $num',
    '$num | $num',
    '$num >>> #33',
    '$num << #33',
    '~$num',
    '-$num',
  ].map((code) => ['num', code] as const),
  ...[
    'sin',
    'cos',
    'tan',
    'asin',
    'acos',
    'atan',
    'sinh',
    'cosh',
    'tanh',
    'asinh',
    'acosh',
    'atanh',
    'exp',
    'expm1',
    'log',
    'log1p',
    'log2',
    'log10',
    'sqrt',
    'cbrt',
    'fround',
    'trunc',
    'round',
    'clz32',
    'sign',
  ].map((name) => ['num', `Math.${name}($num)`] as const),
  ['num', 'Math.atan2($num, $num)'],
  ['num', 'Math.hypot($num, $num, $num)'],
  ['num', 'Math.imul($num, $num)'],
  ['num', 'Math.max($num, $num)'],
  ['num', 'Math.random()'],
  ['num', 'Number($str)'],
  ['num', 'parseFloat($str)'],
  ['num', 'parseInt($str, #37)'],
  ['num', '$str.length'],
  ['num', '$str.charCodeAt(#5)'],
  ['num', '$str.localeCompare($str)'],
  ['num', '$str.lastIndexOf($str)'],
  ['num', '$arr.length'],
  ['num', '$arr.indexOf($any)'],
  ['num', '$arr.reduce((a, b) => a + Number(b), 0)'],
  ['num', 'Number($big)'],
  ['num', '$date.getTime()'],
  ['num', '$date.getTimezoneOffset()'],
  ['num', '$date.setUTCMonth(#30, $num)'],
  ['num', 'Date.parse($str)'],
  ['num', 'Date.now()'],
  ['num', 'performance.now()'],
  ['num', '$map.size + $set.size'],
  ['num', 'new DataView(new ArrayBuffer(16)).getFloat64(#9)'],
  [
    'num',
    '(() => { const v = new DataView(new ArrayBuffer(8)); v.setFloat64(0, $num); return v.getUint32(0) * 3 + v.getUint32(4) })()',
  ],
  ['num', '(() => { const v = new DataView(new ArrayBuffer(4)); v.setFloat32(0, $num); return v.getUint32(0) })()'],
  [
    'num',
    '(() => { let n = 0; const f = (k) => (k === 0 ? 0 : 1 + f(k - 1)); for (let i = 0; i < 20; i++) n += f(i); return n })()',
  ],
  ['num', '[...(function* () { for (let i = 0; i < #9; i++) yield i * $num })()].length'],
  ['str', 'String($any)'],
  ['str', '$str + $str'],
  ['str', '[$num, $str, $any].join("|")'],
  ['str', '$num.toString(2 + #35)'],
  ['str', '$num.toFixed(#21)'],
  ['str', '$num.toPrecision(1 + #30)'],
  ['str', '$num.toExponential(#30)'],
  ['str', '$num.toLocaleString()'],
  ['str', '$big.toString(2 + #35)'],
  ['str', '$str.toUpperCase()'],
  ['str', '$str.toLocaleLowerCase("tr")'],
  ['str', '$str.normalize("NFKD")'],
  ['str', '$str.normalize("NFC")'],
  ['str', '$str.slice(#4, -#3)'],
  ['str', '$str.padStart(#30, $str)'],
  ['str', '$str.repeat(#5)'],
  ['str', '$str.split("").reverse().join("-")'],
  ['str', '$str.replace(/[a-zé]/giu, (m, at) => m + at)'],
  ['str', '$str.replaceAll(/(?<x>.)(?=(.))/gs, "$2$<x>")'],
  ['str', '[...$str.matchAll(/\\p{L}+/gu)].map((m) => m[0] + m.index).join()'],
  ['str', '$str.toWellFormed()'],
  ['str', 'encodeURIComponent($str)'],
  ['str', 'decodeURIComponent(escape($str))'],
  ['str', 'btoa($str)'],
  ['str', 'JSON.stringify($any)'],
  ['str', 'JSON.stringify($arr, null, #5)'],
  ['str', '$date.toISOString()'],
  ['str', '$date.toString()'],
  ['str', '$date.toLocaleString("de-DE", { timeZone: "Asia/Tokyo" })'],
  ['str', '$date.toUTCString()'],
  ['str', 'typeof Intl + typeof $any'],
  ['str', 'new URL("../" + $str + "?" + $num, "http://ex.ample/a/b").href'],
  ['str', 'new URLSearchParams([["a", $str], ["b", String($num)]]).toString()'],
  ['str', '[...new Headers({ A: "1", b: String($num) })].join()'],
  ['str', 'new TextDecoder().decode(new Uint8Array($bytes.buffer))'],
  ['str', 'Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode($str)))).join()'],
  ['str', 'crypto.randomUUID()'],
  ['str', 'await new Response($str).text()'],
  ['str', '(() => { try { null.x } catch (e) { return e.message + e.stack } })()'],
  ['str', '(() => { try { $any() } catch (e) { return e.name + e.message } })()'],
  ['str', 'Object.prototype.toString.call($any)'],
  ['str', '(function (a, b) { return arguments.length + this }).call($str, $num)'],
  ['str', '((s, ...v) => s.raw.join("/") + v)`a$' + '{$num}\\nb`'],
  ['str', 'Symbol($str).toString()'],
  ['str', '(class A { static #p = $num; static get() { return String(A.#p) } }).get()'],
  ...[
    '$big + $big',
    '$big - $big',
    '$big * $big',
    '$big / $big',
    '$big % $big',
    '$big & $big',
    '$big ^ $big',
    '$big << #99n',
    '$big >> #99n',
    '-$big',
    '$big ** #9n',
    'BigInt.asIntN(#99, $big)',
    'BigInt.asUintN(#99, $big)',
    'BigInt(Math.trunc($num))',
    'BigInt($str)',
  ].map((code) => ['big', code] as const),
  ['arr', '$arr.slice().sort()'],
  ['arr', '$arr.slice().sort((a, b) => a - b)'],
  ['arr', '$arr.slice().sort(() => Math.random() - 0.5)'],
  ['arr', '$arr.toSorted((a, b) => (String(a) < String(b) ? 1 : -1))'],
  ['arr', '$arr.concat($arr).flat(#4)'],
  ['arr', '$arr.map((x, i) => [x, i])'],
  ['arr', '$arr.filter((x) => x > $num)'],
  ['arr', '$arr.toSpliced(#5, #3, $any)'],
  ['arr', '$arr.with(#3, $any)'],
  ['arr', '[...$map.entries(), ...$set]'],
  ['arr', '[...$str]'],
  ['arr', '$str.split($str)'],
  ['arr', 'Object.entries($obj)'],
  ['arr', 'Reflect.ownKeys($obj).map(String)'],
  ['arr', 'Object.getOwnPropertyNames($any)'],
  ['arr', 'Array.from($bytes)'],
  ['arr', '(() => { const keys = []; for (const k in $obj) keys.push(k); return keys })()'],
  ['arr', 'await Promise.all([$any, Promise.resolve($any)])'],
  ['arr', 'await Promise.allSettled([$any, Promise.reject($num)])'],
  ['arr', 'structuredClone($arr)'],
  ['arr', 'Object.values(Object.groupBy($arr, (x) => typeof x))'],
  ['arr', '$arr.values().drop(1).take(#9).toArray()'],
  [
    'arr',
    '(() => { const refs = []; for (let i = 0; i < 300; i++) { const o = { i }; o.o = o; refs.push(new WeakRef(o)) } return refs.map((r) => r.deref()?.i ?? -1).filter((x) => x >= 0) })()',
  ],
  [
    'arr',
    'await (async () => { const seen = []; const registry = new FinalizationRegistry((x) => seen.push(x)); for (let i = 0; i < 200; i++) { const o = { i }; o.o = o; registry.register(o, i) } await null; return seen })()',
  ],
  [
    'arr',
    'await (async () => { const order = []; setTimeout(() => order.push(1), 5); setTimeout(() => order.push(2), 1); queueMicrotask(() => order.push(3)); await new Promise((r) => setTimeout(r, 9)); return order })()',
  ],
  ['bytes', '$bytes.slice(#3)'],
  ['bytes', '$bytes.map((x) => x)'],
  ['bytes', '$bytes.toSorted()'],
  ['bytes', '$bytes.fill($bytes[0], #3)'],
  ['bytes', 'new Uint8Array($bytes.buffer.slice(0))'],
  ['bytes', 'new Float32Array($arr)'],
  ['bytes', 'new Int8Array($arr)'],
  ['bytes', 'new TextEncoder().encode($str)'],
  ['bytes', 'crypto.getRandomValues(new Uint8Array(#20))'],
  ['bytes', 'Uint8Array.from(atob(btoa("xyz" + $num)), (c) => c.charCodeAt(0))'],
  ['map', 'new Map($arr.map((x, i) => [x, i]))'],
  ['map', '$map.set($any, $num)'],
  ['map', 'Map.groupBy($arr, (x) => typeof x)'],
  ['map', 'structuredClone($map)'],
  ['set', 'new Set($arr)'],
  ['set', '$set.add($any)'],
  ['set', '$set.union($set)'],
  ['set', '$set.symmetricDifference(new Set($arr))'],
  ['date', 'new Date($num)'],
  ['date', 'new Date($str)'],
  ['date', 'new Date($date.getTime() + $num)'],
  ['date', 'new Date(#3000, #12, #31, #24)'],
  ['obj', '({ ...$obj, v: $any })'],
  ['obj', 'Object.fromEntries($map)'],
  ['obj', 'JSON.parse(JSON.stringify($obj))'],
  ['obj', 'JSON.parse($str)'],
  ['obj', 'new Proxy($obj, { get: (t, k) => (k in t ? t[k] : String(k)) })'],
  ['obj', 'Object.assign(Object.create(null), $obj)'],
  ['obj', '/(\\w)(?<n>\\d)?/d.exec($str)?.indices ?? {}'],
  ['obj', '{ let { a, ...rest } = $obj; rest }'],
  ['bool', 'Object.is($any, $any)'],
  ['bool', '$any == $any'],
  ['bool', '$num < $str'],
  ['bool', '$str < $str'],
  ['bool', '/^(a|b)*?c$/i.test($str)'],
  ['bool', '$str.isWellFormed()'],
  ['bool', '$set.isSubsetOf($set)'],
  ['bool', '$any instanceof Object'],
]

const PRELUDE = `
const out = []
const cut = (x) => (typeof x === 'string' ? x.slice(0, 300) : typeof x === 'bigint' ? BigInt.asIntN(400, x) : Array.isArray(x) ? x.slice(0, 60) : ArrayBuffer.isView(x) ? x.slice(0, 60) : x)
const show = (x, depth = 0) => {
  if (typeof x === 'string') return JSON.stringify(x)
  if (typeof x === 'number') return Object.is(x, -0) ? '-0' : String(x)
  if (typeof x === 'bigint') return x + 'n'
  if (typeof x === 'symbol' || typeof x === 'function' || x === null || typeof x !== 'object') return String(x).slice(0, 80)
  if (depth > 3) return '…'
  const inner = (y) => show(y, depth + 1)
  if (ArrayBuffer.isView(x)) return x.constructor.name + '[' + Array.from(new Uint8Array(x.buffer, x.byteOffset, x.byteLength)).join() + ']'
  if (x instanceof Map) return 'Map' + inner([...x].slice(0, 60))
  if (x instanceof Set) return 'Set' + inner([...x].slice(0, 60))
  if (x instanceof Date) return 'Date(' + x.getTime() + ')'
  if (Array.isArray(x)) return '[' + Array.from(x.slice(0, 60), inner).join() + ']'
  return '{' + Object.keys(x).slice(0, 60).map((k) => k + ':' + inner(x[k])).join() + '}'
}
const failed = (e) => out.push(e instanceof Error ? e.name + ': ' + e.message : 'thrown ' + show(e))
`

export function programOf(seed: string): string {
  const random = new Random(seed)
  const variable = (kind: Exclude<Kind, 'any'>): string => `${kind}${random.below(VARIABLES_PER_KIND)}`
  const lines: string[] = []
  for (const kind of KINDS) {
    for (let index = 0; index < VARIABLES_PER_KIND; index++) {
      lines.push(`let ${kind}${index} = ${random.pick(LITERALS[kind])}`)
    }
  }
  for (let index = 0; index < STATEMENTS; index++) {
    const [kind, template] = random.pick(EXPRESSIONS)
    const code = template
      .replace(/\$(num|str|big|arr|bytes|map|set|date|obj|bool|any)\b/g, (_, name: Kind) =>
        variable(name === 'any' ? random.pick(KINDS) : name),
      )
      .replace(/#(\d+)/g, (_, most: string) => String(random.below(Number(most))))
    const target = variable(kind)
    const loop = random.below(8) === 0 ? `for (let turn = 0; turn < ${2 + random.below(6)}; turn++) ` : ''
    const expression = code.startsWith('{ let')
      ? `(() => { ${code.slice(2, -2).replace('; rest', '; return rest')} })()`
      : `(${code})`
    lines.push(`${loop}try { ${target} = cut(${expression}); out.push(show(${target})) } catch (e) { failed(e) }`)
  }
  return `${PRELUDE}${lines.join('\n')}\nreturn new Response(out.join('\\n'))`
}
