// Tells when something below a folder changed, once things are quiet again. Directories are watched, not files, so that an editor that
// writes a new file over the old one is seen too.

import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'

/** An editor saves in several steps, and a checkout writes many files: one change of it all. */
const QUIET_MS = 120
/** What never stops changing is told of this often. */
const LATEST_MS = 1_000
const DIRECTORIES_MAX = 2_000
const IGNORED = new Set(['node_modules', '.git', '.interpeer'])

type Watched = { readonly inode: number; readonly watcher: FSWatcher }

/** `except`: absolute paths that are not looked at. Nothing is told after disposal. */
export function watchFolder(folder: string, except: readonly string[], onChange: () => void): Disposable {
  const watched = new Map<string, Watched>()
  const isIgnored = (path: string, name: string): boolean => IGNORED.has(name) || except.includes(path)
  let timer: NodeJS.Timeout | undefined
  let since: number | undefined

  const look = (): void => {
    const present = new Set<string>()
    const walk = (path: string): void => {
      const stats = statSync(path, { throwIfNoEntry: false })
      if (stats === undefined || present.size >= DIRECTORIES_MAX) return
      present.add(path)
      const known = watched.get(path)
      if (known !== undefined && known.inode !== stats.ino) forget(path, known)
      if (!watched.has(path)) begin(path, stats.ino)
      for (const entry of entriesOf(path)) {
        if (entry.isDirectory() && !isIgnored(join(path, entry.name), entry.name)) walk(join(path, entry.name))
      }
    }
    walk(folder)
    for (const [path, known] of watched) if (!present.has(path)) forget(path, known)
  }
  const forget = (path: string, { watcher }: Watched): void => {
    watcher.close()
    watched.delete(path)
  }
  const begin = (path: string, inode: number): void => {
    try {
      const watcher = watch(path, (_, name) => {
        if (name === null || !isIgnored(join(path, name), name)) changed()
      })
      watcher.on('error', changed)
      watched.set(path, { inode, watcher })
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
      for (const [path, known] of watched) forget(path, known)
    },
  }
}

function entriesOf(path: string) {
  try {
    return readdirSync(path, { withFileTypes: true })
  } catch {
    return []
  }
}
