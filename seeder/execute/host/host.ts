// createHost: everything a script may ask for except the log and chance, which the engine serves itself.
//
//   db.query db.batch db.exec · kv.get head put delete list · files.head get put delete list · assets.resolve get ·
//   crypto.digest hmac pbkdf2 scrypt · utf8.encode decode
//
// Invariant: in a read, nothing outside the volatile paths changes: the first attempt ends the request with `wrote`.

import { unreachable } from '#protocol/codec/result.ts'
import type { SiteManifest } from '#protocol/site/manifest.ts'
import { assetsOperation } from '#seeder/execute/host/assets.ts'
import { cryptoCost, cryptoOperation } from '#seeder/execute/host/crypto.ts'
import { databaseOperation } from '#seeder/execute/host/d1.ts'
import { beginDatabases } from '#seeder/execute/host/databases.ts'
import { filesOperation } from '#seeder/execute/host/files.ts'
import { kvOperation } from '#seeder/execute/host/kv.ts'
import { type FuelPurse, type HostOperations, HostStop } from '#seeder/execute/host/port.ts'
import {
  type Argument,
  argumentOf,
  errorText,
  JSON_CHARS_MAX,
  ScriptError,
  told,
} from '#seeder/execute/host/script-error.ts'
import { SYSTEM_PATH, SystemTables } from '#seeder/execute/host/system-schema.ts'
import type { SqliteBox } from '#seeder/execute/sqlite/box.ts'
import { SqliteError } from '#seeder/execute/sqlite/codes.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'

/** What a script may ask for here; the engine itself answers `random` and `log`. */
export const OPERATIONS = [
  ...(['utf8.encode', 'utf8.decode'] as const),
  ...(['crypto.digest', 'crypto.hmac', 'crypto.pbkdf2', 'crypto.scrypt'] as const),
  ...(['db.query', 'db.batch', 'db.exec'] as const),
  ...(['kv.get', 'kv.head', 'kv.put', 'kv.delete', 'kv.list'] as const),
  ...(['files.head', 'files.get', 'files.put', 'files.delete', 'files.list'] as const),
  ...(['assets.resolve', 'assets.get'] as const),
]
export type Operation = (typeof OPERATIONS)[number]

function operationOf(op: string): Operation {
  const known = OPERATIONS.find((operation) => operation === op)
  if (known === undefined) throw new ScriptError('operation', `There is no operation ${told(op)}.`)
  return known
}

export type HostRequest = {
  readonly tree: StateTree
  readonly sqlite: SqliteBox
  readonly manifest: SiteManifest
  /** `read`: changes outside the volatile paths end the request; the caller rolls the tree back afterwards in any case. */
  readonly mode: 'ordered' | 'read'
  /** Block time, ms since the epoch. */
  readonly time: number
  /** The request's chance. */
  readonly random: (bytes: number) => Uint8Array
  readonly fuel: FuelPurse
}

/** Flat part of a call, at ~5 fuel a nanosecond: crossing, parsing, answering. */
const CALL_FUEL = 10_000
/** A byte that crosses is copied and usually converted. */
const BYTE_FUEL = 4
/** A byte of a file is hashed twice (its tag, its chunk) and written. */
const FILE_BYTE_FUEL = 30

/** Operations of one request. Takes the SQLite box for itself until the next request begins. */
export function createHost(request: HostRequest): HostOperations {
  const { tree, sqlite, manifest, mode } = request
  let askedTime = false
  let wrote = false
  let tables: SystemTables | undefined
  /** Which binding of env the running operation speaks for, as a volatile path would name it. */
  let place = ''

  const writes = (path: string): void => {
    if (place !== '' && manifest.volatile.includes(place)) return
    if (mode === 'read') {
      wrote = true
      throw new HostStop('wrote')
    }
    wrote ||= path !== ''
  }
  const now = (): number => {
    askedTime = true
    return request.time
  }
  let begun = false
  const databases = (): SqliteBox => {
    if (!begun) beginDatabases({ ...request, writes })
    begun = true
    return sqlite
  }
  const system = (): SystemTables => {
    tables ??= new SystemTables(databases(), tree.open(SYSTEM_PATH) !== undefined)
    return tables
  }

  const run = (op: Operation, text: string, bytes: Uint8Array | undefined): string | Uint8Array => {
    switch (op) {
      case 'utf8.encode':
      case 'utf8.decode':
        return utf8Operation(op, text, bytes)
      case 'crypto.digest':
      case 'crypto.hmac':
      case 'crypto.pbkdf2':
      case 'crypto.scrypt':
        return cryptoOperation(op, text, bytes)
    }
    const argument = argumentOf(text)
    switch (op) {
      case 'db.query':
      case 'db.batch':
      case 'db.exec':
        place = `db/${placeName(argument, 'binding')}`
        return databaseOperation(databases(), manifest, op, argument)
      case 'kv.get':
      case 'kv.head':
      case 'kv.put':
      case 'kv.delete':
      case 'kv.list':
        place = `kv/${placeName(argument, 'namespace')}`
        return kvOperation({ tables: system(), namespaces: manifest.kv, now }, op, argument, bytes)
      case 'files.head':
      case 'files.get':
      case 'files.put':
      case 'files.delete':
      case 'files.list':
        place = `files/${placeName(argument, 'binding')}`
        return filesOperation({ tables: system(), tree, bindings: manifest.files, now, writes }, op, argument, bytes)
      case 'assets.resolve':
      case 'assets.get':
        return assetsOperation(manifest, tree, op, argument)
      default:
        return unreachable(op)
    }
  }

  return {
    call(op, text, bytes) {
      place = ''
      let answer: string | Uint8Array
      try {
        answer = run(operationOf(op), text, bytes)
      } catch (error) {
        if (error instanceof ScriptError) return errorText(error.code, error.message)
        if (error instanceof SqliteError) return errorText(error.code, error.message)
        throw error
      }
      // What comes back is paid for too, by its size.
      request.fuel.charge(answer.length * BYTE_FUEL)
      return answer
    },
    cost(op, text, bytes) {
      if (op.startsWith('crypto.')) return cryptoCost(op, text, bytes)
      const size = bytes?.length ?? 0
      return CALL_FUEL + BYTE_FUEL * text.length + (op === 'files.put' ? FILE_BYTE_FUEL : BYTE_FUEL) * size
    },
    asked() {
      const sql = begun ? sqlite.asked : { time: false, chance: false }
      return { time: askedTime || sql.time, chance: sql.chance }
    },
    wrote: () => wrote,
  }
}

/** The binding of an operation's argument, read without trust: it only says which volatile path might cover the call. */
function placeName(argument: Argument, field: string): string {
  const value = argument[field]
  return typeof value === 'string' ? value : ''
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

const TEXT_END = '\x01'

/**
 * Text ⇄ UTF-8 for long texts. A text sent ends with U+0001; when that is missing the text was cut at a U+0000 and the answer is
 * `null`. A text answered stands after `=`, or is JSON when it holds U+0000, or `null` when it had to be valid and is not.
 */
function utf8Operation(
  op: 'utf8.encode' | 'utf8.decode',
  text: string,
  bytes: Uint8Array = new Uint8Array(0),
): string | Uint8Array {
  if (op === 'utf8.encode') return text.endsWith(TEXT_END) ? new Uint8Array(Buffer.from(text.slice(0, -1))) : 'null'
  let decoded: string
  try {
    decoded = (text === 'fatal' ? strict : lenient).decode(bytes)
  } catch {
    return 'null'
  }
  if (!decoded.includes('\0')) return `=${decoded}`
  if (decoded.length > JSON_CHARS_MAX) {
    throw new ScriptError('argument', `A text that holds U+0000 may have ${JSON_CHARS_MAX} characters.`)
  }
  return JSON.stringify(decoded)
}
