// env.<binding> in the D1 shape (Cloudflare's documentation of D1's Worker API), over the host's SQLite.
// Rows come back as JSON: integers beyond 2^53 lose precision and blobs are arrays of numbers, as in D1.

import { isBufferSource, viewOf } from '#seeder/execute/guest/bytes.ts'
import { HostError, hostJson } from '#seeder/execute/guest/host.ts'

type Param = string | number | null | number[]
export type Meta = {
  duration: number
  changes: number
  last_row_id: number
  changed_db: boolean
  rows_read: number
  rows_written: number
  size_after: number
}
type Answer = { columns: string[]; rows: unknown[][]; meta: Meta }
type Statement = { sql: string; params: readonly Param[] }
export type D1Result<T = Record<string, unknown>> = { success: true; results: T[]; meta: Meta }

/** D1 puts its errors into one shape: `D1_ERROR: <SQLite's words>: SQLITE_<CODE>`. */
function rethrow(error: unknown): never {
  if (error instanceof HostError)
    throw new Error(error.message, { cause: new Error(error.message.replace(/^D1_\w+: /, '')) })
  throw error
}

function ask<T>(op: string, argument: unknown): T {
  try {
    return hostJson<T>(op, argument)
  } catch (error) {
    return rethrow(error)
  }
}

function paramOf(value: unknown): Param {
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  if (typeof value === 'boolean') return value ? 1 : 0
  if (isBufferSource(value)) return Array.from(viewOf(value))
  if (Array.isArray(value) && value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255))
    return value as number[]
  throw new Error(`D1_TYPE_ERROR: Type '${typeof value}' not supported for value '${String(value)}'`)
}

function objectsOf(answer: Answer): Record<string, unknown>[] {
  return answer.rows.map((row) => {
    const object: Record<string, unknown> = {}
    for (const [index, column] of answer.columns.entries()) object[column] = row[index]
    return object
  })
}

function resultOf(answer: Answer): D1Result {
  return { success: true, results: objectsOf(answer), meta: { ...answer.meta } }
}

export class D1PreparedStatement {
  readonly #binding: string
  readonly #statement: Statement

  constructor(binding: string, sql: string, params: readonly Param[] = []) {
    this.#binding = binding
    this.#statement = { sql, params }
  }

  static statementOf(prepared: D1PreparedStatement): Statement {
    return prepared.#statement
  }

  bind(...values: unknown[]): D1PreparedStatement {
    return new D1PreparedStatement(this.#binding, this.#statement.sql, values.map(paramOf))
  }

  #query(): Answer {
    return ask('db.query', { binding: this.#binding, ...this.#statement })
  }

  async all(): Promise<D1Result> {
    return resultOf(this.#query())
  }

  async run(): Promise<D1Result> {
    return resultOf(this.#query())
  }

  async raw(options: { columnNames?: boolean } = {}): Promise<unknown[][]> {
    const { columns, rows } = this.#query()
    return options.columnNames === true ? [columns, ...rows] : rows
  }

  async first(column?: string): Promise<unknown> {
    const row = objectsOf(this.#query())[0]
    if (row === undefined) return null
    if (column === undefined) return row
    if (!(column in row)) throw new Error(`D1_COLUMN_NOTFOUND: Column not found (${column})`)
    return row[column]
  }
}

export class D1Database {
  readonly #binding: string

  constructor(binding: string) {
    this.#binding = binding
  }

  prepare(sql: string): D1PreparedStatement {
    return new D1PreparedStatement(this.#binding, String(sql))
  }

  /** All statements in one transaction: all or none. */
  async batch(statements: readonly D1PreparedStatement[]): Promise<D1Result[]> {
    const list = statements.map((statement) => D1PreparedStatement.statementOf(statement))
    return ask<Answer[]>('db.batch', { binding: this.#binding, statements: list }).map(resultOf)
  }

  async exec(sql: string): Promise<{ count: number; duration: number }> {
    return ask('db.exec', { binding: this.#binding, sql: String(sql) })
  }

  async dump(): Promise<never> {
    throw new Error('D1_ERROR: dump() is not offered; the site\'s whole state is public: use "interpeer export".')
  }

  /** Every read here already sees the newest agreed state, so a session is the database itself. */
  withSession(): D1Database & { getBookmark(): null } {
    return Object.assign(new D1Database(this.#binding), { getBookmark: () => null })
  }
}
