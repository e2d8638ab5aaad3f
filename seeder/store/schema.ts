// The tables of a store and how an older store becomes a present one. A step is never changed once it was released: add another.
//
//   blocks      who a block is, how often it is referred to, whether its bytes are here    bodies   the bytes, one row a block
//   jobs        a small number for each job        roots      trees that are kept, by label
//   certified   agreed heights                     votes      one vote state a job
//   evidence, logs                                 settings
//
// Every row that is no content has a sum over its values (sums.ts): `sum`, and for what changes of an agreed height `mark`.
//
// Keys of rows that belong to a job are one integer, job · 2^38 + (height, sequence or running number): rows of a job lie side by side.

import { DatabaseSync } from 'node:sqlite'
import { assert } from '#protocol/codec/result.ts'
import { StoreError } from '#seeder/store/errors.ts'
import { rowSum, teachSums } from '#seeder/store/sums.ts'

/** `PRAGMA application_id`: "ipn1". */
const APPLICATION_ID = 0x69706e31

/** A block that is wanted and not here; one whose bytes are here; one that was here and whose bytes were found damaged. */
export const WANTED = 0
export const HELD = 1
export const LOST = 2

const STEPS: readonly string[] = [
  `
  CREATE TABLE blocks (id INTEGER PRIMARY KEY, refs INTEGER NOT NULL, state INTEGER NOT NULL, size INTEGER NOT NULL, cid BLOB NOT NULL UNIQUE);
  CREATE INDEX orphans ON blocks (id) WHERE refs = 0;
  CREATE TABLE bodies (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
  CREATE TABLE jobs (id INTEGER PRIMARY KEY, job BLOB NOT NULL UNIQUE);
  CREATE TABLE roots (job INTEGER NOT NULL, label TEXT NOT NULL, cid BLOB NOT NULL, PRIMARY KEY (job, label)) WITHOUT ROWID;
  CREATE TABLE votes (job INTEGER PRIMARY KEY, digest BLOB NOT NULL, record BLOB NOT NULL);
  CREATE TABLE certified (key INTEGER PRIMARY KEY, kept INTEGER NOT NULL, state BLOB NOT NULL, certificate BLOB NOT NULL, requests BLOB NOT NULL);
  CREATE TABLE evidence (key INTEGER PRIMARY KEY, job INTEGER NOT NULL, hash BLOB NOT NULL, kind TEXT NOT NULL, accused BLOB NOT NULL, height INTEGER NOT NULL, record BLOB NOT NULL, UNIQUE (job, hash));
  CREATE TABLE updates (key INTEGER PRIMARY KEY, record BLOB NOT NULL);
  CREATE TABLE logs (key INTEGER PRIMARY KEY, time INTEGER NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL);
  CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  `,
  'DROP TABLE updates',
  `
  ALTER TABLE jobs ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE roots ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE votes ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE certified ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE certified ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE evidence ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE logs ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE settings ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  UPDATE jobs SET sum = row_sum(id, job);
  UPDATE roots SET sum = row_sum(job, label, cid);
  UPDATE votes SET sum = row_sum(job, digest);
  UPDATE certified SET sum = row_sum(key, state, certificate, requests), mark = row_sum(key, kept);
  UPDATE evidence SET sum = row_sum(key, job, hash, kind, accused, height, record);
  UPDATE logs SET sum = row_sum(key, time, level, text);
  UPDATE settings SET sum = row_sum(key, value);
  `,
]

/** The version again, in a row: it and the file's header have to agree. */
const VERSION_SETTING = 'store/version'

/** Raised by every step. */
export const SCHEMA_VERSION = STEPS.length

/**
 * Bytes of a database page. Measured with 16 KiB chunks (they do not fit twice into 32 KiB with their headers): 8 KiB halves
 * the file and cuts the log of a small commit to a third of what 32 KiB pages need.
 */
export const PAGE_BYTES = 8_192
/** The write-ahead log is moved into the file when it is as large, and cut back to it. */
export const WAL_BYTES_MAX = 4 * 2 ** 20
const CACHE_KIB = 8_192

/** Makes or upgrades the tables, in one transaction; throws a `StoreError` for what is newer, damaged or not ours. */
export function prepareSchema(database: DatabaseSync, directory: string, steps: readonly string[] = STEPS): void {
  teachSums(database)
  const number = (pragma: string) => Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma])
  const found = number('user_version')
  const application = number('application_id')
  const said = versionSaid(database)
  if (said !== undefined && (said !== found || application !== APPLICATION_ID)) {
    throw new StoreError({ code: 'store_damaged', directory, detail: 'its header and its tables disagree' })
  }
  if (found > steps.length) {
    throw new StoreError({ code: 'store_newer', directory, found, known: steps.length })
  }
  if (application !== (found === 0 ? 0 : APPLICATION_ID)) {
    throw new StoreError({ code: 'store_unreadable', directory, detail: 'the database belongs to another program' })
  }
  if (found === 0) database.exec(`PRAGMA page_size = ${PAGE_BYTES}`)
  database.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -${CACHE_KIB};
  `)
  database.exec(`PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`)
  if (found === steps.length) return
  database.exec('BEGIN IMMEDIATE')
  try {
    for (const step of steps.slice(found)) database.exec(step)
    database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${steps.length}`)
    if (steps === STEPS) sayVersion(database, steps.length)
    database.exec('COMMIT')
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

function sayVersion(database: DatabaseSync, version: number): void {
  const value = Buffer.from(String(version))
  database
    .prepare('INSERT OR REPLACE INTO settings (key, value, sum) VALUES (?, ?, ?)')
    .run(VERSION_SETTING, value, rowSum(VERSION_SETTING, value))
}

/** Undefined for a store from before version 3, for another program's database, and for one whose row of it is damaged. */
function versionSaid(database: DatabaseSync): number | undefined {
  const columns = database
    .prepare("SELECT count(*) AS count FROM pragma_table_info('settings') WHERE name = 'sum'")
    .get()
  if (columns?.count !== 1) return undefined
  const row = database
    .prepare('SELECT value FROM settings WHERE key = ? AND sum = row_sum(key, value)')
    .get(VERSION_SETTING)
  return row === undefined ? undefined : Number(Buffer.from(row.value as Uint8Array).toString())
}

/** The SQL of every table and index, as a new store has it. */
export function schemaText(database: DatabaseSync): string {
  return JSON.stringify(database.prepare('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name').all())
}

/** `schemaText` of a store of this version. */
export function presentSchemaText(): string {
  const database = new DatabaseSync(':memory:')
  try {
    teachSums(database)
    for (const step of STEPS) database.exec(step)
    return schemaText(database)
  } finally {
    database.close()
  }
}

const KEY_SPAN = 2 ** 38
/** The highest height or running number of a row. */
export const NUMBER_MAX = KEY_SPAN - 1
const JOB_NUMBER_MAX = 2 ** 15 - 1

/** The key of a job's row; below 2^53. */
export function keyOf(job: number, number: number): number {
  assert(job >= 0 && job <= JOB_NUMBER_MAX, 'a store has fewer than 2^15 jobs')
  assert(Number.isSafeInteger(number) && number >= 0 && number < KEY_SPAN, 'a height or number is below 2^38')
  return job * KEY_SPAN + number
}

export function numberOfKey(key: number): number {
  return key % KEY_SPAN
}
