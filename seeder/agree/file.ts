// Files of a site's state, read in ranges straight from the store.

import type { Cid } from '#protocol/content/cid.ts'
import { resolvePath } from '#protocol/content/directory.ts'
import { openFile, readRange } from '#protocol/content/file.ts'
import type { BlockSource } from '#protocol/content/port.ts'
import { StateDamaged } from '#seeder/serve/damage.ts'
import type { SiteFile } from '#seeder/serve/port.ts'

/** undefined: no such file (a directory is none). Throws `StateDamaged` when a block of it is missing. */
export function siteFile(source: BlockSource, stateRoot: Cid, path: string): SiteFile | undefined {
  const found = resolvePath(source, stateRoot, path)
  if (!found.ok) {
    if (found.error.code === 'path' || found.error.code === 'content_kind') return undefined
    throw new StateDamaged(path, found.error.code)
  }
  if (found.value === undefined) return undefined
  const cid = found.value
  const file = openFile(source, cid)
  if (!file.ok) {
    if (file.error.code === 'content_kind') return undefined
    throw new StateDamaged(path, file.error.code)
  }
  return {
    cid,
    size: file.value.size,
    read(offset, length) {
      const bytes = readRange(source, cid, offset, length)
      if (!bytes.ok) throw new StateDamaged(path, bytes.error.code)
      return bytes.value
    },
  }
}
