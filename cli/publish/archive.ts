// An exported site on disk: the certified state as a CAR, and beside it FILE.json with the certificate that vouches for its root.
// Neither is ever held in memory: a stream is checked block by block as it comes, and a tree is walked from the file.
//
//   interpeer-export/1   a CAR (version 1, one root: the state's), FILE.json as `ArchiveFacts`

import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { failed } from '#cli/failure.ts'
import { type PackPlace, type PackTree, sha256Native } from '#cli/publish/pack.ts'
import { blockMatches } from '#protocol/content/block.ts'
import { type CarPart, createCarParser } from '#protocol/content/car.ts'
import { type Cid, cidFromText, cidKey, EMPTY_DIRECTORY_BYTES, isEmptyDirectory } from '#protocol/content/cid.ts'
import { buildDirectory, readDirectory } from '#protocol/content/directory.ts'
import type { DirectoryLink } from '#protocol/content/node.ts'
import type { BlockSource } from '#protocol/content/port.ts'
import { walk } from '#protocol/content/walk.ts'
import { LIMITS } from '#protocol/site/limits.ts'
import { FIRST_DATA } from '#seeder/execute/pool/live-code.ts'

/** An archive larger than this cannot be published again: what a bundle may have, and a sixteenth more for the tree above its files and the CAR. */
export const ARCHIVE_BYTES_MAX = LIMITS.archiveBytes + LIMITS.archiveBytes / 16
/** What this program writes and reads. An archive of a later format is refused. */
export const ARCHIVE_FORMAT = 'interpeer-export/1'
const FORMAT = /^interpeer-export\/([1-9]\d{0,8})$/
const READ_BYTES = 1024 * 1024

/** What stands beside the CAR. */
export type ArchiveFacts = {
  readonly format: typeof ARCHIVE_FORMAT
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

/** Where each block of a CAR file lies, by the key of its CID. */
export type ArchivePlaces = ReadonlyMap<string, PackPlace>

export function factsPath(path: string): string {
  return `${path}.json`
}

/** Reads and checks an archive: every block against its CID, the tree whole. `onBytes` tells how far the reading is. */
export async function openArchive(
  path: string,
  onBytes: (done: number, total: number) => void = () => {},
): Promise<Archive> {
  const { facts, root } = readFacts(path)
  const size = statSync(path, { throwIfNoEntry: false })?.size
  if (size === undefined) throw failed('archive', `there is no archive at ${path}`)
  if (size > ARCHIVE_BYTES_MAX)
    throw failed(
      'archive_too_large',
      `${path} has ${size} bytes; ${ARCHIVE_BYTES_MAX} can be published`,
      'A site of that size has to shrink before it is exported: delete what it does not need.',
    )
  const check = createArchiveCheck(path, root, path)
  let done = 0
  for await (const piece of piecesOf(path)) {
    check.push(piece)
    done += piece.length
    onBytes(done, size)
  }
  const found = check.finish()
  const places = new Map(found)
  using file = openPlaces(path, found)
  const top = linksAt(file.source, root, path)
  const app = top.find((link) => link.name === 'app')
  if (app === undefined) throw failed('archive', `${path} has no code in it`)
  const data = top.filter((link) => (FIRST_DATA as readonly string[]).includes(link.name))
  const made = buildDirectory(data, (cid, bytes) => places.set(cidKey(cid), { bytes }), sha256Native)
  if (!made.ok) throw failed('archive', `${path} has too many databases`)
  return {
    facts,
    code: { links: linksAt(file.source, app.cid, path).filter((link) => link.name !== 'data'), places },
    data: { links: data.length === 0 ? [] : [{ name: 'data', ...made.value }], places },
  }
}

function readFacts(path: string): { readonly facts: ArchiveFacts; readonly root: Cid } {
  let facts: Partial<Record<keyof ArchiveFacts, unknown>>
  try {
    facts = JSON.parse(readFileSync(factsPath(path), 'utf8')) as typeof facts
  } catch (cause) {
    throw failed(
      'archive',
      `${factsPath(path)} cannot be read: ${(cause as Error).message}`,
      "'interpeer export' writes it beside the CAR: keep the two together.",
    )
  }
  const version = FORMAT.exec(String(facts?.format))?.[1]
  if (version === undefined) throw failed('archive', `${factsPath(path)} is not of an exported site`)
  if (facts.format !== ARCHIVE_FORMAT)
    throw failed(
      'archive_newer',
      `${path} is of a newer format (${facts.format}); this program reads ${ARCHIVE_FORMAT}`,
      'Import it with the version of interpeer that exported it, or a later one.',
    )
  const root = cidFromText(String(facts.stateRoot))
  const whole = typeof facts.name === 'string' && typeof facts.job === 'string' && Number.isSafeInteger(facts.height)
  if (!root.ok || !whole) throw failed('archive', `${factsPath(path)} is not of an exported site`)
  return { facts: facts as ArchiveFacts, root: root.value }
}

function linksAt(source: BlockSource, cid: Cid, path: string): readonly DirectoryLink[] {
  const links = readDirectory(source, cid)
  if (!links.ok) throw failed('archive', `${path} is damaged (${links.error.code})`)
  return links.value
}

async function* piecesOf(path: string): AsyncGenerator<Uint8Array> {
  await using handle = await open(path)
  for (;;) {
    const piece = Buffer.allocUnsafe(READ_BYTES)
    const { bytesRead } = await handle.read(piece, 0, piece.length, null)
    if (bytesRead === 0) return
    yield piece.subarray(0, bytesRead)
  }
}

export type ArchiveCheck = {
  /** The next bytes of the CAR: each block that ends in them is hashed. Throws a `Failure` that names `what`. */
  push(piece: Uint8Array): void
  /** At the end, with all bytes in the file: walks the tree of the root. Throws when a block of it is missing. */
  finish(): ArchivePlaces
}

/** Checks a CAR as it comes; `path` is the file that its bytes are written to, or come from. */
export function createArchiveCheck(path: string, root: Cid, what: string): ArchiveCheck {
  const again = 'Export the site again.'
  const parser = createCarParser(root)
  const places = new Map<string, PackPlace>()
  const take = ({ cid, bytes, offset }: CarPart): void => {
    if (!blockMatches(cid, bytes, sha256Native))
      throw failed('archive_damaged', `${what} is damaged: a block does not have its hash`, again)
    places.set(cidKey(cid), { file: path, offset, length: bytes.length })
  }
  return {
    push(piece) {
      const parts = parser.push(piece)
      if (!parts.ok) throw failed('archive', `${what} is no CAR of that state (${parts.error.code})`, again)
      for (const part of parts.value) take(part)
    },
    finish() {
      const end = parser.finish()
      if (!end.ok) throw failed('archive', `${what} is no CAR of that state (${end.error.code})`, again)
      using file = openPlaces(path, places)
      for (const found of walk(file.source, root)) {
        if (!found.ok || (!places.has(cidKey(found.value)) && !isEmptyDirectory(found.value)))
          throw failed('archive', `${what} is not whole`, again)
      }
      return places
    },
  }
}

/** Blocks out of one file, by their places in it. */
function openPlaces(path: string, places: ArchivePlaces): Disposable & { readonly source: BlockSource } {
  const handle = openSync(path, 'r')
  return {
    source(cid) {
      const place = places.get(cidKey(cid))
      if (place === undefined) return isEmptyDirectory(cid) ? EMPTY_DIRECTORY_BYTES : undefined
      if ('bytes' in place) return place.bytes
      const bytes = Buffer.alloc(place.length)
      readSync(handle, bytes, 0, place.length, place.offset)
      return blockMatches(cid, bytes, sha256Native) ? bytes : undefined
    },
    [Symbol.dispose]: () => closeSync(handle),
  }
}
