// The bindings of env as a script sees them, without any framework, on the real engine.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openSite, siteProject, type VisitOptions } from '#test/support/site-project.ts'

const CONFIG = `{
  "name": "bindings", "main": "index.js",
  "assets": { "directory": "public", "not_found_handling": "404-page" },
  "d1_databases": [{ "binding": "DB" }],
  "kv_namespaces": [{ "binding": "KV" }],
  "files": [{ "binding": "FILES" }],
}`

/** The body of a request is the body of an asynchronous function; what it returns comes back as JSON. */
const APP = `
const AsyncFunction = (async () => {}).constructor
export default {
  async fetch(request, env, ctx) {
    if (request.method === 'GET') return env.ASSETS.fetch(request)
    const run = new AsyncFunction('env', 'ctx', 'request', await request.text())
    try {
      return Response.json({ value: (await run(env, ctx, request)) ?? null })
    } catch (error) {
      return Response.json({ error: String(error), name: error.name })
    }
  },
}
`

const project = await siteProject({
  'interpeer.jsonc': CONFIG,
  'index.js': APP,
  'migrations/0000_a.sql': 'CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT UNIQUE, b BLOB, c REAL)',
  'public/index.html': '<h1>home</h1>',
  'public/404.html': 'not here',
  'public/about.html': 'about',
  'public/image.png': Uint8Array.of(137, 80),
})
after(() => project[Symbol.asyncDispose]())
const site = await openSite(project.directory)

function run(script: string, options: VisitOptions = {}): { value?: unknown; error?: string; name?: string } {
  const answer = site.visit('/', { method: 'POST', ...options, body: script })
  assert.equal(answer.status, 200, JSON.stringify(answer.result))
  return JSON.parse(answer.text)
}

const answerTo = (script: string): unknown => {
  const { value, error } = run(script)
  assert.equal(error, undefined)
  return value
}

test('env.DB: run, all, first, raw and their meta', () => {
  const insert =
    "return await env.DB.prepare('INSERT INTO t(a, b, c) VALUES(?1, ?2, ?3)').bind('x', new Uint8Array([1, 2]), 0.5).run()"
  const meta = {
    duration: 0,
    changes: 1,
    last_row_id: 1,
    changed_db: true,
    rows_read: 0,
    rows_written: 1,
    size_after: 0,
  }
  assert.deepEqual(answerTo(insert), { success: true, results: [], meta })
  assert.deepEqual(answerTo("return (await env.DB.prepare('SELECT * FROM t').all()).results"), [
    { id: 1, a: 'x', b: [1, 2], c: 0.5 },
  ])
  assert.deepEqual(answerTo("return await env.DB.prepare('SELECT a, c FROM t').first()"), { a: 'x', c: 0.5 })
  assert.equal(answerTo("return await env.DB.prepare('SELECT a, c FROM t').first('c')"), 0.5)
  assert.equal(answerTo("return await env.DB.prepare('SELECT a FROM t WHERE id = 9').first('a')"), null)
  assert.match(run("return await env.DB.prepare('SELECT a FROM t').first('z')").error ?? '', /D1_COLUMN_NOTFOUND/)
  assert.deepEqual(answerTo("return await env.DB.prepare('SELECT id, a FROM t').raw()"), [[1, 'x']])
  assert.deepEqual(answerTo("return await env.DB.prepare('SELECT id, a FROM t').raw({ columnNames: true })"), [
    ['id', 'a'],
    [1, 'x'],
  ])
  assert.deepEqual(answerTo("return await env.DB.prepare('SELECT ? AS t, ? AS n').bind(true, null).first()"), {
    t: 1,
    n: null,
  })
  assert.deepEqual(answerTo("return await env.DB.withSession().prepare('SELECT 1 AS one').first()"), { one: 1 })
})

test('env.DB: columns of equal names stay apart in raw', () => {
  assert.deepEqual(answerTo("return await env.DB.prepare('SELECT 1 AS x, 2 AS x').raw()"), [[1, 2]])
})

test('env.DB: exec, batch and the errors in D1’s words', () => {
  assert.deepEqual(answerTo("return await env.DB.exec('DELETE FROM t; INSERT INTO t(a) VALUES(\\'y\\')')"), {
    count: 2,
    duration: 0,
  })
  const twice =
    "const add = env.DB.prepare('INSERT INTO t(a) VALUES(?)'); return await env.DB.batch([add.bind('z'), add.bind('y')])"
  assert.equal(run(twice).error, 'Error: D1_ERROR: UNIQUE constraint failed: t.a: SQLITE_CONSTRAINT')
  assert.equal(answerTo("return await env.DB.prepare('SELECT count(*) AS n FROM t').first('n')"), 1)
  assert.equal(
    run("await env.DB.prepare('SELEC').all()").error,
    'Error: D1_ERROR: near "SELEC": syntax error: SQLITE_ERROR',
  )
  assert.equal(
    run("await env.DB.exec('SELEC')").error,
    'Error: D1_EXEC_ERROR: near "SELEC": syntax error: SQLITE_ERROR',
  )
  assert.match(
    run("await env.DB.prepare('SELECT ?').bind(undefined).all()").error ?? '',
    /D1_TYPE_ERROR: Type 'undefined' not supported/,
  )
  assert.match(run('await env.DB.dump()').error ?? '', /not offered/)
  assert.match(run("await env.DB.prepare('SELECT ?').bind(Symbol('x')).all()").error ?? '', /D1_TYPE_ERROR/)
})

test('env.KV: every kind of value and metadata', () => {
  answerTo(
    "await env.KV.put('text', 'héllo', { metadata: { by: 'me' } }); await env.KV.put('bytes', new Uint8Array([0, 255])); await env.KV.put('json', JSON.stringify({ a: 1 }))",
  )
  assert.equal(answerTo("return await env.KV.get('text')"), 'héllo')
  assert.deepEqual(answerTo("return [...new Uint8Array(await env.KV.get('bytes', 'arrayBuffer'))]"), [0, 255])
  assert.deepEqual(answerTo("return await env.KV.get('json', { type: 'json' })"), { a: 1 })
  assert.equal(answerTo("return await new Response(await env.KV.get('text', 'stream')).text()"), 'héllo')
  assert.deepEqual(answerTo("return await env.KV.getWithMetadata('text')"), {
    value: 'héllo',
    metadata: { by: 'me' },
    cacheStatus: null,
  })
  assert.deepEqual(answerTo("return [...await env.KV.get(['text', 'none'])]"), [
    ['text', 'héllo'],
    ['none', null],
  ])
  const list = answerTo("return await env.KV.list({ prefix: 'te' })")
  assert.deepEqual(list, { keys: [{ name: 'text', metadata: { by: 'me' } }], list_complete: true, cacheStatus: null })
  assert.equal(answerTo("await env.KV.delete('text'); return await env.KV.get('text')"), null)
  assert.match(run("await env.KV.put('', 'x')").error ?? '', /A key has 1 to 512 bytes/)
})

test('env.FILES: put, conditional and partial get, headers, list', () => {
  answerTo(
    "await env.FILES.put('a/b.txt', new Blob(['0123456789'], { type: 'text/plain' }), { customMetadata: { k: 'v' } })",
  )
  const read =
    "const file = await env.FILES.get('a/b.txt', { range: { offset: 2, length: 3 } }); const headers = new Headers(); file.writeHttpMetadata(headers); return [await file.text(), file.size, file.range, headers.get('content-type'), file.customMetadata, file.uploaded.toISOString()]"
  assert.deepEqual(answerTo(read), [
    '234',
    10,
    { offset: 2, length: 3 },
    'text/plain',
    { k: 'v' },
    '2026-01-02T03:04:05.000Z',
  ])
  assert.equal(answerTo("return await (await env.FILES.get('a/b.txt', { range: { suffix: 2 } })).text()"), '89')
  const unmet =
    "const { httpEtag } = await env.FILES.head('a/b.txt'); const object = await env.FILES.get('a/b.txt', { onlyIf: new Headers({ 'if-none-match': httpEtag }) }); return [object.size, 'body' in object]"
  assert.deepEqual(answerTo(unmet), [10, false])
  assert.equal(answerTo("return await env.FILES.put('a/b.txt', 'other', { onlyIf: { etagMatches: 'no' } })"), null)
  assert.deepEqual(answerTo("return (await env.FILES.list({ delimiter: '/' })).delimitedPrefixes"), ['a/'])
  assert.equal(answerTo("await env.FILES.delete(['a/b.txt']); return await env.FILES.get('a/b.txt')"), null)
})

test('env.ASSETS: the files of the bundle as the seeder would answer them', () => {
  const home = site.visit('/')
  assert.deepEqual(
    [home.status, home.text, home.headers['content-type']],
    [200, '<h1>home</h1>', 'text/html; charset=utf-8'],
  )
  assert.equal(site.visit('/', { headers: { 'if-none-match': home.headers.etag ?? '' } }).status, 304)
  assert.deepEqual([site.visit('/about').text, site.visit('/about.html?x=1').headers.location], ['about', '/about?x=1'])
  assert.deepEqual([site.visit('/gone').status, site.visit('/gone').text], [404, 'not here'])
  assert.equal(site.visit('/image.png').headers['content-type'], 'image/png')
  assert.equal(answerTo("return (await env.ASSETS.fetch('/about')).status"), 200)
  assert.deepEqual(home.result.asked, { time: false, chance: false })
})

test('what a script cannot do is refused with a reason', () => {
  assert.match(run("await fetch('https://example.org')").error ?? '', /cannot reach the outside/)
  assert.match(run("await env.DB.prepare('BEGIN').run()").error ?? '', /use batch\(\)/)
  assert.match(
    run("await crypto.subtle.generateKey({ name: 'RSA-OAEP' }, true, [])").error ?? '',
    /NotSupportedError|not|keys cannot be made/,
  )
  assert.equal(answerTo('return typeof process + typeof require + typeof Buffer'), 'undefinedundefinedundefined')
})

test('nothing of one request is there in the next', () => {
  answerTo(
    'globalThis.leak = 1; Math.random(); Array.prototype.leak = 1; setInterval(() => {}, 1); ctx.waitUntil(new Promise((done) => setTimeout(done, 10)))',
  )
  assert.deepEqual(answerTo('return [typeof leak, [].leak ?? null]'), ['undefined', null])
})

test('chance follows the seed of the request alone', () => {
  const roll = 'return [crypto.randomUUID(), Math.random(), (await env.DB.prepare("SELECT random() AS r").first()).r]'
  assert.deepEqual(run(roll), run(roll))
  assert.notDeepEqual(run(roll), run(roll, { seed: 'another' }))
})

test('timers, the clock and performance stand still within a request', () => {
  const script =
    'const a = [Date.now(), performance.now()]; await new Promise((done) => setTimeout(done, 5000)); return [...a, Date.now(), performance.timeOrigin + performance.now()]'
  const time = Date.UTC(2026, 0, 2, 3, 4, 5)
  assert.deepEqual(answerTo(script), [time, 0, time, time])
})
