// The files of a seeder's data directory, and the ports it keeps across restarts.
//
//   key.pem        the seeder's Ed25519 secret         network.json   the newest network file it took
//   seeder.json    ports and record sequence           store/…        everything durable about its sites
//   runtime/…      metered binaries, made again when missing     log    structured log, when not on stderr

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { boolean, mapOf, object, oneOf, optional, readShape, type Shaped, text, uint } from '#protocol/codec/shape.ts'
import { JOBS_MAX, SITE_NAME } from '#protocol/directory/network-file.ts'
import { NOBODY_LISTENS, type PersistPoints } from '#seeder/store/points.ts'
import { STORE_FILE } from '#seeder/store/store.ts'

export type Place = {
  readonly directory: string
  readonly keyFile: string
  readonly networkFile: string
  readonly memoFile: string
  readonly storeDirectory: string
  readonly runtimeDirectory: string
  readonly points: PersistPoints
}

export function placeAt(directory: string, points: PersistPoints = NOBODY_LISTENS): Place {
  mkdirSync(directory, { recursive: true })
  return {
    directory,
    keyFile: join(directory, 'key.pem'),
    networkFile: join(directory, 'network.json'),
    memoFile: join(directory, 'seeder.json'),
    storeDirectory: join(directory, 'store'),
    runtimeDirectory: join(directory, 'runtime'),
    points,
  }
}

const PORT_MAX = 65_535
/** A host label of its own, between a site's name and `localhost`. */
export const LABEL = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/
const memoShape = object({
  httpPort: uint(PORT_MAX),
  p2pPort: uint(PORT_MAX),
  controlPort: uint(PORT_MAX),
  label: text(32, LABEL),
  target: oneOf('hosts', 'plain'),
  /** Port by site name, where every site has one of its own. */
  plainPorts: mapOf(text(63, SITE_NAME), uint(PORT_MAX), JOBS_MAX),
  /** Of the last PEER_RECORD that was signed. */
  recordSequence: uint(),
  /** The store went and the key stayed: what was signed is not known any more, and the sites do not know that yet (R1). */
  storeLost: optional(boolean()),
})
/** Ports are 0 until they are known. */
export type Memo = Shaped<typeof memoShape>

const NOTHING_KNOWN: Memo = {
  httpPort: 0,
  p2pPort: 0,
  controlPort: 0,
  label: 's',
  target: 'hosts',
  plainPorts: {},
  recordSequence: 0,
}

/** A missing or unreadable memo is no loss: ports are chosen anew. */
export function readMemo(place: Place): Memo {
  try {
    const shaped = readShape(memoShape, JSON.parse(readFileSync(place.memoFile, 'utf8')))
    return shaped.ok ? shaped.value : NOTHING_KNOWN
  } catch {
    return NOTHING_KNOWN
  }
}

/** A store is made before the key: a key without one, or with an empty file, has signed what nobody here remembers. Ask before the store is opened. */
export function storeIsLost(place: Place): boolean {
  const bytes = statSync(join(place.storeDirectory, STORE_FILE), { throwIfNoEntry: false })?.size ?? 0
  return existsSync(place.keyFile) && bytes === 0
}

export function writeMemo(place: Place, memo: Memo): void {
  writeWhole(place.memoFile, `${JSON.stringify(memo)}\n`, place.points)
}

/** Where a damaged store is kept for whoever wants to look at it: the last one. */
export const ASIDE_SUFFIX = '.damaged'

/** The store is lost, and its files make room for a new one. That it is lost is durable first. */
export function setStoreAside(place: Place): void {
  writeMemo(place, { ...readMemo(place), storeLost: true })
  const file = join(place.storeDirectory, STORE_FILE)
  rmSync(`${file}-shm`, { force: true })
  for (const part of [`${file}-wal`, file]) {
    rmSync(`${part}${ASIDE_SUFFIX}`, { force: true })
    if (existsSync(part)) renameSync(part, `${part}${ASIDE_SUFFIX}`)
  }
}

/** The file is the old one or the new one, whatever happens, and the new one when this returned. */
export function writeWhole(path: string, text: string, points: PersistPoints = NOBODY_LISTENS): void {
  points.before(true)
  const draft = `${path}.new`
  const handle = openSync(draft, 'w', 0o644)
  try {
    writeSync(handle, text)
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
  points.after()
  points.before(true)
  renameSync(draft, path)
  const directory = openSync(dirname(path), 'r')
  try {
    fsyncSync(directory)
  } finally {
    closeSync(directory)
  }
  points.after()
}
