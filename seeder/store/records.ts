// The rows of jobs that are not content: agreed heights, votes, evidence, site logs; and the seeder's settings.
// Records are opaque bytes. Each function here is one statement or a few inside the caller's transaction.

import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { Statement, Writer } from '#seeder/store/database.ts'
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
import { type RowValue, rowSum } from '#seeder/store/sums.ts'

/** Evidence kept per job: lies are rare, and one per member and view is enough to act on. */
export const EVIDENCE_PER_JOB_MAX = 1_024
/** … of which one member's lies of one kind take no more than this, so that a busy liar leaves room for others and for better proofs. */
export const EVIDENCE_PER_KIND_MAX = 64
export const LOG_LINES_PER_JOB_MAX = 10_000
export const LOG_TEXT_MAX = 8_192

type Row = Record<string, RowValue>

/** The small number of a job; given out at its first row. */
export class JobNumbers {
  readonly #find: Statement
  readonly #insert: Statement
  readonly #all: Statement
  readonly #delete: Statement
  readonly #last: Statement

  constructor(writer: Writer) {
    this.#last = writer.prepare('SELECT max(id) AS last FROM jobs')
    this.#find = writer.prepare('SELECT id FROM jobs WHERE job = ?')
    this.#insert = writer.prepare('INSERT INTO jobs (id, job, sum) VALUES (?, ?, ?)')
    this.#all = writer.prepare('SELECT job FROM jobs ORDER BY id')
    this.#delete = writer.prepare('DELETE FROM jobs WHERE id = ?')
  }

  find(job: Digest): number | undefined {
    return this.#find.get(job)?.id as number | undefined
  }

  of(job: Digest): number {
    const known = this.find(job)
    if (known !== undefined) return known
    const number = Number(this.#last.get()?.last ?? 0) + 1
    this.#insert.run(number, job, rowSum(number, job))
    return number
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
  readonly #insert: Statement
  readonly #at: Statement
  readonly #last: Statement
  readonly #first: Statement
  readonly #range: Statement
  readonly #kept: Statement
  readonly #release: Statement
  readonly #delete: Statement

  constructor(writer: Writer, jobs: JobNumbers) {
    const columns = 'key, kept, state, certificate, requests, sum'
    this.#jobs = jobs
    this.#insert = writer.prepare(`INSERT INTO certified (${columns}, mark) VALUES (?, 1, ?, ?, ?, ?, ?)`)
    this.#at = writer.prepare(`SELECT ${columns} FROM certified WHERE key = ?`)
    this.#last = writer.prepare('SELECT max(key) AS key FROM certified WHERE key BETWEEN ? AND ?')
    this.#first = writer.prepare('SELECT min(key) AS key FROM certified WHERE key BETWEEN ? AND ?')
    this.#range = writer.prepare(`SELECT ${columns} FROM certified WHERE key BETWEEN ? AND ? ORDER BY key`)
    this.#kept = writer.prepare('SELECT key, state FROM certified WHERE key BETWEEN ? AND ? AND kept = 1 ORDER BY key')
    this.#release = writer.prepare('UPDATE certified SET kept = 0, mark = ? WHERE key = ? AND kept = 1 RETURNING state')
    this.#delete = writer.prepare('DELETE FROM certified WHERE key BETWEEN ? AND ?')
  }

  append(job: Digest, row: CertifiedHeight): void {
    const { height, stateRoot, certificate, requests } = row
    const key = keyOf(this.#jobs.of(job), height)
    const sum = rowSum(key, stateRoot, certificate, requests)
    this.#insert.run(key, stateRoot, certificate, requests, sum, rowSum(key, 1))
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
      if (height === undefined) break
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
    if (number === undefined) return undefined
    const key = keyOf(number, height)
    return this.#release.get(rowSum(key, 0), key)?.state as Cid | undefined
  }

  /** Deletes rows below a height, but for those `spared`; returns how many went. */
  deleteBelow(job: Digest, below: number, spared: readonly number[]): number {
    const number = this.#jobs.find(job)
    if (number === undefined) return 0
    let from = 0
    let deleted = 0
    for (const stays of [...spared.filter((height) => height < below).sort((a, b) => a - b), below]) {
      if (stays > from) deleted += Number(this.#delete.run(keyOf(number, from), keyOf(number, stays - 1)).changes)
      from = stays + 1
    }
    return deleted
  }

  #edge(statement: Statement, job: Digest): number | undefined {
    const number = this.#jobs.find(job)
    if (number === undefined) return undefined
    const key = statement.get(keyOf(number, 0), keyOf(number, NUMBER_MAX))?.key
    return typeof key === 'number' ? numberOfKey(key) : undefined
  }
}

/** Undefined: the row is damaged. */
function heightOf({ key, state, certificate, requests, sum }: Row): CertifiedHeight | undefined {
  if (key === undefined || state === undefined || certificate === undefined || requests === undefined) return undefined
  if (rowSum(key, state, certificate, requests) !== sum) return undefined
  return {
    height: numberOfKey(key as number),
    certificate: certificate as Uint8Array,
    requests: requests as Uint8Array,
    stateRoot: state as Cid,
  }
}

export function createVotes(writer: Writer, jobs: JobNumbers): Votes {
  const save = writer.prepare('INSERT OR REPLACE INTO votes (job, digest, record, sum) VALUES (?, ?, ?, ?)')
  const load = writer.prepare('SELECT digest, record, sum FROM votes WHERE job = ?')
  return {
    save: (job, record) =>
      writer.transact(() => {
        const number = jobs.of(job)
        const digest = nativeSha256(record)
        save.run(number, digest, record, rowSum(number, digest))
      }),
    load(job) {
      const number = jobs.find(job)
      const row = number === undefined ? undefined : load.get(number)
      if (row === undefined) return ok(undefined)
      const { digest, record, sum } = row
      const isBytes = digest instanceof Uint8Array && record instanceof Uint8Array
      const isWhole =
        isBytes && number !== undefined && rowSum(number, digest) === sum && bytesEqual(nativeSha256(record), digest)
      return isWhole ? ok(record) : err({ code: 'votes_damaged' })
    },
  }
}

export function createEvidence(writer: Writer, jobs: JobNumbers): Evidence {
  const count = writer.prepare('SELECT count(*) AS count, max(key) AS last FROM evidence WHERE job = ?')
  const against = writer.prepare('SELECT count(*) AS count FROM evidence WHERE job = ? AND accused = ? AND kind = ?')
  const insert = writer.prepare(
    'INSERT OR IGNORE INTO evidence (key, job, hash, kind, accused, height, record, sum) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  const list = writer.prepare(
    'SELECT hash, kind, accused, height, record FROM evidence WHERE job = ? AND sum = row_sum(key, job, hash, kind, accused, height, record) ORDER BY key',
  )
  return {
    add: (job, row) =>
      writer.transact(() => {
        const number = jobs.of(job)
        const known = count.get(number)
        if (Number(known?.count) >= EVIDENCE_PER_JOB_MAX) return false
        if (Number(against.get(number, row.accused, row.kind)?.count) >= EVIDENCE_PER_KIND_MAX) return false
        const key = typeof known?.last === 'number' ? known.last + 1 : keyOf(number, 1)
        const { hash, kind, accused, height, record } = row
        const sum = rowSum(key, number, hash, kind, accused, height, record)
        return Number(insert.run(key, number, hash, kind, accused, height, record, sum).changes) > 0
      }),
    list(job) {
      const number = jobs.find(job)
      return number === undefined ? [] : list.all(number).map((row) => ({ ...row }) as unknown as EvidenceRow)
    },
  }
}

export function createLogs(writer: Writer, jobs: JobNumbers): SiteLogs {
  const insert = writer.prepare('INSERT INTO logs (key, time, level, text, sum) VALUES (?, ?, ?, ?, ?)')
  const last = writer.prepare('SELECT max(key) AS key FROM logs WHERE key BETWEEN ? AND ?')
  const trim = writer.prepare('DELETE FROM logs WHERE key BETWEEN ? AND ?')
  const read = writer.prepare(
    'SELECT key, time, level, text FROM logs WHERE key BETWEEN ? AND ? AND sum = row_sum(key, time, level, text) ORDER BY key DESC LIMIT ?',
  )
  return {
    append(job, lines) {
      if (lines.length === 0) return
      writer.transact(() => {
        const number = jobs.of(job)
        const key = last.get(keyOf(number, 0), keyOf(number, NUMBER_MAX))?.key
        let next = typeof key === 'number' ? numberOfKey(key) + 1 : 1
        for (const { time, level, text } of lines.slice(-LOG_LINES_PER_JOB_MAX)) {
          const key = keyOf(number, next++)
          const kept = Buffer.from(text.slice(0, LOG_TEXT_MAX)).toString()
          insert.run(key, time, level, kept, rowSum(key, time, level, kept))
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
  const get = writer.prepare('SELECT value FROM settings WHERE key = ? AND sum = row_sum(key, value)')
  const set = writer.prepare('INSERT OR REPLACE INTO settings (key, value, sum) VALUES (?, ?, ?)')
  const remove = writer.prepare('DELETE FROM settings WHERE key = ?')
  return {
    get: (key) => get.get(key)?.value as Uint8Array | undefined,
    set: (key, value) => writer.transact(() => void set.run(key, value, rowSum(key, value))),
    remove: (key) => writer.transact(() => Number(remove.run(key).changes) > 0),
  }
}
