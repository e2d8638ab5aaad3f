// env.KV on system.sqlite. Expiry is judged by block time; an expired value is gone for readers at once and from the file later.

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { unreachable } from '#protocol/codec/result.ts'
import {
  type Argument,
  countField,
  jsonFromGuest,
  ScriptError,
  textField,
  told,
} from '#seeder/execute/host/script-error.ts'
import { brokenRows, type SystemTables, textCell } from '#seeder/execute/host/system-schema.ts'

export const KV_KEY_BYTES_MAX = 512
export const KV_VALUE_BYTES_MAX = 2 ** 20
export const KV_METADATA_BYTES_MAX = 1_024
const LIST_MAX = 1_000
/** Seconds, as in Workers KV. */
const TTL_MIN_S = 60
/** Expired rows that one write takes along. */
const SWEEP = 64

export type KvRequest = {
  readonly tables: SystemTables
  readonly namespaces: readonly string[]
  /** Reads the block time, and notes that the script's answer depends on it. */
  readonly now: () => number
}

function keyOf(argument: Argument): string {
  const key = textField(argument, 'key')
  const bytes = bytesFromText(key).length
  if (bytes === 0 || bytes > KV_KEY_BYTES_MAX || key === '.' || key === '..') {
    throw new ScriptError('kv_key', `A key has 1 to ${KV_KEY_BYTES_MAX} bytes of UTF-8 and is neither "." nor "..".`)
  }
  return key
}

/** Only a row that may expire asks for the time: pages without such values stay independent of the clock. */
function isLive(request: KvRequest, expires: unknown): boolean {
  if (expires === null) return true
  if (typeof expires !== 'number') return brokenRows()
  return expires > request.now()
}

export function kvOperation(
  request: KvRequest,
  op: 'kv.get' | 'kv.head' | 'kv.put' | 'kv.delete' | 'kv.list',
  argument: Argument,
  bytes: Uint8Array | undefined,
): string | Uint8Array {
  const namespace = textField(argument, 'namespace')
  if (!request.namespaces.includes(namespace))
    throw new ScriptError('binding', `The site has no key-value namespace ${told(namespace)}.`)
  switch (op) {
    case 'kv.get': {
      const where = 'FROM kv WHERE namespace = ? AND key = ?'
      const [row] = request.tables.read(`SELECT expires ${where}`, namespace, keyOf(argument))
      if (row === undefined || !isLive(request, row[0])) return 'null'
      return request.tables.bytes(`SELECT value ${where}`, namespace, keyOf(argument)) ?? 'null'
    }
    case 'kv.head': {
      const [row] = request.tables.read(
        'SELECT metadata, expires FROM kv WHERE namespace = ? AND key = ?',
        namespace,
        keyOf(argument),
      )
      return row === undefined || !isLive(request, row[1]) ? '{"metadata":null}' : `{"metadata":${textCell(row[0])}}`
    }
    case 'kv.put':
      return put(request, namespace, argument, bytes ?? new Uint8Array(0))
    case 'kv.delete':
      if (request.tables.exists)
        request.tables.write('DELETE FROM kv WHERE namespace = ? AND key = ?', namespace, keyOf(argument))
      return 'null'
    case 'kv.list':
      return list(request, namespace, argument)
    default:
      return unreachable(op)
  }
}

function put(request: KvRequest, namespace: string, argument: Argument, bytes: Uint8Array): string {
  const key = keyOf(argument)
  if (bytes.length > KV_VALUE_BYTES_MAX) {
    throw new ScriptError(
      'kv_value',
      `A value may have ${KV_VALUE_BYTES_MAX} bytes; this one has ${bytes.length}. Use env.FILES for more.`,
    )
  }
  const metadata = JSON.stringify(argument.metadata ?? null)
  if (bytesFromText(metadata).length > KV_METADATA_BYTES_MAX) {
    throw new ScriptError('kv_metadata', `Metadata may have ${KV_METADATA_BYTES_MAX} bytes of JSON.`)
  }
  const expires = expiryOf(request, argument)
  request.tables.write(
    'DELETE FROM kv WHERE rowid IN (SELECT rowid FROM kv WHERE expires <= ? LIMIT ?)',
    request.now(),
    SWEEP,
  )
  request.tables.write(
    'INSERT INTO kv(namespace, key, value, metadata, expires) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET value = ?3, metadata = ?4, expires = ?5',
    namespace,
    key,
    bytes,
    metadata,
    expires,
  )
  return 'null'
}

function expiryOf(request: KvRequest, argument: Argument): number | null {
  if (argument.expirationTtl !== undefined && argument.expirationTtl !== null) {
    const seconds = countField(argument, 'expirationTtl', 2 ** 32)
    if (seconds < TTL_MIN_S) throw new ScriptError('kv_expiry', `expirationTtl must be at least ${TTL_MIN_S} seconds.`)
    return request.now() + seconds * 1000
  }
  if (argument.expiration === undefined || argument.expiration === null) return null
  const expires = countField(argument, 'expiration', 2 ** 40) * 1000
  if (expires < request.now() + TTL_MIN_S * 1000) {
    throw new ScriptError('kv_expiry', `expiration must lie at least ${TTL_MIN_S} seconds ahead of the block time.`)
  }
  return expires
}

function metadataOf(cell: unknown): unknown {
  return (jsonFromGuest(textCell(cell)) ?? brokenRows()).value
}

function list(request: KvRequest, namespace: string, argument: Argument): string {
  const prefix = typeof argument.prefix === 'string' ? argument.prefix : ''
  const after = typeof argument.cursor === 'string' ? argument.cursor : ''
  const limit = Math.max(1, countField(argument, 'limit', LIST_MAX, LIST_MAX))
  const rows = request.tables.read(
    // No byte of UTF-8 is 0xff: the range holds the keys that begin with the prefix and no others.
    "SELECT key, metadata, expires FROM kv WHERE namespace = ?1 AND key >= ?2 AND key < ?2 || x'ff' AND key > ?3 ORDER BY key LIMIT ?4",
    namespace,
    prefix,
    after,
    limit + 1,
  )
  const page = rows.slice(0, limit)
  const keys = page
    .filter((row) => isLive(request, row[2]))
    .map(([name, metadata, expires]) => ({
      name: textCell(name),
      ...(expires === null ? {} : { expiration: Math.floor((expires as number) / 1000) }),
      ...(metadata === 'null' ? {} : { metadata: metadataOf(metadata) }),
    }))
  const complete = rows.length <= limit
  return JSON.stringify({ keys, list_complete: complete, ...(complete ? {} : { cursor: page.at(-1)?.[0] }) })
}
