// The SQLite box: all databases of whatever site is running, one request at a time, metered and restored (runtime.md).
//
//   begin(request) → query / batch / exec on a slot → (nothing to close: the next begin restores the memory)
//
// Slot 0 is the system database, trusted; the others belong to scripts: authorised, limited, defensive. Statements commit one by
// one as in D1; a batch is one transaction. A failed request needs no undoing here: the state tree is rolled back, the memory restored.

import { assert } from '#protocol/codec/result.ts'
import { ALLOW, DENY, refusalOf } from '#seeder/execute/sqlite/authorizer.ts'
import { ERROR, OK, SqliteError } from '#seeder/execute/sqlite/codes.ts'
import { Machine } from '#seeder/execute/sqlite/machine.ts'
import {
  bind,
  columnsOf,
  firstBytes,
  RESULT_CHARS_MAX,
  type SqlValue,
  stepAll,
} from '#seeder/execute/sqlite/statement.ts'
import { type RequestPort, registerVfs, slotName } from '#seeder/execute/sqlite/vfs.ts'

/** Databases of one site that scripts may have. */
export const SCRIPT_DATABASES_MAX = 4
export const SYSTEM_SLOT = 0
const SLOTS = 1 + SCRIPT_DATABASES_MAX

export const SQL_BYTES_MAX = 100_000
export const VALUE_BYTES_MAX = 2_000_000
export const BATCH_STATEMENTS_MAX = 1_000

/** Statements of a request that stay prepared on a connection. */
const STATEMENTS_KEPT = 64

const SETUP =
  'PRAGMA page_size=4096;PRAGMA auto_vacuum=NONE;PRAGMA journal_mode=MEMORY;PRAGMA synchronous=OFF;PRAGMA locking_mode=NORMAL;' +
  'PRAGMA cache_spill=OFF;PRAGMA temp_store=MEMORY;PRAGMA cache_size=-8192;PRAGMA foreign_keys=ON'

// sqlite3_limit ids and what a script's connection gets.
const LIMITS: readonly (readonly [id: number, value: number])[] = [
  [0, VALUE_BYTES_MAX],
  [1, SQL_BYTES_MAX],
  [2, 200],
  [3, 200],
  [4, 100],
  [5, 25_000_000],
  [6, 100],
  [7, 0],
  [8, 10_000],
  [9, 1_000],
  [10, 32],
  [11, 0],
]

const DBCONFIG = { defensive: 1010, trustedSchema: 1017, loadExtension: 1005, lookaside: 1001 } as const
const OPEN_READWRITE_CREATE = 2 | 4 | 0x8000
const MISUSE = 21
const TOOBIG = 18
const NOMEM = 7

export type SqlStatement = { readonly sql: string; readonly params: readonly SqlValue[] }

/** JSON texts, ready to be put together: `rows` is an array of arrays in the order of `columns`. */
export type SqlAnswer = {
  readonly columns: readonly string[]
  readonly rows: string
  readonly rowCount: number
  /** Rows that the statement itself inserted, updated or deleted. */
  readonly changes: number
  /** The same with those of triggers and foreign keys. */
  readonly written: number
  readonly lastRowId: bigint
}

/** One request's side of the box. */
export type SqlRequest = RequestPort & {
  /** Fuel left, and how what SQLite used is paid. */
  readonly fuel: { remaining(): number; charge(amount: number): void }
  /** Called before a statement that writes to a slot runs; throws to stop it. */
  writes(slot: number): void
}

type Connection = { readonly db: number; readonly statements: Map<string, number> }

const IDLE: RequestPort = {
  time: () => 0,
  random: (bytes) => new Uint8Array(bytes),
  file: () => undefined,
  create: () => {
    throw new Error('broken invariant: SQLite wrote while no request ran')
  },
}

export class SqliteBox {
  readonly #machine: Machine
  readonly #connections: readonly Connection[]
  #request: SqlRequest | undefined
  #asked = { time: false, chance: false }
  #trusted = true
  #refusal: string | undefined

  /** `directory` keeps the metered binary between starts. ~0.1 s and 2 MB once a worker. */
  constructor(directory?: string) {
    this.#machine = new Machine(() => this.#time(), directory)
    registerVfs(this.#machine, () => this.#port())
    const { exports } = this.#machine
    assert(exports.sqlite3_initialize() === OK, 'SQLite starts')
    const [authorize = 0] = this.#machine.install([
      { parameters: ['i32', 'i32', 'i32', 'i32', 'i32', 'i32'], run: this.#authorize.bind(this) },
    ])
    this.#connections = Array.from({ length: SLOTS }, (_, slot) => this.#open(slot, authorize))
    this.#machine.snapshot()
  }

  get imageBytes(): number {
    return this.#machine.imageBytes
  }

  #open(slot: number, authorize: number): Connection {
    const { exports, words } = this.#machine
    const name = this.#machine.allocateText(Buffer.from(slotName(slot)))
    const out = exports.malloc(4)
    assert(exports.sqlite3_open_v2(name, out, OPEN_READWRITE_CREATE, 0) === OK, 'a connection opens')
    const db = words[out >>> 2] ?? 0
    const sql = this.#machine.allocateText(Buffer.from(SETUP))
    assert(exports.sqlite3_exec(db, sql, 0, 0, 0) === OK, 'a connection takes its settings')
    exports.sqlite3_extended_result_codes(db, 1)
    if (slot !== SYSTEM_SLOT) {
      for (const [id, value] of LIMITS) exports.sqlite3_limit(db, id, value)
      exports.sqlite3__wasm_db_config_ip(db, DBCONFIG.defensive, 1, 0)
      exports.sqlite3__wasm_db_config_ip(db, DBCONFIG.trustedSchema, 0, 0)
      exports.sqlite3__wasm_db_config_ip(db, DBCONFIG.loadExtension, 0, 0)
      exports.sqlite3_set_authorizer(db, authorize, 0)
    }
    for (const pointer of [name, out, sql]) exports.free(pointer)
    return { db, statements: new Map() }
  }

  #port(): RequestPort {
    const request = this.#request
    if (request === undefined) return IDLE
    return {
      time: () => this.#time(),
      random: (bytes) => {
        this.#asked.chance = true
        return request.random(bytes)
      },
      file: (slot) => request.file(slot),
      create: (slot) => request.create(slot),
    }
  }

  #time(): number {
    this.#asked.time = true
    return this.#request?.time() ?? 0
  }

  #authorize(_user: number, action: number, first: number, second: number): number {
    if (this.#trusted) return ALLOW
    const refusal = refusalOf(action, this.#machine.cText(first), this.#machine.cText(second))
    if (refusal === undefined) return ALLOW
    this.#refusal ??= refusal.what
    return DENY
  }

  /** Starts a request: memory as at the beginning, no statements, the request's own time, chance and files. */
  begin(request: SqlRequest): void {
    this.#machine.restore()
    for (const { statements } of this.#connections) statements.clear()
    this.#asked = { time: false, chance: false }
    this.#refusal = undefined
    this.#request = request
  }

  /** Whether SQL of this request read the clock or rolled dice. */
  get asked(): { readonly time: boolean; readonly chance: boolean } {
    return this.#asked
  }

  /** `trusted`: not asked about by the authorizer, neither while it is prepared nor while SQLite prepares more as it runs. */
  #as<T>(trusted: boolean, work: () => T): T {
    const before = this.#trusted
    this.#trusted = trusted
    this.#refusal = undefined
    try {
      return work()
    } finally {
      this.#trusted = before
    }
  }

  #metered<T>(work: () => T): T {
    const request = this.#request
    assert(request !== undefined, 'SQL runs within a request')
    return this.#machine.metered(request.fuel.remaining(), (fuel) => request.fuel.charge(fuel), work)
  }

  #connection(slot: number): Connection {
    const connection = this.#connections[slot]
    assert(connection !== undefined, 'a slot of the box')
    return connection
  }

  /** One statement. Throws a `SqliteError` for the script's mistakes and a `HostStop` for the end of the request. */
  query(slot: number, statement: SqlStatement): SqlAnswer {
    return this.#metered(() => this.#run(slot, statement, slot === SYSTEM_SLOT))
  }

  /** The bytes of the first column of the first row; undefined when there is no row. For values too large for JSON. */
  bytes(slot: number, statement: SqlStatement): Uint8Array | undefined {
    return this.#metered(() =>
      this.#as(slot === SYSTEM_SLOT, () => {
        const { db } = this.#connection(slot)
        const pointer = this.#prepared(slot, statement.sql)
        const bound = bind(this.#machine, pointer, statement.params)
        if (bound !== OK) throw this.#error(db, bound)
        const found = firstBytes(this.#machine, pointer)
        if (typeof found === 'number') throw this.#error(db, found)
        this.#tidy(pointer)
        return found
      }),
    )
  }

  /** All in one transaction: all or none. */
  batch(slot: number, statements: readonly SqlStatement[]): SqlAnswer[] {
    if (statements.length > BATCH_STATEMENTS_MAX) {
      throw new SqliteError(TOOBIG, `a batch may hold ${BATCH_STATEMENTS_MAX} statements`)
    }
    return this.#metered(() => {
      this.#run(slot, { sql: 'BEGIN', params: [] }, true)
      try {
        const answers: SqlAnswer[] = []
        let chars = 0
        for (const statement of statements) {
          const answer = this.#run(slot, statement, slot === SYSTEM_SLOT)
          chars += answer.rows.length
          if (chars > RESULT_CHARS_MAX)
            throw new SqliteError(TOOBIG, `the results have more than ${RESULT_CHARS_MAX} characters`)
          answers.push(answer)
        }
        this.#run(slot, { sql: 'COMMIT', params: [] }, true)
        return answers
      } catch (error) {
        if (
          error instanceof SqliteError &&
          this.#machine.exports.sqlite3_get_autocommit(this.#connection(slot).db) === 0
        ) {
          this.#run(slot, { sql: 'ROLLBACK', params: [] }, true)
        }
        throw error
      }
    })
  }

  /** A script of statements without parameters, each on its own; returns how many ran. */
  exec(slot: number, sql: string): number {
    return this.#metered(() => {
      let rest: Uint8Array = Buffer.from(sql)
      let count = 0
      this.#as(slot === SYSTEM_SLOT, () => {
        while (rest.length > 0) {
          const { prepared, tail } = this.#prepare(slot, rest)
          rest = tail
          if (prepared === undefined) continue
          this.#step(slot, prepared, [])
          this.#machine.exports.sqlite3_finalize(prepared)
          count++
        }
      })
      return count
    })
  }

  #run(slot: number, statement: SqlStatement, trusted: boolean): SqlAnswer {
    return this.#as(trusted, () => this.#step(slot, this.#prepared(slot, statement.sql), statement.params))
  }

  /** The only statement of `sql`, kept for the rest of the request; what was prepared with trust is not found without it. */
  #prepared(slot: number, sql: string): number {
    const { statements } = this.#connection(slot)
    const key = `${this.#trusted ? 'trusted' : 'script'}:${sql}`
    const kept = statements.get(key)
    if (kept !== undefined) return kept
    const { prepared, tail } = this.#prepare(slot, Buffer.from(sql))
    if (prepared === undefined) throw new SqliteError(MISUSE, 'No SQL statements detected.')
    if (this.#prepare(slot, tail).prepared !== undefined) {
      throw new SqliteError(MISUSE, 'A prepared SQL statement must contain only one statement.')
    }
    if (statements.size < STATEMENTS_KEPT) statements.set(key, prepared)
    return prepared
  }

  /** The first statement of `sql` and what follows it; undefined when there are only comments and white space. */
  #prepare(slot: number, sql: Uint8Array): { prepared: number | undefined; tail: Uint8Array } {
    const { exports, words } = this.#machine
    const { db } = this.#connection(slot)
    if (sql.length === 0) return { prepared: undefined, tail: sql }
    // SQLite would take the text before it for the whole.
    if (sql.includes(0)) throw new SqliteError(ERROR, 'SQL may not hold U+0000')
    if (sql.length > SQL_BYTES_MAX && slot !== SYSTEM_SLOT)
      throw new SqliteError(TOOBIG, `SQL may have ${SQL_BYTES_MAX} bytes`)
    const text = this.#machine.allocateText(sql)
    const out = exports.malloc(8)
    if (text === 0 || out === 0) throw new SqliteError(NOMEM, 'out of memory')
    const code = exports.sqlite3_prepare_v3(db, text, sql.length + 1, 0, out, out + 4)
    const statement = words[out >>> 2] ?? 0
    const tail = sql.subarray((words[(out + 4) >>> 2] ?? text) - text)
    if (code !== OK) throw this.#error(db, code)
    exports.free(text)
    exports.free(out)
    return { prepared: statement === 0 ? undefined : statement, tail }
  }

  #step(slot: number, statement: number, params: readonly SqlValue[]): SqlAnswer {
    const { exports } = this.#machine
    const { db } = this.#connection(slot)
    if (exports.sqlite3_bind_parameter_count(statement) !== params.length) {
      throw new SqliteError(ERROR, 'Wrong number of parameter bindings for SQL query.')
    }
    if (exports.sqlite3_stmt_readonly(statement) === 0) this.#request?.writes(slot)
    const bound = bind(this.#machine, statement, params)
    if (bound !== OK) throw this.#error(db, bound)
    const before = exports.sqlite3_total_changes64(db)
    const stepped = this.#stepAll(db, statement)
    const columns = columnsOf(this.#machine, statement)
    this.#tidy(statement)
    const written = Number(exports.sqlite3_total_changes64(db) - before)
    // SQLite's own count stays what it was when a statement changed nothing.
    const changes = written === 0 ? 0 : Number(exports.sqlite3_changes64(db))
    return {
      columns,
      rows: stepped.rows,
      rowCount: stepped.count,
      changes,
      written,
      lastRowId: exports.sqlite3_last_insert_rowid(db),
    }
  }

  #stepAll(db: number, statement: number): { rows: string; count: number } {
    try {
      const { code, rows, count } = stepAll(this.#machine, statement)
      if (code !== OK) throw this.#error(db, code)
      return { rows, count }
    } catch (error) {
      // After a trap or a stop nothing may be called: the next request starts from the snapshot.
      if (error instanceof SqliteError) this.#tidy(statement)
      throw error
    }
  }

  #tidy(statement: number): void {
    this.#machine.exports.sqlite3_reset(statement)
    this.#machine.exports.sqlite3_clear_bindings(statement)
  }

  #error(db: number, code: number): SqliteError {
    if (this.#refusal !== undefined) return new SqliteError(code, `not authorized: ${this.#refusal} is not allowed`)
    return new SqliteError(code, this.#machine.cText(this.#machine.exports.sqlite3_errmsg(db)) ?? 'unknown error')
  }
}
