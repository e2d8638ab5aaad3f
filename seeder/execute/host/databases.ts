// The databases of one request: which file of the state stands behind which slot of the SQLite box, and who may write when.
//
//   slot 0 = system.sqlite · slot k = db/<k-th binding of the manifest>.sqlite

import { assert } from '#protocol/codec/result.ts'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import type { FuelPurse } from '#seeder/execute/host/port.ts'
import { SYSTEM_PATH } from '#seeder/execute/host/system-schema.ts'
import type { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { StateError } from '#seeder/execute/state/blocks.ts'
import type { StateFile, StateTree } from '#seeder/execute/state/port.ts'

function databasePath(binding: string): string {
  return `db/${binding}.sqlite`
}

/** What one request brings to its databases. */
export type DatabaseRequest = {
  readonly tree: StateTree
  readonly sqlite: SqliteBox
  readonly manifest: Pick<SiteManifest, 'databases'>
  readonly time: number
  readonly random: (bytes: number) => Uint8Array
  readonly fuel: FuelPurse
  /** Called with the path of a database before a statement writes to it; throws to stop it. */
  readonly writes: (path: string) => void
}

/** What one statement of the seeder itself may burn, ~2 s: its own need a hundredth, so only an uploader's file gets there. */
const OWN_STATEMENT_FUEL = 10_000_000_000

/** Nobody's purse: what the seeder does for itself is not a script's to pay. */
export const OWN_FUEL: FuelPurse = { remaining: () => OWN_STATEMENT_FUEL, charge: () => {} }

/** Points the box at the request's files. The box serves this request until the next `begin`. */
export function beginDatabases(request: DatabaseRequest): void {
  const { tree, manifest } = request
  const paths = [SYSTEM_PATH, ...manifest.databases.map(({ binding }) => databasePath(binding))]
  const files = new Map<number, StateFile>()
  const fileOf = (slot: number, create: boolean): StateFile | undefined => {
    const known = files.get(slot)
    if (known !== undefined) return known
    const path = paths[slot]
    assert(path !== undefined, 'only slots of the site are used')
    const file = tree.open(path, { create })
    if (file !== undefined) files.set(slot, file)
    return file
  }
  request.sqlite.begin({
    time: () => request.time,
    random: request.random,
    fuel: request.fuel,
    file: (slot) => fileOf(slot, false),
    create: (slot) => {
      const file = fileOf(slot, true)
      if (file === undefined) throw new StateError({ code: 'path', path: paths[slot] ?? '' })
      return file
    },
    writes: (slot) => request.writes(paths[slot] ?? ''),
  })
}
