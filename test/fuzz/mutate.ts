// Inputs out of inputs: bytes that were damaged, values that were changed and written again in canonical form (so that they get past the first
// check), two inputs crossed, and bytes out of nothing. Everything from one seed.

import { cborFromValue, valueFromCbor } from '#protocol/codec/cbor.ts'

export type Dice = { below(limit: number): number; oneIn(count: number): boolean }

/** xorshift128: some 3 ns a number. */
export function dice(seed: number): Dice {
  let a = seed | 1
  let b = 0x9e3779b9 ^ seed
  let c = Math.imul(seed, 0x85ebca6b) ^ 0xc2b2ae35
  let d = 0x27d4eb2f
  const next = () => {
    const t = a ^ (a << 11)
    a = b
    b = c
    c = d
    d = d ^ (d >>> 19) ^ t ^ (t >>> 8)
    return d >>> 0
  }
  for (let warm = 0; warm < 16; warm++) next()
  return { below: (limit) => next() % limit, oneIn: (count) => next() % count === 0 }
}

export const INPUT_BYTES_MAX = 64 * 1024

const EDGES = [
  0, 1, 0x17, 0x18, 0x1b, 0x40, 0x58, 0x5b, 0x5f, 0x7b, 0x7f, 0x80, 0x9b, 0x9f, 0xa0, 0xbb, 0xbf, 0xd8, 0xf6, 0xf7,
  0xfb, 0xff,
]
const NUMBERS = [
  0,
  1,
  23,
  24,
  255,
  256,
  65_535,
  65_536,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_ffff,
  2 ** 32,
  2 ** 53 - 1,
  -1,
  -(2 ** 53) + 1,
  1.5,
]
const TEXTS = [
  '',
  '\0',
  '/',
  '..',
  '__proto__',
  'constructor',
  'null',
  '1e999',
  'é',
  '\ud83d\ude00',
  'x'.repeat(300),
  'ꙮ'.repeat(100),
]

export function damage(bytes: Uint8Array, roll: Dice): Uint8Array {
  let out = bytes
  for (let times = 1 + roll.below(4); times > 0; times--) {
    const at = out.length === 0 ? 0 : roll.below(out.length)
    switch (roll.below(8)) {
      case 0:
      case 1: {
        const copy = out.slice()
        if (copy.length > 0) copy[at] = (copy[at] ?? 0) ^ (1 << roll.below(8))
        out = copy
        break
      }
      case 2: {
        const copy = out.slice()
        if (copy.length > 0) copy[at] = EDGES[roll.below(EDGES.length)] ?? 0
        out = copy
        break
      }
      case 3:
        out = out.slice(0, at)
        break
      case 4:
        out = splice(out, at, Math.min(out.length, at + 1 + roll.below(16)), new Uint8Array(0))
        break
      case 5:
        out = splice(out, at, at, noise(1 + roll.below(8), roll))
        break
      case 6: {
        const from = out.length === 0 ? 0 : roll.below(out.length)
        out = splice(out, at, at, out.slice(from, from + 1 + roll.below(64)))
        break
      }
      default: {
        const copy = out.slice()
        for (let each = 0; each < 4 && at + each < copy.length; each++) copy[at + each] = roll.below(256)
        out = copy
      }
    }
  }
  return out.length > INPUT_BYTES_MAX ? out.slice(0, INPUT_BYTES_MAX) : out
}

function splice(bytes: Uint8Array, from: number, to: number, put: Uint8Array): Uint8Array {
  const out = new Uint8Array(from + put.length + bytes.length - to)
  out.set(bytes.subarray(0, from))
  out.set(put, from)
  out.set(bytes.subarray(to), from + put.length)
  return out
}

export function noise(length: number, roll: Dice): Uint8Array {
  const out = new Uint8Array(length)
  for (let at = 0; at < length; at++) out[at] = roll.below(256)
  return out
}

/** Words put in, or in place of some bytes, in one to six places. */
export function changeWords(bytes: Uint8Array, words: readonly string[], roll: Dice): Uint8Array {
  let out = bytes
  for (let times = 1 + roll.below(6); times > 0; times--) {
    const at = roll.below(out.length + 1)
    const to = Math.min(out.length, at + (roll.oneIn(2) ? 0 : roll.below(12)))
    out = splice(out, at, to, new TextEncoder().encode(words[roll.below(words.length)]))
  }
  return out.length > INPUT_BYTES_MAX ? out.slice(0, INPUT_BYTES_MAX) : out
}

export function cross(a: Uint8Array, b: Uint8Array, roll: Dice): Uint8Array {
  const cut = roll.below(a.length + 1)
  const from = roll.below(b.length + 1)
  return splice(a, cut, a.length, b.subarray(from, from + INPUT_BYTES_MAX - cut))
}

/** A copy of plain data; a thirtieth of `structuredClone`'s time. */
function copyOf(value: unknown): unknown {
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copyOf)
  const out: Record<string, unknown> = {}
  for (const [key, each] of Object.entries(value)) out[key] = copyOf(each)
  return out
}

type Path = { readonly holder: Record<string | number, unknown>; readonly key: string | number }

function places(value: unknown, found: Path[]): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  const holder = value as Record<string | number, unknown>
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    found.push({ holder, key })
    if (found.length < 4096) places(holder[key], found)
  }
}

/** Changes a value in place, in one to three places. */
export function changeValue(value: unknown, roll: Dice): void {
  for (let times = 1 + roll.below(3); times > 0; times--) {
    const found: Path[] = []
    places(value, found)
    const place = found[roll.below(Math.max(1, found.length))]
    if (place === undefined) return
    const { holder, key } = place
    const other = found[roll.below(found.length)]
    switch (roll.below(7)) {
      case 0:
        if (Array.isArray(holder)) holder.splice(Number(key), 1)
        else delete holder[key]
        break
      case 1:
        if (Array.isArray(holder) && holder.length < 128) holder.splice(Number(key), 0, copyOf(holder[Number(key)]))
        else holder[TEXTS[roll.below(TEXTS.length)] ?? ''] = 1
        break
      case 2:
        if (other !== undefined) holder[key] = copyOf(other.holder[other.key])
        break
      case 3:
        holder[key] = [null, true, [], {}, new Uint8Array(0), [[[[[[[]]]]]]]][roll.below(6)]
        break
      default:
        holder[key] = changeLeaf(holder[key], roll)
    }
  }
}

function changeLeaf(value: unknown, roll: Dice): unknown {
  if (typeof value === 'number')
    return roll.oneIn(2) ? (NUMBERS[roll.below(NUMBERS.length)] ?? 0) : value + roll.below(5) - 2
  if (typeof value === 'string') {
    if (roll.oneIn(2)) return TEXTS[roll.below(TEXTS.length)]
    const at = roll.below(value.length + 1)
    return (
      value.slice(0, at) +
      String.fromCharCode(roll.below(roll.oneIn(4) ? 0x800 : 128)) +
      value.slice(at + roll.below(2))
    )
  }
  if (value instanceof Uint8Array) return damage(value, roll)
  return NUMBERS[roll.below(NUMBERS.length)]
}

const values = new WeakMap<Uint8Array, { readonly value: unknown }>()

/** A change of the value that the bytes stand for, or undefined when they stand for none. */
export function changeCbor(bytes: Uint8Array, roll: Dice): Uint8Array | undefined {
  let read = values.get(bytes)
  if (read === undefined) {
    const decoded = valueFromCbor(bytes, INPUT_BYTES_MAX)
    read = { value: decoded.ok ? decoded.value : undefined }
    values.set(bytes, read)
  }
  if (read.value === undefined) return undefined
  const value = copyOf(read.value)
  changeValue(value, roll)
  try {
    return cborFromValue(value)
  } catch {
    // What has no canonical form (a fraction, a text of half a character) is left to the damaged bytes.
    return undefined
  }
}

export function changeJson(bytes: Uint8Array, roll: Dice): Uint8Array | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes))
    changeValue(value, roll)
    return new TextEncoder().encode(JSON.stringify(value))
  } catch {
    return undefined
  }
}
