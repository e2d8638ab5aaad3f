// What is looked at before an existing store is believed: its log, its pages, its tables, and the rows on which everything else stands.
//
//   damaged here                                            what becomes of it
//   log, pages, tables, indexes, jobs, roots, marks         the store is set aside (`store_damaged`)
//   reference counts, sizes, states of blocks               made anew (recount.ts)
//   a vote row, a head                                      `Store.verify` names it
//   another agreed height, evidence, a log line, a setting  is not there
//   a block's bytes                                         its first read finds it (verified.ts), and it is fetched again

import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { StoreError } from '#seeder/store/errors.ts'
import { presentSchemaText, schemaText } from '#seeder/store/schema.ts'
import { walState } from '#seeder/store/wal.ts'

/** Every page of a larger store is not read at a start; its small tables are. */
export const READ_WHOLE_BYTES_MAX = 4 * 2 ** 30

const TABLES = ['blocks', 'jobs', 'roots', 'votes', 'certified', 'evidence', 'logs', 'settings'] as const
const MAGIC = Buffer.from('SQLite format 3\0')
const WAL_FORMAT = 2

/**
 * Before SQLite sees the files. Throws a `StoreError`. `crashedAlone`: the machine went on, so a log with a hole in it was damaged;
 * a power failure leaves holes in what was not synced, and SQLite takes the log up to there.
 */
export function inspectFiles(path: string, directory: string, crashedAlone: boolean): void {
  const damaged = (detail: string) => new StoreError({ code: 'store_damaged', directory, detail })
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  if (size > 0) {
    const header = Buffer.alloc(100)
    const handle = openSync(path, 'r')
    try {
      readSync(handle, header, 0, header.length, 0)
    } finally {
      closeSync(handle)
    }
    if (!header.subarray(0, MAGIC.length).equals(MAGIC)) throw damaged('its header is not one of SQLite')
    // Written and read by way of a log; a file that is being made has neither yet.
    const formats = [header[18], header[19]]
    if (formats.some((format) => format !== WAL_FORMAT && format !== 1)) throw damaged('its header is damaged')
  }
  if (crashedAlone && walState(`${path}-wal`) === 'damaged') throw damaged('its write-ahead log has a damaged frame')
}

/** Once it is open and of the present version. Throws a `StoreError`. */
export function inspectTables(database: DatabaseSync, path: string, directory: string): void {
  const damaged = (detail: string) => new StoreError({ code: 'store_damaged', directory, detail })
  if (schemaText(database) !== presentSchemaText()) throw damaged('its tables are not those of a store')
  const check = (pragma: string): void => {
    const found = Object.values(database.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]
    if (found !== 'ok') throw damaged(String(found))
  }
  if (statSync(path).size <= READ_WHOLE_BYTES_MAX) check('quick_check(1)')
  for (const table of TABLES) check(`integrity_check(${table})`)
  for (const [table, column, values] of [
    ['jobs', 'sum', 'id, job'],
    ['roots', 'sum', 'job, label, cid'],
    ['certified', 'mark', 'key, kept'],
  ] as const) {
    const wrong = database.prepare(`SELECT 1 FROM ${table} WHERE ${column} <> row_sum(${values}) LIMIT 1`).get()
    if (wrong !== undefined) throw damaged(`a row of ${table} is not as it was written`)
  }
}
