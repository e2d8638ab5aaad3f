// The write-ahead log of a store whose last process did not end well, before it is opened.
//
// What is read of it may be in the kernel's memory only: a sync of it may have failed, after which the kernel counts it as written.
// Written again and synced, what is read is what is on the disk, and SQLite's recovery, which believes frames by their checksums
// up to the first that is not whole, comes to the same after a power cut.

import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'

const PIECE_BYTES = 1024 * 1024

/** Throws what the system says when it cannot be written or synced. Nobody else has the store open. */
export function writeLogAgain(storePath: string): void {
  let handle: number
  try {
    handle = openSync(`${storePath}-wal`, 'r+')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    const piece = Buffer.allocUnsafe(PIECE_BYTES)
    for (let at = 0; ; ) {
      const count = readSync(handle, piece, 0, PIECE_BYTES, at)
      if (count === 0) break
      let written = 0
      while (written < count) written += writeSync(handle, piece, written, count - written, at + written)
      at += count
    }
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
