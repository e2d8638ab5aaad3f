// What the durable commit of a height costs, for `npm run bench`.

import { randomBytes, randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openStore } from '#seeder/store/store.ts'
import { heightOf, JOB, siteOn } from '#test/seeder/store/fixture.ts'

export type StoreCommitFigures = {
  readonly commits: number
  readonly fileBytes: number
  readonly writesPerCommit: number
  /** Wall-clock time of `commitHeight` alone, fsync included. */
  readonly p50Us: number
  readonly p99Us: number
  /** User and system time of the process per commit, `commitHeight` alone. */
  readonly cpuUs: number
  /** Bytes that went to the write-ahead log per commit. */
  readonly walBytes: number
  readonly storeBytes: number
  readonly blockBytes: number
}

/**
 * Commits heights of a site with one database of `fileBytes`, each after `writesPerCommit` page writes: the first page and
 * others that are random or the last. A state tree is let go `keepStates` heights later. `parent` is a directory on the disk to measure.
 */
export function measureStoreCommit(
  parent: string,
  commits: number,
  fileBytes: number,
  writesPerCommit: number,
  random: boolean,
  keepStates = 1,
): StoreCommitFigures {
  const directory = mkdtempSync(join(parent, 'interpeer-bench-'))
  const store = openStore(directory)
  const checkpoint = new DatabaseSync(store.path)
  try {
    const site = siteOn(store)
    site.tree.write('db/DB.sqlite', randomBytes(fileBytes))
    site.commit(1)
    const file = site.tree.open('db/DB.sqlite')
    const durations: number[] = []
    let cpuUs = 0
    let walBytes = 0
    // First the bytes in the log, emptied before each commit; then times, with the log overwritten in place as in real life.
    const sized = Math.min(100, commits)
    for (let height = 2; height < sized + commits + 2; height++) {
      file?.write(24, randomBytes(16))
      for (let write = 1; write < writesPerCommit; write++) {
        const page = random ? randomInt(fileBytes / 4_096) : fileBytes / 4_096 - write
        file?.write(page * 4_096, randomBytes(4_096))
      }
      const { root, blocks } = site.tree.commit()
      const releaseStates = height > keepStates + 1 ? [height - keepStates] : []
      const commit = {
        job: JOB,
        ...heightOf(height, root),
        blocks: blocks.values(),
        releaseStates,
        votes: randomBytes(800),
      }
      if (height < sized + 2) {
        checkpoint.exec('PRAGMA wal_checkpoint(TRUNCATE)')
        store.commitHeight(commit)
        walBytes += store.stats().walBytes
        continue
      }
      const cpu = process.cpuUsage()
      const start = performance.now()
      store.commitHeight(commit)
      durations.push((performance.now() - start) * 1_000)
      const { user, system } = process.cpuUsage(cpu)
      cpuUs += user + system
    }
    durations.sort((a, b) => a - b)
    const at = (share: number) => durations[Math.min(durations.length - 1, Math.floor(durations.length * share))] ?? 0
    const { fileBytes: storeBytes, blockBytes } = store.stats()
    return {
      commits,
      fileBytes,
      writesPerCommit,
      p50Us: at(0.5),
      p99Us: at(0.99),
      cpuUs: cpuUs / commits,
      walBytes: walBytes / sized,
      storeBytes,
      blockBytes,
    }
  } finally {
    checkpoint.close()
    store.close()
    rmSync(directory, { recursive: true, force: true })
  }
}
