// A folder of files as one content-addressed tree, and that tree as a CAR stream. Files are read twice (once to hash, once to
// send) and never held: memory is the inner nodes and one line a chunk, whatever the size of the site.
//
// Chunks of 256 KiB as raw leaves, 174 links a node: the CIDs are those of `ipfs add --cid-version=1`.

import { hash as nodeHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { failed } from '#cli/failure.ts'
import type { Sha256 } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { blockMatches } from '#protocol/content/block.ts'
import { carBlock, carHeader } from '#protocol/content/car.ts'
import { type Cid, cidKey } from '#protocol/content/cid.ts'
import { buildDirectory } from '#protocol/content/directory.ts'
import { createFileBuilder } from '#protocol/content/file.ts'
import type { FileLayout } from '#protocol/content/limits.ts'
import type { DirectoryLink } from '#protocol/content/node.ts'
import { walk } from '#protocol/content/walk.ts'

export const BUNDLE_LAYOUT: FileLayout = { chunkBytes: 256 * 1024, fanout: 174 }
/** A path of the bundle and where its bytes are. */
export type PackFile = { readonly path: string } & ({ readonly bytes: Uint8Array } | { readonly file: string })

/** SHA-256 by the platform. */
export const sha256Native: Sha256 = (bytes) => nodeHash('sha256', bytes, 'buffer')

export type Packed = {
  readonly root: Cid
  /** Bytes of all blocks, without the CAR's own few. */
  readonly bytes: number
  readonly blocks: number
  /** The CAR, version 1, depth first. Throws a `Failure` when a file changed since it was hashed. */
  car(): AsyncIterable<Uint8Array>
}

/** Where a block's bytes are. */
export type PackPlace =
  | { readonly bytes: Uint8Array }
  | { readonly file: string; readonly offset: number; readonly length: number }
type Folder = { readonly folders: Map<string, Folder>; readonly files: Map<string, DirectoryLink> }

function* piecesOf(entry: PackFile): Generator<Uint8Array> {
  if ('bytes' in entry) {
    for (let offset = 0; offset < entry.bytes.length; offset += BUNDLE_LAYOUT.chunkBytes) {
      yield entry.bytes.subarray(offset, offset + BUNDLE_LAYOUT.chunkBytes)
    }
    return
  }
  const handle = openSync(entry.file, 'r')
  try {
    const { size } = fstatSync(handle)
    for (let offset = 0; offset < size; ) {
      const piece = Buffer.allocUnsafe(Math.min(BUNDLE_LAYOUT.chunkBytes, size - offset))
      const count = readSync(handle, piece, 0, piece.length, offset)
      if (count === 0)
        throw failed(
          'file_changed',
          `${entry.file} became shorter while it was read`,
          'Publish again when nothing writes to it.',
        )
      yield piece.subarray(0, count)
      offset += count
    }
  } finally {
    closeSync(handle)
  }
}

/** Reads places one after the other; blocks of one file mostly follow each other, so the last one stays open. */
class PlaceReader implements Disposable {
  #open: { readonly file: string; readonly handle: number } | undefined

  read(place: PackPlace): Uint8Array {
    if ('bytes' in place) return place.bytes
    if (this.#open?.file !== place.file) {
      this[Symbol.dispose]()
      this.#open = { file: place.file, handle: openSync(place.file, 'r') }
    }
    const bytes = Buffer.alloc(place.length)
    readSync(this.#open.handle, bytes, 0, place.length, place.offset)
    return bytes
  }

  [Symbol.dispose](): void {
    if (this.#open !== undefined) closeSync(this.#open.handle)
    this.#open = undefined
  }
}

/** A tree that is at hand already, to be linked at the top of a packed one. */
export type PackTree = { readonly links: readonly DirectoryLink[]; readonly places: ReadonlyMap<string, PackPlace> }

/** Hashes the files into one tree, with `tree`'s links beside them. `onBytes` tells how far the reading is. */
export function packFiles(
  files: readonly PackFile[],
  tree?: PackTree,
  onBytes: (done: number) => void = () => {},
): Packed {
  const places = new Map(tree?.places)
  const root: Folder = { folders: new Map(), files: new Map(tree?.links.map((link) => [link.name, link])) }
  let done = 0
  for (const entry of files) {
    let offset = 0
    const builder = createFileBuilder(
      (cid, bytes) => {
        const leaf = cid[1] === 0x55
        places.set(
          cidKey(cid),
          leaf && 'file' in entry ? { file: entry.file, offset, length: bytes.length } : { bytes },
        )
        if (leaf) offset += bytes.length
      },
      sha256Native,
      BUNDLE_LAYOUT,
    )
    for (const piece of piecesOf(entry)) {
      builder.push(piece)
      done += piece.length
      onBytes(done)
    }
    const names = entry.path.split('/')
    const name = names.pop()
    assert(name !== undefined && name !== '', 'a bundled file has a name')
    let folder = root
    for (const step of names) {
      const next = folder.folders.get(step) ?? { folders: new Map(), files: new Map() }
      folder.folders.set(step, next)
      folder = next
    }
    const ref = builder.finish()
    folder.files.set(name, { name, cid: ref.cid, total: ref.total })
  }
  const close = (folder: Folder): { cid: Cid; total: number } => {
    const links: DirectoryLink[] = [...folder.files.values()]
    for (const [name, inner] of folder.folders) links.push({ name, ...close(inner) })
    const made = buildDirectory(links, (cid, bytes) => places.set(cidKey(cid), { bytes }), sha256Native)
    if (!made.ok)
      throw failed(
        'too_many_files',
        'a folder of the site has more files than one directory can hold',
        'Spread its files over several folders.',
      )
    return made.value
  }
  const { cid } = close(root)
  const { bytes, blocks } = sizeOf(cid, places)
  return { root: cid, bytes, blocks, car: () => carOf(cid, places) }
}

/** Of what the tree reaches: an archive's places hold more than the parts that are linked. */
function sizeOf(root: Cid, places: ReadonlyMap<string, PackPlace>): { bytes: number; blocks: number } {
  using reader = new PlaceReader()
  const read = (cid: Cid): Uint8Array | undefined => {
    const place = places.get(cidKey(cid))
    return place === undefined ? undefined : reader.read(place)
  }
  let bytes = 0
  let blocks = 0
  for (const found of walk(read, root)) {
    const place = found.ok ? places.get(cidKey(found.value)) : undefined
    assert(place !== undefined, 'a tree that was just made is whole')
    bytes += 'bytes' in place ? place.bytes.length : place.length
    blocks++
  }
  return { bytes, blocks }
}

async function* carOf(root: Cid, places: ReadonlyMap<string, PackPlace>): AsyncGenerator<Uint8Array> {
  using reader = new PlaceReader()
  const read = (cid: Cid): Uint8Array | undefined => {
    const place = places.get(cidKey(cid))
    return place === undefined ? undefined : reader.read(place)
  }
  yield carHeader(root)
  for (const found of walk(read, root)) {
    assert(found.ok, 'a tree that was just made is whole')
    const cid = found.value
    const bytes = read(cid)
    assert(bytes !== undefined, 'a tree that was just made is whole')
    if (!blockMatches(cid, bytes, sha256Native)) {
      throw failed(
        'file_changed',
        'a file changed while it was uploaded',
        'Publish again when nothing writes to the folder.',
      )
    }
    yield carBlock(cid, bytes)
  }
}
