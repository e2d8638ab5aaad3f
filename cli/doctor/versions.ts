// Which versions meet here: Node, this program, the runtime image against the network's, the store's tables against what is known.
//
// The store is read past SQLite, page 1 and the write-ahead log alone: opening it would make files and could hold up a seeder.

import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { type Finding, fine, trouble } from '#cli/doctor/finding.ts'
import type { Scene } from '#cli/doctor/scene.ts'
import { PACKAGE_FILE } from '#cli/place.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { runtimeImage } from '#seeder/execute/pool/runtime.ts'
import { SCHEMA_VERSION } from '#seeder/store/schema.ts'
import { STORE_FILE } from '#seeder/store/store.ts'

const OLDEST_MAJOR = 24
/** Offsets in page 1 (SQLite's file format, 1.3). */
const USER_VERSION_AT = 60
const HEADER_BYTES = 100
const WAL_HEADER_BYTES = 32
const WAL_FRAME_BYTES = 24
/** Frames looked at; the log is cut back at 4 MiB. */
const WAL_FRAMES_MAX = 16_384

function bytesAt(handle: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(handle, bytes, 0, length, offset))
}

function withFile<T>(path: string, read: (handle: number, size: number) => T): T {
  const handle = openSync(path, 'r')
  try {
    return read(handle, fstatSync(handle).size)
  } finally {
    closeSync(handle)
  }
}

/** `user_version` of the newest page 1 in the log; undefined when it has none. */
function versionInLog(path: string): number | undefined {
  if (!existsSync(path)) return undefined
  return withFile(path, (handle, size) => {
    const header = bytesAt(handle, 0, WAL_HEADER_BYTES)
    if (header.length < WAL_HEADER_BYTES) return undefined
    const pageBytes = header.readUInt32BE(8)
    let found: number | undefined
    for (let frame = 0; frame < WAL_FRAMES_MAX; frame++) {
      const at = WAL_HEADER_BYTES + frame * (WAL_FRAME_BYTES + pageBytes)
      if (at + WAL_FRAME_BYTES + pageBytes > size) break
      const head = bytesAt(handle, at, WAL_FRAME_BYTES)
      // Frames of an earlier round of the log have other salts.
      if (!head.subarray(8, 16).equals(header.subarray(16, 24))) break
      if (head.readUInt32BE(0) !== 1) continue
      found = bytesAt(handle, at + WAL_FRAME_BYTES + USER_VERSION_AT, 4).readUInt32BE(0)
    }
    return found
  })
}

/** The version of the tables in a store; undefined when there is no store yet. Throws what reading throws. */
export function storedSchema(directory: string): number | undefined {
  const path = join(directory, 'store', STORE_FILE)
  if (!existsSync(path)) return undefined
  const logged = versionInLog(`${path}-wal`)
  if (logged !== undefined) return logged
  return withFile(path, (handle) => {
    const header = bytesAt(handle, 0, HEADER_BYTES)
    return header.length < HEADER_BYTES ? undefined : header.readUInt32BE(USER_VERSION_AT)
  })
}

export function programVersion(): string {
  return String((JSON.parse(readFileSync(PACKAGE_FILE, 'utf8')) as { version?: unknown }).version)
}

function node(scene: Scene): Finding {
  const version = scene.running?.node ?? process.version
  const facts = { node: version, platform: `${process.platform}-${process.arch}` }
  if (Number(/^v(\d+)/.exec(version)?.[1]) >= OLDEST_MAJOR)
    return fine('versions', 'node', `Node ${version} on ${facts.platform}`, facts)
  return trouble('bad', 'versions', 'node', `Node ${version}`, `Install Node ${OLDEST_MAJOR} or newer.`, facts)
}

function image(scene: Scene): readonly Finding[] {
  if (scene.file === undefined) return []
  const ours = hexFromBytes(runtimeImage())
  const theirs = scene.file.image
  const facts = { ours, network: theirs }
  if (ours === theirs) return [fine('versions', 'runtime', `the network's runtime (${ours.slice(0, 12)}…)`, facts)]
  const remedy =
    'Install the version of interpeer that the network runs: with another runtime this member computes other results and is voted down.'
  return [
    trouble(
      'bad',
      'versions',
      'runtime',
      `this program has runtime ${ours.slice(0, 12)}…, the network ${theirs.slice(0, 12)}…`,
      remedy,
      facts,
    ),
  ]
}

function store(directory: string): Finding {
  let found: number | undefined
  try {
    found = storedSchema(directory)
  } catch (cause) {
    const remedy = "Run this as the seeder's user; if the disk is at fault, `dmesg` says so."
    return trouble('bad', 'versions', 'store', `the store cannot be read: ${(cause as Error).message}`, remedy)
  }
  const facts = { found: found ?? null, known: SCHEMA_VERSION }
  if (found === undefined) return fine('versions', 'store', 'no store yet', facts)
  if (found > SCHEMA_VERSION)
    return trouble(
      'bad',
      'versions',
      'store',
      `the store has tables of version ${found}, this program knows ${SCHEMA_VERSION}`,
      'A newer program wrote it: install that version again, there is no way back.',
      facts,
    )
  if (found < SCHEMA_VERSION)
    return fine('versions', 'store', `tables of version ${found}; the next start makes them ${SCHEMA_VERSION}`, facts)
  return fine('versions', 'store', `tables of version ${found}`, facts)
}

export function checkVersions(scene: Scene): readonly Finding[] {
  const version = programVersion()
  return [
    fine('versions', 'program', `interpeer ${version}`, { version }),
    node(scene),
    ...image(scene),
    ...(scene.directory === undefined ? [] : [store(scene.directory)]),
  ]
}
