// The writer's connection: transactions that nest, and what happens when the disk fails.
//
// Invariant: outside `transact` no transaction is open. A failed sync ends the writer for good (failure.ts): what the kernel still
// holds cannot be known, so nothing may be built on it; a new process goes on from what is on disk. Any other failure changed
// nothing, and the same again may work. Pages that SQLite finds malformed end it too: the store is set aside at the next start.
//
// The log is moved into the file here and not by SQLite itself, which would keep a failed sync of that to itself.

import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { assert } from '#protocol/codec/result.ts'
import { StoreError } from '#seeder/store/errors.ts'
import { mayHaveForgotten } from '#seeder/store/failure.ts'
import { NOBODY_LISTENS, type PersistPoints } from '#seeder/store/points.ts'
import { WAL_BYTES_MAX } from '#seeder/store/schema.ts'

const SQLITE_CORRUPT = 11
const SQLITE_NOTADB = 26

type Row = Record<string, SQLOutputValue>

/** As of `node:sqlite`; what it finds malformed is told to the writer. */
export type Statement = {
  get(...values: SQLInputValue[]): Row | undefined
  all(...values: SQLInputValue[]): Row[]
  run(...values: SQLInputValue[]): { readonly changes: number | bigint; readonly lastInsertRowid: number | bigint }
  iterate(...values: SQLInputValue[]): Iterable<Row>
}

/** True when SQLite says that the file is not as it wrote it. */
export function isMalformed(error: unknown): boolean {
  const code = ((error as { errcode?: number }).errcode ?? 0) % 256
  return code === SQLITE_CORRUPT || code === SQLITE_NOTADB
}

/** Commits between two looks at the log's length, each of which costs 10 µs. */
const LOOK_COMMITS = 4

/** Told when a transaction begins, is about to commit, and was taken back: for what is kept in memory beside the tables. */
export type Participant = {
  /** Before an inner or outer transaction; returns how to go back. */
  save(): () => void
  /** Before the outermost COMMIT. */
  flush(): void
}

export class Writer {
  readonly database: DatabaseSync
  readonly #directory: string
  readonly #points: PersistPoints
  readonly #participants: Participant[] = []
  readonly #onMalformed: (error: unknown) => void
  readonly #logFrames: StatementSync
  readonly #logFramesMax: number
  #depth = 0
  #durable = true
  #failed = false
  #malformed: string | undefined
  #commits = 0

  constructor(
    database: DatabaseSync,
    directory: string,
    points: PersistPoints = NOBODY_LISTENS,
    onMalformed: (error: unknown) => void = () => {},
  ) {
    this.database = database
    this.#directory = directory
    this.#points = points
    this.#onMalformed = onMalformed
    database.exec('PRAGMA wal_autocheckpoint = 0')
    this.#logFrames = database.prepare('PRAGMA wal_checkpoint(NOOP)')
    this.#logFramesMax = Math.floor(WAL_BYTES_MAX / Number(database.prepare('PRAGMA page_size').get()?.page_size))
  }

  /** A sync failed: nothing is written any more. */
  get failed(): boolean {
    return this.#failed
  }

  get commits(): number {
    return this.#commits
  }

  join(participant: Participant): void {
    this.#participants.push(participant)
  }

  prepare(sql: string): Statement {
    const statement = this.database.prepare(sql)
    return {
      get: (...values) => this.#watch(() => statement.get(...values)),
      all: (...values) => this.#watch(() => statement.all(...values)),
      run: (...values) => this.#watch(() => statement.run(...values)),
      iterate: (...values) => this.#watch(() => statement.iterate(...values)),
    }
  }

  /** Something is not as it was written: from here on nothing is written. */
  isDamaged(error: unknown): void {
    if (this.#malformed !== undefined) return
    this.#malformed = error instanceof Error ? error.message : String(error)
    this.#onMalformed(error)
  }

  #watch<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (isMalformed(error)) this.isDamaged(error)
      throw error
    }
  }

  transact<T>(work: () => T, durable = true): T {
    if (this.#malformed !== undefined) {
      throw new StoreError({ code: 'store_damaged', directory: this.#directory, detail: this.#malformed })
    }
    if (this.#failed) throw new StoreError({ code: 'store_failed', directory: this.#directory })
    const outermost = this.#depth === 0
    if (outermost && durable !== this.#durable) {
      this.database.exec(`PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'}`)
      this.#durable = durable
    }
    const back = this.#participants.map((participant) => participant.save())
    this.database.exec(outermost ? 'BEGIN IMMEDIATE' : `SAVEPOINT nested${this.#depth}`)
    this.#depth++
    try {
      const result = work()
      assert(!(result instanceof Promise), 'a transaction is synchronous')
      if (outermost) {
        for (const participant of this.#participants) participant.flush()
        this.#points.before(durable)
        this.database.exec('COMMIT')
        this.#commits++
        this.#points.after()
      } else this.database.exec(`RELEASE nested${this.#depth - 1}`)
      return result
    } catch (error) {
      this.#note(error)
      for (const restore of back) restore()
      if (this.database.isTransaction) {
        const name = `nested${this.#depth - 1}`
        this.database.exec(outermost ? 'ROLLBACK' : `ROLLBACK TO ${name}; RELEASE ${name}`)
      }
      throw error
    } finally {
      this.#depth--
      if (this.#depth === 0) this.#keepLogShort()
    }
  }

  #note(error: unknown): void {
    if (isMalformed(error)) this.isDamaged(error)
    if (mayHaveForgotten(error)) this.#failed = true
  }

  /** What was committed stays so whatever happens here: a failure is of the next transaction. */
  #keepLogShort(): void {
    if (this.#failed || this.#commits % LOOK_COMMITS !== 0) return
    try {
      if (Number(this.#logFrames.get()?.log) >= this.#logFramesMax) this.database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch (error) {
      // A full disk: the log grows on, or the next commit says so itself.
      this.#note(error)
    }
  }
}
