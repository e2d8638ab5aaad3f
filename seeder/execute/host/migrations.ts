// Migrations of an update: SQL files of the new bundle that the databases have not seen yet, run in the order of their names.
// Any failure leaves the update to be rolled back by the caller, who holds the mark of the tree.

import { hash } from 'node:crypto'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { beginDatabases, type DatabaseRequest } from '#seeder/execute/host/databases.ts'
import { HostStop, type HostStopCode } from '#seeder/execute/host/port.ts'
import { openSystem } from '#seeder/execute/host/system.ts'
import { SqliteError } from '#seeder/execute/sqlite/codes.ts'

/** The databases of the new bundle; nothing but migrations writes to them here. */
export type MigrationRequest = Omit<DatabaseRequest, 'writes'>

export type MigrationError =
  /** The file of a migration is not in the bundle, or is not UTF-8. */
  | { readonly code: 'migration_missing'; readonly binding: string; readonly name: string }
  /** A migration that was applied has other bytes now: what the database went through cannot be rewritten. */
  | { readonly code: 'migration_changed'; readonly binding: string; readonly name: string }
  | { readonly code: 'migration_failed'; readonly binding: string; readonly name: string; readonly message: string }
  | { readonly code: 'migration_stopped'; readonly binding: string; readonly name: string; readonly stop: HostStopCode }

/** Of SQLite's message, in the answer. */
const MESSAGE_CHARS_MAX = 4_096

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Runs on a tree whose `app` is the new bundle already. Names of what was applied, as `<BINDING>/<file>`. */
export function runMigrations(
  request: MigrationRequest,
): Result<{ readonly applied: readonly string[] }, MigrationError> {
  const applied: string[] = []
  for (const [index, { binding, migrations }] of request.manifest.databases.entries()) {
    const known = new Map(
      openSystem(request)
        .migrations(binding)
        .map(({ name, hash: seen }) => [name, seen]),
    )
    for (const name of migrations) {
      const bytes = request.tree.read(`app/migrations/${binding}/${name}`)
      if (bytes === undefined) return err({ code: 'migration_missing', binding, name })
      const digest = hash('sha256', bytes, 'hex')
      const seen = known.get(name)
      if (seen !== undefined && seen !== digest) return err({ code: 'migration_changed', binding, name })
      if (seen !== undefined) continue
      const failure = applyOne(request, index + 1, binding, name, bytes)
      if (failure !== undefined) return err(failure)
      openSystem(request).migrationApplied(binding, name, digest)
      applied.push(`${binding}/${name}`)
    }
  }
  return ok({ applied })
}

function applyOne(
  request: MigrationRequest,
  slot: number,
  binding: string,
  name: string,
  bytes: Uint8Array,
): MigrationError | undefined {
  let sql: string
  try {
    sql = utf8.decode(bytes)
  } catch {
    return { code: 'migration_missing', binding, name }
  }
  beginDatabases({ ...request, writes: () => {} })
  try {
    request.sqlite.exec(slot, sql)
    return undefined
  } catch (error) {
    if (error instanceof SqliteError)
      return { code: 'migration_failed', binding, name, message: error.message.slice(0, MESSAGE_CHARS_MAX) }
    if (error instanceof HostStop) return { code: 'migration_stopped', binding, name, stop: error.code }
    throw error
  }
}
