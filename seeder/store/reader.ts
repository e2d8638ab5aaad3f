// A worker thread's view of the store: its own read-only connection, blocks by CID, checked at their first read.

import { DatabaseSync } from 'node:sqlite'
import { type Cid, EMPTY_DIRECTORY_BYTES, isEmptyDirectory } from '#protocol/content/cid.ts'
import { isMalformed } from '#seeder/store/database.ts'
import type { Reader } from '#seeder/store/port.ts'
import { VerifiedBlocks } from '#seeder/store/verified.ts'

const CACHE_KIB = 2_048

/** `path` is `Store.path`; the store has to be open in this process or another. */
export function openReader(path: string, onDamaged: (cid: Cid) => void = () => {}): Reader {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 })
  database.exec(`PRAGMA cache_size = -${CACHE_KIB}`)
  const body = database.prepare('SELECT bytes FROM bodies WHERE id = (SELECT id FROM blocks WHERE cid = ?)')
  const verified = new VerifiedBlocks()
  let depth = 0
  const reader: Reader = {
    get(cid) {
      let bytes: Uint8Array | undefined
      try {
        bytes = body.get(cid)?.bytes as Uint8Array | undefined
      } catch (error) {
        // The writer comes upon the same when it tries to let the block go.
        if (!isMalformed(error)) throw error
        onDamaged(cid)
        return undefined
      }
      if (bytes === undefined) return isEmptyDirectory(cid) ? EMPTY_DIRECTORY_BYTES : undefined
      if (verified.check(cid, bytes)) return bytes
      onDamaged(cid)
      return undefined
    },
    snapshot(work) {
      if (depth++ === 0) database.exec('BEGIN')
      try {
        return work()
      } finally {
        if (--depth === 0) database.exec('COMMIT')
      }
    },
    close: () => database.close(),
    [Symbol.dispose]: () => database.close(),
  }
  return reader
}
