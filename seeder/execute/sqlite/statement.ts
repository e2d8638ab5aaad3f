// Running one prepared statement: values in by their JavaScript type, rows out as JSON text, as D1 has it (integers of 64 bits as
// their decimal digits, blobs as arrays of bytes).

import { DONE, OK, ROW, SqliteError, TYPE } from '#seeder/execute/sqlite/codes.ts'
import type { Machine } from '#seeder/execute/sqlite/machine.ts'

export type SqlValue = null | number | bigint | string | Uint8Array | readonly number[]

/** JSON text of one statement's rows. A larger one fails with SQLITE_TOOBIG. */
export const RESULT_CHARS_MAX = 16 * 2 ** 20

/** A character of the answer is made here (~3 ns) and read again by the script's JSON parser, which pays for itself. */
const ROW_CHAR_FUEL = 15

/** SQLite copies the value while it binds. */
const TRANSIENT = -1
const SHORT_TEXT_BYTES = 32

export function bind(machine: Machine, statement: number, values: readonly SqlValue[]): number {
  for (const [at, value] of values.entries()) {
    const code = bindOne(machine, statement, at + 1, value)
    if (code !== OK) return code
  }
  return OK
}

function bindOne(machine: Machine, statement: number, index: number, value: SqlValue): number {
  const { exports } = machine
  if (value === null) return exports.sqlite3_bind_null(statement, index)
  if (typeof value === 'bigint') return exports.sqlite3_bind_int64(statement, index, value)
  if (typeof value === 'number') {
    const whole = Number.isSafeInteger(value) && !Object.is(value, -0)
    return whole
      ? exports.sqlite3_bind_int64(statement, index, BigInt(value))
      : exports.sqlite3_bind_double(statement, index, value)
  }
  const text = typeof value === 'string'
  const bytes = text ? Buffer.from(value) : Uint8Array.from(value)
  const pointer = machine.allocateText(bytes)
  if (pointer === 0) return 7
  const bindBytes = text ? exports.sqlite3_bind_text : exports.sqlite3_bind_blob
  const code = bindBytes(statement, index, pointer, bytes.length, TRANSIENT)
  exports.free(pointer)
  return code
}

export function columnsOf(machine: Machine, statement: number): string[] {
  const count = machine.exports.sqlite3_column_count(statement)
  return Array.from(
    { length: count },
    (_, column) => machine.cText(machine.exports.sqlite3_column_name(statement, column)) ?? '',
  )
}

/** All rows as a JSON array of arrays, and how many. Throws a SqliteError whose text the caller takes from the connection. */
export function stepAll(machine: Machine, statement: number): { code: number; rows: string; count: number } {
  const { exports } = machine
  let columns = 0
  let rows = '['
  let count = 0
  for (;;) {
    const code = exports.sqlite3_step(statement)
    if (code === DONE) return { code: OK, rows: `${rows}]`, count }
    if (code !== ROW) return { code, rows: '[]', count: 0 }
    // Asked after the first step: a changed schema makes SQLite prepare the statement anew.
    if (count === 0) columns = exports.sqlite3_column_count(statement)
    const before = rows.length
    rows += count === 0 ? '[' : ',['
    for (let column = 0; column < columns; column++) {
      rows += (column === 0 ? '' : ',') + cell(machine, statement, column)
      // Before the next column: a row of many large values would be a text that no machine can hold.
      if (rows.length > RESULT_CHARS_MAX) break
    }
    rows += ']'
    count++
    // Building the text is work too, and its length is what it costs.
    machine.charge(ROW_CHAR_FUEL * (rows.length - before))
    if (rows.length > RESULT_CHARS_MAX) {
      throw new SqliteError(18, `the result is larger than ${RESULT_CHARS_MAX} characters`)
    }
  }
}

/** A copy of the first column of the first row; undefined when there is none; a number: SQLite's error. */
export function firstBytes(machine: Machine, statement: number): Uint8Array | undefined | number {
  const { exports } = machine
  const code = exports.sqlite3_step(statement)
  if (code === DONE) return undefined
  if (code !== ROW) return code
  const pointer = exports.sqlite3_column_blob(statement, 0)
  const bytes = exports.sqlite3_column_bytes(statement, 0)
  machine.charge(bytes)
  return machine.heap.slice(pointer, pointer + bytes)
}

function cell(machine: Machine, statement: number, column: number): string {
  const { exports } = machine
  switch (exports.sqlite3_column_type(statement, column)) {
    case TYPE.integer:
      return String(exports.sqlite3_column_int64(statement, column))
    case TYPE.float:
      return numberText(exports.sqlite3_column_double(statement, column))
    case TYPE.text: {
      const pointer = exports.sqlite3_column_text(statement, column)
      return JSON.stringify(shortText(machine, pointer, exports.sqlite3_column_bytes(statement, column)))
    }
    case TYPE.blob: {
      const pointer = exports.sqlite3_column_blob(statement, column)
      const bytes = exports.sqlite3_column_bytes(statement, column)
      return `[${machine.heap.subarray(pointer, pointer + bytes).join(',')}]`
    }
    default:
      return 'null'
  }
}

/** JSON has no infinity, but a number beyond the doubles reads as one. */
function numberText(value: number): string {
  if (value === Infinity) return '9e999'
  if (value === -Infinity) return '-9e999'
  return Object.is(value, -0) ? '-0.0' : String(value)
}

/** Short ASCII is read in place: a call into the decoder costs more. */
function shortText(machine: Machine, pointer: number, bytes: number): string {
  if (bytes > SHORT_TEXT_BYTES) return machine.text(pointer, bytes)
  let text = ''
  for (let at = pointer; at < pointer + bytes; at++) {
    const byte = machine.heap[at] ?? 0
    if (byte > 127) return machine.text(pointer, bytes)
    text += String.fromCharCode(byte)
  }
  return text
}
