// Directories and paths: small, flat, sorted (UnixFS directories without sharding).

import type { Sha256 } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { cidOfBytes } from '#protocol/content/block.ts'
import { type Cid, CODEC_DAG_PB } from '#protocol/content/cid.ts'
import { type ContentError, loadNode } from '#protocol/content/file.ts'
import { namesOfPath } from '#protocol/content/name.ts'
import { type DirectoryLink, encodeDirectory } from '#protocol/content/node.ts'
import type { BlockSink, BlockSource } from '#protocol/content/port.ts'

/** A directory's CID and Tsize of a link to it. */
export type DirectoryRef = { readonly cid: Cid; readonly total: number }

export type DirectoryTooLarge = { readonly code: 'directory_too_large' }

/** Entries of a directory, in byte order of their names. */
export function readDirectory(source: BlockSource, cid: Cid): Result<readonly DirectoryLink[], ContentError> {
  const node = loadNode(source, cid)
  if (!node.ok) return node
  return node.value.kind === 'directory' ? ok(node.value.links) : err({ code: 'content_kind', cid })
}

/** Makes a directory of entries in any order; names are valid and differ. */
export function buildDirectory(
  links: Iterable<DirectoryLink>,
  sink: BlockSink,
  hash: Sha256,
): Result<DirectoryRef, DirectoryTooLarge> {
  const all = Array.from(links)
  const bytes = encodeDirectory(all)
  if (bytes === undefined) return err({ code: 'directory_too_large' })
  const cid = cidOfBytes(CODEC_DAG_PB, bytes, hash)
  sink(cid, bytes)
  let total = bytes.length
  for (const link of all) total += link.total
  return ok({ cid, total })
}

/** The CID at a path below a root; undefined when there is no such entry. The empty path is the root. */
export function resolvePath(
  source: BlockSource,
  root: Cid,
  path: string,
): Result<Cid | undefined, ContentError | { readonly code: 'path' }> {
  const names = namesOfPath(path)
  if (names === undefined) return err({ code: 'path' })
  let cid = root
  for (const name of names) {
    const node = loadNode(source, cid)
    if (!node.ok) return node
    if (node.value.kind !== 'directory') return ok(undefined)
    const link = node.value.links.find((entry) => entry.name === name)
    if (link === undefined) return ok(undefined)
    cid = link.cid
  }
  return ok(cid)
}
