// SQLite's numbers, as its documentation names them, and how its errors are told to a script.

export const OK = 0
export const ERROR = 1
export const CANTOPEN = 14
export const IOERR = 10
export const IOERR_SHORT_READ = 522
export const NOTFOUND = 12
export const ROW = 100
export const DONE = 101

export const TYPE = { integer: 1, float: 2, text: 3, blob: 4, null: 5 } as const

const NAME_BY_CODE: Record<number, string> = {
  1: 'SQLITE_ERROR',
  2: 'SQLITE_INTERNAL',
  3: 'SQLITE_PERM',
  4: 'SQLITE_ABORT',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  7: 'SQLITE_NOMEM',
  8: 'SQLITE_READONLY',
  9: 'SQLITE_INTERRUPT',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  12: 'SQLITE_NOTFOUND',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  16: 'SQLITE_EMPTY',
  17: 'SQLITE_SCHEMA',
  18: 'SQLITE_TOOBIG',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
  21: 'SQLITE_MISUSE',
  23: 'SQLITE_AUTH',
  25: 'SQLITE_RANGE',
  26: 'SQLITE_NOTADB',
}

/** The name of the primary code of a plain or extended one. */
function errorName(code: number): string {
  return NAME_BY_CODE[code & 0xff] ?? `SQLITE_${code & 0xff}`
}

/** A statement that SQLite refused: the script's mistake, told back to it. */
export class SqliteError extends Error {
  readonly code: string

  constructor(code: number, message: string) {
    super(message)
    this.name = 'SqliteError'
    this.code = errorName(code)
  }
}
