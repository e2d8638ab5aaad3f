// A sum over the values of a row, kept in the row: content blocks have their CID, everything else has this, so that a damaged
// byte of the disk is noticed before it is believed. CRC-32 finds every change of one byte; nobody but the disk is meant.

import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'

export type RowValue = null | number | bigint | string | Uint8Array

/** Over types, lengths and values in their order. Part of the schema: rows of older stores have it. */
export function rowSum(...values: readonly RowValue[]): number {
  let sum = 0
  for (const value of values) {
    const bytes = value instanceof Uint8Array ? value : Buffer.from(String(value))
    sum = crc32(bytes, crc32(`${typeof value} ${bytes.length} `, sum))
  }
  return sum
}

/** Lets SQL say `row_sum(…)`. */
export function teachSums(database: DatabaseSync): void {
  database.function('row_sum', { deterministic: true, varargs: true }, rowSum)
}
