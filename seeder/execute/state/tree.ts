// The state of a site as a tree of directories and files over its root (agreement.md §1, runtime.md "State").
//
//   openStateTree(root, source) ── open, read, write, mark, rollback ──> commit ──> new root + the blocks that are new under it
//
// Invariants: a directory exists while it has an entry; the root is a function of the content alone; what was rolled back
// leaves no trace in it. Directories are loaded when a path goes through them; only touched ones are encoded at a commit.

import { assert } from '#protocol/codec/result.ts'
import { type Cid, CODEC_RAW, cidCodec, cidKey } from '#protocol/content/cid.ts'
import { buildDirectory, type DirectoryRef } from '#protocol/content/directory.ts'
import { readRange } from '#protocol/content/file.ts'
import { BLOCK_BYTES_MAX, NODE_LINKS_MAX } from '#protocol/content/limits.ts'
import { namesOfPath } from '#protocol/content/name.ts'
import { type ContentNode, type DirectoryLink, decodeNode, entryBytesMax, nodeTotal } from '#protocol/content/node.ts'
import type { BlockSink, BlockSource } from '#protocol/content/port.ts'
import { linksOfBlock } from '#protocol/content/walk.ts'
import { createStateCache, StateBlocks, type StateCache, StateError } from '#seeder/execute/state/blocks.ts'
import { OverlayFile } from '#seeder/execute/state/file.ts'
import { Journal } from '#seeder/execute/state/journal.ts'
import type { StateFile, StateMark, StateTree } from '#seeder/execute/state/port.ts'
import { nativeSha256 } from '#seeder/store/sha256.ts'

/** Read chunks and decoded nodes that the trees over one source hold together. */
export const STATE_CACHE_BYTES = 8 * 2 ** 20

const cacheBySource = new WeakMap<BlockSource, StateCache>()

/** Entries of directories and files that one tree holds loaded between commits. */
export const LOADED_ENTRIES_MAX = 8_192

/** A loaded file that was not used for as many commits may be let go: open it again. */
export const COMMITS_UNUSED_MAX = 64

/** A file that is read in one piece is no larger; others are opened. */
export const WHOLE_FILE_BYTES_MAX = 64 * 2 ** 20

type Link = { readonly kind: 'link'; readonly cid: Cid; readonly total: number }
type FileEntry = { readonly kind: 'file'; readonly file: OverlayFile }
type Directory = {
  readonly kind: 'directory'
  readonly name: string
  readonly parent: Directory | undefined
  readonly entries: Map<string, Entry>
  /** Changed, or holds what changed, since the last commit: it is encoded again. */
  touched: boolean
  /** Bytes that its block takes at most. */
  bytesMax: number
  /** What it was at the last commit. */
  before: DirectoryRef | undefined
}
type Entry = Link | FileEntry | Directory

/** What a directory's block has beside its entries. */
const DIRECTORY_DATA_BYTES = 4

type Blocks = Map<string, { readonly cid: Cid; readonly bytes: Uint8Array }>

/**
 * Opens a state at its root. Throws a `StateError` when a block is missing or broken, here and later; after one from
 * `commit` the tree is as before it. The bytes of a commit's blocks stay the tree's own: copy them to another thread, don't transfer.
 */
export function openStateTree(
  root: Cid,
  source: BlockSource,
  options: { readonly cache?: StateCache } = {},
): StateTree {
  let cache = options.cache ?? cacheBySource.get(source)
  if (cache === undefined) {
    cache = createStateCache(STATE_CACHE_BYTES)
    cacheBySource.set(source, cache)
  }
  return new OverlayTree(root, new StateBlocks(source, cache))
}

class OverlayTree implements StateTree {
  readonly #blocks: StateBlocks
  readonly #journal = new Journal()
  readonly #root: Directory
  #loaded = 0

  constructor(root: Cid, blocks: StateBlocks) {
    this.#blocks = blocks
    this.#root = this.#load(this.#linkTo(root), undefined, '')
  }

  open(path: string, options: { readonly create?: boolean } = {}): StateFile | undefined {
    const place = this.#find(path, options.create === true)
    if (place === undefined) return undefined
    const { directory, name } = place
    const entry = directory.entries.get(name)
    if (entry?.kind === 'file') return entry.file
    if (entry?.kind === 'directory') return undefined
    if (entry === undefined && options.create !== true) return undefined
    if (entry !== undefined && this.#isDirectory(entry)) return undefined
    const file = this.#file(path, directory, entry)
    // Loading a file that is there changes nothing, so it is not taken back: the same path goes on giving the same object.
    if (entry === undefined) this.#put(directory, name, { kind: 'file', file })
    else directory.entries.set(name, { kind: 'file', file })
    return file
  }

  read(path: string): Uint8Array | undefined {
    const place = this.#find(path, false)
    const entry = place?.directory.entries.get(place.name)
    if (entry === undefined || entry.kind === 'directory') return undefined
    if (entry.kind === 'file') {
      if (entry.file.size > WHOLE_FILE_BYTES_MAX) throw new StateError({ code: 'file_size', path })
      const bytes = new Uint8Array(entry.file.size)
      entry.file.read(0, bytes)
      return bytes
    }
    if (this.#isDirectory(entry)) return undefined
    const bytes = readRange(this.#blocks.get, entry.cid, 0, WHOLE_FILE_BYTES_MAX + 1)
    if (!bytes.ok) throw new StateError(bytes.error)
    if (bytes.value.length > WHOLE_FILE_BYTES_MAX) throw new StateError({ code: 'file_size', path })
    return bytes.value
  }

  write(path: string, bytes: Uint8Array): void {
    const place = this.#find(path, true)
    if (place === undefined) throw new StateError({ code: 'path', path })
    const { directory, name } = place
    const entry = directory.entries.get(name)
    const file = entry?.kind === 'file' ? entry.file : this.#file(path, directory, undefined)
    file.truncate(0)
    file.write(0, bytes)
    if (entry?.kind !== 'file') this.#put(directory, name, { kind: 'file', file })
  }

  remove(path: string): boolean {
    const place = this.#find(path, false)
    if (place === undefined || !place.directory.entries.has(place.name)) return false
    this.#put(place.directory, place.name, undefined)
    let { directory } = place
    while (directory.entries.size === 0 && directory.parent !== undefined) {
      this.#put(directory.parent, directory.name, undefined)
      directory = directory.parent
    }
    return true
  }

  obstacle(path: string): 'path' | 'directory_too_large' | undefined {
    const names = namesOfPath(path)
    const name = names?.pop()
    if (names === undefined || name === undefined) return 'path'
    let directory = this.#root
    for (const step of names) {
      const entry = directory.entries.get(step)
      if (entry === undefined) return hasRoom(directory, step) ? undefined : 'directory_too_large'
      const child = this.#directoryOf(directory, step, entry)
      if (child === undefined) return 'path'
      directory = child
    }
    const entry = directory.entries.get(name)
    if (entry === undefined) return hasRoom(directory, name) ? undefined : 'directory_too_large'
    return entry.kind === 'directory' || (entry.kind === 'link' && this.#isDirectory(entry)) ? 'path' : undefined
  }

  cid(path: string): Cid | undefined {
    if (path === '') return this.#cidOf(this.#root).cid
    const place = this.#find(path, false)
    const entry = place?.directory.entries.get(place.name)
    if (entry === undefined) return undefined
    if (entry.kind === 'link') return entry.cid
    return entry.kind === 'file' ? entry.file.peek().cid : this.#cidOf(entry).cid
  }

  link(path: string, cid: Cid): void {
    const place = this.#find(path, true)
    if (place === undefined) throw new StateError({ code: 'path', path })
    this.#put(place.directory, place.name, this.#linkTo(cid))
  }

  mark(): StateMark {
    return this.#journal.mark()
  }

  rollback(mark: StateMark): void {
    this.#journal.rollback(mark)
  }

  dirty(since?: StateMark): boolean {
    return this.#journal.changedSince(since)
  }

  commit(): { root: Cid; blocks: Blocks } {
    let blocks: Blocks = new Map()
    let spare = false
    const settle: (() => void)[] = []
    const sink: BlockSink = (cid, bytes) => void blocks.set(cidKey(cid), { cid, bytes })
    const encode = (directory: Directory): DirectoryRef => {
      if (!directory.touched && directory.before !== undefined) return directory.before
      const links = Array.from(directory.entries, ([name, entry]): DirectoryLink => {
        if (entry.kind === 'link') return { name, cid: entry.cid, total: entry.total }
        if (entry.kind === 'directory') return { name, ...encode(entry) }
        const { file, spare: more, settle: settleFile } = entry.file.commit(sink)
        spare ||= more
        settle.push(settleFile)
        return { name, cid: file.cid, total: file.total }
      })
      const made = encodeLinks(directory, links, sink)
      settle.push(() => {
        directory.before = made
        directory.touched = false
      })
      return made
    }
    const { cid: root } = encode(this.#root)
    for (const change of settle) change()
    if (spare) blocks = reachable(root, blocks)
    this.#blocks.hold(root, blocks)
    this.#journal.clear()
    if (this.#loaded > LOADED_ENTRIES_MAX) this.#unload()
    return { root, blocks }
  }

  /** The directory and the name that a path ends in; undefined when the way there is no directory (and none may be made). */
  #find(path: string, create: boolean): { directory: Directory; name: string } | undefined {
    const names = namesOfPath(path)
    const name = names?.pop()
    if (names === undefined || name === undefined) {
      if (create) throw new StateError({ code: 'path', path })
      return undefined
    }
    let directory = this.#root
    for (const step of names) {
      const entry = directory.entries.get(step)
      if (entry === undefined && !create) return undefined
      const child = entry === undefined ? this.#make(directory, step) : this.#directoryOf(directory, step, entry)
      if (child === undefined) {
        if (create) throw new StateError({ code: 'path', path })
        return undefined
      }
      directory = child
    }
    return { directory, name }
  }

  #directoryOf(parent: Directory, name: string, entry: Entry): Directory | undefined {
    if (entry.kind !== 'link') return entry.kind === 'directory' ? entry : undefined
    if (!this.#isDirectory(entry)) return undefined
    const directory = this.#load(entry, parent, name)
    parent.entries.set(name, directory)
    return directory
  }

  #isDirectory(link: Link): boolean {
    if (cidCodec(link.cid) === CODEC_RAW) return false
    return this.#node(link.cid).kind === 'directory'
  }

  #load(link: Link, parent: Directory | undefined, name: string): Directory {
    const node = this.#node(link.cid)
    if (node.kind !== 'directory') throw new StateError({ code: 'content_kind', cid: link.cid })
    const entries = new Map<string, Entry>()
    let bytesMax = 0
    for (const entry of node.links) {
      entries.set(entry.name, { kind: 'link', cid: entry.cid, total: entry.total })
      bytesMax += entryBytesMax(entry.name)
    }
    this.#loaded += entries.size
    const before = { cid: link.cid, total: link.total }
    return { kind: 'directory', name, parent, entries, touched: false, bytesMax, before }
  }

  #make(parent: Directory, name: string): Directory {
    const made: Directory = {
      ...{ kind: 'directory', name, parent, touched: true },
      ...{ entries: new Map(), bytesMax: 0, before: undefined },
    }
    this.#put(parent, name, made)
    return made
  }

  #file(path: string, directory: Directory, base: Link | undefined): OverlayFile {
    this.#loaded++
    return new OverlayFile(path, this.#blocks, this.#journal, base, () => this.#touch(directory))
  }

  #put(directory: Directory, name: string, entry: Entry | undefined): void {
    const before = directory.entries.get(name)
    if (before === undefined && entry !== undefined && !hasRoom(directory, name)) {
      throw new StateError({ code: 'directory_too_large', path: directory.name })
    }
    const set = (value: Entry | undefined) => {
      const was = directory.entries.has(name)
      if (value === undefined) directory.entries.delete(name)
      else directory.entries.set(name, value)
      if (was !== (value !== undefined)) directory.bytesMax += (was ? -1 : 1) * entryBytesMax(name)
    }
    this.#touch(directory)
    this.#journal.note(() => set(before))
    set(entry)
  }

  /**
   * A change below makes a directory and those above it be encoded again; one that was taken back does not, since an uploader's
   * directory may be encoded in another way than ours.
   */
  #touch(directory: Directory): void {
    for (let at: Directory | undefined = directory; at !== undefined && !at.touched; at = at.parent) {
      const touched = at
      touched.touched = true
      this.#journal.note(() => {
        touched.touched = false
      })
    }
  }

  #linkTo(cid: Cid): Link {
    const bytes = this.#blocks.get(cid)
    if (bytes === undefined) throw new StateError({ code: 'block_missing', cid })
    const node = decodeNode(cid, bytes)
    if (!node.ok) throw new StateError({ ...node.error, cid })
    return { kind: 'link', cid, total: nodeTotal(node.value, bytes.length) }
  }

  #node(cid: Cid): ContentNode {
    const node = this.#blocks.node(cid)
    if (!node.ok) throw new StateError(node.error)
    return node.value
  }

  /** The CID that a commit would give a directory, without one. */
  #cidOf(directory: Directory): DirectoryRef {
    if (!directory.touched && directory.before !== undefined) return directory.before
    const links = Array.from(directory.entries, ([name, entry]): DirectoryLink => {
      if (entry.kind === 'file') {
        const { cid, total } = entry.file.peek()
        return { name, cid, total }
      }
      const { cid, total } = entry.kind === 'link' ? entry : this.#cidOf(entry)
      return { name, cid, total }
    })
    return encodeLinks(directory, links, () => {})
  }

  /** After a commit: directories become links again, but for the way to files that were used lately. */
  #unload(): void {
    this.#loaded = 0
    const now = this.#journal.generation
    const unload = (directory: Directory): boolean => {
      let used = false
      for (const [name, entry] of directory.entries) {
        if (entry.kind === 'link') continue
        if (entry.kind === 'file' ? entry.file.lastUse + COMMITS_UNUSED_MAX >= now : unload(entry)) {
          used = true
          this.#loaded++
          continue
        }
        if (entry.kind === 'file') entry.file.close()
        const ref = entry.kind === 'file' ? entry.file.peek() : entry.before
        assert(ref !== undefined, 'after a commit every directory has its CID')
        directory.entries.set(name, { kind: 'link', cid: ref.cid, total: ref.total })
      }
      return used
    }
    unload(this.#root)
  }
}

function encodeLinks(directory: Directory, links: readonly DirectoryLink[], sink: BlockSink): DirectoryRef {
  const same = directory.before === undefined ? '' : cidKey(directory.before.cid)
  const made = buildDirectory(links, (cid, bytes) => cidKey(cid) === same || sink(cid, bytes), nativeSha256)
  if (!made.ok) throw new StateError({ code: made.error.code, path: directory.name })
  return made.value
}

/** Whether another name fits into the directory's block, however large what lies under its names becomes. */
function hasRoom(directory: Directory, name: string): boolean {
  if (directory.entries.size >= NODE_LINKS_MAX) return false
  return directory.bytesMax + entryBytesMax(name) + DIRECTORY_DATA_BYTES <= BLOCK_BYTES_MAX
}

/** The blocks of `made` that `root` reaches through blocks of `made`. */
function reachable(root: Cid, made: Blocks): Blocks {
  const kept: Blocks = new Map()
  const stack = [root]
  for (let cid = stack.pop(); cid !== undefined; cid = stack.pop()) {
    const key = cidKey(cid)
    const block = made.get(key)
    if (block === undefined || kept.has(key)) continue
    kept.set(key, block)
    stack.push(...linksOfBlock(cid, block.bytes))
  }
  return kept
}
