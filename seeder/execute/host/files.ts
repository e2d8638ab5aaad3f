// env.FILES: bytes as plain files of the state tree (files/<xx>/<name>), what is known about them in system.sqlite.

import { hash } from 'node:crypto'
import { bytesFromText, hexFromBytes } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { unreachable } from '#protocol/codec/result.ts'
import { type Argument, countField, ScriptError, textField, told } from '#seeder/execute/host/script-error.ts'
import { countCell, type SystemTables, textCell } from '#seeder/execute/host/system-schema.ts'
import type { StateTree } from '#seeder/execute/state/port.ts'

export const FILE_BYTES_MAX = 8 * 2 ** 20
/** A name of the state tree has 255 bytes; percent-encoding may take three for one. */
export const FILE_NAME_BYTES_MAX = 240
const METADATA_BYTES_MAX = 2_048
const LIST_MAX = 1_000
const HTTP_FIELDS = ['contentType', 'contentLanguage', 'contentDisposition', 'contentEncoding', 'cacheControl']

export type FilesRequest = {
  readonly tables: SystemTables
  readonly tree: StateTree
  readonly bindings: readonly string[]
  readonly now: () => number
  /** Called with the path before it changes; throws to stop it. */
  readonly writes: (path: string) => void
}

/** Where a file's bytes lie: spread over 256 folders, so that none grows large. */
export function filePath(binding: string, key: string): string {
  const name = encodeURIComponent(`${binding}/${key}`)
  const [first = 0] = sha256(bytesFromText(name))
  return `files/${hexFromBytes(Uint8Array.of(first))}/${name}`
}

function keyOf(binding: string, argument: Argument): string {
  const key = textField(argument, 'key')
  const encoded = key.isWellFormed() ? encodeURIComponent(`${binding}/${key}`).length : Infinity
  if (key === '' || encoded > FILE_NAME_BYTES_MAX) {
    throw new ScriptError(
      'file_key',
      `A file's key has 1 to about ${FILE_NAME_BYTES_MAX} characters once percent-encoded with its binding.`,
    )
  }
  return key
}

type Row = [key: string, size: number, etag: string, uploaded: number, http: string, custom: string]

/** Rows may be an uploader's (§5 first data). */
function rowOf([key, size, etag, uploaded, http, custom]: readonly unknown[]): Row {
  return [textCell(key), countCell(size), textCell(etag), countCell(uploaded), textCell(http), textCell(custom)]
}

function headText([key, size, etag, uploaded, http, custom]: Row): string {
  const fields = JSON.stringify({ key, size, etag, uploaded })
  return `${fields.slice(0, -1)},"httpMetadata":${http},"customMetadata":${custom}}`
}

const COLUMNS = 'key, size, etag, uploaded, http, custom'

export function filesOperation(
  request: FilesRequest,
  op: 'files.head' | 'files.get' | 'files.put' | 'files.delete' | 'files.list',
  argument: Argument,
  bytes: Uint8Array | undefined,
): string | Uint8Array {
  const binding = textField(argument, 'binding')
  if (!request.bindings.includes(binding))
    throw new ScriptError('binding', `The site has no file store ${told(binding)}.`)
  switch (op) {
    case 'files.head': {
      const [row] = request.tables.read(
        `SELECT ${COLUMNS} FROM file WHERE binding = ? AND key = ?`,
        binding,
        keyOf(binding, argument),
      )
      return row === undefined ? 'null' : headText(rowOf(row))
    }
    case 'files.get': {
      const file = request.tree.open(filePath(binding, keyOf(binding, argument)))
      if (file === undefined) return 'null'
      const offset = Math.min(file.size, countField(argument, 'offset', Number.MAX_SAFE_INTEGER, 0))
      const length = Math.min(file.size - offset, countField(argument, 'length', Number.MAX_SAFE_INTEGER, file.size))
      if (length > FILE_BYTES_MAX) {
        throw new ScriptError(
          'file_size',
          `${FILE_BYTES_MAX} bytes of a file can be read at a time; ${length} were asked for.`,
        )
      }
      const into = new Uint8Array(length)
      file.read(offset, into)
      return into
    }
    case 'files.put':
      return put(request, binding, argument, bytes ?? new Uint8Array(0))
    case 'files.delete': {
      const key = keyOf(binding, argument)
      const [row] = request.tables.read('SELECT 1 FROM file WHERE binding = ? AND key = ?', binding, key)
      if (row === undefined) return 'null'
      const path = filePath(binding, key)
      request.writes(path)
      request.tables.write('DELETE FROM file WHERE binding = ? AND key = ?', binding, key)
      request.tree.remove(path)
      return 'null'
    }
    case 'files.list':
      return list(request, binding, argument)
    default:
      return unreachable(op)
  }
}

function put(request: FilesRequest, binding: string, argument: Argument, bytes: Uint8Array): string {
  const key = keyOf(binding, argument)
  if (bytes.length > FILE_BYTES_MAX) {
    throw new ScriptError('file_size', `A file may have ${FILE_BYTES_MAX} bytes; this one has ${bytes.length}.`)
  }
  const http = textsOf(argument.httpMetadata, HTTP_FIELDS)
  const custom = textsOf(argument.customMetadata)
  const path = filePath(binding, key)
  if (request.tree.obstacle(path) !== undefined) {
    throw new ScriptError(
      'file_place',
      'The file cannot be kept: its folder is full, or something else is in its place.',
    )
  }
  request.writes(path)
  const etag = hash('sha256', bytes, 'hex')
  const row: Row = [key, bytes.length, etag, request.now(), http, custom]
  request.tables.write(`INSERT OR REPLACE INTO file(binding, ${COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?)`, binding, ...row)
  request.tree.write(path, bytes)
  return headText(row)
}

/** An object of texts as JSON with sorted keys, so that equal metadata is equal bytes. */
function textsOf(value: unknown, only?: readonly string[]): string {
  const given = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  const entries = Object.entries(given)
    .filter(([name, text]) => typeof text === 'string' && (only === undefined || only.includes(name)))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const json = JSON.stringify(Object.fromEntries(entries))
  if (bytesFromText(json).length > METADATA_BYTES_MAX) {
    throw new ScriptError('file_metadata', `Metadata may have ${METADATA_BYTES_MAX} bytes of JSON.`)
  }
  return json
}

function list(request: FilesRequest, binding: string, argument: Argument): string {
  const prefix = typeof argument.prefix === 'string' ? argument.prefix : ''
  const after = typeof argument.cursor === 'string' ? argument.cursor : ''
  const limit = Math.max(1, countField(argument, 'limit', LIST_MAX, LIST_MAX))
  const delimiter = typeof argument.delimiter === 'string' && argument.delimiter !== '' ? argument.delimiter : undefined
  const found = request.tables.read(
    `SELECT ${COLUMNS} FROM file WHERE binding = ?1 AND key >= ?2 AND key < ?2 || x'ff' AND key > ?3 ORDER BY key LIMIT ?4`,
    binding,
    prefix,
    after,
    limit + 1,
  )
  const rows = found.map(rowOf)
  const page = rows.slice(0, limit)
  const objects: string[] = []
  const folders = new Set<string>()
  for (const row of page) {
    const end = delimiter === undefined ? -1 : row[0].indexOf(delimiter, prefix.length)
    if (end < 0 || delimiter === undefined) objects.push(headText(row))
    else folders.add(row[0].slice(0, end + delimiter.length))
  }
  const truncated = rows.length > limit
  const rest = { truncated, delimitedPrefixes: [...folders], ...(truncated ? { cursor: page.at(-1)?.[0] } : {}) }
  return `{"objects":[${objects.join(',')}],${JSON.stringify(rest).slice(1)}`
}
