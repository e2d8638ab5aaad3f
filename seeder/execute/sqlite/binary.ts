// The pinned SQLite binary and what belongs to this one build: its hash and the address of the word that marks the heap's end.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type MeteredModule, meteredModule } from '#seeder/execute/wasm/cache.ts'

const PACKAGE_FILE = '@sqlite.org/sqlite-wasm/sqlite3.wasm'
const SHA256 = 'b8a92a19f441a90ff2339fe988fbe317c4adf3ed844096f12aee04aa72d58257'

/** Weight of the deepest call stack inside SQLite; its parser and expression limits come first. */
export const DEPTH_MAX = 60_000

/** Address of the word in which `sbrk` keeps the end of the heap: nothing above it was ever touched. */
export const HEAP_END_ADDRESS = 104_728

/** Fixed memory: 64 KiB pages, no growth. A result that needs more fails with SQLITE_NOMEM. */
export const MEMORY_PAGES = 512

/** The exports that are called, by their C names. Pointers and result codes are numbers, 64-bit integers bigints. */
export type SqliteExports = {
  readonly __wasm_call_ctors: () => void
  readonly __indirect_function_table: WebAssembly.Table
  readonly malloc: (bytes: number) => number
  readonly free: (pointer: number) => void
  readonly sqlite3_initialize: () => number
  readonly sqlite3_vfs_register: (vfs: number, isDefault: number) => number
  readonly sqlite3_open_v2: (name: number, out: number, flags: number, vfs: number) => number
  readonly sqlite3_exec: (db: number, sql: number, callback: number, argument: number, error: number) => number
  readonly sqlite3_limit: (db: number, id: number, value: number) => number
  readonly sqlite3_extended_result_codes: (db: number, on: number) => number
  readonly sqlite3_set_authorizer: (db: number, callback: number, argument: number) => number
  readonly sqlite3_randomness: (bytes: number, pointer: number) => void
  readonly sqlite3__wasm_db_config_ip: (db: number, op: number, value: number, out: number) => number
  readonly sqlite3_prepare_v3: (
    db: number,
    sql: number,
    bytes: number,
    flags: number,
    out: number,
    tail: number,
  ) => number
  readonly sqlite3_step: (statement: number) => number
  readonly sqlite3_reset: (statement: number) => number
  readonly sqlite3_clear_bindings: (statement: number) => number
  readonly sqlite3_finalize: (statement: number) => number
  readonly sqlite3_stmt_readonly: (statement: number) => number
  readonly sqlite3_bind_parameter_count: (statement: number) => number
  readonly sqlite3_bind_null: (statement: number, index: number) => number
  readonly sqlite3_bind_int64: (statement: number, index: number, value: bigint) => number
  readonly sqlite3_bind_double: (statement: number, index: number, value: number) => number
  readonly sqlite3_bind_text: (statement: number, index: number, text: number, bytes: number, free: number) => number
  readonly sqlite3_bind_blob: (statement: number, index: number, blob: number, bytes: number, free: number) => number
  readonly sqlite3_column_count: (statement: number) => number
  readonly sqlite3_column_name: (statement: number, column: number) => number
  readonly sqlite3_column_type: (statement: number, column: number) => number
  readonly sqlite3_column_int64: (statement: number, column: number) => bigint
  readonly sqlite3_column_double: (statement: number, column: number) => number
  readonly sqlite3_column_text: (statement: number, column: number) => number
  readonly sqlite3_column_blob: (statement: number, column: number) => number
  readonly sqlite3_column_bytes: (statement: number, column: number) => number
  readonly sqlite3_errmsg: (db: number) => number
  readonly sqlite3_extended_errcode: (db: number) => number
  readonly sqlite3_changes64: (db: number) => bigint
  readonly sqlite3_total_changes64: (db: number) => bigint
  readonly sqlite3_last_insert_rowid: (db: number) => bigint
  readonly sqlite3_get_autocommit: (db: number) => number
}

/** The metered binary. `directory` keeps it between starts. Throws when the installed package is not the pinned one. */
export function loadSqlite(directory?: string): MeteredModule {
  const bytes = readFileSync(fileURLToPath(import.meta.resolve(PACKAGE_FILE)))
  return meteredModule(bytes, SHA256, { depthMax: DEPTH_MAX }, directory)
}
