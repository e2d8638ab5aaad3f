// One data directory, one process (agreement §2, R1): an exclusive SQLite transaction on a file of its own, held while the
// store is open. It is a lock of the kernel, so it ends with the process however that ends, and is never stale.
//
// The process id stands beside it in a file that is only ever read to name the holder. The lock file itself must not be
// opened in any other way: closing any handle to it in this process would drop the lock (POSIX).

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from '#seeder/store/errors.ts'

const SQLITE_BUSY = 5

/** Throws a `StoreError` when another process, or this one, holds the directory. */
export function lockDirectory(directory: string): Disposable {
  const holder = join(directory, 'lock.pid')
  const lock = new DatabaseSync(join(directory, 'lock'), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
    throw new StoreError({ code: 'store_locked', directory, ...pidIn(holder) }, { cause: error })
  }
  writeFileSync(holder, `${process.pid}\n`)
  return {
    [Symbol.dispose]() {
      rmSync(holder, { force: true })
      lock.close()
    },
  }
}

function pidIn(path: string): { pid?: number } {
  try {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10)
    return Number.isSafeInteger(pid) ? { pid } : {}
  } catch {
    return {}
  }
}
