// The files of a seeder's data directory.
//
//   key.pem        the seeder's Ed25519 secret         network.json   the newest network file it took
//   seeder.json    ports and record sequence           store/…        everything durable about its sites
//   tls/…          account and certificates of an authority
//   runtime/…      metered binaries, made again when missing     log    structured log, when not on stderr

import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { NOBODY_LISTENS, type PersistPoints } from '#seeder/store/points.ts'

export type Place = {
  readonly directory: string
  readonly keyFile: string
  readonly networkFile: string
  readonly memoFile: string
  readonly storeDirectory: string
  readonly runtimeDirectory: string
  readonly tlsDirectory: string
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
    tlsDirectory: join(directory, 'tls'),
    points,
  }
}

/** The file is the old one or the new one, whatever happens, and the new one when this returned. */
export function writeWhole(path: string, text: string, points: PersistPoints = NOBODY_LISTENS, mode = 0o644): void {
  points.before(true)
  const draft = `${path}.new`
  const handle = openSync(draft, 'w', mode)
  try {
    // Not `writeSync`: a disk that has room for a part takes that, and says nothing.
    writeFileSync(handle, text)
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
