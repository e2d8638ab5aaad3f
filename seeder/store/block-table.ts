// Content blocks and how often each is referred to.
//
//   refs(block) = links to it from blocks that are here (or were: `LOST`), counted as often as they stand, + roots that name it
//
// A block that something refers to and that is not here has a row too (`WANTED`), so a tree can arrive from its root down,
// nothing unasked for is kept, and a restart goes on where it stopped. Counts are made anew at every start, from what is there,
// and changed at the end of a transaction, netted (see references.ts); blocks that nothing refers to any more go at once, up to a bound, and the rest by `collect`.

import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import { verifyBlock } from '#protocol/content/block.ts'
import {
  type Cid,
  CODEC_RAW,
  cidCodec,
  cidKey,
  EMPTY_DIRECTORY_BYTES,
  isEmptyDirectory,
} from '#protocol/content/cid.ts'
import { linksOfBlock, type MissingWalk, walkMissing } from '#protocol/content/walk.ts'
import type { Statement, Writer } from '#seeder/store/database.ts'
import type { Block, PutError } from '#seeder/store/port.ts'
import { recount } from '#seeder/store/recount.ts'
import { PendingReferences, type Reference } from '#seeder/store/references.ts'
import { HELD, LOST, WANTED } from '#seeder/store/schema.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'
import { VerifiedBlocks } from '#seeder/store/verified.ts'

/** Blocks that one transaction frees because it lets them go; more wait as orphans. */
export const FREED_PER_TRANSACTION_MAX = 512
/** Orphans that a transaction which frees little takes along, so that the disk stays flat without anybody's care. */
export const COLLECTED_PER_TRANSACTION = 32

type Row = { readonly id: number; readonly refs: number; readonly state: number; readonly size: number }
type Counters = { blocks: number; bytes: number; orphans: number; missing: number }

export class BlockTable {
  readonly #writer: Writer
  readonly #onDamaged: (cid: Cid) => void
  readonly #verified = new VerifiedBlocks()
  readonly #pending = new PendingReferences()
  readonly #find: Statement
  readonly #findById: Statement
  readonly #body: Statement
  readonly #insert: Statement
  readonly #insertBody: Statement
  readonly #deleteBody: Statement
  readonly #delete: Statement
  readonly #setRefs: Statement
  readonly #setState: Statement
  readonly #orphans: Statement
  #counters: Counters
  /** Rows of blocks that are not here, made since the start. */
  #wanted = 0
  /** A node was damaged at the start: what stood under it has no reference until it is back, and is left alone till then. */
  #holdsOrphans = false

  constructor(writer: Writer, onDamaged: (cid: Cid) => void = () => {}) {
    this.#writer = writer
    this.#onDamaged = onDamaged
    this.#find = writer.prepare('SELECT id, refs, state, size FROM blocks WHERE cid = ?')
    this.#findById = writer.prepare('SELECT cid, refs, state, size FROM blocks WHERE id = ?')
    this.#body = writer.prepare('SELECT bytes FROM bodies WHERE id = (SELECT id FROM blocks WHERE cid = ?)')
    this.#insert = writer.prepare('INSERT INTO blocks (refs, state, size, cid) VALUES (?, ?, ?, ?)')
    this.#insertBody = writer.prepare('INSERT OR REPLACE INTO bodies (id, bytes) VALUES (?, ?)')
    this.#deleteBody = writer.prepare('DELETE FROM bodies WHERE id = ?')
    this.#delete = writer.prepare('DELETE FROM blocks WHERE id = ?')
    this.#setRefs = writer.prepare('UPDATE blocks SET refs = ? WHERE id = ?')
    this.#setState = writer.prepare('UPDATE blocks SET state = ?, size = ? WHERE id = ?')
    this.#orphans = writer.prepare('SELECT id FROM blocks WHERE refs = 0 ORDER BY id LIMIT ?')
    // Every start: a count that the disk changed would let go what is needed.
    recount(writer.database, () => {
      this.#holdsOrphans = true
    })
    this.#counters = this.#count()
    writer.join({
      save: () => {
        const counters = { ...this.#counters }
        const pending = this.#pending.save()
        return () => {
          this.#counters = counters
          pending()
        }
      },
      flush: () => {
        const freed = this.#flush()
        if (this.#counters.missing === 0) this.#holdsOrphans = false
        if (this.#counters.orphans > 0 && !this.#holdsOrphans) this.#collect(COLLECTED_PER_TRANSACTION - freed)
      },
    })
  }

  get counters(): Readonly<Counters> {
    return this.#counters
  }

  readonly get = (cid: Cid): Uint8Array | undefined => {
    const bytes = this.#body.get(cid)?.bytes as Uint8Array | undefined
    if (bytes === undefined && isEmptyDirectory(cid)) return EMPTY_DIRECTORY_BYTES
    if (bytes !== undefined && this.#verified.check(cid, bytes)) return bytes
    // Damaged, or its row of bytes is gone: it counts as missing, and the others have it.
    if (bytes !== undefined || this.has(cid)) {
      this.forget(cid)
      this.#onDamaged(cid)
    }
    return undefined
  }

  has(cid: Cid): boolean {
    return this.#row(cid)?.state === HELD
  }

  missing(root: Cid): MissingWalk {
    return walkMissing(this.get, (cid) => this.has(cid), root)
  }

  /** One more (or one fewer) root names the CID; takes effect with the transaction. */
  refer(cid: Cid, change: 1 | -1): void {
    this.#pending.add(cid, change)
  }

  /** Blocks that we made: well-formed, in any order; those that are here are skipped. */
  add(blocks: Iterable<Block>): void {
    this.#writer.transact(() => {
      const fresh = new Map<string, { block: Block; row: Row | undefined }>()
      for (const block of blocks) {
        const row = this.#row(block.cid)
        if (row?.state === HELD || fresh.has(cidKey(block.cid))) continue
        fresh.set(cidKey(block.cid), { block, row })
        if (row?.state !== LOST) this.#referChildren(block, 1)
      }
      for (const { block, row } of fresh.values()) this.#keep(block, row)
    })
  }

  put(blocks: Iterable<Block>): Result<number, PutError> {
    return this.#writer.transact(() => {
      let count = 0
      for (const block of blocks) {
        const { cid, bytes } = block
        if (!verifyBlock(cid, bytes, nativeSha256).ok) return err({ code: 'block_invalid', cid })
        const row = this.#row(cid)
        if (row?.state === HELD) continue
        if ((row === undefined || row.refs === 0) && !this.#pending.has(cid))
          return err({ code: 'block_unwanted', cid })
        if (row?.state !== LOST) this.#referChildren(block, 1)
        this.#keep(block, row)
        count++
      }
      return ok(count)
    }, false)
  }

  collect(limit: number): number {
    return this.#writer.transact(() => this.#collect(limit), false)
  }

  forget(cid: Cid): void {
    this.#writer.transact(() => {
      const row = this.#row(cid)
      if (row?.state !== HELD) return
      this.#deleteBody.run(row.id)
      this.#setState.run(LOST, 0, row.id)
      this.#verified.forget(cid)
      this.#counters.blocks--
      this.#counters.bytes -= row.size
      if (row.refs > 0) this.#counters.missing++
    })
  }

  /** What `work` does, and how many rows it makes for blocks that are referred to and not here (`WANTED`). */
  wantedMade<T>(work: () => T): { readonly result: T; readonly made: number } {
    const before = this.#wanted
    const result = work()
    return { result, made: this.#wanted - before }
  }

  /** Applies what is pending now, so that `wantedMade` sees it. */
  settle(): void {
    this.#flush()
  }

  #collect(limit: number): number {
    let freed = 0
    while (freed < limit) {
      const ids = this.#orphans.all(Math.min(limit - freed, FREED_PER_TRANSACTION_MAX))
      if (ids.length === 0) break
      for (const { id } of ids) {
        const found = this.#findById.get(id as number)
        assert(found !== undefined, 'an orphan has a row')
        const cid = found.cid as Cid
        if (this.#pending.has(cid)) return freed
        this.#free(cid, { ...(found as unknown as Row), id: id as number })
        freed++
      }
      freed += this.#flush(Math.max(0, limit - freed))
    }
    return freed
  }

  #row(cid: Cid): Row | undefined {
    return this.#find.get(cid) as Row | undefined
  }

  /** Returns the children whose counts fall now. */
  #referChildren(block: Block, change: 1 | -1): Reference[] {
    const falling: Reference[] = []
    for (const link of linksOfBlock(block.cid, block.bytes)) {
      const reference = this.#pending.add(link, change)
      if (reference.change < 0) falling.push(reference)
    }
    return falling
  }

  #keep({ cid, bytes }: Block, row: Row | undefined): void {
    if (row?.state === HELD) return
    const refs = (row?.refs ?? 0) + this.#pending.take(cid)
    assert(refs >= 0, 'a block is referred to no fewer than zero times')
    let id = row?.id
    if (row === undefined || id === undefined)
      id = Number(this.#insert.run(refs, HELD, bytes.length, cid).lastInsertRowid)
    else {
      this.#setState.run(HELD, bytes.length, id)
      if (refs !== row.refs) this.#setRefs.run(refs, id)
      if (row.refs > 0) this.#counters.missing--
      else this.#counters.orphans--
    }
    this.#insertBody.run(id, bytes)
    this.#counters.blocks++
    this.#counters.bytes += bytes.length
    if (refs === 0) this.#counters.orphans++
  }

  /** Deletes a block whose last reference is going; its children lose one each, and those that fall are returned. */
  #free(cid: Cid, row: Row): Reference[] {
    let falling: Reference[] = []
    if (row.state === HELD) {
      if (cidCodec(cid) !== CODEC_RAW) {
        const bytes = this.#body.get(cid)?.bytes as Uint8Array | undefined
        // What a damaged node referred to cannot be read any more: its children are counted anew at the next start.
        if (bytes !== undefined && this.#verified.check(cid, bytes)) falling = this.#referChildren({ cid, bytes }, -1)
      }
      this.#deleteBody.run(row.id)
      this.#counters.blocks--
      this.#counters.bytes -= row.size
    } else if (row.refs > 0) this.#counters.missing--
    if (row.refs === 0) this.#counters.orphans--
    this.#delete.run(row.id)
    this.#verified.forget(cid)
    return falling
  }

  /**
   * Writes what is pending: first what falls to nothing (its children's losses may cancel gains), then the rest.
   * Returns how many blocks went.
   */
  #flush(freeMax = FREED_PER_TRANSACTION_MAX): number {
    const rows = new Map<Reference, Row>()
    const falling = this.#pending.list().filter(({ change }) => change < 0)
    let freed = 0
    for (let reference = falling.pop(); reference !== undefined && freed < freeMax; reference = falling.pop()) {
      const { cid, change } = reference
      if (change >= 0) continue
      const row = rows.get(reference) ?? this.#row(cid)
      assert(row !== undefined && row.refs + change >= 0, 'a reference that ends had begun')
      if (row.refs + change > 0) rows.set(reference, row)
      else {
        this.#pending.remove(reference)
        falling.push(...this.#free(cid, row))
        freed++
      }
    }
    for (const reference of this.#pending.list()) {
      const { cid } = reference
      const change = this.#pending.remove(reference)
      if (change === 0) continue
      const row = rows.get(reference) ?? this.#row(cid)
      if (row === undefined) {
        assert(change > 0, 'a reference that ends had begun')
        if (isEmptyDirectory(cid)) {
          this.#pending.add(cid, change)
          this.#keep({ cid, bytes: EMPTY_DIRECTORY_BYTES }, undefined)
          continue
        }
        this.#insert.run(change, WANTED, 0, cid)
        this.#wanted++
        this.#counters.missing++
        continue
      }
      const refs = row.refs + change
      assert(refs >= 0, 'a reference that ends had begun')
      this.#setRefs.run(refs, row.id)
      if (row.refs === 0) this.#counters.orphans--
      if (refs === 0) this.#counters.orphans++
      if (row.state !== HELD && row.refs === 0) this.#counters.missing++
      if (row.state !== HELD && refs === 0) this.#counters.missing--
    }
    return freed
  }

  #count(): Counters {
    const row = this.#writer
      .prepare(
        `SELECT count(*) FILTER (WHERE state = ${HELD}) AS blocks, coalesce(sum(size), 0) AS bytes,
          count(*) FILTER (WHERE refs = 0) AS orphans, count(*) FILTER (WHERE refs > 0 AND state <> ${HELD}) AS missing
        FROM blocks`,
      )
      .get()
    return {
      blocks: Number(row?.blocks),
      bytes: Number(row?.bytes),
      orphans: Number(row?.orphans),
      missing: Number(row?.missing),
    }
  }
}
