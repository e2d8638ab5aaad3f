// A reader of canonical DAG-CBOR for what the protocol's messages are made of, the counterpart of `cbor-encode.ts`: maps with ASCII keys, lists, bytes,
// ASCII text, safe whole numbers, booleans and null. It takes nothing but shortest heads and keys in order, so what it took need not be written again to
// be known as canonical; whatever else comes along is left to `@ipld/dag-cbor`, which knows it or refuses it.

const DEPTH_MAX = 64
const KEY_BYTES_MAX = 32
/** A power of two: keys are few, and one that finds its place taken is only read more slowly. */
const REMEMBERED_KEYS = 1024

/** Keys that mean something to JavaScript or to the library. */
const NOT_HERE: ReadonlySet<string> = new Set(['__proto__', 'asCID', 'toJSON'])

/** Thrown inside; never leaves this file. */
const OTHER = Symbol('not read here')

const keys: (string | undefined)[] = new Array<string | undefined>(REMEMBERED_KEYS).fill(undefined)

let input: Uint8Array = new Uint8Array(0)
let at = 0

function byte(): number {
  const value = input[at++]
  if (value === undefined) throw OTHER
  return value
}

function word(): number {
  return ((byte() << 24) | (byte() << 16) | (byte() << 8) | byte()) >>> 0
}

/** The number in a head, in its shortest form. */
function count(info: number): number {
  if (info < 24) return info
  if (info === 24) {
    const value = byte()
    if (value >= 24) return value
  } else if (info === 25) {
    const value = (byte() << 8) | byte()
    if (value >= 0x100) return value
  } else if (info === 26) {
    const value = word()
    if (value >= 0x10000) return value
  } else if (info === 27) {
    const high = word()
    const value = high * 0x1_0000_0000 + word()
    if (high > 0 && value <= Number.MAX_SAFE_INTEGER) return value
  }
  throw OTHER
}

function bytes(length: number): Uint8Array {
  if (length > input.length - at) throw OTHER
  const out = new Uint8Array(length)
  if (length > 128) out.set(input.subarray(at, at + length))
  else for (let index = 0; index < length; index++) out[index] = input[at + index] as number
  at += length
  return out
}

function text(length: number): string {
  const end = at + length
  if (end > input.length) throw OTHER
  let out = ''
  for (; at < end; at++) {
    const value = input[at] as number
    if (value >= 0x80) throw OTHER
    out += String.fromCharCode(value)
  }
  return out
}

/** Texts of keys come again and again: the one that was made first serves. */
function key(): string {
  const first = byte()
  if (first >>> 5 !== 3) throw OTHER
  const length = count(first & 31)
  if (length > KEY_BYTES_MAX || length > input.length - at) throw OTHER
  let hash = length
  for (let index = 0; index < length; index++) hash = (Math.imul(hash, 31) + (input[at + index] as number)) | 0
  const place = hash & (REMEMBERED_KEYS - 1)
  const known = keys[place]
  if (known !== undefined && known.length === length) {
    let index = 0
    while (index < length && known.charCodeAt(index) === input[at + index]) index++
    if (index === length) {
      at += length
      return known
    }
  }
  const made = text(length)
  if (NOT_HERE.has(made)) throw OTHER
  keys[place] = made
  return made
}

/** By length, then by bytes. */
function follows(previous: string, next: string): boolean {
  return next.length === previous.length ? next > previous : next.length > previous.length
}

function read(depth: number): unknown {
  if (depth > DEPTH_MAX) throw OTHER
  const first = byte()
  const info = first & 31
  switch (first >>> 5) {
    case 0:
      return count(info)
    case 1: {
      const value = -1 - count(info)
      if (!Number.isSafeInteger(value)) throw OTHER
      return value
    }
    case 2:
      return bytes(count(info))
    case 3:
      return text(count(info))
    case 4: {
      const length = count(info)
      // Each entry takes a byte at least.
      if (length > input.length - at) throw OTHER
      const out: unknown[] = []
      for (let index = 0; index < length; index++) out.push(read(depth + 1))
      return out
    }
    case 5: {
      const length = count(info)
      if (length > input.length - at) throw OTHER
      const out: Record<string, unknown> = {}
      let previous: string | undefined
      for (let index = 0; index < length; index++) {
        const name = key()
        if (previous !== undefined && !follows(previous, name)) throw OTHER
        previous = name
        out[name] = read(depth + 1)
      }
      return out
    }
    case 7:
      if (first === 0xf4) return false
      if (first === 0xf5) return true
      if (first === 0xf6) return null
      throw OTHER
    default:
      throw OTHER
  }
}

/** The value that is written so canonically, or undefined for bytes that this reader leaves to the library. */
export function decodePlain(from: Uint8Array): { readonly value: unknown } | undefined {
  input = from
  at = 0
  try {
    const value = read(0)
    return at === from.length ? { value } : undefined
  } catch (cause) {
    if (cause === OTHER) return undefined
    throw cause
  } finally {
    input = NOTHING
  }
}

const NOTHING = new Uint8Array(0)
