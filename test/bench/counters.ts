// Loaded before a seeder (`--import`): counts its signatures, verifications and durable commits, and the time in each. On SIGUSR2
// the counts so far go into a file of the directory that `INTERPEER_BENCH_COUNTS` names, called after the process.

import crypto from 'node:crypto'
import { renameSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import { isMainThread } from 'node:worker_threads'

export type Counts = Readonly<
  Record<'signed' | 'verified' | 'commits', { readonly count: number; readonly ms: number }>
>

const directory = process.env.INTERPEER_BENCH_COUNTS
if (isMainThread && directory !== undefined) {
  const counts = { signed: { count: 0, ms: 0 }, verified: { count: 0, ms: 0 }, commits: { count: 0, ms: 0 } }
  const timed = <T>(cell: { count: number; ms: number }, work: () => T): T => {
    const began = performance.now()
    try {
      return work()
    } finally {
      cell.count++
      cell.ms += performance.now() - began
    }
  }
  const { sign, verify } = crypto
  crypto.sign = ((...rest: Parameters<typeof sign>) => timed(counts.signed, () => sign(...rest))) as typeof sign
  crypto.verify = ((...rest: Parameters<typeof verify>) =>
    timed(counts.verified, () => verify(...rest))) as typeof verify
  syncBuiltinESMExports()
  const { exec } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql: string) {
    if (sql !== 'COMMIT') return exec.call(this, sql)
    return timed(counts.commits, () => exec.call(this, sql))
  }
  process.on('SIGUSR2', () => {
    const path = join(directory, `${process.pid}.json`)
    writeFileSync(`${path}.new`, JSON.stringify(counts))
    renameSync(`${path}.new`, path)
  })
}
