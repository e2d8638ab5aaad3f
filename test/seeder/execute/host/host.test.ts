import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import { createHost } from '#seeder/execute/host/host.ts'
import { KV_VALUE_BYTES_MAX } from '#seeder/execute/host/kv.ts'
import type { HostOperations } from '#seeder/execute/host/port.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'
import { BLOCK_TIME, emptyTree, purseOf, TEST_MANIFEST, testBox } from '#test/support/guest-host.ts'

type Options = {
  readonly mode?: 'ordered' | 'read'
  readonly time?: number
  readonly manifest?: SiteManifest
  readonly fuel?: number
}

function hostOn(tree: StateTree, options: Options = {}): HostOperations {
  return createHost({
    tree,
    sqlite: testBox(),
    manifest: options.manifest ?? TEST_MANIFEST,
    mode: options.mode ?? 'ordered',
    time: options.time ?? BLOCK_TIME,
    random: (bytes) => new Uint8Array(bytes).fill(1),
    fuel: purseOf(options.fuel ?? 1e11),
  })
}

function json(host: HostOperations, op: string, argument: unknown, bytes?: Uint8Array): unknown {
  const answer = host.call(op, JSON.stringify(argument), bytes)
  assert.equal(typeof answer, 'string')
  return JSON.parse(answer as string)
}

function errorCode(host: HostOperations, op: string, argument: unknown, bytes?: Uint8Array): string | undefined {
  return (json(host, op, argument, bytes) as { error?: { code: string } } | null)?.error?.code
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const KV = { namespace: 'KV' }
const FILES = { binding: 'FILES' }

test('an unknown operation, binding or argument is the script’s mistake', () => {
  const host = hostOn(emptyTree())
  assert.equal(errorCode(host, 'db.drop', { binding: 'DB' }), 'operation')
  assert.equal(errorCode(host, 'nonsense', {}), 'operation')
  assert.equal(errorCode(host, 'db.query', { binding: 'OTHER', sql: 'SELECT 1', params: [] }), 'binding')
  assert.equal(errorCode(host, 'kv.get', { namespace: 'OTHER', key: 'a' }), 'binding')
  assert.equal(errorCode(host, 'files.head', { binding: 'KV', key: 'a' }), 'binding')
  assert.equal(errorCode(host, 'db.query', { binding: 'DB', sql: 'SELECT 1' }), 'argument')
  for (const bad of ['', 'null', '[]', '{', '1'])
    assert.match(host.call('kv.get', bad, undefined) as string, /"argument"/)
})

test('any text and bytes given to any operation end in an answer, never in an exception', () => {
  const host = hostOn(emptyTree())
  const op = fc.constantFrom(
    ...[
      'db.query',
      'db.batch',
      'db.exec',
      'kv.get',
      'kv.head',
      'kv.put',
      'kv.delete',
      'kv.list',
      'files.head',
      'files.get',
      'files.put',
    ],
    ...[
      'files.delete',
      'files.list',
      'assets.resolve',
      'assets.get',
      'crypto.digest',
      'crypto.hmac',
      'crypto.pbkdf2',
      'crypto.scrypt',
      'utf8.decode',
      'x',
    ],
  )
  const field = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom('DB', 'KV', 'FILES', 'SHA-256', 'SELECT 1', 16, 1),
  )
  const names = [
    'binding',
    'namespace',
    'key',
    'sql',
    'params',
    'statements',
    'hash',
    'salt',
    'iterations',
    'length',
    'N',
    'r',
    'p',
    'limit',
    'prefix',
    'path',
    'metadata',
  ]
  const argument = fc.dictionary(fc.constantFrom(...names), field).map((value) => JSON.stringify(value))
  const property = fc.property(op, fc.oneof(argument, fc.string()), fc.uint8Array(), (name, input, bytes) => {
    assert.ok(host.cost(name, input, bytes) >= 0)
    if (host.cost(name, input, bytes) < 1e8) host.call(name, input, bytes)
  })
  fc.assert(property, { numRuns: 800 })
})

test('key-value data: put, get, metadata, delete', () => {
  const tree = emptyTree()
  const host = hostOn(tree)
  assert.equal(json(host, 'kv.get', { ...KV, key: 'a' }), null)
  json(host, 'kv.put', { ...KV, key: 'a', metadata: { m: 1 } }, text('value'))
  assert.deepEqual(host.call('kv.get', JSON.stringify({ ...KV, key: 'a' }), undefined), text('value'))
  assert.deepEqual(json(host, 'kv.head', { ...KV, key: 'a' }), { metadata: { m: 1 } })
  json(host, 'kv.put', { ...KV, key: 'a' }, text('new'))
  assert.deepEqual(hostOn(tree).call('kv.get', JSON.stringify({ ...KV, key: 'a' }), undefined), text('new'))
  json(hostOn(tree), 'kv.delete', { ...KV, key: 'a' })
  assert.equal(json(hostOn(tree), 'kv.get', { ...KV, key: 'a' }), null)
})

test('key-value data: the bounds of key, value and metadata come in pairs', () => {
  const host = hostOn(emptyTree())
  const put = (key: string, bytes: number, metadata: unknown = null) =>
    errorCode(host, 'kv.put', { ...KV, key, metadata }, new Uint8Array(bytes))
  assert.equal(put('é'.repeat(256), 0), undefined)
  assert.equal(put(`${'é'.repeat(256)}x`, 0), 'kv_key')
  assert.equal(put('', 0), 'kv_key')
  assert.equal(put('k', KV_VALUE_BYTES_MAX), undefined)
  assert.equal(put('k', KV_VALUE_BYTES_MAX + 1), 'kv_value')
  assert.equal(put('k', 0, 'x'.repeat(1022)), undefined)
  assert.equal(put('k', 0, 'x'.repeat(1023)), 'kv_metadata')
})

test('key-value data: an entry ends by block time, and only entries that end ask for the time', () => {
  const tree = emptyTree()
  const host = hostOn(tree)
  assert.equal(errorCode(host, 'kv.put', { ...KV, key: 'a', expirationTtl: 59 }), 'kv_expiry')
  json(host, 'kv.put', { ...KV, key: 'a', expirationTtl: 60 }, text('x'))
  json(host, 'kv.put', { ...KV, key: 'b', expiration: Math.ceil(BLOCK_TIME / 1000) + 100 }, text('y'))
  json(host, 'kv.put', { ...KV, key: 'c' }, text('z'))
  const read = (key: string, time: number): { found: boolean; time: boolean } => {
    const reader = hostOn(tree, { mode: 'read', time })
    const found = reader.call('kv.get', JSON.stringify({ ...KV, key }), undefined) !== 'null'
    return { found, time: reader.asked().time }
  }
  assert.deepEqual(read('a', BLOCK_TIME + 59_999), { found: true, time: true })
  assert.deepEqual(read('a', BLOCK_TIME + 60_000), { found: false, time: true })
  assert.deepEqual(read('c', BLOCK_TIME + 1e12), { found: true, time: false })
  json(hostOn(tree, { time: BLOCK_TIME + 200_000 }), 'kv.put', { ...KV, key: 'd' }, text('sweeps'))
  const { keys } = json(hostOn(tree), 'kv.list', KV) as { keys: { name: string }[] }
  assert.deepEqual(
    keys.map(({ name }) => name),
    ['c', 'd'],
  )
})

test('key-value data: a list has pages, prefixes and no more than it should', () => {
  const host = hostOn(emptyTree())
  for (const key of ['a/1', 'a/2', 'a/3', 'b', 'a%', 'A/9']) json(host, 'kv.put', { ...KV, key }, text(key))
  type Page = { keys: { name: string }[]; list_complete: boolean; cursor?: string }
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = json(host, 'kv.list', { ...KV, prefix: 'a/', limit: 2, cursor }) as Page
    seen.push(...page.keys.map(({ name }) => name))
    cursor = page.cursor
    assert.equal(page.list_complete, cursor === undefined)
  } while (cursor !== undefined)
  assert.deepEqual(seen, ['a/1', 'a/2', 'a/3'])
})

test('files: bytes lie in the tree as plain files, metadata beside them', () => {
  const tree = emptyTree()
  const host = hostOn(tree)
  const put = {
    ...FILES,
    key: 'dir/ü.txt',
    httpMetadata: { contentType: 'text/plain', nonsense: 'x' },
    customMetadata: { b: '2', a: '1' },
  }
  const head = json(host, 'files.put', put, text('content')) as Record<string, unknown>
  assert.equal(head.size, 7)
  assert.equal(head.etag, 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73')
  assert.equal(head.uploaded, BLOCK_TIME)
  assert.deepEqual(head.httpMetadata, { contentType: 'text/plain' })
  assert.deepEqual(json(host, 'files.head', { ...FILES, key: 'dir/ü.txt' }), head)
  const get = (extra: object) =>
    host.call('files.get', JSON.stringify({ ...FILES, key: 'dir/ü.txt', ...extra }), undefined)
  assert.deepEqual(get({}), text('content'))
  assert.deepEqual(get({ offset: 3, length: 2 }), text('te'))
  assert.deepEqual(get({ offset: 99 }), text(''))
  json(host, 'files.put', { ...FILES, key: 'dir/ü.txt' }, text('new'))
  assert.deepEqual(get({}), text('new'))
  json(host, 'files.delete', { ...FILES, key: 'dir/ü.txt' })
  assert.equal(json(host, 'files.head', { ...FILES, key: 'dir/ü.txt' }), null)
  assert.equal(get({}), 'null')
  assert.equal(errorCode(host, 'files.put', { ...FILES, key: '日'.repeat(27) }), 'file_key')
})

test('files: a list folds what lies below a delimiter', () => {
  const host = hostOn(emptyTree())
  for (const key of ['a.txt', 'x/1', 'x/2', 'y/z/3']) json(host, 'files.put', { ...FILES, key }, text(key))
  type Page = { objects: { key: string }[]; delimitedPrefixes: string[]; truncated: boolean; cursor?: string }
  const root = json(host, 'files.list', { ...FILES, delimiter: '/' }) as Page
  assert.deepEqual(
    [root.objects.map(({ key }) => key), root.delimitedPrefixes, root.truncated],
    [['a.txt'], ['x/', 'y/'], false],
  )
  const first = json(host, 'files.list', { ...FILES, prefix: 'x/', limit: 1 }) as Page
  assert.deepEqual([first.objects.map(({ key }) => key), first.truncated, first.cursor], [['x/1'], true, 'x/1'])
})

test('a read that writes is stopped with "wrote", whatever it writes to', () => {
  const tree = emptyTree()
  json(hostOn(tree), 'kv.put', { ...KV, key: 'a' }, text('x'))
  json(hostOn(tree), 'files.put', { ...FILES, key: 'a' }, text('x'))
  json(hostOn(tree), 'db.exec', { binding: 'DB', sql: 'CREATE TABLE t(x)' })
  const mark = tree.mark()
  const writes: readonly (readonly [op: string, argument: object])[] = [
    ['kv.put', { ...KV, key: 'b' }],
    ['kv.delete', { ...KV, key: 'a' }],
    ['files.put', { ...FILES, key: 'b' }],
    ['files.delete', { ...FILES, key: 'a' }],
    ['db.query', { binding: 'DB', sql: 'INSERT INTO t VALUES(1)', params: [] }],
    ['db.exec', { binding: 'DB', sql: 'CREATE TABLE u(x)' }],
    ['db.batch', { binding: 'DB', statements: [{ sql: 'DELETE FROM t', params: [] }] }],
  ]
  for (const [op, argument] of writes) {
    const host = hostOn(tree, { mode: 'read' })
    assert.equal(host.wrote(), false)
    assert.throws(() => host.call(op, JSON.stringify(argument), undefined), { code: 'wrote' }, op)
    assert.equal(host.wrote(), true)
  }
  assert.equal(tree.dirty(mark), false)
  const reader = hostOn(tree, { mode: 'read' })
  json(reader, 'db.query', { binding: 'DB', sql: 'SELECT * FROM t', params: [] })
  json(reader, 'kv.list', KV)
  assert.deepEqual([reader.wrote(), reader.asked()], [false, { time: false, chance: false }])
})

test('a read may change its volatile places: that is no write', () => {
  const tree = emptyTree()
  json(hostOn(tree), 'db.exec', { binding: 'DB', sql: 'CREATE TABLE t(x)' })
  const manifest = { ...TEST_MANIFEST, volatile: ['db/DB', 'kv/KV'] }
  const host = hostOn(tree, { mode: 'read', manifest })
  json(host, 'db.query', { binding: 'DB', sql: 'INSERT INTO t VALUES(1)', params: [] })
  json(host, 'kv.put', { ...KV, key: 'a' }, text('x'))
  assert.equal(host.wrote(), false)
  assert.throws(() => host.call('files.put', JSON.stringify({ ...FILES, key: 'a' }), undefined), { code: 'wrote' })
})

test('hashing is charged before it runs: iterations × blocks, and N·r·p', () => {
  const host = hostOn(emptyTree())
  const pbkdf2 = (iterations: number, length: number) =>
    host.cost('crypto.pbkdf2', JSON.stringify({ hash: 'SHA-256', salt: 'AA', iterations, length }), undefined)
  assert.ok(pbkdf2(200_000, 32) > 1.9 * pbkdf2(100_000, 32))
  assert.ok(pbkdf2(100_000, 64) > 1.9 * pbkdf2(100_000, 32))
  const scrypt = (N: number, r: number, p: number) =>
    host.cost('crypto.scrypt', JSON.stringify({ N, r, p, length: 32, salt: 'AA' }), undefined)
  assert.ok(scrypt(16_384, 8, 2) > 1.9 * scrypt(16_384, 8, 1))
  assert.equal(errorCode(host, 'crypto.scrypt', { N: 32_768, r: 8, p: 1, length: 32, salt: 'AA' }), 'argument')
  assert.equal(errorCode(host, 'crypto.scrypt', { N: 1000, r: 8, p: 1, length: 32, salt: 'AA' }), 'argument')
  assert.ok(
    (
      host.call(
        'crypto.scrypt',
        JSON.stringify({ N: 16_384, r: 8, p: 1, length: 32, salt: 'AA' }),
        text('p'),
      ) as Uint8Array
    ).length === 32,
  )
})

test('several databases of a site stand apart, each in its own file', () => {
  const tree = emptyTree()
  const bindings = ['A', 'B', 'C', 'D']
  const manifest = { ...TEST_MANIFEST, databases: bindings.map((binding) => ({ binding, migrations: [] })) }
  const host = hostOn(tree, { manifest })
  for (const binding of bindings) {
    json(host, 'db.exec', { binding, sql: `CREATE TABLE t(x); INSERT INTO t VALUES('${binding}')` })
  }
  for (const binding of bindings) {
    const answer = json(hostOn(tree, { manifest }), 'db.query', { binding, sql: 'SELECT x FROM t', params: [] })
    assert.deepEqual((answer as { rows: unknown }).rows, [[binding]])
    assert.ok((tree.read(`db/${binding}.sqlite`)?.length ?? 0) > 0)
  }
})

test('what a script pays for an operation is the same whatever other sites did on the box', () => {
  const tree = emptyTree()
  json(hostOn(tree), 'db.exec', { binding: 'DB', sql: 'CREATE TABLE t(x); INSERT INTO t VALUES(1)' })
  const cost = (): number => {
    const purse = purseOf(1e10)
    const host = createHost({
      tree,
      sqlite: testBox(),
      manifest: TEST_MANIFEST,
      mode: 'read',
      time: 1,
      random: (n) => new Uint8Array(n),
      fuel: purse,
    })
    json(host, 'db.query', { binding: 'DB', sql: 'SELECT * FROM t', params: [] })
    json(host, 'kv.list', KV)
    return purse.used()
  }
  const first = cost()
  const other = emptyTree()
  json(hostOn(other), 'db.exec', {
    binding: 'DB',
    sql: 'CREATE TABLE big(x); INSERT INTO big VALUES(zeroblob(900000))',
  })
  json(hostOn(other), 'kv.put', { ...KV, key: 'x' }, new Uint8Array(500_000))
  assert.equal(cost(), first)
})
