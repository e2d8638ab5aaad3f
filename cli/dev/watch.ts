// Tells when something below a folder changed, once things are quiet again. Directories are watched, not files, so that an editor that
// writes a new file over the old one is seen too.

import { type FSWatcher, readdirSync, watch } from 'node:fs'
import { dirname, join } from 'node:path'

/** An editor saves in several steps, and a checkout writes many files: one change of it all. */
const QUIET_MS = 120
/** What never stops changing is told of this often. */
const LATEST_MS = 1_000
const DIRECTORIES_MAX = 2_000
const IGNORED = new Set(['node_modules', '.git', '.interpeer'])

/** `except`: absolute paths that are not looked at. Nothing is told after disposal. */
export function watchFolder(folder: string, except: readonly string[], onChange: () => void): Disposable {
  const watched = new Map<string, FSWatcher>()
  /** Names that came or went: a folder of such a name may be another one by now, even with the same inode. */
  const moved = new Set<string>()
  const isIgnored = (path: string, name: string): boolean => IGNORED.has(name) || except.includes(path)
  let timer: NodeJS.Timeout | undefined
  let since: number | undefined

  const look = (): void => {
    for (const path of watched.keys()) if (isBelow(path, moved)) forget(path)
    moved.clear()
    const present = new Set<string>()
    const walk = (path: string): void => {
      if (present.size >= DIRECTORIES_MAX) return
      present.add(path)
      if (!watched.has(path)) begin(path)
      for (const entry of entriesOf(path)) {
        if (entry.isDirectory() && !isIgnored(join(path, entry.name), entry.name)) walk(join(path, entry.name))
      }
    }
    walk(folder)
    for (const path of watched.keys()) if (!present.has(path)) forget(path)
  }
  const forget = (path: string): void => {
    watched.get(path)?.close()
    watched.delete(path)
  }
  const begin = (path: string): void => {
    try {
      const watcher = watch(path, (event, name) => {
        if (name !== null && isIgnored(join(path, name), name)) return
        if (event === 'rename' && name !== null) moved.add(join(path, name))
        changed()
      })
      watcher.on('error', changed)
      watched.set(path, watcher)
    } catch {
      // It went meanwhile.
    }
  }
  const changed = (): void => {
    const now = performance.now()
    since ??= now
    clearTimeout(timer)
    timer = setTimeout(tell, Math.max(0, Math.min(QUIET_MS, since + LATEST_MS - now)))
  }
  const tell = (): void => {
    since = undefined
    // New directories are watched before anybody reads what is in them.
    look()
    onChange()
  }
  look()
  return {
    [Symbol.dispose]() {
      clearTimeout(timer)
      for (const path of watched.keys()) forget(path)
    },
  }
}

function isBelow(path: string, names: ReadonlySet<string>): boolean {
  for (let at = path; ; at = dirname(at)) {
    if (names.has(at)) return true
    if (dirname(at) === at) return false
  }
}

function entriesOf(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    return []
  }
}
