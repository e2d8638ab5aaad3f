// The writer's connection: transactions that nest, and what happens when the disk fails.
//
// Invariant: outside `transact` no transaction is open. A failed COMMIT or fsync ends the writer for good: what the kernel
// still holds of it cannot be known, so nothing may be sent on its strength; a restart goes on from what is on disk.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { assert } from '#protocol/codec/result.ts'
import { StoreError } from '#seeder/store/errors.ts'

const SQLITE_IOERR = 10

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
  readonly #participants: Participant[] = []
  #depth = 0
  #durable = true
  #failed = false
  #commits = 0

  constructor(database: DatabaseSync, directory: string) {
    this.database = database
    this.#directory = directory
  }

  get commits(): number {
    return this.#commits
  }

  join(participant: Participant): void {
    this.#participants.push(participant)
  }

  prepare(sql: string): StatementSync {
    return this.database.prepare(sql)
  }

  transact<T>(work: () => T, durable = true): T {
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
        this.#commit()
      } else this.database.exec(`RELEASE nested${this.#depth - 1}`)
      return result
    } catch (error) {
      for (const restore of back) restore()
      if (this.database.isTransaction) {
        const name = `nested${this.#depth - 1}`
        this.database.exec(outermost ? 'ROLLBACK' : `ROLLBACK TO ${name}; RELEASE ${name}`)
      }
      throw error
    } finally {
      this.#depth--
    }
  }

  #commit(): void {
    try {
      this.database.exec('COMMIT')
      this.#commits++
    } catch (error) {
      this.#failed = ((error as { errcode?: number }).errcode ?? 0) % 256 === SQLITE_IOERR
      throw error
    }
  }
}
