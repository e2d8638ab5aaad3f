// What the seeder itself keeps in a site's state: agreed answers by idempotency key (R9), when crons last ran, which migrations
// were applied. Every member writes the same rows at the same height, so the file stays equal byte for byte.

import type { Digest } from '#protocol/codec/digest.ts'
import { areHeaders, isStatus } from '#seeder/execute/engine/response.ts'
import { beginDatabases, OWN_FUEL } from '#seeder/execute/host/databases.ts'
import { jsonFromGuest } from '#seeder/execute/host/script-error.ts'
import {
  brokenRows,
  bytesCell,
  countCell,
  SYSTEM_PATH,
  SystemTables,
  textCell,
} from '#seeder/execute/host/system-schema.ts'
import type { ScriptResponse } from '#seeder/execute/port.ts'
import type { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'

/** Records of agreed answers, the oldest going first. */
export const ANSWERS_MAX = 10_000
export const ANSWERS_BYTES_MAX = 64 * 2 ** 20
/** Rows that one clean-up takes at most. */
const SWEEP = 256

export type AgreedAnswer = { readonly bodyHash: Uint8Array; readonly response: ScriptResponse; readonly time: number }

export type SystemState = {
  /** The agreed earlier answer under this key, unless it is `idempotencyMs` old or older by block time. */
  answer(key: Digest, idempotencyMs: number): AgreedAnswer | undefined
  /** Keeps an answer, and lets expired ones and those over the bounds go. */
  keepAnswer(key: Digest, bodyHash: Digest, response: ScriptResponse, idempotencyMs: number): void
  /** When the cron schedule last ran, ms; undefined: never. */
  cronLast(schedule: string): number | undefined
  cronRan(schedule: string, time: number): void
  /** Names of the applied migrations of a database with the hash of each, in order. */
  migrations(binding: string): { readonly name: string; readonly hash: string }[]
  migrationApplied(binding: string, name: string, hash: string): void
}

export type SystemRequest = {
  readonly tree: StateTree
  readonly sqlite: SqliteBox
  /** Block time, ms. */
  readonly time: number
}

/** Takes the SQLite box until the next request begins: open it anew after a script ran. */
export function openSystem({ tree, sqlite, time }: SystemRequest): SystemState {
  beginDatabases({
    tree,
    sqlite,
    time,
    manifest: { databases: [] },
    random: (bytes) => new Uint8Array(bytes),
    fuel: OWN_FUEL,
    writes: () => {},
  })
  return new TableState(new SystemTables(sqlite, tree.open(SYSTEM_PATH) !== undefined), time)
}

class TableState implements SystemState {
  readonly #tables: SystemTables
  readonly #time: number

  constructor(tables: SystemTables, time: number) {
    this.#tables = tables
    this.#time = time
  }

  answer(key: Digest, idempotencyMs: number): AgreedAnswer | undefined {
    const [row] = this.#tables.read(
      'SELECT body, status, headers, time FROM answer WHERE key = ? AND time > ?',
      key,
      this.#time - idempotencyMs,
    )
    if (row === undefined) return undefined
    const [body, status, headerText, time] = row
    const headers = jsonFromGuest(textCell(headerText))?.value
    const content = this.#tables.bytes('SELECT content FROM answer WHERE key = ?', key) ?? new Uint8Array(0)
    if (!isStatus(status) || !areHeaders(headers)) return brokenRows()
    return { bodyHash: bytesCell(body), response: { status, headers, body: content }, time: countCell(time) }
  }

  keepAnswer(key: Digest, bodyHash: Digest, response: ScriptResponse, idempotencyMs: number): void {
    const oldest = '(SELECT rowid FROM answer WHERE time <= ? ORDER BY time, rowid LIMIT ?)'
    this.#tables.write(`DELETE FROM answer WHERE rowid IN ${oldest}`, this.#time - idempotencyMs, SWEEP)
    this.#tables.write('DELETE FROM answer WHERE key = ?', key)
    const headers = JSON.stringify(response.headers)
    this.#tables.write(
      'INSERT INTO answer(key, body, status, headers, content, time, size) VALUES(?, ?, ?, ?, ?, ?, ?)',
      key,
      bodyHash,
      response.status,
      headers,
      response.body,
      this.#time,
      response.body.length + headers.length,
    )
    for (let turn = 0; turn <= ANSWERS_MAX; turn++) {
      const [row] = this.#tables.read('SELECT count, bytes FROM answers')
      const count = countCell(row?.[0])
      const bytes = countCell(row?.[1])
      if (count <= ANSWERS_MAX && (bytes <= ANSWERS_BYTES_MAX || count <= 1)) return
      const { changes } = this.#tables.write(
        'DELETE FROM answer WHERE rowid IN (SELECT rowid FROM answer ORDER BY time, rowid LIMIT ?)',
        Math.max(1, count - ANSWERS_MAX),
      )
      if (changes === 0) return brokenRows()
    }
    return brokenRows()
  }

  cronLast(schedule: string): number | undefined {
    const [row] = this.#tables.read('SELECT last FROM cron WHERE schedule = ?', schedule)
    return row === undefined ? undefined : countCell(row[0])
  }

  cronRan(schedule: string, time: number): void {
    this.#tables.write(
      'INSERT INTO cron(schedule, last) VALUES(?1, ?2) ON CONFLICT DO UPDATE SET last = ?2',
      schedule,
      time,
    )
  }

  migrations(binding: string): { name: string; hash: string }[] {
    return this.#tables
      .read('SELECT name, hash FROM migration WHERE binding = ? ORDER BY name', binding)
      .map(([name, hash]) => ({ name: textCell(name), hash: textCell(hash) }))
  }

  migrationApplied(binding: string, name: string, hash: string): void {
    this.#tables.write(
      'INSERT INTO migration(binding, name, hash, time) VALUES(?, ?, ?, ?)',
      binding,
      name,
      hash,
      this.#time,
    )
  }
}
