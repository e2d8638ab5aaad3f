// Trees that are kept by a label. A root counts as one reference to its block, here or not.

import type { Cid } from '#protocol/content/cid.ts'
import type { BlockTable } from '#seeder/store/block-table.ts'
import type { Statement, Writer } from '#seeder/store/database.ts'
import { rowSum } from '#seeder/store/sums.ts'

/** The number under which roots of the store itself stand while it works; a crash leaves some, the next start lets them go. */
export const PINS = 0

export class RootTable {
  readonly #table: BlockTable
  readonly #writer: Writer
  readonly #get: Statement
  readonly #set: Statement
  readonly #delete: Statement
  readonly #list: Statement

  constructor(writer: Writer, table: BlockTable) {
    this.#writer = writer
    this.#table = table
    this.#get = writer.prepare('SELECT cid FROM roots WHERE job = ? AND label = ?')
    this.#set = writer.prepare('INSERT OR REPLACE INTO roots (job, label, cid, sum) VALUES (?, ?, ?, ?)')
    this.#delete = writer.prepare('DELETE FROM roots WHERE job = ? AND label = ? RETURNING cid')
    this.#list = writer.prepare('SELECT label, cid FROM roots WHERE job = ? ORDER BY label')
  }

  set(job: number, label: string, root: Cid): void {
    const before = this.#get.get(job, label)?.cid as Cid | undefined
    this.#set.run(job, label, root, rowSum(job, label, root))
    this.#table.refer(root, 1)
    if (before !== undefined) this.#table.refer(before, -1)
  }

  release(job: number, label: string): boolean {
    const gone = this.#delete.get(job, label)?.cid as Cid | undefined
    if (gone !== undefined) this.#table.refer(gone, -1)
    return gone !== undefined
  }

  list(job: number): [label: string, root: Cid][] {
    return this.#list.all(job).map(({ label, cid }) => [label as string, cid as Cid])
  }

  releaseJob(job: number): void {
    const labels = this.list(job)
    if (labels.length > 0) this.#writer.transact(() => labels.forEach(([label]) => void this.release(job, label)))
  }
}
