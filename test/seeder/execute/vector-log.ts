// A log of jobs that touches every host operation, every kind of block and every way to fail, and what execution gives for it: the larger
// part of the vectors (`vector.ts`), and what other builds of V8 must give as well (`differential/`).

import { hash } from 'node:crypto'
import type { Digest } from '#protocol/codec/digest.ts'
import { type Cid, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import type { Engine } from '#seeder/execute/engine/engine.ts'
import { OPERATIONS } from '#seeder/execute/host/host.ts'
import { Executor } from '#seeder/execute/pool/executor.ts'
import type { Outcome, Step } from '#seeder/execute/port.ts'
import type { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { openStateTree } from '#seeder/execute/state/tree.ts'
import {
  assetEntries,
  type Blocks,
  type Bundle,
  blockJob,
  hashOf,
  keep,
  publish,
  readJob,
  request,
  sourceOf,
  updateStep,
} from '#test/seeder/execute/pool/site.ts'

/** `answers`: status, fuel, failure, headers, the body or its hash when it is long. */
export type LogEntry = { readonly what: string; readonly root: string; readonly answers: readonly unknown[] }

const fill = (value: number, length = 32) => new Uint8Array(length).fill(value) as Digest
const TEXT_MAX = 200

function shownBody(body: Uint8Array): string {
  const text = new TextDecoder().decode(body)
  return text.length <= TEXT_MAX ? text : `${body.length} bytes, SHA-256 ${hash('sha256', body)}`
}

const SCRIPT = `
const run = async (code, env) => await (0, eval)('(async (env, host) => {' + code + '})')(env, globalThis.__host)
export default {
  async fetch(request, env) {
    const code = decodeURIComponent(new URL(request.url).search.slice(1)) || await request.text()
    const made = await run(code, env)
    return made instanceof Response ? made : new Response(String(made))
  },
  async scheduled(event, env) {
    if (event.cron === '*/3 * * * *') { await env.KV.put('lost', 'x'); throw new Error('a cron that fails') }
    await env.DB.prepare('INSERT INTO note(text) VALUES(?)').bind(event.cron + ' ' + event.scheduledTime).run()
  },
}`

const ASSETS = { '/index.html': 'index', '/a/b.html': 'b', '/404.html': 'none' }
const HANDLING = { htmlHandling: 'auto-trailing-slash', notFoundHandling: '404-page', scriptFirst: true } as const

function bundleOf(version: number): Bundle {
  const migrations = {
    'DB/0001_note.sql':
      'CREATE TABLE note(id INTEGER PRIMARY KEY, text TEXT UNIQUE, at INTEGER); CREATE INDEX by_at ON note(at);',
    'DB/0002_more.sql':
      'ALTER TABLE note ADD COLUMN more REAL DEFAULT 1.5; INSERT INTO note(text) VALUES(hex(randomblob(4)));',
    'DB/0003_bad.sql': 'CREATE TABLE half(a); SELECT nothing FROM nowhere;',
  }
  const names = Object.keys(migrations).slice(0, version)
  return {
    script: `// ${version}${SCRIPT}`,
    assets: ASSETS,
    manifest: {
      assets: { ...HANDLING, files: assetEntries(ASSETS) },
      databases: [
        { binding: 'DB', migrations: names.map((name) => name.slice(3)) },
        { binding: 'OTHER', migrations: [] },
      ],
      kv: ['KV', 'CACHE'],
      files: ['FILES'],
      crons: ['* * * * *', '*/3 * * * *'],
      volatile: ['kv/CACHE'],
    },
    migrations: Object.fromEntries(Object.entries(migrations).slice(0, version)),
  }
}

const call = (op: string, argument: object | string, bytes?: string) =>
  `return show(host(${JSON.stringify(op)}, ${JSON.stringify(typeof argument === 'string' ? argument : JSON.stringify(argument))}${bytes === undefined ? '' : `, new TextEncoder().encode(${JSON.stringify(bytes)}).buffer`}))`
const SHOW = `const show = (x) => typeof x === 'string' ? x : x === undefined ? 'undefined' : [...new Uint8Array(x)].join(); `

const FILE = { binding: 'FILES', key: 'dir/é' }
const KEY = { namespace: 'KV', key: 'k' }

/** At least one call of every operation that works and one that does not. */
const CALLS: readonly (readonly [op: string, argument: object | string, bytes?: string])[] = [
  ['random', { n: 5 }],
  ['random', { n: 65_537 }],
  ['log', { level: 'warn', text: 'said' }],
  ['log', { text: 1 }],
  ['utf8.encode', 'é\ud83d\u0001'],
  ['utf8.encode', 'cut'],
  ['utf8.decode', 'fatal', 'bé'],
  ['utf8.decode', '', 'a\u0000b'],
  ['crypto.digest', { hash: 'SHA-384' }, 'abc'],
  ['crypto.digest', { hash: 'MD5' }, 'abc'],
  ['crypto.hmac', { hash: 'SHA-512', key: 'YWJj' }, 'abc'],
  ['crypto.hmac', { hash: 'SHA-512', key: 'YW=' }, 'abc'],
  ['crypto.pbkdf2', { hash: 'SHA-1', salt: 'YWJj', iterations: 3, length: 30 }, 'abc'],
  ['crypto.pbkdf2', { hash: 'SHA-256', salt: 'YWJj', iterations: 10_000_000, length: 1024 }, 'abc'],
  ['crypto.scrypt', { N: 16, r: 2, p: 3, salt: 'YWJj', length: 12 }, 'abc'],
  ['crypto.scrypt', { N: 65_536, r: 1, p: 1, salt: 'YWJj', length: 12 }, 'abc'],
  [
    'db.exec',
    {
      binding: 'OTHER',
      sql: 'CREATE TABLE t(a, b); CREATE TRIGGER r AFTER INSERT ON t BEGIN UPDATE t SET b = 1; END;',
    },
  ],
  ['db.exec', { binding: 'OTHER', sql: 'CREATE TABLE t(a)' }],
  ['db.query', { binding: 'OTHER', sql: 'INSERT INTO t VALUES(?, ?) RETURNING *', params: [[1, 255], 0.5] }],
  [
    'db.query',
    {
      binding: 'OTHER',
      sql: 'SELECT *, random(), 1e999, -0.0, 9223372036854775807, current_timestamp FROM t',
      params: [],
    },
  ],
  ['db.query', { binding: 'OTHER', sql: 'PRAGMA journal_mode=WAL', params: [] }],
  ['db.query', { binding: 'NONE', sql: 'SELECT 1', params: [] }],
  [
    'db.batch',
    {
      binding: 'OTHER',
      statements: [
        { sql: 'DELETE FROM t', params: [] },
        { sql: 'SELECT count(*) FROM t', params: [] },
      ],
    },
  ],
  [
    'db.batch',
    {
      binding: 'OTHER',
      statements: [
        { sql: 'INSERT INTO t VALUES(1, 2)', params: [] },
        { sql: 'SELECT', params: [] },
      ],
    },
  ],
  ['kv.put', { ...KEY, metadata: { b: 1, a: [null] }, expirationTtl: 3_600 }, 'value'],
  ['kv.put', { ...KEY, expirationTtl: 59 }, 'value'],
  ['kv.get', KEY],
  ['kv.head', KEY],
  ['kv.list', { namespace: 'KV', prefix: 'k', limit: 1 }],
  ['kv.delete', KEY],
  ['kv.get', KEY],
  [
    'files.put',
    { ...FILE, httpMetadata: { contentType: 'a/b', other: 1 }, customMetadata: { 2: 'b', 1: 'a' } },
    'content',
  ],
  ['files.head', FILE],
  ['files.get', { ...FILE, offset: 2, length: 3 }],
  ['files.list', { binding: 'FILES', delimiter: '/' }],
  ['files.delete', FILE],
  ['files.delete', FILE],
  ['files.put', { ...FILE, key: '\ud800' }, 'content'],
  ['assets.resolve', { path: '/a/b', search: '?q' }],
  ['assets.resolve', { path: '/a/b.html', search: '?q' }],
  ['assets.resolve', { path: '/none' }],
  ['assets.get', { path: '/index.html' }],
  ['assets.get', { path: '/none' }],
  ['none', {}],
  ['kv.get', '['],
]

const FAILURES = [
  'for (;;);',
  'const a = []; for (;;) a.push(new Uint8Array(1e6))',
  'const f = () => [1].map(f); f()',
  'null.x',
  'await new Promise(() => {})',
  `JSON.stringify = () => '{"error":null}'; return 1`,
  'return new Response(new Uint8Array(9e6))',
  'await env.KV.put("lost", "x"); throw new Error("rolled back")',
  'return (await env.KV.get("lost"))',
]

const USES = [
  `await env.DB.prepare('INSERT INTO note(text, at) VALUES(?, ?)').bind('n' + Math.random(), Date.now()).run(); return crypto.randomUUID()`,
  `await env.DB.batch([1, 2].map((n) => env.DB.prepare('INSERT INTO note(text) VALUES(?)').bind('batch ' + n))); return JSON.stringify((await env.DB.prepare('SELECT * FROM note ORDER BY id').all()).results)`,
  `await env.FILES.put('big', new Uint8Array(100000).map((_, i) => i)); return (await env.FILES.head('big')).etag`,
  `return await (await env.ASSETS.fetch('http://x/a/b.html')).text()`,
  `return new Response(new Date().toISOString(), { status: 201, headers: { 'x-a': 'b', 'set-cookie': 'c=d' } })`,
]

const READS = [
  ...[
    `return 1`,
    `return Date.now()`,
    `return Math.random()`,
    `return await env.DB.prepare('SELECT count(*) AS n FROM note').first('n')`,
  ],
  ...[`await env.KV.put('a', 'b')`, `await env.CACHE.put('a', 'b'); return await env.CACHE.get('a')`, `null.x`],
]

export function log(engine: Engine, sqlite: SqliteBox): LogEntry[] {
  const blocks: Blocks = new Map()
  const executor = new Executor(engine, sqlite, openStateTree, sourceOf(blocks))
  const limits = {
    requestFuelMax: 300_000_000,
    blockFuelMax: 2 ** 52,
    idempotencyMs: 600_000,
    responseBytesMax: 8 * 2 ** 20,
  }
  const entries: LogEntry[] = []
  let root: Cid = EMPTY_DIRECTORY
  let height = 0
  const answerOf = ({ response, fuel, failure }: Pick<Outcome, 'response' | 'fuel' | 'failure'>) => [
    ...[response.status, fuel, failure ?? null, response.headers, shownBody(response.body)],
  ]
  const run = (what: string, ...steps: Step[]): void => {
    const job = blockJob(root, ++height, steps, { time: 1_700_000_000_000 + height * 50_000, limits })
    const { result } = executor.executeBlock(job)
    keep(blocks, result.blocks)
    root = result.stateRoot
    entries.push({ what, root: textFromCid(root), answers: result.outcomes.map(answerOf) })
  }
  const step = (code: string, idempotency?: { key: Digest; bodyHash: Digest }): Step => ({
    kind: 'request',
    requestHash: hashOf(code),
    request: request('POST', '/', SHOW + code),
    salt: fill(5, 16),
    ...(idempotency === undefined ? {} : { idempotency }),
  })
  run('first update', updateStep(1, publish(blocks, bundleOf(1))))
  for (const [op, argument, bytes] of CALLS) run(op, step(call(op, argument, bytes)))
  run('use of the library', ...USES.map((code) => step(code)))
  run('failures, and a request behind them', ...FAILURES.map((code) => step(code)))
  const key = { key: hashOf('key'), bodyHash: hashOf('body') }
  const other = { key: hashOf('key'), bodyHash: hashOf('other') }
  run('an agreed key', step(USES[0] ?? '', key), step('return 2', key), step('return 3', other))
  run('an update that fails', updateStep(2, publish(blocks, bundleOf(3))))
  run('a second update', updateStep(3, publish(blocks, bundleOf(2))))
  run('an update of an old sequence', updateStep(3, publish(blocks, bundleOf(1))))
  run('a roll-back of the code', updateStep(4, publish(blocks, bundleOf(1))))
  run('an update that does not start', updateStep(5, publish(blocks, { script: 'throw new Error("no")' })))
  run(
    'an update that lies',
    updateStep(6, publish(blocks, { script: 'export default {}', manifest: { scriptBytes: 1 } })),
  )
  run('a heartbeat')
  run('after all', step(USES[1]?.replace('batch ', 'again ') ?? ''))
  const answers = READS.map((code) => {
    const read = readJob(root, request('GET', `/?${encodeURIComponent(code)}`), { limits })
    const result = executor.executeRead({ ...read, time: 1_800_000_000_000 })
    return [...answerOf(result), result.asked.time, result.asked.chance, result.wrote]
  })
  entries.push({ what: 'reads', root: textFromCid(root), answers })
  root = EMPTY_DIRECTORY
  const damaged = { ...bundleOf(0), files: { 'app/data/db': 'no folder' } }
  run('a first update with data', updateStep(1, publish(blocks, damaged)))
  run(
    'a state that cannot serve',
    step(call('db.exec', { binding: 'OTHER', sql: 'CREATE TABLE t(a)' })),
    step('return 1'),
  )
  return entries
}

/** Operations that no call of the log names. */
export function untouched(): readonly string[] {
  const called = new Set(CALLS.map(([op]) => op))
  return [...OPERATIONS, 'random', 'log'].filter((op) => !called.has(op))
}
