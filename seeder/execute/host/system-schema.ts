// The tables of system.sqlite: env.KV, what is known about env.FILES, agreed answers (R9), cron and update bookkeeping.
// The file appears with the first write; until then every question finds nothing.

import type { SqlAnswer, SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { SYSTEM_SLOT } from '#seeder/execute/sqlite/box.ts'
import type { SqlValue } from '#seeder/execute/sqlite/statement.ts'
import { StateError } from '#seeder/execute/state/blocks.ts'

export const SYSTEM_SCHEMA = `
CREATE TABLE IF NOT EXISTS kv(namespace TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, metadata TEXT NOT NULL, expires INTEGER, PRIMARY KEY(namespace, key));
CREATE INDEX IF NOT EXISTS kv_expires ON kv(expires) WHERE expires IS NOT NULL;
CREATE TABLE IF NOT EXISTS file(binding TEXT NOT NULL, key TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, uploaded INTEGER NOT NULL, http TEXT NOT NULL, custom TEXT NOT NULL, PRIMARY KEY(binding, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS answer(key BLOB PRIMARY KEY, body BLOB NOT NULL, status INTEGER NOT NULL, headers TEXT NOT NULL, time INTEGER NOT NULL, size INTEGER NOT NULL, content BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS answer_time ON answer(time);
CREATE TABLE IF NOT EXISTS answers(id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT OR IGNORE INTO answers VALUES(1, 0, 0);
CREATE TRIGGER IF NOT EXISTS answer_kept AFTER INSERT ON answer BEGIN UPDATE answers SET count = count + 1, bytes = bytes + NEW.size; END;
CREATE TRIGGER IF NOT EXISTS answer_gone AFTER DELETE ON answer BEGIN UPDATE answers SET count = count - 1, bytes = bytes - OLD.size; END;
CREATE TABLE IF NOT EXISTS cron(schedule TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS migration(binding TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, time INTEGER NOT NULL, PRIMARY KEY(binding, name)) WITHOUT ROWID;
`

export const SYSTEM_PATH = 'system.sqlite'

/** Rows that this program never writes: an uploader brought the file. The request that meets them fails. */
export function brokenRows(): never {
  throw new StateError({ code: 'system_rows', path: SYSTEM_PATH })
}

export function textCell(cell: unknown): string {
  return typeof cell === 'string' ? cell : brokenRows()
}

export function countCell(cell: unknown): number {
  return typeof cell === 'number' && Number.isSafeInteger(cell) ? cell : brokenRows()
}

/** A blob, as SQLite's answers have it. */
export function bytesCell(cell: unknown): Uint8Array {
  const isByte = (byte: unknown) => typeof byte === 'number' && Number.isInteger(byte) && byte >= 0 && byte <= 255
  return Array.isArray(cell) && cell.every(isByte) ? Uint8Array.from(cell as number[]) : brokenRows()
}

/** system.sqlite of the running request. Rows come back as plain values; blobs as arrays of bytes. */
export class SystemTables {
  readonly #sqlite: SqliteBox
  #exists: boolean

  constructor(sqlite: SqliteBox, exists: boolean) {
    this.#sqlite = sqlite
    this.#exists = exists
  }

  read(sql: string, ...params: SqlValue[]): unknown[][] {
    if (!this.#exists) return []
    return JSON.parse(this.#sqlite.query(SYSTEM_SLOT, { sql, params }).rows)
  }

  /** The bytes of the first column of the first row. */
  bytes(sql: string, ...params: SqlValue[]): Uint8Array | undefined {
    return this.#exists ? this.#sqlite.bytes(SYSTEM_SLOT, { sql, params }) : undefined
  }

  write(sql: string, ...params: SqlValue[]): SqlAnswer {
    if (!this.#exists) {
      this.#sqlite.exec(SYSTEM_SLOT, SYSTEM_SCHEMA)
      this.#exists = true
    }
    return this.#sqlite.query(SYSTEM_SLOT, { sql, params })
  }

  get exists(): boolean {
    return this.#exists
  }
}
