// One data directory, one process (agreement §2, R1): an exclusive SQLite transaction on a file of its own, held while the
// store is open. It is a lock of the kernel, so it ends with the process however that ends, and is never stale.
//
// The process id stands beside it, with the name of the machine's run since it was switched on, in a file that is only ever read to
// name the holder and to tell a crash of the program from one of the machine. The lock file itself must not be
// opened in any other way: closing any handle to it in this process would drop the lock (POSIX).

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { StoreError } from '#seeder/store/errors.ts'

const SQLITE_BUSY = 5

export const HOLDER_FILE = 'lock.pid'
const BOOT_FILE = '/proc/sys/kernel/random/boot_id'

export type Lock = Disposable & {
  /** The program ended without closing the store and the machine went on: all that was written is there, fsync or not. */
  readonly crashedAlone: boolean
}

/** Throws a `StoreError` when another process, or this one, holds the directory. */
export function lockDirectory(directory: string): Lock {
  const holder = join(directory, HOLDER_FILE)
  const lock = new DatabaseSync(join(directory, 'lock'), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
    throw new StoreError({ code: 'store_locked', directory, ...pidIn(holder) }, { cause: error })
  }
  const boot = textIn(BOOT_FILE)
  const crashedAlone = boot !== '' && textIn(holder).split('\n')[1] === boot
  writeFileSync(holder, `${process.pid}\n${boot}\n`)
  return {
    crashedAlone,
    [Symbol.dispose]() {
      rmSync(holder, { force: true })
      lock.close()
    },
  }
}

function pidIn(path: string): { pid?: number } {
  const pid = Number.parseInt(textIn(path), 10)
  return Number.isSafeInteger(pid) ? { pid } : {}
}

/** Empty when it cannot be read. */
function textIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch {
    return ''
  }
}
