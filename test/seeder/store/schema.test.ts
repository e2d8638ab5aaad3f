import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { prepareSchema, SCHEMA_VERSION } from '#seeder/store/schema.ts'
import { openStore } from '#seeder/store/store.ts'
import { temporaryDirectory } from '#test/seeder/store/fixture.ts'

const FIRST = 'CREATE TABLE a (x INTEGER); INSERT INTO a VALUES (1)'
const SECOND = 'ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 7'

function version(database: DatabaseSync): unknown {
  return database.prepare('PRAGMA user_version').get()?.user_version
}

test('a store of an older version takes the steps that it lacks, each once, and keeps its rows', () => {
  using directory = temporaryDirectory()
  const database = new DatabaseSync(join(directory.path, 'store.sqlite'))
  prepareSchema(database, directory.path, [FIRST])
  prepareSchema(database, directory.path, [FIRST, SECOND])
  prepareSchema(database, directory.path, [FIRST, SECOND])
  assert.deepEqual({ ...database.prepare('SELECT x, y FROM a').get() }, { x: 1, y: 7 })
  assert.equal(version(database), 2)
  database.close()
})

test('an upgrade that fails half-way leaves the version before it', () => {
  using directory = temporaryDirectory()
  const database = new DatabaseSync(join(directory.path, 'store.sqlite'))
  prepareSchema(database, directory.path, [FIRST])
  assert.throws(() => prepareSchema(database, directory.path, [FIRST, SECOND, 'no SQL']))
  assert.equal(version(database), 1)
  assert.deepEqual({ ...database.prepare('SELECT * FROM a').get() }, { x: 1 })
  database.close()
})

test('a store of version 1 opens, with all that it held', () => {
  using directory = temporaryDirectory()
  {
    using store = openStore(directory.path)
    store.settings.set('kept', Uint8Array.of(7))
    const old = new DatabaseSync(store.path)
    old.exec('CREATE TABLE updates (key INTEGER PRIMARY KEY, record BLOB NOT NULL); PRAGMA user_version = 1')
    old.close()
  }
  using store = openStore(directory.path)
  assert.deepEqual(store.settings.get('kept'), Uint8Array.of(7))
  const database = new DatabaseSync(store.path, { readOnly: true })
  assert.equal(version(database), SCHEMA_VERSION)
  assert.equal(database.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name = 'updates'").get()?.n, 0)
  database.close()
})
