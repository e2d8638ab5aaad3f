// Bare durable commits: one transaction after the other with one row of `bytes`, each fsynced, rows of long ago deleted.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { answering, argument } from './answer.ts'

const { directory, name } = argument<{ readonly directory: string; readonly name: string }>()
const ROWS_KEPT = 64

const database = new DatabaseSync(join(directory, `${name}.sqlite`))
database.exec(
  'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB)',
)
const insert = database.prepare('INSERT INTO rows (bytes) VALUES (?)')
const forget = database.prepare('DELETE FROM rows WHERE id <= ?')

answering({}, (question) => {
  const { durationMs, bytes } = question as { readonly durationMs: number; readonly bytes: number }
  const content = randomBytes(bytes)
  const durations: number[] = []
  const cpu = process.cpuUsage()
  const began = performance.now()
  let last = began
  while (last - began < durationMs) {
    database.exec('BEGIN IMMEDIATE')
    const { lastInsertRowid } = insert.run(content)
    forget.run(Number(lastInsertRowid) - ROWS_KEPT)
    database.exec('COMMIT')
    const now = performance.now()
    durations.push(now - last)
    last = now
  }
  const { user, system } = process.cpuUsage(cpu)
  durations.sort((a, b) => a - b)
  return {
    commits: durations.length,
    perSecond: (1000 * durations.length) / (last - began),
    p50Ms: durations[durations.length >> 1] ?? 0,
    cpuMs: (user + system) / 1000 / durations.length,
  }
})
