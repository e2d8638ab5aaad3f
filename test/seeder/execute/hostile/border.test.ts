// The host border under generated fire: every operation with arguments of every wrong shape, by the script's own hand. Nothing
// throws, a good request behind each works, and roots and fuel are those of a second executor.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OPERATIONS } from '#seeder/execute/host/host.ts'
import { Site } from '#test/seeder/execute/hostile/hosted.ts'
import { textOf } from '#test/seeder/execute/pool/site.ts'

const site = Site.published()
const withAssets = Site.published({
  script: `export default { async fetch(request) {
    const text = await request.text()
    if (new URL(request.url).pathname === '/good') return new Response('good 1')
    return new Response(String(await (0, eval)('(async (host) => {' + text + '})')(globalThis.__host)).slice(0, 1e5))
  } }`,
  assets: { '/index.html': 'index', '/a/index.html': 'a', '/b.html': 'b', '/404.html': 'none' },
  manifest: {},
})

const ALL = [...OPERATIONS, 'random', 'log']
/** Operations of one request: their calls share its fuel. */
const CALLS = 12
const RUNS = 40

const FIELDS = [
  ...[
    'binding',
    'namespace',
    'key',
    'sql',
    'params',
    'statements',
    'metadata',
    'expirationTtl',
    'expiration',
    'prefix',
  ],
  ...['cursor', 'limit', 'delimiter', 'offset', 'length', 'httpMetadata', 'customMetadata', 'path', 'search', 'n'],
  ...['level', 'text', 'hash', 'salt', 'iterations', 'N', 'r', 'p', '__proto__', 'toString', 'constructor'],
]

/** JSON texts of values that no library would send. */
const odd = fc.oneof(
  fc.constantFrom(
    ...[
      'null',
      'true',
      '1e400',
      '-1e400',
      '-0',
      '1e-400',
      '9007199254740993',
      '18446744073709551616',
      '0.1',
      '-1',
      '""',
    ],
    ...[
      '{}',
      '[]',
      '[[]]',
      '{"toString":1,"valueOf":1}',
      '{"__proto__":null}',
      '{"length":-1}',
      '{"then":1}',
      '[null]',
    ],
    ...['"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"a\\u0000b"', '"__proto__"', '".."', '"/"', '"%"', '"\\uffff"'],
    ...[
      '"DB"',
      '"KV"',
      '"FILES"',
      '"SELECT 1"',
      '"SELECT ?"',
      '"INSERT INTO note(text) VALUES(?)"',
      '"SHA-256"',
      '"YQ"',
    ],
    ...['[1,2,300]', '[0,255]', '["x",null,1.5,[1]]', '[{"sql":"SELECT 1","params":[]}]', '[{"sql":1}]', '[0,[]]'],
    ...['1', '2', '8', '16', '1024', '16384', '131072', '65536', '65537'],
  ),
  fc.constantFrom(20, 63, 64, 65, 5_000).map((depth) => '['.repeat(depth) + ']'.repeat(depth)),
  fc.constantFrom(5, 200).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
  fc.constantFrom(1_025, 70_000).map((length) => JSON.stringify('é'.repeat(length))),
  fc.json({ maxDepth: 4 }),
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => JSON.stringify(text)),
  fc.double().map((value) => JSON.stringify(value)),
)

/** Mostly an object with some of the fields, sometimes nothing like it. */
const argument = fc.oneof(
  { weight: 8, arbitrary: fc.dictionary(fc.constantFrom(...FIELDS), odd, { maxKeys: 8 }).map(objectText) },
  {
    weight: 4,
    arbitrary: fc
      .record({ given: fc.constantFrom(...validFields()), key: fc.constantFrom(...FIELDS), odd })
      .map(({ given, key, odd: value }) => objectText({ ...given, [key]: value })),
  },
  { weight: 1, arbitrary: odd },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
)

function objectText(fields: Readonly<Record<string, string>>): string {
  return `{${Object.entries(fields)
    .map(([name, json]) => `${JSON.stringify(name)}:${json}`)
    .join(',')}}`
}

/** Arguments that are right, to be spoilt in one field. */
function validFields(): readonly Readonly<Record<string, string>>[] {
  return [
    { binding: '"DB"', sql: '"SELECT * FROM note WHERE text = ?"', params: '["x"]' },
    {
      binding: '"DB"',
      sql: '"INSERT INTO note(text) VALUES(?)"',
      params: '["x"]',
      statements: '[{"sql":"SELECT 1","params":[]}]',
    },
    { namespace: '"KV"', key: '"k"', metadata: '{"a":1}', expirationTtl: '60' },
    { namespace: '"KV"', prefix: '"k"', limit: '2', cursor: '"a"' },
    { binding: '"FILES"', key: '"f"', httpMetadata: '{"contentType":"a/b"}', customMetadata: '{"a":"b"}' },
    { binding: '"FILES"', prefix: '""', delimiter: '"/"', limit: '5' },
    { hash: '"SHA-512"', key: '"YWJj"', salt: '"YWJj"', iterations: '3', length: '8' },
    { N: '16', r: '1', p: '1', length: '16', salt: '"YWJj"' },
    { path: '"/a"', search: '"?x"' },
    { n: '16', level: '"warn"', text: '"line"' },
  ]
}

const third = fc.constantFrom(
  ...['undefined', 'null', '1', '"bytes"', '{}', 'new ArrayBuffer(0)', 'new ArrayBuffer(8)', 'new Uint8Array(3)'],
  ...[
    'new ArrayBuffer(1100000)',
    'new Uint8Array([255,254,0,195]).buffer',
    '{ get byteLength() { throw 1 } }',
    'Symbol()',
  ],
)

const call = fc
  .record({ op: fc.constantFrom(...ALL), argument, third })
  .map(
    ({ op, argument: text, third: bytes }) =>
      `try { said += String(host(${JSON.stringify(op)}, ${JSON.stringify(text)}, ${bytes})).length } catch (error) { said += 'E' }`,
  )

function program(calls: readonly string[]): string {
  return `let said = ''; ${calls.join('\n')}; return said`
}

test('whatever a script calls, the block has a result, the same for all, and goes on', { timeout: 300_000 }, () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: CALLS, maxLength: CALLS }), (calls) => {
      for (const at of [site, withAssets]) at.attack(program(calls))
    }),
    { numRuns: RUNS },
  )
})

test('every operation with every odd value in every field of a right argument', { timeout: 300_000 }, () => {
  const values = [
    'null',
    '{"toString":1}',
    '1e400',
    '-1',
    '""',
    '"\\ud800"',
    `${'['.repeat(70)}${']'.repeat(70)}`,
    '[[]]',
  ]
  for (const given of validFields()) {
    const texts = Object.keys(given).flatMap((field) => [
      ...values.map((value) => objectText({ ...given, [field]: value })),
      objectText(Object.fromEntries(Object.entries(given).filter(([name]) => name !== field))),
    ])
    for (const op of ALL) {
      const calls = texts.map(
        (text) =>
          `try { said += String(host(${JSON.stringify(op)}, ${JSON.stringify(text)}, new ArrayBuffer(4))).length } catch { said += 'E' }`,
      )
      const { failure } = site.block([['/run', program(calls)]], true).outcomes[0] ?? {}
      assert.equal(failure, undefined, op)
    }
  }
})

test('arguments that run code, end the run or are no texts', () => {
  for (const code of [
    `const o = { toString() { return host('log', '{"text":"nested"}') } }; return host(o, o, o)`,
    `return host({ toString() { throw 1 } }, '{}')`,
    `return host(Symbol(), Symbol())`,
    `return host()`,
    `return host('log')`,
    `return host.call(null, 'kv.get', null)`,
    `return host('db.query', '{"binding":"DB","sql":"SELECT 1","params":[]}', new Proxy({}, { get() { throw 1 } }))`,
    `return host('kv.put', '{"namespace":"KV","key":"k"}', new SharedArrayBuffer(8))`,
    `const b = new ArrayBuffer(8); structuredClone(b, { transfer: [b] }); return host('kv.put', '{"namespace":"KV","key":"k"}', b)`,
    `for (;;) host('db.query', '{"binding":"DB","sql":"SELECT zeroblob(2000000)","params":[]}')`,
    `globalThis.__host = null; return await env.KV.get('x')`,
    `Object.prototype.error = 1; return await env.KV.get('x')`,
    `Array.prototype.toJSON = () => 'x'; return await env.DB.prepare('SELECT ?').bind(1).all()`,
    `JSON.parse = () => { throw 1 }; return await env.KV.list()`,
    `String.prototype.startsWith = () => true; return await env.KV.get('x')`,
  ]) {
    site.attack(code)
  }
})

test('every operation that the fuzz names is one of the host', () => {
  for (const op of ALL)
    assert.doesNotMatch(textOf(site.attack(`return host('${op}', '{}')`).response), /"operation"/, op)
  assert.match(textOf(site.attack(`return host('none', '{}')`).response), /"operation"/)
})
