// Files: reading any UnixFS file, and the balanced files of fixed chunks that can be changed in place.
//
//   level 2            root                 chunk i lies under node ⌊i / 64^l⌋ of level l;
//   level 1      n0     n1  …  n63          every node is full but the last of its level,
//   level 0   c0…c63  c64…                  so a file's CID is a function of its bytes alone.
//
// Invariant: whatever way a file came to its bytes (built, written, cut, grown), its CID is that of an import of those bytes.
// A change makes new only the changed chunks and the nodes above them. Everything is synchronous over a `BlockSource`.

import type { Sha256 } from '#protocol/codec/digest.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import { cidOfBytes } from '#protocol/content/block.ts'
import { type Cid, CODEC_DAG_PB, CODEC_RAW } from '#protocol/content/cid.ts'
import { FILE_DEPTH_MAX, type FileLayout, STATE_LAYOUT } from '#protocol/content/limits.ts'
import {
  type ContentNode,
  decodeNode,
  encodeFile,
  type FileLink,
  type NodeError,
  nodeTotal,
} from '#protocol/content/node.ts'
import type { BlockSink, BlockSource } from '#protocol/content/port.ts'

export type ContentError =
  | { readonly code: 'block_missing'; readonly cid: Cid }
  | ({ readonly cid: Cid } & NodeError)
  /** A child is not as large as its parent says, or a tree is deeper than any file needs. */
  | { readonly code: 'content_size' | 'content_depth'; readonly cid: Cid }
  /** A directory stands where a file was expected, or the other way round. */
  | { readonly code: 'content_kind'; readonly cid: Cid }
  /** The file is not of the layout that can be changed in place. */
  | { readonly code: 'content_layout'; readonly cid: Cid }

/** A whole file: its CID, its bytes, and Tsize of a link to it. */
export type FileRef = FileLink

/** The block of a CID as a value. */
export function loadNode(source: BlockSource, cid: Cid): Result<ContentNode, ContentError> {
  const bytes = source(cid)
  if (bytes === undefined) return err({ code: 'block_missing', cid })
  const node = decodeNode(cid, bytes)
  return node.ok ? node : err({ ...node.error, cid })
}

/** Size and Tsize of a file. */
export function openFile(source: BlockSource, cid: Cid): Result<FileRef, ContentError> {
  const bytes = source(cid)
  if (bytes === undefined) return err({ code: 'block_missing', cid })
  const node = decodeNode(cid, bytes)
  if (!node.ok) return err({ ...node.error, cid })
  if (node.value.kind === 'directory') return err({ code: 'content_kind', cid })
  const size = node.value.kind === 'leaf' ? node.value.bytes.length : node.value.size
  return ok({ cid, size, total: nodeTotal(node.value, bytes.length) })
}

/** Bytes from `offset`, at most `length` of them, fewer at the end. Work is bounded by `length`. */
export function readRange(
  source: BlockSource,
  cid: Cid,
  offset: number,
  length: number,
): Result<Uint8Array, ContentError> {
  const file = openFile(source, cid)
  if (!file.ok) return file
  const bytes = new Uint8Array(Math.max(0, Math.min(length, file.value.size - offset)))
  const failure = bytes.length === 0 ? undefined : fill(source, file.value, offset, bytes, FILE_DEPTH_MAX)
  return failure === undefined ? ok(bytes) : err(failure)
}

/** Fills all of `into` with the file's bytes from `offset`. */
function fill(
  source: BlockSource,
  link: FileLink,
  offset: number,
  into: Uint8Array,
  depthLeft: number,
): ContentError | undefined {
  const { cid } = link
  if (depthLeft === 0) return { code: 'content_depth', cid }
  const loaded = loadNode(source, cid)
  if (!loaded.ok) return loaded.error
  const node = loaded.value
  if (node.kind === 'directory') return { code: 'content_kind', cid }
  if (node.kind === 'leaf') {
    if (node.bytes.length !== link.size) return { code: 'content_size', cid }
    into.set(node.bytes.subarray(offset, offset + into.length))
    return undefined
  }
  if (node.size !== link.size) return { code: 'content_size', cid }
  let start = 0
  for (const child of node.links) {
    const end = start + child.size
    if (start >= offset + into.length) break
    if (end > offset) {
      const from = Math.max(offset, start)
      const part = into.subarray(from - offset, Math.min(end, offset + into.length) - offset)
      const failure = fill(source, child, from - start, part, depthLeft - 1)
      if (failure !== undefined) return failure
    }
    start = end
  }
  return undefined
}

/** Makes a file of bytes that arrive in pieces of any size; memory is one chunk and one link list a level. */
export type FileBuilder = { push(bytes: Uint8Array): void; finish(): FileRef }

export function createFileBuilder(sink: BlockSink, hash: Sha256, layout: FileLayout = STATE_LAYOUT): FileBuilder {
  const levels: FileLink[][] = [[]]
  const chunk = new Uint8Array(layout.chunkBytes)
  let filled = 0
  let finished = false

  function add(level: number, link: FileLink): void {
    const links = levels[level]
    if (links === undefined) levels[level] = [link]
    else if (links.length < layout.fanout) links.push(link)
    else {
      add(level + 1, putNode(sink, hash, links))
      levels[level] = [link]
    }
  }
  return {
    push(bytes) {
      assert(!finished, 'a finished file takes no more')
      for (let offset = 0; offset < bytes.length; ) {
        const count = Math.min(chunk.length - filled, bytes.length - offset)
        chunk.set(bytes.subarray(offset, offset + count), filled)
        filled += count
        offset += count
        if (filled === chunk.length) {
          add(0, putLeaf(sink, hash, chunk.slice()))
          filled = 0
        }
      }
    },
    finish() {
      assert(!finished, 'a file is finished once')
      finished = true
      const empty = levels.length === 1 && levels[0]?.length === 0
      if (filled > 0 || empty) add(0, putLeaf(sink, hash, chunk.slice(0, filled)))
      for (let level = 0; ; level++) {
        const links = levels[level]
        assert(links?.[0] !== undefined, 'a level of a file has a link')
        if (level === levels.length - 1 && links.length === 1) return links[0]
        add(level + 1, putNode(sink, hash, links))
      }
    },
  }
}

export function buildFile(bytes: Uint8Array, sink: BlockSink, hash: Sha256, layout?: FileLayout): FileRef {
  const builder = createFileBuilder(sink, hash, layout)
  builder.push(bytes)
  return builder.finish()
}

function putLeaf(sink: BlockSink, hash: Sha256, bytes: Uint8Array): FileLink {
  const cid = cidOfBytes(CODEC_RAW, bytes, hash)
  sink(cid, bytes)
  return { cid, size: bytes.length, total: bytes.length }
}

function putNode(sink: BlockSink, hash: Sha256, links: readonly FileLink[]): FileLink {
  const bytes = encodeFile(links)
  const cid = cidOfBytes(CODEC_DAG_PB, bytes, hash)
  sink(cid, bytes)
  let size = 0
  let total = bytes.length
  for (const link of links) {
    size += link.size
    total += link.total
  }
  return { cid, size, total }
}

/** What a rewrite needs to know of the file before it. */
export type Rewrite = {
  readonly source: BlockSource
  readonly sink: BlockSink
  readonly hash: Sha256
  /** The file before, of this layout; undefined: an empty one that is not in the store. */
  readonly base: FileRef | undefined
  /** Bytes of the file after. Where neither `base` nor `chunks` has bytes, there are zeros. */
  readonly size: number
  /** Changed chunks by index, each of its full length in the file after (the last one may be shorter than `chunkBytes`). */
  readonly chunks: ReadonlyMap<number, Uint8Array>
  readonly layout?: FileLayout
}

/** The file after a change: only changed chunks and the nodes above them are hashed and given to the sink. */
export function rewriteFile(rewrite: Rewrite): Result<FileRef, ContentError> {
  const { source, sink, hash, base, size, chunks } = rewrite
  const layout = rewrite.layout ?? STATE_LAYOUT
  const { chunkBytes, fanout } = layout
  const baseSize = base?.size ?? 0
  const changed = Float64Array.from(chunks.keys()).sort()
  const zeros: FileLink[] = []
  const chunkCount = chunksOf(size, chunkBytes)
  assert(
    changed.every((index) => index < chunkCount),
    'a changed chunk lies within the file',
  )

  /** Links of the base's node at (level, index), or undefined for a leaf or what is not there. */
  function linksOf(link: FileLink, level: number, index: number): Result<readonly FileLink[], ContentError> {
    const loaded = loadNode(source, link.cid)
    if (!loaded.ok) return loaded
    const node = loaded.value
    const { cid } = link
    if (node.kind !== 'file' || node.size !== link.size) return err({ code: 'content_layout', cid })
    const span = chunkBytes * fanout ** (level - 1)
    const whole = Math.min(baseSize - index * span * fanout, span * fanout)
    if (node.size !== whole || node.links.length !== Math.ceil(whole / span))
      return err({ code: 'content_layout', cid })
    for (const [position, child] of node.links.entries()) {
      if (child.size !== Math.min(span, whole - position * span)) return err({ code: 'content_layout', cid })
    }
    return ok(node.links)
  }

  function leaf(index: number, old: FileLink | undefined): Result<FileLink, ContentError> {
    const length = Math.min(chunkBytes, size - index * chunkBytes)
    const given = chunks.get(index)
    if (given !== undefined) {
      assert(given.length === length, 'a changed chunk has its full length')
      return ok(putLeaf(sink, hash, given))
    }
    const bytes = new Uint8Array(length)
    if (old !== undefined) {
      const loaded = loadNode(source, old.cid)
      if (!loaded.ok) return loaded
      if (loaded.value.kind !== 'leaf' || loaded.value.bytes.length !== old.size) {
        return err({ code: 'content_layout', cid: old.cid })
      }
      bytes.set(loaded.value.bytes.subarray(0, length))
    }
    return ok(putLeaf(sink, hash, bytes))
  }

  /** The node at (level, index) of the file after; `old` is the base's node at `oldLevel` ≤ level over the same first chunk. */
  function node(
    level: number,
    index: number,
    old: FileLink | undefined,
    oldLevel: number,
    first: number,
    last: number,
  ): Result<FileLink, ContentError> {
    const span = chunkBytes * fanout ** level
    const bytes = Math.min(span, size - index * span)
    if (first === last) {
      if (old !== undefined && oldLevel === level && old.size === bytes) return ok(old)
      const zero = zeros[level]
      if (old === undefined && bytes === span && zero !== undefined) return ok(zero)
    }
    if (level === 0) {
      const made = leaf(index, old)
      if (made.ok && old === undefined && first === last && bytes === span) zeros[0] = made.value
      return made
    }
    const below = chunkBytes * fanout ** (level - 1)
    const oldLinks = old !== undefined && oldLevel === level ? linksOf(old, level, index) : undefined
    if (oldLinks?.ok === false) return oldLinks
    const links: FileLink[] = []
    let from = first
    for (let position = 0; position * below < bytes; position++) {
      const child = index * fanout + position
      const end = ((child + 1) * below) / chunkBytes
      let to = from
      while (to < last && (changed[to] ?? 0) < end) to++
      const oldChild = oldLinks?.value[position] ?? (oldLevel < level && position === 0 ? old : undefined)
      const made = node(level - 1, child, oldChild, Math.min(oldLevel, level - 1), from, to)
      if (!made.ok) return made
      links.push(made.value)
      from = to
    }
    const made = putNode(sink, hash, links)
    if (old === undefined && first === last && bytes === span) zeros[level] = made
    return ok(made)
  }

  const depth = depthOf(chunkCount, fanout)
  let old = base !== undefined && base.size > 0 ? base : undefined
  let oldLevel = depthOf(chunksOf(baseSize, chunkBytes), fanout)
  for (; old !== undefined && oldLevel > depth; oldLevel--) {
    const links = linksOf(old, oldLevel, 0)
    if (!links.ok) return links
    old = links.value[0]
  }
  return node(depth, 0, old, oldLevel, 0, changed.length)
}

/** Chunks of a file; an empty one has one, of no bytes. */
export function chunksOf(size: number, chunkBytes: number): number {
  return Math.max(1, Math.ceil(size / chunkBytes))
}

function depthOf(chunkCount: number, fanout: number): number {
  let depth = 0
  for (let reach = 1; reach < chunkCount; reach *= fanout) depth++
  return depth
}

/** The CID of chunk `index` of a file of the layout, with the nodes above it read from the source; undefined beyond the end. */
export function chunkLink(
  load: (cid: Cid) => Result<ContentNode, ContentError>,
  file: FileRef,
  index: number,
  layout: FileLayout = STATE_LAYOUT,
): Result<FileLink | undefined, ContentError> {
  const count = chunksOf(file.size, layout.chunkBytes)
  if (index >= count) return ok(undefined)
  let link: FileLink = file
  for (let level = depthOf(count, layout.fanout); level > 0; level--) {
    const loaded = load(link.cid)
    if (!loaded.ok) return loaded
    const node = loaded.value
    const within = Math.floor(index / layout.fanout ** (level - 1)) % layout.fanout
    const child = node.kind === 'file' ? node.links[within] : undefined
    if (node.kind !== 'file' || node.size !== link.size || child === undefined) {
      return err({ code: 'content_layout', cid: link.cid })
    }
    link = child
  }
  const expected = Math.min(layout.chunkBytes, file.size - index * layout.chunkBytes)
  return link.size === expected ? ok(link) : err({ code: 'content_layout', cid: link.cid })
}

/** True when the root of a file looks like one of the layout; deeper nodes are checked as they are reached. */
export function hasLayout(source: BlockSource, file: FileRef, layout: FileLayout = STATE_LAYOUT): boolean {
  const count = chunksOf(file.size, layout.chunkBytes)
  const depth = depthOf(count, layout.fanout)
  const loaded = loadNode(source, file.cid)
  if (!loaded.ok || loaded.value.kind === 'directory') return false
  if (loaded.value.kind === 'leaf') return depth === 0 && file.cid[1] === CODEC_RAW
  const span = layout.chunkBytes * layout.fanout ** (depth - 1)
  const { links } = loaded.value
  return depth > 0 && links.length === Math.ceil(file.size / span) && links[0]?.size === Math.min(span, file.size)
}

type Editing = {
  readonly source: BlockSource
  readonly sink: BlockSink
  readonly hash: Sha256
  readonly layout?: FileLayout
}

/** Overwrites (and, past the end, grows, with zeros between) a file of the layout. */
export function writeAt(
  edit: Editing,
  file: FileRef,
  offset: number,
  bytes: Uint8Array,
): Result<FileRef, ContentError> {
  const { chunkBytes } = edit.layout ?? STATE_LAYOUT
  const size = Math.max(file.size, bytes.length === 0 ? 0 : offset + bytes.length)
  const chunks = new Map<number, Uint8Array>()
  for (let at = offset; at < offset + bytes.length; ) {
    const index = Math.floor(at / chunkBytes)
    const start = index * chunkBytes
    const end = Math.min(start + chunkBytes, size)
    const until = Math.min(end, offset + bytes.length)
    const chunk = new Uint8Array(end - start)
    if ((at > start || until < end) && start < file.size) {
      const before = readRange(edit.source, file.cid, start, end - start)
      if (!before.ok) return before
      chunk.set(before.value)
    }
    chunk.set(bytes.subarray(at - offset, until - offset), at - start)
    chunks.set(index, chunk)
    at = until
  }
  return rewriteFile({ ...edit, base: file, size, chunks })
}

export function appendTo(edit: Editing, file: FileRef, bytes: Uint8Array): Result<FileRef, ContentError> {
  return writeAt(edit, file, file.size, bytes)
}

/** Cuts a file of the layout, or grows it with zeros. */
export function truncateTo(edit: Editing, file: FileRef, size: number): Result<FileRef, ContentError> {
  return rewriteFile({ ...edit, base: file, size, chunks: new Map() })
}
