// Blocks in memory and the reference implementation of UnixFS, for the tests of content.

import { hash } from 'node:crypto'
import { UnixFS } from 'ipfs-unixfs'
import { exporter } from 'ipfs-unixfs-exporter'
import { type ImportResult, importBytes, importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'
import { CID } from 'multiformats/cid'
import { type Cid, cidFromBytes, cidKey } from '#protocol/content/cid.ts'
import { type FileLayout, STATE_LAYOUT } from '#protocol/content/limits.ts'
import type { BlockSink, BlockSource } from '#protocol/content/port.ts'

export { UnixFS }

export const nativeHash = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer')

export type Blocks = {
  readonly map: Map<string, Uint8Array>
  readonly source: BlockSource
  readonly sink: BlockSink
}

export function memoryBlocks(): Blocks {
  const map = new Map<string, Uint8Array>()
  return { map, source: (cid) => map.get(cidKey(cid)), sink: (cid, bytes) => void map.set(cidKey(cid), bytes) }
}

export function ours(cid: CID): Cid {
  const known = cidFromBytes(cid.bytes)
  if (!known.ok) throw new Error(`a CID of another form: ${cid}`)
  return known.value
}

/** What the reference importer's and exporter's block store has to be. */
export function referenceStore(blocks: Blocks) {
  return {
    put(cid: CID, bytes: Uint8Array) {
      blocks.sink(ours(cid), Uint8Array.from(bytes))
      return cid
    },
    *get(cid: CID) {
      const bytes = blocks.source(ours(cid))
      if (bytes === undefined) throw new Error(`no block ${cid}`)
      yield bytes
    },
  }
}

export function importOptions(layout: FileLayout = STATE_LAYOUT) {
  return {
    rawLeaves: true,
    cidVersion: 1 as const,
    reduceSingleLeafToSelf: true,
    chunker: fixedSize({ chunkSize: layout.chunkBytes }),
    layout: balanced({ maxChildrenPerNode: layout.fanout }),
  }
}

/** The CID that the reference importer gives to these bytes. */
export async function referenceCid(bytes: Uint8Array, layout?: FileLayout, blocks = memoryBlocks()): Promise<Cid> {
  const result = await importBytes(bytes, referenceStore(blocks), importOptions(layout))
  return ours(result.cid)
}

/** The root that the reference importer gives to a tree of files. */
export async function referenceTree(
  files: Iterable<readonly [path: string, bytes: Uint8Array]>,
  blocks: Blocks,
): Promise<Cid> {
  const entries = Array.from(files, ([path, content]) => ({ path, content }))
  let root: ImportResult | undefined
  const options = { ...importOptions(), wrapWithDirectory: true, shardSplitThresholdBytes: 1 << 24 }
  for await (const result of importer(entries, referenceStore(blocks), options)) root = result
  if (root === undefined) throw new Error('nothing was imported')
  return ours(root.cid)
}

/** The bytes of a file as the reference exporter reads them. */
export async function referenceBytes(blocks: Blocks, cid: Cid): Promise<Uint8Array> {
  const entry = await exporter(CID.decode(cid), referenceStore(blocks))
  if (!('content' in entry)) throw new Error('not a file')
  const parts: Uint8Array[] = []
  for await (const part of entry.content()) parts.push(part)
  return Uint8Array.from(Buffer.concat(parts))
}
