import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Digest } from '#protocol/codec/digest.ts'
import { runMigrations } from '#seeder/execute/host/migrations.ts'
import { ANSWERS_MAX, openSystem, type SystemState } from '#seeder/execute/host/system.ts'
import type { ScriptResponse } from '#seeder/execute/port.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'
import { BLOCK_TIME, emptyTree, purseOf, testBox } from '#test/support/guest-host.ts'

const DAY_MS = 86_400_000

function systemOn(tree: StateTree, time = BLOCK_TIME): SystemState {
  return openSystem({ tree, sqlite: testBox(), time })
}

function digestOf(number: number): Digest {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, number)
  return bytes as Digest
}

const RESPONSE: ScriptResponse = {
  status: 201,
  headers: [
    ['x-y', 'z'],
    ['set-cookie', 'a=b'],
  ],
  body: Uint8Array.of(1, 0, 255),
}

test('R9: an agreed answer is found under its key until it is too old', () => {
  const tree = emptyTree()
  assert.equal(systemOn(tree).answer(digestOf(1), DAY_MS), undefined)
  systemOn(tree).keepAnswer(digestOf(1), digestOf(2), RESPONSE, DAY_MS)
  const found = systemOn(tree, BLOCK_TIME + DAY_MS - 1).answer(digestOf(1), DAY_MS)
  assert.deepEqual(found?.response, RESPONSE)
  assert.deepEqual([...(found?.bodyHash ?? [])], [...digestOf(2)])
  assert.equal(found?.time, BLOCK_TIME)
  assert.equal(systemOn(tree, BLOCK_TIME + DAY_MS).answer(digestOf(1), DAY_MS), undefined)
  assert.equal(systemOn(tree).answer(digestOf(9), DAY_MS), undefined)
})

test('R9: expired answers go with the next one that is kept', () => {
  const tree = emptyTree()
  systemOn(tree).keepAnswer(digestOf(1), digestOf(2), RESPONSE, DAY_MS)
  systemOn(tree, BLOCK_TIME + 2 * DAY_MS).keepAnswer(digestOf(3), digestOf(4), RESPONSE, DAY_MS)
  assert.equal(systemOn(tree, BLOCK_TIME).answer(digestOf(1), DAY_MS), undefined)
})

test('R9: large answers are bounded by their bytes, the oldest going first', () => {
  const tree = emptyTree()
  const large = { ...RESPONSE, body: new Uint8Array(8 * 2 ** 20) }
  for (let index = 0; index < 10; index++)
    systemOn(tree, BLOCK_TIME + index).keepAnswer(digestOf(index), digestOf(0), large, DAY_MS)
  const kept = Array.from({ length: 10 }, (_, index) => systemOn(tree).answer(digestOf(index), DAY_MS) !== undefined)
  assert.deepEqual(kept, [false, false, false, true, true, true, true, true, true, true])
  assert.ok(ANSWERS_MAX > 10)
})

test('cron bookkeeping and migrations are remembered by name', () => {
  const tree = emptyTree()
  assert.equal(systemOn(tree).cronLast('* * * * *'), undefined)
  systemOn(tree).cronRan('* * * * *', 1)
  systemOn(tree).cronRan('* * * * *', 2)
  assert.equal(systemOn(tree).cronLast('* * * * *'), 2)
  assert.deepEqual(systemOn(tree).migrations('DB'), [])
})

function migrate(tree: StateTree, files: Readonly<Record<string, string>>, fuel = 1e10) {
  for (const [name, sql] of Object.entries(files))
    tree.write(`app/migrations/DB/${name}`, new TextEncoder().encode(sql))
  const manifest = { databases: [{ binding: 'DB', migrations: Object.keys(files) }] }
  const random = (bytes: number) => new Uint8Array(bytes)
  return runMigrations({ tree, sqlite: testBox(), manifest, time: BLOCK_TIME, random, fuel: purseOf(fuel) })
}

const FIRST = { '0000_first.sql': 'CREATE TABLE a(x);\n--> statement-breakpoint\nINSERT INTO a VALUES(1);' }

test('migrations run once, in the order of their names', () => {
  const tree = emptyTree()
  assert.deepEqual(migrate(tree, FIRST), { ok: true, value: { applied: ['DB/0000_first.sql'] } })
  assert.deepEqual(migrate(tree, FIRST), { ok: true, value: { applied: [] } })
  const second = { ...FIRST, '0001_second.sql': 'ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1' }
  assert.deepEqual(migrate(tree, second), { ok: true, value: { applied: ['DB/0001_second.sql'] } })
})

test('migrations that fail, changed, are missing or never end say which one it is', () => {
  const tree = emptyTree()
  migrate(tree, FIRST)
  const failed = migrate(tree, { ...FIRST, '0001_bad.sql': 'CREATE TABLE a(x)' })
  assert.deepEqual(failed.ok || failed.error, {
    code: 'migration_failed',
    binding: 'DB',
    name: '0001_bad.sql',
    message: 'table a already exists',
  })
  const changed = migrate(tree, { '0000_first.sql': 'CREATE TABLE b(x)' })
  assert.deepEqual(changed.ok || changed.error, { code: 'migration_changed', binding: 'DB', name: '0000_first.sql' })
  const refused = migrate(emptyTree(), { '0000_x.sql': "ATTACH 'x' AS y" })
  assert.equal(refused.ok || refused.error.code, 'migration_failed')
  const endless = 'CREATE TABLE c AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM c'
  const stopped = migrate(emptyTree(), { '0000_x.sql': endless }, 10_000_000)
  assert.deepEqual(stopped.ok || stopped.error, {
    code: 'migration_stopped',
    binding: 'DB',
    name: '0000_x.sql',
    stop: 'fuel',
  })
  const manifest = { databases: [{ binding: 'DB', migrations: ['0000_gone.sql'] }] }
  const random = (bytes: number) => new Uint8Array(bytes)
  const missing = runMigrations({ tree: emptyTree(), sqlite: testBox(), manifest, time: 0, random, fuel: purseOf(1e9) })
  assert.equal(missing.ok || missing.error.code, 'migration_missing')
})
