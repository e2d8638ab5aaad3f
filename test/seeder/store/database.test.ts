import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { Writer } from '#seeder/store/database.ts'
import { StoreError } from '#seeder/store/errors.ts'
import { WAL_BYTES_MAX } from '#seeder/store/schema.ts'
import { temporaryDirectory } from '#test/seeder/store/fixture.ts'

function open(directory: string): { database: DatabaseSync; writer: Writer; count: () => unknown } {
  const database = new DatabaseSync(join(directory, 'x.sqlite'))
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE t (x BLOB)')
  const count = () => database.prepare('SELECT count(*) AS n FROM t').get()?.n
  return { database, writer: new Writer(database, directory), count }
}

test('a full disk fails the transaction that met it and no other', () => {
  using directory = temporaryDirectory()
  const { database, writer, count } = open(directory.path)
  const insert = (bytes: number) =>
    writer.transact(() => void database.prepare('INSERT INTO t VALUES (zeroblob(?))').run(bytes))
  insert(10)
  database.exec('PRAGMA max_page_count = 8')
  assert.throws(() => insert(100_000), /full/)
  assert.equal(count(), 1)
  insert(10)
  database.exec('PRAGMA max_page_count = 1000')
  insert(100_000)
  assert.equal(count(), 3)
  database.close()
})

for (const [what, errcode] of [
  ['a write that is refused', 778],
  ['a disk that is read-only', 8],
] as const) {
  test(`${what} fails the transaction that met it and no other`, () => {
    using directory = temporaryDirectory()
    const { database, count } = open(directory.path)
    let broken = true
    const points = {
      before() {
        if (broken) throw Object.assign(new Error(what), { errcode })
      },
      after() {},
    }
    const writer = new Writer(database, directory.path, points)
    const insert = () => writer.transact(() => void database.prepare('INSERT INTO t VALUES (1)').run())
    assert.throws(insert, new RegExp(what))
    assert.equal(count(), 0)
    assert.equal(writer.failed, false)
    broken = false
    insert()
    assert.equal(count(), 1)
    database.close()
  })
}

test('the log is moved into the file before it is much longer than its bound', () => {
  using directory = temporaryDirectory()
  const { database, writer } = open(directory.path)
  for (let index = 0; index < 60; index++)
    writer.transact(() => void database.prepare('INSERT INTO t VALUES (zeroblob(300000))').run())
  const { size } = statSync(join(directory.path, 'x.sqlite-wal'))
  assert.ok(size < 2 * WAL_BYTES_MAX, `${size} bytes`)
  assert.ok(statSync(join(directory.path, 'x.sqlite')).size > 10_000_000)
  database.close()
})

test('after a failed fsync nothing is written any more: what the disk holds is not known', () => {
  using directory = temporaryDirectory()
  const { database, count } = open(directory.path)
  let broken = false
  const failing = new Proxy(database, {
    get(target, property) {
      if (property === 'exec') {
        return (sql: string) => {
          if (broken && sql === 'COMMIT') throw Object.assign(new Error('disk I/O error'), { errcode: 1_034 })
          target.exec(sql)
        }
      }
      const value = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const writer = new Writer(failing, directory.path)
  const insert = () => writer.transact(() => void database.prepare('INSERT INTO t VALUES (1)').run())
  insert()
  broken = true
  assert.throws(insert, /disk I\/O error/)
  broken = false
  assert.throws(insert, (error) => error instanceof StoreError && error.reason.code === 'store_failed')
  assert.equal(count(), 1)
  database.close()
})

test('transactions nest: an inner one that throws takes back its own writes only, at any depth', () => {
  using directory = temporaryDirectory()
  const { database, writer, count } = open(directory.path)
  const insert = () => void database.prepare('INSERT INTO t VALUES (1)').run()
  writer.transact(() => {
    insert()
    assert.throws(() =>
      writer.transact(() => {
        insert()
        writer.transact(insert)
        throw new Error('inner')
      }),
    )
    writer.transact(() => {
      insert()
      assert.throws(() =>
        writer.transact(() => {
          insert()
          throw new Error('innermost')
        }),
      )
    })
  })
  assert.equal(count(), 2)
  assert.equal(writer.commits, 1)
  database.close()
})
