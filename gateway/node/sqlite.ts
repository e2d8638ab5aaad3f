// The gateway's store in one SQLite file, for who runs it on Node. Everything in it can be filled again, so it need not survive a loss of power.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { SqlPort } from '#gateway/store/sql.ts'

const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')

export type SqliteFile = Disposable & { readonly run: SqlPort }

/** Made when it is missing, and brought to the newest schema. Throws when the file is no such database. */
export function openSqlite(path: string): SqliteFile {
  const database = new DatabaseSync(path)
  try {
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 5000')
    migrate(database)
  } catch (cause) {
    database.close()
    throw cause
  }
  const rowsOf = ({ sql, params }: { readonly sql: string; readonly params: readonly unknown[] }): unknown[][] => {
    const statement = database.prepare(sql)
    statement.setReturnArrays(true)
    return statement.all(...(params as SQLInputValue[])) as unknown as unknown[][]
  }
  return {
    run: async (statements) =>
      statements.length > 1 ? together(database, () => statements.map(rowsOf)) : statements.map(rowsOf),
    [Symbol.dispose]: () => database.close(),
  }
}

function together<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (cause) {
    database.exec('ROLLBACK')
    throw cause
  }
}

/** The files of `migrations` that were not applied, in the table that D1 keeps too. */
function migrate(database: DatabaseSync): void {
  database.exec(
    'CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)',
  )
  const applied = new Set(
    database
      .prepare('SELECT name FROM d1_migrations')
      .all()
      .map(({ name }) => name),
  )
  for (const name of readdirSync(MIGRATIONS).sort()) {
    if (!name.endsWith('.sql') || applied.has(name)) continue
    together(database, () => {
      database.exec(readFileSync(join(MIGRATIONS, name), 'utf8'))
      database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').run(name)
    })
  }
}
