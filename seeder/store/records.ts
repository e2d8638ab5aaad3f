// The rows of jobs that are not content: agreed heights, votes, evidence, site logs; and the seeder's settings.
// Records are opaque bytes. Each function here is one statement or a few inside the caller's transaction.

import type { StatementSync } from 'node:sqlite'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { Writer } from '#seeder/store/database.ts'
import type {
  CertifiedHeight,
  Evidence,
  EvidenceRow,
  Settings,
  SiteLogLine,
  SiteLogs,
  Votes,
} from '#seeder/store/port.ts'
import { keyOf, NUMBER_MAX, numberOfKey } from '#seeder/store/schema.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'

/** Evidence kept per job: lies are rare, and one per member and view is enough to act on. */
export const EVIDENCE_PER_JOB_MAX = 1_024
/** … of which one member's lies of one kind take no more than this, so that a busy liar leaves room for others and for better proofs. */
export const EVIDENCE_PER_KIND_MAX = 64
export const LOG_LINES_PER_JOB_MAX = 10_000
export const LOG_TEXT_MAX = 8_192

/** The small number of a job; given out at its first row. */
export class JobNumbers {
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #all: StatementSync
  readonly #delete: StatementSync

  constructor(writer: Writer) {
    this.#find = writer.prepare('SELECT id FROM jobs WHERE job = ?')
    this.#insert = writer.prepare('INSERT INTO jobs (job) VALUES (?)')
    this.#all = writer.prepare('SELECT job FROM jobs ORDER BY id')
    this.#delete = writer.prepare('DELETE FROM jobs WHERE id = ?')
  }

  find(job: Digest): number | undefined {
    return this.#find.get(job)?.id as number | undefined
  }

  of(job: Digest): number {
    return this.find(job) ?? Number(this.#insert.run(job).lastInsertRowid)
  }

  list(): Digest[] {
    return this.#all.all().map(({ job }) => job as Digest)
  }

  remove(number: number): void {
    this.#delete.run(number)
  }
}

/** Rows of agreed heights; which state trees are kept is told to `refer`. */
export class CertifiedTable {
  readonly #jobs: JobNumbers
  readonly #insert: StatementSync
  readonly #at: StatementSync
  readonly #last: StatementSync
  readonly #first: StatementSync
  readonly #range: StatementSync
  readonly #kept: StatementSync
  readonly #release: StatementSync
  readonly #delete: StatementSync

  constructor(writer: Writer, jobs: JobNumbers) {
    const columns = 'key, kept, state, certificate, requests'
    this.#jobs = jobs
    this.#insert = writer.prepare(`INSERT INTO certified (${columns}) VALUES (?, 1, ?, ?, ?)`)
    this.#at = writer.prepare(`SELECT ${columns} FROM certified WHERE key = ?`)
    this.#last = writer.prepare('SELECT max(key) AS key FROM certified WHERE key BETWEEN ? AND ?')
    this.#first = writer.prepare('SELECT min(key) AS key FROM certified WHERE key BETWEEN ? AND ?')
    this.#range = writer.prepare(`SELECT ${columns} FROM certified WHERE key BETWEEN ? AND ? ORDER BY key`)
    this.#kept = writer.prepare('SELECT key, state FROM certified WHERE key BETWEEN ? AND ? AND kept = 1 ORDER BY key')
    this.#release = writer.prepare('UPDATE certified SET kept = 0 WHERE key = ? AND kept = 1 RETURNING state')
    this.#delete = writer.prepare('DELETE FROM certified WHERE key BETWEEN ? AND ?')
  }

  append(job: Digest, row: CertifiedHeight): void {
    this.#insert.run(keyOf(this.#jobs.of(job), row.height), row.stateRoot, row.certificate, row.requests)
  }

  at(job: Digest, height: number): CertifiedHeight | undefined {
    const number = this.#jobs.find(job)
    const row = number === undefined ? undefined : this.#at.get(keyOf(number, height))
    return row === undefined ? undefined : heightOf(row)
  }

  headHeight(job: Digest): number | undefined {
    return this.#edge(this.#last, job)
  }

  first(job: Digest): number | undefined {
    return this.#edge(this.#first, job)
  }

  range(job: Digest, from: number, countMax: number, bytesMax: number): CertifiedHeight[] {
    const number = this.#jobs.find(job)
    const heights: CertifiedHeight[] = []
    if (number === undefined || countMax <= 0) return heights
    let bytes = 0
    const until = Math.min(from + countMax - 1, NUMBER_MAX)
    for (const row of this.#range.iterate(keyOf(number, from), keyOf(number, until))) {
      const height = heightOf(row)
      bytes += height.certificate.length + height.requests.length
      if (height.height !== from + heights.length || (heights.length > 0 && bytes > bytesMax)) break
      heights.push(height)
    }
    return heights
  }

  /** Heights whose state trees are kept, with their roots. */
  kept(job: Digest): { readonly height: number; readonly root: Cid }[] {
    const number = this.#jobs.find(job)
    if (number === undefined) return []
    const rows = this.#kept.all(keyOf(number, 0), keyOf(number, NUMBER_MAX))
    return rows.map((row) => ({ height: numberOfKey(row.key as number), root: row.state as Cid }))
  }

  /** The root that is not kept for this height from now on, if it was. */
  release(job: Digest, height: number): Cid | undefined {
    const number = this.#jobs.find(job)
    return number === undefined ? undefined : (this.#release.get(keyOf(number, height))?.state as Cid | undefined)
  }

  /** Deletes rows below a height. */
  deleteBelow(job: Digest, below: number): number {
    const number = this.#jobs.find(job)
    if (number === undefined || below <= 0) return 0
    return Number(this.#delete.run(keyOf(number, 0), keyOf(number, below - 1)).changes)
  }

  #edge(statement: StatementSync, job: Digest): number | undefined {
    const number = this.#jobs.find(job)
    if (number === undefined) return undefined
    const key = statement.get(keyOf(number, 0), keyOf(number, NUMBER_MAX))?.key
    return typeof key === 'number' ? numberOfKey(key) : undefined
  }
}

function heightOf(row: Record<string, unknown>): CertifiedHeight {
  return {
    height: numberOfKey(row.key as number),
    certificate: row.certificate as Uint8Array,
    requests: row.requests as Uint8Array,
    stateRoot: row.state as Cid,
  }
}

export function createVotes(writer: Writer, jobs: JobNumbers): Votes {
  const save = writer.prepare('INSERT OR REPLACE INTO votes (job, digest, record) VALUES (?, ?, ?)')
  const load = writer.prepare('SELECT digest, record FROM votes WHERE job = ?')
  return {
    save: (job, record) => writer.transact(() => void save.run(jobs.of(job), nativeSha256(record), record)),
    load(job) {
      const number = jobs.find(job)
      const row = number === undefined ? undefined : load.get(number)
      if (row === undefined) return ok(undefined)
      const record = row.record as Uint8Array
      return bytesEqual(nativeSha256(record), row.digest as Uint8Array) ? ok(record) : err({ code: 'votes_damaged' })
    },
  }
}

export function createEvidence(writer: Writer, jobs: JobNumbers): Evidence {
  const count = writer.prepare('SELECT count(*) AS count, max(key) AS last FROM evidence WHERE job = ?')
  const against = writer.prepare('SELECT count(*) AS count FROM evidence WHERE job = ? AND accused = ? AND kind = ?')
  const insert = writer.prepare(
    'INSERT OR IGNORE INTO evidence (key, job, hash, kind, accused, height, record) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  const list = writer.prepare('SELECT hash, kind, accused, height, record FROM evidence WHERE job = ? ORDER BY key')
  return {
    add: (job, row) =>
      writer.transact(() => {
        const number = jobs.of(job)
        const known = count.get(number)
        if (Number(known?.count) >= EVIDENCE_PER_JOB_MAX) return false
        if (Number(against.get(number, row.accused, row.kind)?.count) >= EVIDENCE_PER_KIND_MAX) return false
        const key = typeof known?.last === 'number' ? known.last + 1 : keyOf(number, 1)
        const { hash, kind, accused, height, record } = row
        return Number(insert.run(key, number, hash, kind, accused, height, record).changes) > 0
      }),
    list(job) {
      const number = jobs.find(job)
      return number === undefined ? [] : list.all(number).map((row) => ({ ...row }) as unknown as EvidenceRow)
    },
  }
}

export function createLogs(writer: Writer, jobs: JobNumbers): SiteLogs {
  const insert = writer.prepare('INSERT INTO logs (key, time, level, text) VALUES (?, ?, ?, ?)')
  const last = writer.prepare('SELECT max(key) AS key FROM logs WHERE key BETWEEN ? AND ?')
  const trim = writer.prepare('DELETE FROM logs WHERE key BETWEEN ? AND ?')
  const read = writer.prepare(
    'SELECT key, time, level, text FROM logs WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT ?',
  )
  return {
    append(job, lines) {
      if (lines.length === 0) return
      writer.transact(() => {
        const number = jobs.of(job)
        const key = last.get(keyOf(number, 0), keyOf(number, NUMBER_MAX))?.key
        let next = typeof key === 'number' ? numberOfKey(key) + 1 : 1
        for (const { time, level, text } of lines.slice(-LOG_LINES_PER_JOB_MAX)) {
          insert.run(keyOf(number, next++), time, level, text.slice(0, LOG_TEXT_MAX))
        }
        if (next > LOG_LINES_PER_JOB_MAX) trim.run(keyOf(number, 0), keyOf(number, next - 1 - LOG_LINES_PER_JOB_MAX))
      }, false)
    },
    read(job, limit, after = 0) {
      const number = jobs.find(job)
      if (number === undefined) return []
      const rows = read.all(keyOf(number, after + 1), keyOf(number, NUMBER_MAX), limit)
      return rows.reverse().map((row) => ({
        number: numberOfKey(row.key as number),
        time: row.time as number,
        level: row.level as SiteLogLine['level'],
        text: row.text as string,
      }))
    },
  }
}

export function createSettings(writer: Writer): Settings {
  const get = writer.prepare('SELECT value FROM settings WHERE key = ?')
  const set = writer.prepare('INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)')
  const remove = writer.prepare('DELETE FROM settings WHERE key = ?')
  return {
    get: (key) => get.get(key)?.value as Uint8Array | undefined,
    set: (key, value) => writer.transact(() => void set.run(key, value)),
    remove: (key) => writer.transact(() => Number(remove.run(key).changes) > 0),
  }
}
