import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { prepareSchema, SCHEMA_VERSION } from '#seeder/store/schema.ts'
import { openStore, STORE_FILE } from '#seeder/store/store.ts'
import {
  bytesOf,
  heightOf,
  isWhole,
  JOB,
  OTHER_JOB,
  siteOn,
  temporaryDirectory,
  wrongCounts,
} from '#test/seeder/store/fixture.ts'

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

/** A store of version 2 as it was written then: two heights of `JOB`, code of `OTHER_JOB`, votes, evidence, a line, a setting. */
function storeOfVersion2(directory: string, change = ''): void {
  const path = join(directory, STORE_FILE)
  writeFileSync(path, gunzipSync(readFileSync(join(import.meta.dirname, '..', '..', 'vectors', 'store-2.sqlite.gz'))))
  const database = new DatabaseSync(path)
  assert.equal(version(database), 2)
  database.exec(change)
  database.close()
}

for (const [from, change] of [
  [1, 'CREATE TABLE updates (key INTEGER PRIMARY KEY, record BLOB NOT NULL); PRAGMA user_version = 1'],
  [2, ''],
] as const) {
  test(`a store of version ${from} opens, with all that it held, and goes on`, () => {
    using directory = temporaryDirectory()
    storeOfVersion2(directory.path, change)
    for (const opening of [1, 2]) {
      using store = openStore(directory.path)
      assert.deepEqual(store.verify({ head: () => true, votes: () => true }), [])
      assert.deepEqual(store.settings.get('kept'), Uint8Array.of(7))
      assert.deepEqual(store.votes.load(JOB), { ok: true, value: bytesOf(31, 2) })
      const head = store.certified.head(JOB)
      assert.ok(head !== undefined)
      if (opening === 1) assert.deepEqual(head, heightOf(2, head.stateRoot))
      assert.equal(store.certified.at(JOB, 1)?.height, 1)
      assert.deepEqual([...store.blocks.roots(OTHER_JOB).keys()], ['code/1'])
      for (const job of [JOB, OTHER_JOB])
        for (const root of store.blocks.roots(job).values()) assert.ok(isWhole(store, root))
      assert.equal(store.evidence.list(JOB)[0]?.kind, 'equivocation')
      assert.deepEqual(
        store.logs.read(JOB, 9).map(({ text }) => text),
        ['a line'],
      )
      const site = siteOn(store)
      site.tree.write('files/more', bytesOf(10, opening))
      site.commit(head.height + 1, { releaseStates: [head.height], votes: bytesOf(31, 2) })
    }
    const database = new DatabaseSync(join(directory.path, STORE_FILE), { readOnly: true })
    assert.equal(version(database), SCHEMA_VERSION)
    assert.equal(database.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name = 'updates'").get()?.n, 0)
    database.close()
    assert.equal(wrongCounts(directory.path), 0)
  })
}
