// An exported site on disk: the certified state as a CAR, and beside it FILE.json with the certificate that vouches for its root.

import { readFileSync, statSync } from 'node:fs'
import { failed } from '#cli/failure.ts'
import { type PackTree, sha256Native } from '#cli/publish/pack.ts'
import { blockMatches } from '#protocol/content/block.ts'
import { createCarParser } from '#protocol/content/car.ts'
import { type Cid, cidFromText, cidKey, EMPTY_DIRECTORY_BYTES, isEmptyDirectory } from '#protocol/content/cid.ts'
import { buildDirectory, readDirectory } from '#protocol/content/directory.ts'
import type { DirectoryLink } from '#protocol/content/node.ts'
import { walk } from '#protocol/content/walk.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { FIRST_DATA } from '#seeder/execute/pool/executor.ts'

/** An archive larger than this cannot be published again: it is what a bundle may have. */
export const ARCHIVE_BYTES_MAX = LIMITS.bundleBytes

/** What stands beside the CAR. */
export type ArchiveFacts = {
  readonly format: 'interpeer-export/1'
  readonly name: string
  readonly job: string
  readonly height: number
  /** Block time, ms. */
  readonly time: number
  readonly stateRoot: string
  /** CERT of the height, canonical CBOR in base64. */
  readonly certificate: string
}

export type Archive = { readonly facts: ArchiveFacts; readonly code: PackTree; readonly data: PackTree }

export function factsPath(path: string): string {
  return `${path}.json`
}

/** Reads and checks an archive: every block against its CID, the tree whole. */
export function openArchive(path: string): Archive {
  let facts: ArchiveFacts
  try {
    facts = JSON.parse(readFileSync(factsPath(path), 'utf8')) as ArchiveFacts
  } catch (cause) {
    throw failed(
      'archive',
      `${factsPath(path)} cannot be read: ${(cause as Error).message}`,
      "'interpeer export' writes it beside the CAR: keep the two together.",
    )
  }
  const root = facts.format === 'interpeer-export/1' ? cidFromText(facts.stateRoot) : undefined
  if (!root?.ok) throw failed('archive', `${factsPath(path)} is not of an exported site`)
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) throw failed('archive', `there is no archive at ${path}`)
  if (size > ARCHIVE_BYTES_MAX)
    throw failed('archive_too_large', `${path} has ${size} bytes; a bundle may have ${ARCHIVE_BYTES_MAX}`)
  const blocks = checkTree(readFileSync(path), root.value, path)
  const source = (cid: Cid) => blocks.get(cidKey(cid))
  const top = linksAt(source, root.value, path)
  const app = top.find((link) => link.name === 'app')
  if (app === undefined) throw failed('archive', `${path} has no code in it`)
  const data = top.filter((link) => (FIRST_DATA as readonly string[]).includes(link.name))
  const made = buildDirectory(data, (cid, bytes) => blocks.set(cidKey(cid), bytes), sha256Native)
  if (!made.ok) throw failed('archive', `${path} has too many databases`)
  return {
    facts,
    code: { links: linksAt(source, app.cid, path).filter((link) => link.name !== 'data'), blocks },
    data: { links: data.length === 0 ? [] : [{ name: 'data', ...made.value }], blocks },
  }
}

function linksAt(source: (cid: Cid) => Uint8Array | undefined, cid: Cid, path: string): readonly DirectoryLink[] {
  const links = readDirectory(source, cid)
  if (!links.ok) throw failed('archive', `${path} is damaged (${links.error.code})`)
  return links.value
}

/** The blocks of a CAR by CID, each with its hash, the tree of `root` whole; a `Failure` that names `what` otherwise. */
export function checkTree(car: Uint8Array, root: Cid, what: string): Map<string, Uint8Array> {
  const parser = createCarParser(root)
  const parts = parser.push(car)
  const end = parser.finish()
  if (!parts.ok || !end.ok) {
    const code = !parts.ok ? parts.error.code : !end.ok ? end.error.code : ''
    throw failed('archive', `${what} is no CAR of that state (${code})`, 'Export the site again.')
  }
  const blocks = new Map<string, Uint8Array>()
  for (const { cid, bytes } of parts.value) {
    if (!blockMatches(cid, bytes, sha256Native)) {
      throw failed('archive_damaged', `${what} is damaged: a block does not have its hash`, 'Export the site again.')
    }
    blocks.set(cidKey(cid), bytes)
  }
  const source = (cid: Cid) => (isEmptyDirectory(cid) ? EMPTY_DIRECTORY_BYTES : blocks.get(cidKey(cid)))
  for (const found of walk(source, root)) {
    if (!found.ok || source(found.value) === undefined)
      throw failed('archive', `${what} is not whole`, 'Export the site again.')
  }
  return blocks
}
