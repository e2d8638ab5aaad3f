// One block of content as a value: a raw leaf, a UnixFS file node or a UnixFS directory (dag-pb specification; UnixFS specification).
//
//   dag-pb   PBNode { 2: PBLink*, 1: Data }    PBLink { 1: Hash, 2: Name, 3: Tsize }
//   UnixFS   Data   { 1: type, 2: data, 3: filesize, 4: blocksizes*, 7: mode, 8: mtime }
//
// Reading is stricter than the specifications, since the writer may be hostile: links are CIDv1 of dag-pb or raw with SHA-256,
// sizes add up, directories are sorted without repeats, nothing unknown is skipped. Mode and mtime are accepted and dropped.
// Encoding gives the bytes of `@ipld/dag-pb` and `ipfs-unixfs` at a twentieth of their time: it runs for every agreed write.

import { bytesCompare } from '#protocol/codec/bytes.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import { CID_BYTES, type Cid, CODEC_RAW, cidCodec, cidFromBytes } from '#protocol/content/cid.ts'
import { BLOCK_BYTES_MAX, NODE_LINKS_MAX } from '#protocol/content/limits.ts'
import { isName, nameFromBytes, nameToBytes } from '#protocol/content/name.ts'
import { type Cursor, readField, readVarint, varintLength, writeVarint } from '#protocol/content/protobuf.ts'

/** `total` is the link's Tsize: bytes of the whole tree under it, as its writer counted. */
export type FileLink = { readonly cid: Cid; readonly size: number; readonly total: number }
export type DirectoryLink = { readonly name: string; readonly cid: Cid; readonly total: number }

export type ContentNode =
  | { readonly kind: 'leaf'; readonly bytes: Uint8Array }
  /** Content in children; at least one. `size` is their sum. */
  | { readonly kind: 'file'; readonly links: readonly FileLink[]; readonly size: number }
  | { readonly kind: 'directory'; readonly links: readonly DirectoryLink[] }

/** `rule` names what was broken. */
export type NodeError = { readonly code: 'block_form'; readonly rule: NodeRule }
export type NodeRule =
  | 'block too large'
  | 'protobuf'
  | 'too many links'
  | 'link is no CIDv1 of dag-pb or raw with SHA-256'
  | 'kind of node'
  | 'data beside links'
  | 'sizes'
  | 'names'

const TYPE_RAW = 0
const TYPE_DIRECTORY = 1
const TYPE_FILE = 2

type PbLink = { readonly cid: Cid; readonly name: Uint8Array; readonly total: number }
type UnixFsData = { readonly type: number; readonly data: Uint8Array; readonly size?: number; readonly sizes: number[] }

const NO_BYTES = new Uint8Array(0)

/** The value of a block. The bytes are not hashed here (see `verifyBlock`) and not copied. */
export function decodeNode(cid: Cid, bytes: Uint8Array): Result<ContentNode, NodeError> {
  if (bytes.length > BLOCK_BYTES_MAX) return broken('block too large')
  if (cidCodec(cid) === CODEC_RAW) return ok({ kind: 'leaf', bytes })
  const links: PbLink[] = []
  let data: Uint8Array | undefined
  const cursor: Cursor = { bytes, offset: 0, end: bytes.length }
  while (cursor.offset < cursor.end) {
    const field = readField(cursor)
    if (field?.bytes === undefined) return broken('protobuf')
    if (field.number === 1) {
      if (data !== undefined) return broken('protobuf')
      data = field.bytes
    } else if (field.number === 2) {
      if (links.length === NODE_LINKS_MAX) return broken('too many links')
      const link = decodeLink(field.bytes)
      if (!link.ok) return link
      links.push(link.value)
    } else return broken('protobuf')
  }
  if (data === undefined) return broken('kind of node')
  const unixfs = decodeUnixFs(data)
  if (unixfs === undefined) return broken('protobuf')
  if (unixfs.type === TYPE_DIRECTORY) return directoryNode(links, unixfs)
  if (unixfs.type === TYPE_FILE || unixfs.type === TYPE_RAW) return fileNode(links, unixfs)
  return broken('kind of node')
}

function broken(rule: NodeRule): Result<never, NodeError> {
  return err({ code: 'block_form', rule })
}

function decodeLink(bytes: Uint8Array): Result<PbLink, NodeError> {
  const cursor: Cursor = { bytes, offset: 0, end: bytes.length }
  let cid: Cid | undefined
  let name: Uint8Array | undefined
  let total: number | undefined
  while (cursor.offset < cursor.end) {
    const field = readField(cursor)
    if (field === undefined) return broken('protobuf')
    if (field.number === 1 && field.bytes !== undefined && cid === undefined && name === undefined) {
      const known = cidFromBytes(field.bytes)
      if (!known.ok) return broken('link is no CIDv1 of dag-pb or raw with SHA-256')
      cid = known.value
    } else if (field.number === 2 && field.bytes !== undefined && name === undefined && total === undefined) {
      name = field.bytes
    } else if (field.number === 3 && field.bytes === undefined && total === undefined) total = field.value
    else return broken('protobuf')
  }
  if (cid === undefined) return broken('protobuf')
  return ok({ cid, name: name ?? NO_BYTES, total: total ?? 0 })
}

function decodeUnixFs(bytes: Uint8Array): UnixFsData | undefined {
  const cursor: Cursor = { bytes, offset: 0, end: bytes.length }
  let type: number | undefined
  let data: Uint8Array | undefined
  let size: number | undefined
  const sizes: number[] = []
  while (cursor.offset < cursor.end) {
    const field = readField(cursor)
    if (field === undefined) return undefined
    if (field.bytes !== undefined) {
      if (field.number === 2 && data === undefined) data = field.bytes
      else if (field.number === 4) {
        const packed: Cursor = { bytes: field.bytes, offset: 0, end: field.bytes.length }
        while (packed.offset < packed.end) {
          const value = readVarint(packed)
          if (value < 0 || sizes.length === NODE_LINKS_MAX) return undefined
          sizes.push(value)
        }
      } else if (field.number !== 8) return undefined
    } else if (field.number === 1 && type === undefined) type = field.value
    else if (field.number === 3 && size === undefined) size = field.value
    else if (field.number === 4 && sizes.length < NODE_LINKS_MAX) sizes.push(field.value)
    else if (field.number !== 7) return undefined
  }
  if (type === undefined) return undefined
  return { type, data: data ?? NO_BYTES, ...(size === undefined ? {} : { size }), sizes }
}

function fileNode(links: readonly PbLink[], unixfs: UnixFsData): Result<ContentNode, NodeError> {
  if (links.length !== unixfs.sizes.length) return broken('sizes')
  if (links.length === 0) {
    if (unixfs.size !== undefined && unixfs.size !== unixfs.data.length) return broken('sizes')
    return ok({ kind: 'leaf', bytes: unixfs.data })
  }
  if (unixfs.data.length > 0) return broken('data beside links')
  let size = 0
  const fileLinks: FileLink[] = []
  for (const [index, link] of links.entries()) {
    const childSize = unixfs.sizes[index] ?? 0
    if (childSize < 1) return broken('sizes')
    size += childSize
    fileLinks.push({ cid: link.cid, size: childSize, total: link.total })
  }
  if (!Number.isSafeInteger(size) || (unixfs.size !== undefined && unixfs.size !== size)) return broken('sizes')
  return ok({ kind: 'file', links: fileLinks, size })
}

function directoryNode(links: readonly PbLink[], unixfs: UnixFsData): Result<ContentNode, NodeError> {
  if (unixfs.data.length > 0 || unixfs.sizes.length > 0) return broken('kind of node')
  const directoryLinks: DirectoryLink[] = []
  let before: Uint8Array | undefined
  for (const link of links) {
    const name = nameFromBytes(link.name)
    if (name === undefined || (before !== undefined && bytesCompare(before, link.name) >= 0)) return broken('names')
    before = link.name
    directoryLinks.push({ name, cid: link.cid, total: link.total })
  }
  return ok({ kind: 'directory', links: directoryLinks })
}

const LINK_KEY = 0x12
const DATA_KEY = 0x0a

/** Bytes of a file node over its children, in order. */
export function encodeFile(links: readonly FileLink[]): Uint8Array {
  assert(links.length > 0 && links.length <= NODE_LINKS_MAX, 'a file node has children, within the limit')
  let size = 0
  let dataLength = 2
  let length = 0
  for (const link of links) {
    size += link.size
    dataLength += 1 + varintLength(link.size)
    length += 2 + linkLength(0, link.total)
  }
  dataLength += 1 + varintLength(size)
  const bytes = new Uint8Array(length + 1 + varintLength(dataLength) + dataLength)
  let at = 0
  for (const link of links) at = writeLink(bytes, at, link.cid, NO_BYTES, link.total)
  bytes[at++] = DATA_KEY
  at = writeVarint(bytes, at, dataLength)
  bytes[at++] = 0x08
  bytes[at++] = TYPE_FILE
  bytes[at++] = 0x18
  at = writeVarint(bytes, at, size)
  for (const link of links) {
    bytes[at++] = 0x20
    at = writeVarint(bytes, at, link.size)
  }
  assert(at === bytes.length, 'a file node has its computed length')
  return bytes
}

/** Bytes of a directory; undefined when it would be larger than a block may be. Names are valid and differ; any order. */
export function encodeDirectory(links: Iterable<DirectoryLink>): Uint8Array | undefined {
  const sorted: { name: Uint8Array; cid: Cid; total: number }[] = []
  let length = 4
  for (const { name, cid, total } of links) {
    assert(isName(name), 'a name in a directory is valid')
    const nameBytes = nameToBytes(name)
    const link = linkLength(nameBytes.length, total)
    length += 1 + varintLength(link) + link
    sorted.push({ name: nameBytes, cid, total })
    if (sorted.length > NODE_LINKS_MAX || length > BLOCK_BYTES_MAX) return undefined
  }
  sorted.sort((a, b) => bytesCompare(a.name, b.name))
  const bytes = new Uint8Array(length)
  let at = 0
  let before: Uint8Array | undefined
  for (const { name, cid, total } of sorted) {
    assert(before === undefined || bytesCompare(before, name) < 0, 'names in a directory differ')
    before = name
    at = writeLink(bytes, at, cid, name, total)
  }
  bytes.set([DATA_KEY, 2, 0x08, TYPE_DIRECTORY], at)
  return bytes
}

/** Bytes that an entry of this name takes in a directory at most, whatever lies under it. */
export function entryBytesMax(name: string): number {
  const link = linkLength(nameToBytes(name).length, Number.MAX_SAFE_INTEGER)
  return 1 + varintLength(link) + link
}

function linkLength(nameBytes: number, total: number): number {
  return 2 + CID_BYTES + 1 + varintLength(nameBytes) + nameBytes + 1 + varintLength(total)
}

function writeLink(bytes: Uint8Array, offset: number, cid: Cid, name: Uint8Array, total: number): number {
  let at = offset
  bytes[at++] = LINK_KEY
  at = writeVarint(bytes, at, linkLength(name.length, total))
  bytes[at++] = 0x0a
  bytes[at++] = CID_BYTES
  bytes.set(cid, at)
  at += CID_BYTES
  bytes[at++] = 0x12
  at = writeVarint(bytes, at, name.length)
  bytes.set(name, at)
  at += name.length
  bytes[at++] = 0x18
  return writeVarint(bytes, at, total)
}

/** Tsize of a link to this block: its bytes and what its own links say. */
export function nodeTotal(node: ContentNode, blockBytes: number): number {
  if (node.kind === 'leaf') return blockBytes
  let total = blockBytes
  for (const link of node.links) total += link.total
  return total
}
