// Whether the disk of a store takes and keeps anything at present: asked of a file of its own, which nothing relies on.

import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A few pages of a database and some of its log. */
const PROBE = Buffer.alloc(256 * 1024, 0x69)

/** Undefined: it does. Else what the system said. */
export function diskRefusal(directory: string): string | undefined {
  const path = join(directory, 'probe')
  try {
    const handle = openSync(path, 'w', 0o600)
    try {
      writeFileSync(handle, PROBE)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    return undefined
  } catch (error) {
    return (error as Error).message
  } finally {
    try {
      rmSync(path, { force: true })
    } catch {
      // The next probe writes over it.
    }
  }
}
