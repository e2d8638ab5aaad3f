// A writer of canonical DAG-CBOR for what the protocol's messages are made of: maps with text keys, lists, bytes, text, whole numbers,
// booleans and null. Same bytes as `@ipld/dag-cbor` (RFC 8949 §4.2.1 shortest heads; keys by length, then by bytes), several times faster;
// whatever else comes along is left to that library, which knows it or refuses it.

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { createMemo } from '#protocol/codec/memo.ts'

/** Longer texts and maps of more keys are rare: their order and bytes are not remembered. */
const REMEMBERED_KEYS_MAX = 1024
const REMEMBERED_COUNT_MAX = 64
/** Lists of keys that are told apart one by one. */
const ALIKE_MAX = 16
const FIRST_BYTES = 512
const DEPTH_MAX = 64

const headOfKey = new Map<string, Uint8Array>()
/** Keys as they stand in an object, and in their order; by how many they are and the first of them. */
const ordersByCount: Map<string, { readonly keys: readonly string[]; readonly sorted: readonly string[] }[]>[] = []
let remembered = 0

/** Values that are never changed, with their encoding once they were written. */
const encodings = createMemo<object, Uint8Array | null>()

/** Thrown inside; never leaves this file. */
const OTHER = Symbol('not written here')

let buffer = new Uint8Array(FIRST_BYTES)
let length = 0

function room(bytes: number): void {
  if (length + bytes <= buffer.length) return
  const larger = new Uint8Array(Math.max(buffer.length * 2, length + bytes))
  larger.set(buffer.subarray(0, length))
  buffer = larger
}

function head(major: number, value: number): void {
  room(9)
  const kind = major << 5
  if (value < 24) buffer[length++] = kind | value
  else if (value < 0x100) {
    buffer[length++] = kind | 24
    buffer[length++] = value
  } else if (value < 0x10000) {
    buffer[length++] = kind | 25
    buffer[length++] = value >>> 8
    buffer[length++] = value & 255
  } else if (value < 0x1_0000_0000) {
    buffer[length++] = kind | 26
    word(value)
  } else {
    buffer[length++] = kind | 27
    word(Math.floor(value / 0x1_0000_0000))
    word(value % 0x1_0000_0000)
  }
}

function word(value: number): void {
  buffer[length++] = value >>> 24
  buffer[length++] = (value >>> 16) & 255
  buffer[length++] = (value >>> 8) & 255
  buffer[length++] = value & 255
}

function raw(bytes: Uint8Array): void {
  room(bytes.length)
  buffer.set(bytes, length)
  length += bytes.length
}

function writeText(text: string): void {
  if (!text.isWellFormed()) throw OTHER
  for (let index = 0; index < text.length; index++) {
    if (text.charCodeAt(index) < 0x80) continue
    const bytes = bytesFromText(text)
    head(3, bytes.length)
    return raw(bytes)
  }
  head(3, text.length)
  room(text.length)
  for (let index = 0; index < text.length; index++) buffer[length++] = text.charCodeAt(index)
}

function writeKey(key: string): void {
  const known = headOfKey.get(key)
  if (known !== undefined) return raw(known)
  const start = length
  writeText(key)
  if (headOfKey.size < REMEMBERED_KEYS_MAX) headOfKey.set(key, buffer.slice(start, length))
}

function same(a: readonly string[], b: readonly string[]): boolean {
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** By length in bytes, then by bytes; ASCII keys only, of which text order is byte order. */
function ordered(keys: readonly string[]): readonly string[] {
  const [first] = keys
  if (first === undefined) return keys
  let byFirst = ordersByCount[keys.length]
  const alike = byFirst?.get(first)
  if (alike !== undefined) for (const order of alike) if (same(order.keys, keys)) return order.sorted
  for (const key of keys) if (!/^[\x20-\x7f]*$/.test(key)) throw OTHER
  const sorted = [...keys].sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  if (remembered < REMEMBERED_KEYS_MAX && keys.length <= REMEMBERED_COUNT_MAX && (alike?.length ?? 0) < ALIKE_MAX) {
    remembered++
    byFirst ??= new Map()
    ordersByCount[keys.length] = byFirst
    byFirst.set(first, [...(alike ?? []), { keys, sorted }])
  }
  return sorted
}

function write(value: unknown, depth: number): void {
  if (depth > DEPTH_MAX) throw OTHER
  switch (typeof value) {
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw OTHER
      return value < 0 ? head(1, -1 - value) : head(0, value)
    case 'string':
      return writeText(value)
    case 'boolean':
      room(1)
      buffer[length++] = value ? 0xf5 : 0xf4
      return
    case 'object':
      break
    default:
      throw OTHER
  }
  if (value === null) {
    room(1)
    buffer[length++] = 0xf6
    return
  }
  if (value instanceof Uint8Array) {
    head(2, value.length)
    return raw(value)
  }
  const kept = encodings.get(value)
  if (kept === undefined) return writeParts(value, depth)
  if (kept !== null) return raw(kept)
  const start = length
  writeParts(value, depth)
  encodings.set(value, buffer.slice(start, length))
}

/** A list or a map. */
function writeParts(value: object, depth: number): void {
  if (Array.isArray(value)) {
    head(4, value.length)
    for (let index = 0; index < value.length; index++) write(value[index], depth + 1)
    return
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw OTHER
  if ('asCID' in value || 'toJSON' in value) throw OTHER
  const record = value as Record<string, unknown>
  const keys = ordered(Object.keys(record))
  head(5, keys.length)
  for (const key of keys) {
    writeKey(key)
    write(record[key], depth + 1)
  }
}

/** `value` and all that is in it is never changed from now on: it is written once, however many messages and records it stands in. */
export function keepEncoding(value: object): void {
  if (encodings.get(value) === undefined) encodings.set(value, null)
}

/** As `encodePlain`, the same bytes for the same object each time; nobody writes to them. */
export function encodeOnce(value: object): Uint8Array | undefined {
  keepEncoding(value)
  return encodings.get(value) ?? (encodePlain(value) === undefined ? undefined : (encodings.get(value) ?? undefined))
}

/** The encoding, or undefined for a value that this writer leaves to the library. */
export function encodePlain(value: unknown): Uint8Array | undefined {
  length = 0
  try {
    write(value, 0)
    return buffer.slice(0, length)
  } catch (cause) {
    if (cause === OTHER) return undefined
    throw cause
  } finally {
    // One huge message is no reason to hold its size for ever.
    if (buffer.length > 1024 * 1024) buffer = new Uint8Array(FIRST_BYTES)
  }
}
