// What one seeder keeps on disk, and how the rest of the seeder reaches it: one durable SQLite file in one locked directory.
//
//   agreement driver ── votes.save, commitHeight ──┐
//   network ── blocks.put, blocks.missing, CAR ────┼──> Store (one writer, one process) ──> store.sqlite (WAL)
//   execution workers ── openReader(path) ─────────┘                                        read-only, one per thread
//
// Invariants. A call that returned is durable (fsync) unless it says otherwise (agreement §2, R1: durable before it is sent).
// A call that threw changed nothing. A commit of a height is one transaction: its blocks, certificate, head and released
// roots appear together or not at all. A block that a root reaches is never deleted. Bytes that come out were checked
// against their CID, or come out as `undefined`.
//
// Everything is synchronous except the CAR streams. Records are opaque canonical bytes: the store never decodes one.

import type { Digest } from '#protocol/codec/digest.ts'
import type { Result } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { BlockSource } from '#protocol/content/port.ts'

/** Why a directory could not be opened or written; thrown as `StoreError` with this as its `reason`. */
export type StoreRefusal =
  /** Another living process holds the directory; `pid` when it could be read. */
  | { readonly code: 'store_locked'; readonly directory: string; readonly pid?: number }
  /** Written by a newer version of this program: it is left as it is. */
  | { readonly code: 'store_newer'; readonly directory: string; readonly found: number; readonly known: number }
  /** Not a store of this program. */
  | { readonly code: 'store_unreadable'; readonly directory: string; readonly detail: string }
  /** Bytes of it changed on disk in a way that content blocks cannot make good: it is set aside, and the others have what it had. */
  | { readonly code: 'store_damaged'; readonly directory: string; readonly detail: string }
  /** The disk is full, read-only or fails; the same start may work later. */
  | { readonly code: 'store_unwritable'; readonly directory: string; readonly detail: string }
  /** A sync failed while it was open: every later write is refused, and a new process goes on. */
  | { readonly code: 'store_failed'; readonly directory: string }

export type Block = { readonly cid: Cid; readonly bytes: Uint8Array }

/** One certified height, as the agreement driver wrote it. */
export type CertifiedHeight = {
  readonly height: number
  /** CERT of the height, canonical bytes. */
  readonly certificate: Uint8Array
  /** What is needed to execute the block again: its requests and their bodies, canonical bytes. Empty for a snapshot head. */
  readonly requests: Uint8Array
  readonly stateRoot: Cid
}

export type HeightCommit = CertifiedHeight & {
  readonly job: Digest
  /** Blocks that are new under `stateRoot` (of `StateTree.commit`); ones that are kept already are skipped. */
  readonly blocks: Iterable<Block>
  /** Heights whose state trees are not needed from now on (their certificates stay until `certified.prune`). */
  readonly releaseStates?: readonly number[]
  /** The vote state after this commit, saved in the same transaction. */
  readonly votes?: Uint8Array
  /** A head taken over from other members (state transfer): it need not follow the present head. */
  readonly snapshot?: true
}

/** `block_invalid`: the bytes do not hash to the CID, or are no well-formed block of its codec. `block_unwanted`: no root and no stored parent wants it. */
export type PutError = { readonly code: 'block_invalid' | 'block_unwanted'; readonly cid: Cid }

/** Looks for what is missing under a root, a batch at a time; hold it while fetching, drop it to begin anew. */
export type MissingWalk = {
  /**
   * Up to `limit` CIDs that are wanted and not here; empty when the tree is complete, or (with `visitsMax`) when so many blocks
   * were looked at: `whole` says which. CIDs of the last batch that arrived since are descended into, the others are returned again.
   */
  next(limit: number, visitsMax?: number): Cid[]
  /** The last `next` came to the end and found nothing missing. */
  readonly whole: boolean
}

export type Blocks = {
  /** Checked against its CID; undefined when it is missing or its bytes on disk are damaged (then it counts as missing). */
  get: BlockSource
  has(cid: Cid): boolean
  /**
   * Keeps blocks that something wants (a root, or a parent that is here), parents before children, checking each.
   * Stops at the first error; what came before it is kept. Not fsynced: whoever relies on it commits afterwards.
   */
  put(blocks: Iterable<Block>): Result<number, PutError>
  missing(root: Cid): MissingWalk
  /** Names a tree that is kept from now on, complete or not. The same label again moves it to the new CID. */
  addRoot(job: Digest, label: string, root: Cid): void
  /** Lets a tree go. False when there was no such label. */
  releaseRoot(job: Digest, label: string): boolean
  /** Roots of a job by label. State roots of heights are `state/<height>`. */
  roots(job: Digest): ReadonlyMap<string, Cid>
  /** Makes a whole new tree a root in one durable transaction (a bundle that was built here). */
  addTree(job: Digest, label: string, root: Cid, blocks: Iterable<Block>): void
  /** Deletes up to `limit` blocks that nothing refers to; returns how many went. Zero: there are no more. Commits take a few along by themselves. */
  collect(limit: number): number
  /** Marks a block's bytes as lost (a reader found them damaged), so that `missing` names it. */
  forget(cid: Cid): void
}

export type Votes = {
  /** Durable when it returns: call it before the vote is sent. One row per job. */
  save(job: Digest, record: Uint8Array): void
  /** undefined: never saved. `damaged`: the bytes on disk are not what was saved. */
  load(job: Digest): Result<Uint8Array | undefined, { readonly code: 'votes_damaged' }>
}

export type Certified = {
  head(job: Digest): CertifiedHeight | undefined
  at(job: Digest, height: number): CertifiedHeight | undefined
  /** As `at`: a row that is damaged is not there. Contiguous heights from `from` on, at most `countMax` of them and (after the first) at most `bytesMax` bytes. */
  range(job: Digest, from: number, countMax: number, bytesMax: number): CertifiedHeight[]
  /** Lowest height that is kept, or undefined when there is none. */
  first(job: Digest): number | undefined
  /**
   * Deletes certificates and releases state roots of heights below, oldest first, at most `PRUNED_PER_CALL_MAX` of them;
   * returns how many went. The head stays, and the heights `spared`.
   */
  prune(job: Digest, below: number, spared?: readonly number[]): number
}

export type EvidenceRow = {
  readonly hash: Digest
  readonly kind: string
  /** Public key of the accused member. */
  readonly accused: Uint8Array
  readonly height: number
  readonly record: Uint8Array
}

export type Evidence = {
  /** False when it is known already, or the job or the accused has as much as is kept. */
  add(job: Digest, row: EvidenceRow): boolean
  /** Oldest first. */
  list(job: Digest): EvidenceRow[]
}

export type SiteLogLine = {
  /** ms since the epoch, block time. */
  readonly time: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly text: string
}

export type SiteLogs = {
  /** Not fsynced. Keeps the last `LOG_LINES_PER_JOB_MAX`; longer text is cut at `LOG_TEXT_MAX` characters. */
  append(job: Digest, lines: readonly SiteLogLine[]): void
  /** The last `limit` lines after the line numbered `after`, oldest first. */
  read(job: Digest, limit: number, after?: number): (SiteLogLine & { readonly number: number })[]
}

export type Settings = {
  get(key: string): Uint8Array | undefined
  set(key: string, value: Uint8Array): void
  remove(key: string): boolean
}

export type StoreStats = {
  readonly fileBytes: number
  readonly walBytes: number
  readonly blocks: number
  readonly blockBytes: number
  /** Blocks that nothing refers to: `collect` may delete them. */
  readonly orphans: number
  /** Blocks that something refers to and that are not here. */
  readonly missing: number
  readonly jobs: number
  /** Since opening. */
  readonly commits: number
}

export type StartChecks = {
  /** The certificate verifies and is of this job, height and state root. */
  head(job: Digest, head: CertifiedHeight): boolean
  /** The vote state decodes and belongs to this job. */
  votes(job: Digest, record: Uint8Array): boolean
}

/** What a start found broken: the driver abstains (`votes`) or fetches from the others (`head`, `state`). */
export type StartDamage = { readonly job: Digest; readonly part: 'head' | 'votes' | 'state' }

export type CarError =
  | PutError
  | { readonly code: 'car_form'; readonly detail: string }
  | { readonly code: 'car_root' }
  | { readonly code: 'car_too_large'; readonly bytesMax: number }
  /** It ended while blocks were missing. */
  | { readonly code: 'car_incomplete'; readonly missing: Cid }

export type Store = Disposable & {
  /** The database file, for `openReader` in worker threads. */
  readonly path: string
  /** A sync failed: every write throws from now on, and only a new process may go on from what is on disk. */
  readonly failed: boolean
  readonly blocks: Blocks
  readonly votes: Votes
  readonly certified: Certified
  readonly evidence: Evidence
  readonly logs: SiteLogs
  readonly settings: Settings

  /** One transaction; throws (and changes nothing) when the height does not follow the head or the tree lacks a block. */
  commitHeight(commit: HeightCommit): void
  /** Several writes, one fsync. Calls nest: only the outermost commits. `durable: false` leaves the fsync to a later commit. */
  transact<T>(work: () => T, options?: { readonly durable: boolean }): T

  /** Jobs that have any row. */
  jobs(): Digest[]
  /** Removes a job's rows and releases its roots. */
  removeJob(job: Digest): void
  /** Re-verifies head certificate, vote state and state root of every job; call once after opening. */
  verify(checks: StartChecks): readonly StartDamage[]

  /** The tree under a root as a CAR (version 1, depth first, each block once); throws when a block is missing. */
  exportCar(root: Cid): AsyncIterable<Uint8Array>
  /**
   * Takes a CAR whose one root is `root`, parents before children, and names it. Bounded memory; every block is checked.
   * The label is new or names this root already (an upload repeated, even at the same time). After an error a label that was
   * new is released again; `collect` frees what had come.
   */
  importCar(
    job: Digest,
    label: string,
    root: Cid,
    car: AsyncIterable<Uint8Array>,
    bytesMax: number,
  ): Promise<Result<{ readonly blocks: number; readonly bytes: number }, CarError>>

  stats(): StoreStats
  /** Ends the writer and frees the directory's lock. */
  close(): void
}

/** A read-only view for one worker thread. */
export type Reader = Disposable & {
  /** Checked at a block's first read; a damaged block is `undefined` and is reported to `onDamaged`. */
  readonly get: BlockSource
  /** Within `work` the store stands still: a tree whose root is here stays whole, whatever the writer releases meanwhile. */
  snapshot<T>(work: () => T): T
  close(): void
}
