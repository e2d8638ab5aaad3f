// The state of a site while requests run on it: a UnixFS directory opened at a root, with an overlay of what changed.
//
//   app/…            the published bundle (its code root), read-only to scripts
//   db/<BINDING>.sqlite   one D1-shaped database per binding
//   files/<xx>/<name>     the bytes of env.FILES, <xx> = first byte of H(name) in hex, <name> percent-encoded
//   system.sqlite         env.KV, metadata of env.FILES, agreed idempotency records, cron and update bookkeeping
//
// Everything is synchronous: it runs inside the execution worker, which reads blocks from the store directly.

import type { Cid } from '#protocol/content/cid.ts'

/** A random-access file; writes go to the overlay. Offsets and lengths are bytes, below 2^53. */
export type StateFile = {
  readonly size: number
  /** Fills `into` from `offset`; returns how many bytes there were (fewer at the end of the file). */
  read(offset: number, into: Uint8Array): number
  write(offset: number, bytes: Uint8Array): void
  truncate(size: number): void
}

/** A point to return to: taken before each request, so that a failed one leaves no trace. */
export type StateMark = { readonly brand: 'StateMark' }

export type StateTree = {
  /** Opens (with `create`, makes) a random-access file; undefined when it is not there. The same path gives the same object. */
  open(path: string, options?: { create?: boolean }): StateFile | undefined
  /** Whole small files and directories of the tree by path (`app/site.json`). */
  read(path: string): Uint8Array | undefined
  write(path: string, bytes: Uint8Array): void
  remove(path: string): boolean
  /** Why no file can be written at a path: something else stands on the way or at its end, or its directory is full. */
  obstacle(path: string): 'path' | 'directory_too_large' | undefined
  /** The CID at a path, or undefined. */
  cid(path: string): Cid | undefined
  /** Puts an existing subtree at a path (the new bundle at `app`). */
  link(path: string, cid: Cid): void
  mark(): StateMark
  /** Forgets everything since the mark. Marks nest; rolling back to one drops those after it. */
  rollback(mark: StateMark): void
  /** True when anything changed since the mark (or since opening). */
  dirty(since?: StateMark): boolean
  /** Hashes what changed: the new root and the blocks that are new under it. The tree goes on at that root; when it throws, nothing changed. */
  commit(): { root: Cid; blocks: ReadonlyMap<string, { cid: Cid; bytes: Uint8Array }> }
}
