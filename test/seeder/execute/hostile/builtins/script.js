// The site's script of `builtins.test.ts`. It lists every function that the engine and its library offer, and calls one of them
// with receivers and arguments that make a native loop long. What it is about to call goes to the log, which outlives a run that ends.

const { eval: evaluate } = globalThis
const NONE = {}
const seen = new Map()
const functions = []

const nameOf = (key) => (typeof key === 'symbol' ? `[${key.description}]` : `.${key}`)

function visit(value, path) {
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return
  seen.set(value, path)
  if (typeof value === 'function') functions.push([path, value])
  for (const key of Reflect.ownKeys(value)) {
    const descriptor = Reflect.getOwnPropertyDescriptor(value, key)
    const inner = path + nameOf(key)
    if (descriptor.get !== undefined) visit(descriptor.get, `get ${inner}`)
    if (descriptor.set !== undefined) visit(descriptor.set, `set ${inner}`)
    if ('value' in descriptor) visit(descriptor.value, inner)
  }
  visit(Reflect.getPrototypeOf(value), `proto(${path})`)
}

visit(globalThis, 'globalThis')
const hidden = {
  generator: function* () {},
  async: async () => {},
  asyncGenerator: async function* () {},
  arrayIterator: [][Symbol.iterator](),
  mapIterator: new Map().entries(),
  setIterator: new Set().values(),
  stringIterator: ''[Symbol.iterator](),
  matchIterator: ''.matchAll(/x/g),
  asyncIterator: (async function* () {})(),
  headerIterator: new Headers().entries(),
  searchIterator: new URLSearchParams().entries(),
  formIterator: new FormData().entries(),
}
for (const [name, value] of Object.entries(hidden)) visit(value, `%${name}%`)

const endless = function* () {
  for (;;) yield 1
}
const thenable = (n) => Array.from({ length: n }, () => Promise.resolve(1))
const stream = (n) => new Blob(['x'.repeat(n)]).stream()

/** By name: a value of size n. */
const VALUES = {
  none: () => undefined,
  null: () => null,
  text: (n) => 'ab'.repeat(n),
  words: (n) => 'é 😀\n'.repeat(n),
  evil: (n) => `${'a'.repeat(Math.min(n, 400))}b`,
  json: (n) => `[${'1,'.repeat(n)}1]`,
  base64: (n) => 'QUJD'.repeat(n),
  query: (n) => 'a=b%20&'.repeat(n),
  url: (n) => `http://a/${'%20/../x/'.repeat(n)}?${'q&'.repeat(n)}`,
  number: (n) => n,
  huge: () => 2 ** 53 - 1,
  large: () => 2 ** 31 - 1,
  negative: (n) => -n,
  fraction: () => 1e-300,
  bigint: (n) => (1n << BigInt(n * 8)) - 1n,
  symbol: () => Symbol.iterator,
  array: (n) => Array.from({ length: n }, (_, index) => (index * 7919) % n),
  texts: (n) => Array.from({ length: n }, (_, index) => `x${(index * 7919) % n}`),
  pairs: (n) => Array.from({ length: n }, (_, index) => [`k${index}`, `v${index}`]),
  nested: (n) => {
    let nest = []
    for (let index = 0; index < Math.min(n, 500); index++) nest = [nest]
    return nest
  },
  sparse: () => Object.assign([], { length: 2 ** 32 - 1 }),
  long: () => ({ length: 2 ** 53 - 1 }),
  longer: () => ({ length: 2 ** 31, [Symbol.iterator]: endless }),
  object: (n) => Object.fromEntries(Array.from({ length: n }, (_, index) => [`k${index}`, index])),
  proxy: () =>
    new Proxy(NONE, {
      get: (_, key) => (key === 'length' ? 2 ** 53 - 1 : 1),
      has: () => true,
      ownKeys: () => Array.from({ length: 5_000 }, (_, index) => `k${index}`),
      getOwnPropertyDescriptor: () => ({ value: 1, configurable: true, enumerable: true }),
    }),
  bytes: (n) => new Uint8Array(n * 4),
  floats: (n) => new Float64Array(n).map((_, index) => -index),
  bigs: (n) => new BigInt64Array(n),
  buffer: (n) => new ArrayBuffer(n * 4),
  shared: (n) => (typeof SharedArrayBuffer === 'undefined' ? undefined : new SharedArrayBuffer(n * 4)),
  view: (n) => new DataView(new ArrayBuffer(n * 4)),
  map: (n) => new Map(Array.from({ length: n }, (_, index) => [index, index])),
  set: (n) => new Set(Array.from({ length: n }, (_, index) => index)),
  weak: () => new WeakMap(),
  date: () => new Date(8.64e15),
  regexp: () => /(a+)+$/g,
  wide: () => /(?:\p{L}|.)*?x/giu,
  backward: () => /(?<=(a+)+)b\1/g,
  error: () => new Error('x'.repeat(500)),
  promises: thenable,
  promise: () => Promise.resolve(1),
  generator: () => endless(),
  iterator: (n) => Array.from({ length: n }).values(),
  call: () => (a, b) => (a > b ? 1 : -1),
  constant: () => () => 1,
  loop: () => () => {
    for (;;);
  },
  Array: () => Array,
  String: () => String,
  Uint8Array: () => Uint8Array,
  Promise: () => Promise,
  params: (n) => new URLSearchParams('a=b&'.repeat(n)),
  headers: (n) => new Headers(Array.from({ length: Math.min(n, 500) }, (_, index) => [`k${index}`, 'v'])),
  location: (n) => new URL(`http://a/${'b/'.repeat(n)}`),
  form: (n) => {
    const form = new FormData()
    for (let index = 0; index < n; index++) form.append(`k${index}`, 'v')
    return form
  },
  blob: (n) => new Blob(['x'.repeat(n)]),
  stream,
  reader: (n) => stream(n).getReader(),
  response: (n) => new Response('x'.repeat(n)),
  request: (n) => new Request('http://a/', { method: 'POST', body: 'x'.repeat(n) }),
  encoder: () => new TextEncoder(),
  decoder: () => new TextDecoder(),
  event: () => new Event('x'),
  target: () => new AbortController().signal,
  global: () => globalThis,
  settings: (n) => ({ length: n, name: 'SHA-256', hash: 'SHA-256', iterations: n, salt: new Uint8Array(8) }),
}

/** What has no loop of its own to offer, or ends every test at once by its nature: they are called by `hostile.test.ts`. */
const LEFT = /^globalThis\.(__interpeer|__host|eval$|debugger)|\.consoleless$/

export default {
  async fetch(request) {
    const { list, path, size, calls, code } = await request.json()
    if (code !== undefined) {
      await evaluate(`(async () => {${code}})()`)
      return new Response('done')
    }
    if (list === true)
      return Response.json({
        functions: functions.map(([name]) => name).filter((name) => !LEFT.test(name)),
        values: Object.keys(VALUES),
      })
    const found = functions.find(([name]) => name === path)[1]
    const { log } = console
    for (const [index, [self, args, construct]] of calls.entries()) {
      log(`call ${index}`)
      try {
        const values = args.map((name) => VALUES[name](size))
        const receiver = VALUES[self](size)
        let made = construct ? Reflect.construct(found, values) : Reflect.apply(found, receiver, values)
        if (made instanceof Promise) made = await Promise.race([made, Promise.resolve()])
        // What comes back lazily does its work when it is read.
        if (typeof made?.next === 'function') for (let turn = 0; turn < size && !made.next().done; turn++);
      } catch {}
    }
    return new Response('done')
  },
}
