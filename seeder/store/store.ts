// The durable store of one seeder (port.ts says what it promises): opening, the atomic commit of a height, roots, jobs, CAR.

import { mkdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import { carBlock, carHeader, createCarParser } from '#protocol/content/car.ts'
import { type Cid, cidKey } from '#protocol/content/cid.ts'
import { walk } from '#protocol/content/walk.ts'
import { BlockTable } from '#seeder/store/block-table.ts'
import { isMalformed, Writer } from '#seeder/store/database.ts'
import { StoreError } from '#seeder/store/errors.ts'
import { isOfTheDisk } from '#seeder/store/failure.ts'
import { inspectFiles, inspectTables } from '#seeder/store/inspection.ts'
import { type Lock, lockDirectory } from '#seeder/store/lock.ts'
import { writeLogAgain } from '#seeder/store/log-file.ts'
import type { PersistPoints } from '#seeder/store/points.ts'
import type {
  Block,
  Blocks,
  CarError,
  Certified,
  Evidence,
  HeightCommit,
  Settings,
  SiteLogs,
  StartChecks,
  StartDamage,
  Store,
  StoreStats,
  Votes,
} from '#seeder/store/port.ts'
import {
  CertifiedTable,
  createEvidence,
  createLogs,
  createSettings,
  createVotes,
  JobNumbers,
} from '#seeder/store/records.ts'
import { PINS, RootTable } from '#seeder/store/roots.ts'
import { keyOf, NUMBER_MAX, prepareSchema } from '#seeder/store/schema.ts'

/** In the store's directory. */
export const STORE_FILE = 'store.sqlite'

const STATE_LABEL = 'state/'
const SQLITE_ERROR = 1

/** Heights that one call of `prune` deletes, so that a commit that prunes is never long. */
export const PRUNED_PER_CALL_MAX = 64

export type StoreOptions = {
  /** Told before and after each moment at which something becomes durable. */
  readonly points?: PersistPoints | undefined
  /** Told once, while the store is in use: SQLite finds its pages malformed, and nothing is written any more. */
  readonly onDamaged?: (error: unknown) => void
  /** Told of each block whose bytes were found damaged: it is missing now. Must not throw. */
  readonly onBlockDamaged?: (cid: Cid) => void
}

/** Opens (and makes) the store of a data directory. Throws a `StoreError`; the caller closes what it got. */
export function openStore(directory: string, options: StoreOptions = {}): Store {
  let lock: Lock
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    lock = lockDirectory(directory)
  } catch (error) {
    throw isOfTheDisk(error) ? unwritable(directory, error) : error
  }
  const path = join(directory, STORE_FILE)
  let database: DatabaseSync | undefined
  try {
    inspectFiles(path, directory, lock.crashedAlone)
    writeLogAgain(path)
    database = new DatabaseSync(path, { timeout: 5_000 })
    prepareSchema(database, directory)
    inspectTables(database, path, directory)
    return new SqliteStore(path, directory, database, lock, options)
  } catch (error) {
    database?.close()
    lock[Symbol.dispose]()
    if (isOfTheDisk(error)) throw unwritable(directory, error)
    const code = (error as { errcode?: number }).errcode
    if (error instanceof StoreError || code === undefined) throw error
    const detail = (error as Error).message
    // A statement that a store of this version knows is none of this one's: its tables are not what they say.
    if (isMalformed(error) || code === SQLITE_ERROR)
      throw new StoreError({ code: 'store_damaged', directory, detail }, { cause: error })
    throw new StoreError({ code: 'store_unreadable', directory, detail }, { cause: error })
  }
}

function unwritable(directory: string, cause: unknown): StoreError {
  return new StoreError({ code: 'store_unwritable', directory, detail: (cause as Error).message }, { cause })
}

/** Databases that must not be closed: closing would move a log into the file that may not be what was written. */
const abandoned: DatabaseSync[] = []

class SqliteStore implements Store {
  readonly path: string
  readonly blocks: Blocks
  readonly votes: Votes
  readonly certified: Certified
  readonly evidence: Evidence
  readonly logs: SiteLogs
  readonly settings: Settings
  readonly #database: DatabaseSync
  readonly #lock: Disposable
  readonly #writer: Writer
  readonly #jobs: JobNumbers
  readonly #table: BlockTable
  readonly #heights: CertifiedTable
  readonly #roots: RootTable
  /** Imports under way by job and label; the last one to end without any success lets the label go. */
  readonly #imports = new Map<string, { count: number; keep: boolean }>()

  constructor(
    path: string,
    directory: string,
    database: DatabaseSync,
    lock: Disposable,
    { points, onDamaged, onBlockDamaged }: StoreOptions,
  ) {
    this.path = path
    this.#database = database
    this.#lock = lock
    const writer = new Writer(database, directory, points, onDamaged)
    this.#writer = writer
    this.#jobs = new JobNumbers(writer)
    this.#table = new BlockTable(writer, onBlockDamaged)
    this.#heights = new CertifiedTable(writer, this.#jobs)
    this.#roots = new RootTable(writer, this.#table)
    this.votes = createVotes(writer, this.#jobs)
    this.evidence = createEvidence(writer, this.#jobs)
    this.logs = createLogs(writer, this.#jobs)
    this.settings = createSettings(writer)
    this.blocks = this.#blocks()
    this.certified = this.#certified()
    this.#roots.releaseJob(PINS)
  }

  get failed(): boolean {
    return this.#writer.failed
  }

  commitHeight(commit: HeightCommit): void {
    const { job, height, stateRoot } = commit
    this.#writer.transact(() => {
      const head = this.#heights.headHeight(job)
      const follows = head === undefined || height === head + 1 || (commit.snapshot === true && height > head)
      assert(follows, 'a height is committed on the one before it')
      const { made } = this.#table.wantedMade(() => {
        this.#table.add(commit.blocks)
        this.#heights.append(job, commit)
        this.#table.refer(stateRoot, 1)
        for (const released of commit.releaseStates ?? []) {
          assert(released < height, 'the state of the head is kept')
          this.#releaseState(job, released)
        }
        this.#table.settle()
      })
      assert(made === 0, 'the tree of a committed height is whole')
      if (commit.votes !== undefined) this.votes.save(job, commit.votes)
    })
  }

  transact<T>(work: () => T, options?: { readonly durable: boolean }): T {
    return this.#writer.transact(work, options?.durable ?? true)
  }

  jobs(): Digest[] {
    return this.#jobs.list()
  }

  removeJob(job: Digest): void {
    this.#writer.transact(() => {
      const number = this.#jobs.find(job)
      if (number === undefined) return
      for (const { height } of this.#heights.kept(job)) this.#releaseState(job, height)
      this.#roots.releaseJob(number)
      for (const table of ['certified', 'logs', 'evidence']) {
        this.#database
          .prepare(`DELETE FROM ${table} WHERE key BETWEEN ? AND ?`)
          .run(keyOf(number, 0), keyOf(number, NUMBER_MAX))
      }
      this.#database.prepare('DELETE FROM votes WHERE job = ?').run(number)
      this.#jobs.remove(number)
    })
  }

  verify(checks: StartChecks): readonly StartDamage[] {
    const damage: StartDamage[] = []
    for (const job of this.jobs()) {
      const head = this.certified.head(job)
      if (head === undefined && this.#heights.headHeight(job) !== undefined) damage.push({ job, part: 'head' })
      if (head !== undefined) {
        if (!checks.head(job, head)) damage.push({ job, part: 'head' })
        if (this.blocks.get(head.stateRoot) === undefined) damage.push({ job, part: 'state' })
      }
      const votes = this.votes.load(job)
      if (!votes.ok || (votes.value !== undefined && !checks.votes(job, votes.value)))
        damage.push({ job, part: 'votes' })
    }
    return damage
  }

  async *exportCar(root: Cid): AsyncGenerator<Uint8Array> {
    const pin = `export/${this.#pins++}`
    this.#writer.transact(() => this.#roots.set(PINS, pin, root), false)
    try {
      yield carHeader(root)
      for (const step of walk(this.#table.get, root)) {
        if (!step.ok) throw new Error(`the tree cannot be exported: ${step.error.code}`)
        const bytes = this.#table.get(step.value)
        if (bytes === undefined) throw new Error('the tree cannot be exported: block_missing')
        yield carBlock(step.value, bytes)
      }
    } finally {
      this.#writer.transact(() => this.#roots.release(PINS, pin), false)
    }
  }

  #pins = 0

  async importCar(
    job: Digest,
    label: string,
    root: Cid,
    car: AsyncIterable<Uint8Array>,
    bytesMax: number,
  ): Promise<Result<{ readonly blocks: number; readonly bytes: number }, CarError>> {
    const before = this.blocks.roots(job).get(label)
    assert(before === undefined || cidKey(before) === cidKey(root), 'a label is imported for one root')
    const key = `${hexFromBytes(job)}/${label}`
    const running = this.#imports.get(key) ?? { count: 0, keep: before !== undefined }
    this.#imports.set(key, running)
    running.count++
    if (before === undefined) this.blocks.addRoot(job, label, root)
    try {
      const result = await this.#takeCar(root, car, bytesMax)
      running.keep ||= result.ok
      // Blocks came without an fsync: naming the root again makes them durable.
      if (result.ok) this.blocks.addRoot(job, label, root)
      return result
    } finally {
      if (--running.count === 0) {
        this.#imports.delete(key)
        if (!running.keep) this.blocks.releaseRoot(job, label)
      }
    }
  }

  stats(): StoreStats {
    const { blocks, bytes, orphans, missing } = this.#table.counters
    const fileBytes = statSync(this.path).size
    const walBytes = statSync(`${this.path}-wal`, { throwIfNoEntry: false })?.size ?? 0
    const jobs = this.#jobs.list().length
    return { fileBytes, walBytes, blocks, blockBytes: bytes, orphans, missing, jobs, commits: this.#writer.commits }
  }

  close(): void {
    if (!this.#database.isOpen || abandoned.includes(this.#database)) return
    if (this.#writer.failed) abandoned.push(this.#database)
    else this.#database.close()
    this.#lock[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async #takeCar(
    root: Cid,
    car: AsyncIterable<Uint8Array>,
    bytesMax: number,
  ): Promise<Result<{ blocks: number; bytes: number }, CarError>> {
    const parser = createCarParser(root)
    let blocks = 0
    let bytes = 0
    for await (const piece of car) {
      bytes += piece.length
      if (bytes > bytesMax) return err({ code: 'car_too_large', bytesMax })
      const parts = parser.push(piece)
      if (!parts.ok) return parts
      const put = this.#table.put(parts.value)
      if (!put.ok) return put
      blocks += put.value
    }
    const end = parser.finish()
    if (!end.ok) return end
    const [missing] = this.#table.missing(root).next(1)
    return missing === undefined ? ok({ blocks, bytes }) : err({ code: 'car_incomplete', missing })
  }

  #releaseState(job: Digest, height: number): void {
    const root = this.#heights.release(job, height)
    if (root !== undefined) this.#table.refer(root, -1)
  }

  #blocks(): Blocks {
    const table = this.#table
    const addRoot = (job: Digest, label: string, root: Cid) =>
      this.#writer.transact(() => {
        assert(!label.startsWith(STATE_LABEL), 'state roots come with their heights')
        this.#roots.set(this.#jobs.of(job), label, root)
      })
    return {
      get: table.get,
      has: (cid) => table.has(cid),
      put: (blocks) => table.put(blocks),
      missing: (root) => table.missing(root),
      addRoot,
      releaseRoot: (job, label) =>
        this.#writer.transact(() => {
          const number = this.#jobs.find(job)
          return number !== undefined && this.#roots.release(number, label)
        }),
      roots: (job) => {
        const number = this.#jobs.find(job)
        const roots = new Map(number === undefined ? [] : this.#roots.list(number))
        for (const { height, root } of this.#heights.kept(job)) roots.set(`${STATE_LABEL}${height}`, root)
        return roots
      },
      addTree: (job, label, root, blocks: Iterable<Block>) =>
        this.#writer.transact(() => {
          const { made } = table.wantedMade(() => {
            table.add(blocks)
            addRoot(job, label, root)
            table.settle()
          })
          assert(made === 0, 'a tree that is added is whole')
        }),
      collect: (limit) => table.collect(limit),
      forget: (cid) => table.forget(cid),
    }
  }

  #certified(): Certified {
    const heights = this.#heights
    return {
      head(job) {
        const height = heights.headHeight(job)
        return height === undefined ? undefined : heights.at(job, height)
      },
      at: (job, height) => heights.at(job, height),
      range: (job, from, countMax, bytesMax) => heights.range(job, from, countMax, bytesMax),
      first: (job) => heights.first(job),
      prune: (job, below, spared = []) =>
        this.#writer.transact(() => {
          const until = Math.min(below, heights.headHeight(job) ?? 0, (heights.first(job) ?? 0) + PRUNED_PER_CALL_MAX)
          for (const { height } of heights.kept(job))
            if (height < until && !spared.includes(height)) this.#releaseState(job, height)
          return heights.deleteBelow(job, until, spared)
        }),
    }
  }
}
