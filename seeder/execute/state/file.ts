// A random-access file over a content-addressed base: chunks are read when asked for, written to an overlay, hashed at the commit.
//
//   read   overlay chunk, else base chunk (cached), else zeros
//   write  copies the chunk into the overlay once per mark, so that rolling back puts the earlier copy in its place
//
// Invariant: overlay chunks are `chunkBytes` long with zeros past the end of the file; a chunk that is not in the overlay has
// the base's bytes below `#baseEnd` and zeros from there on.

import { assert } from '#protocol/codec/result.ts'
import { type Cid, CODEC_RAW, cidCodec, cidKey } from '#protocol/content/cid.ts'
import {
  chunkLink,
  type FileRef,
  hasLayout,
  openFile,
  readRange,
  rewriteFile,
  truncateTo,
} from '#protocol/content/file.ts'
import { STATE_LAYOUT } from '#protocol/content/limits.ts'
import type { BlockSink, BlockSource } from '#protocol/content/port.ts'
import { type StateBlocks, StateError } from '#seeder/execute/state/blocks.ts'
import type { Journal } from '#seeder/execute/state/journal.ts'
import type { StateFile } from '#seeder/execute/state/port.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'

const CHUNK = STATE_LAYOUT.chunkBytes

/** Bytes of one file; SQLite's databases and uploads of a site stay far below. */
export const FILE_BYTES_MAX = 64 * 2 ** 30

/** A foreign file (another chunker's) is re-cut in memory at its first write, if it is no larger. */
export const RECUT_BYTES_MAX = 64 * 2 ** 20

/** Chunks whose CID a file remembers, so that a read needs no descent. */
const CHUNK_CIDS_MAX = 4_096

type Overlay = { readonly bytes: Uint8Array; readonly era: number }

export class OverlayFile implements StateFile {
  readonly path: string
  readonly #blocks: StateBlocks
  readonly #journal: Journal
  readonly #onChange: () => void
  /** The file at the last commit; undefined for one that was not there. */
  #base: FileRef | undefined
  /** False while the base is cut in another way than ours: it is read only, until a write re-cuts it. */
  #mutable: boolean
  #size: number
  /** The base counts up to here: a cut that was grown over again must not let it shine through. */
  #baseEnd: number
  #closed = false
  /** The tree's count of commits when it was last used. */
  lastUse: number
  readonly #overlay = new Map<number, Overlay>()
  readonly #chunkCid = new Map<number, Cid>()

  /** `base`: what the directory says of the file, whose Tsize stays as it is until the file changes. */
  constructor(
    path: string,
    blocks: StateBlocks,
    journal: Journal,
    base: { readonly cid: Cid; readonly total: number } | undefined,
    onChange: () => void,
  ) {
    this.path = path
    this.#blocks = blocks
    this.#journal = journal
    this.#onChange = onChange
    this.lastUse = journal.generation
    if (base !== undefined) {
      const opened = openFile(blocks.get, base.cid)
      if (!opened.ok) throw new StateError(opened.error)
      this.#base = { ...opened.value, total: base.total }
    }
    this.#size = this.#base?.size ?? 0
    this.#baseEnd = this.#size
    this.#mutable = this.#base === undefined || hasLayout(blocks.get, this.#base)
  }

  get size(): number {
    return this.#size
  }

  get changed(): boolean {
    const base = this.#base
    return base === undefined || this.#overlay.size > 0 || this.#size !== base.size || this.#baseEnd !== base.size
  }

  read(offset: number, into: Uint8Array): number {
    this.#use()
    const count = Math.max(0, Math.min(into.length, this.#size - offset))
    if (!this.#mutable && count > 0) {
      assert(this.#base !== undefined, 'a foreign file has a base')
      const range = readRange(this.#blocks.get, this.#base.cid, offset, count)
      if (!range.ok) throw new StateError(range.error)
      into.set(range.value)
      return count
    }
    for (let done = 0; done < count; ) {
      const index = Math.floor((offset + done) / CHUNK)
      const within = offset + done - index * CHUNK
      const length = Math.min(CHUNK - within, count - done)
      const chunk = this.#chunk(index)
      const part = chunk?.subarray(within, within + length)
      if (part !== undefined) into.set(part, done)
      into.fill(0, done + (part?.length ?? 0), done + length)
      done += length
    }
    return count
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#use()
    if (bytes.length === 0) return
    this.#limit(offset + bytes.length)
    this.#makeMutable()
    if (offset + bytes.length > this.#size) this.#resize(offset + bytes.length)
    for (let done = 0; done < bytes.length; ) {
      const index = Math.floor((offset + done) / CHUNK)
      const within = offset + done - index * CHUNK
      const length = Math.min(CHUNK - within, bytes.length - done)
      const whole = within === 0 && length === CHUNK
      this.#own(index, whole).set(bytes.subarray(done, done + length), within)
      done += length
    }
  }

  truncate(size: number): void {
    this.#use()
    if (size === this.#size) return
    this.#limit(size)
    this.#makeMutable(size)
    this.#resize(size)
  }

  /**
   * Hashes what changed; from `settle` on the file goes on at the result. The sink may get a few blocks that the result does
   * not reach, when the file was cut: `spare` says so.
   */
  commit(sink: BlockSink): { readonly file: FileRef; readonly spare: boolean; readonly settle: () => void } {
    const base = this.#base
    if (!this.changed && base !== undefined) return { file: base, spare: false, settle: () => {} }
    const made = this.#rewrite((cid, bytes) => {
      if (cidCodec(cid) === CODEC_RAW) this.#blocks.keepLeaf(cidKey(cid), bytes)
      sink(cid, bytes)
    })
    const settle = () => {
      if (base !== undefined && this.#baseEnd < base.size) this.#chunkCid.clear()
      else for (const index of this.#overlay.keys()) this.#chunkCid.delete(index)
      this.#overlay.clear()
      this.#base = made.file
      this.#baseEnd = this.#size
    }
    return { ...made, settle }
  }

  /** What a commit would give, without one. */
  peek(): FileRef {
    return this.changed || this.#base === undefined ? this.#rewrite(() => {}).file : this.#base
  }

  /** From now on every use throws: the tree let it go. */
  close(): void {
    this.#closed = true
  }

  #rewrite(sink: BlockSink): { readonly file: FileRef; readonly spare: boolean } {
    const made = new Map<string, Uint8Array>()
    const source: BlockSource = (cid) => made.get(cidKey(cid)) ?? this.#blocks.get(cid)
    const keep: BlockSink = (cid, bytes) => {
      made.set(cidKey(cid), bytes)
      sink(cid, bytes)
    }
    let base = this.#base
    const spare = base !== undefined && this.#baseEnd < base.size && this.#baseEnd < this.#size
    if (spare && base !== undefined) {
      const cut = truncateTo({ source, sink: keep, hash: nativeSha256 }, base, this.#baseEnd)
      if (!cut.ok) throw new StateError(cut.error)
      base = cut.value
    }
    const chunks = new Map<number, Uint8Array>()
    for (const [index, { bytes }] of this.#overlay) {
      chunks.set(index, bytes.subarray(0, Math.min(CHUNK, this.#size - index * CHUNK)))
    }
    const file = rewriteFile({ source, sink: keep, hash: nativeSha256, base, size: this.#size, chunks })
    if (!file.ok) throw new StateError(file.error)
    return { file: file.value, spare }
  }

  #use(): void {
    if (this.#closed) throw new StateError({ code: 'file_closed', path: this.path })
    this.lastUse = this.#journal.generation
  }

  #limit(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0 || size > FILE_BYTES_MAX) {
      throw new StateError({ code: 'file_size', path: this.path })
    }
  }

  /** Bytes of a chunk for reading; shorter or undefined where there are zeros. */
  #chunk(index: number): Uint8Array | undefined {
    const own = this.#overlay.get(index)
    if (own !== undefined) return own.bytes
    if (this.#base === undefined || index * CHUNK >= this.#baseEnd) return undefined
    let cid = this.#chunkCid.get(index)
    if (cid === undefined) {
      const link = chunkLink(this.#blocks.node, this.#base, index)
      if (!link.ok) throw new StateError(link.error)
      if (link.value === undefined) return undefined
      cid = link.value.cid
      if (this.#chunkCid.size >= CHUNK_CIDS_MAX) this.#chunkCid.clear()
      this.#chunkCid.set(index, cid)
    }
    const leaf = this.#blocks.leaf(cid)
    if (!leaf.ok) throw new StateError(leaf.error)
    if (leaf.value.length !== Math.min(CHUNK, this.#base.size - index * CHUNK)) {
      throw new StateError({ code: 'content_size', cid })
    }
    return leaf.value
  }

  /** The overlay's own copy of a chunk, for writing in this era; `whole`: all of it will be overwritten. */
  #own(index: number, whole: boolean): Uint8Array {
    const before = this.#overlay.get(index)
    if (before !== undefined && before.era === this.#journal.era) return before.bytes
    const bytes = new Uint8Array(CHUNK)
    if (!whole) {
      const chunk = this.#chunk(index)
      if (chunk !== undefined) bytes.set(chunk)
    }
    this.#replace(index, before, { bytes, era: this.#journal.era })
    return bytes
  }

  #replace(index: number, before: Overlay | undefined, after: Overlay | undefined): void {
    this.#onChange()
    this.#journal.note(() => {
      if (before === undefined) this.#overlay.delete(index)
      else this.#overlay.set(index, before)
    })
    if (after === undefined) this.#overlay.delete(index)
    else this.#overlay.set(index, after)
  }

  /** Puts the size; the chunk that a cut or a growth runs through becomes the overlay's, chunks beyond a cut leave it. */
  #resize(size: number): void {
    const before = this.#size
    const baseEnd = this.#baseEnd
    const edge = Math.min(size, before)
    if (edge % CHUNK !== 0) this.#own(Math.floor(edge / CHUNK), false).fill(0, edge % CHUNK)
    if (size < before) {
      for (const [at, overlay] of this.#overlay) if (at * CHUNK >= size) this.#replace(at, overlay, undefined)
    }
    this.#onChange()
    this.#journal.note(() => {
      this.#size = before
      this.#baseEnd = baseEnd
    })
    this.#size = size
    this.#baseEnd = Math.min(baseEnd, size)
  }

  /** A foreign file moves into the overlay whole, unless it is emptied. */
  #makeMutable(keep?: number): void {
    const base = this.#base
    if (this.#mutable || base === undefined) return
    if (keep !== 0 && base.size > RECUT_BYTES_MAX) throw new StateError({ code: 'file_size', path: this.path })
    const whole = readRange(this.#blocks.get, base.cid, 0, keep ?? base.size)
    if (!whole.ok) throw new StateError(whole.error)
    this.#onChange()
    this.#journal.note(() => {
      this.#base = base
      this.#baseEnd = base.size
      this.#mutable = false
    })
    this.#base = undefined
    this.#baseEnd = 0
    this.#mutable = true
    for (let index = 0; index * CHUNK < whole.value.length; index++) {
      this.#own(index, true).set(whole.value.subarray(index * CHUNK, (index + 1) * CHUNK))
    }
  }
}
