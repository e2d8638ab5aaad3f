// Shapes: what a decoded value has to look like before anybody believes it. Each shape is a bound; a map has exactly
// the keys it names; the first mismatch ends the reading with the path to it.
//
//   const vote = object({ height: uint(), hash: digest(), jview: nullable(uint()) })
//   readShape(vote, value) → Result<{ height: number, hash: Digest, jview: number | null }, ShapeError>

import { bytesFromText } from '#protocol/codec/bytes.ts'
import { type CborError, valueFromCbor } from '#protocol/codec/cbor.ts'
import { DIGEST_BYTES, type Digest } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { type Cid, cidFromBytes } from '#protocol/content/cid.ts'

export type ShapeError = { readonly code: 'shape'; readonly path: string; readonly expected: string }

class Mismatch extends Error {
  readonly path: string
  readonly expected: string
  constructor(path: string, expected: string) {
    super(expected)
    this.path = path
    this.expected = expected
  }
}

/** A mismatch inside a part is told with the way to the part: paths are put together only where something is wrong. */
function inside(cause: unknown, part: string, path: string): unknown {
  return cause instanceof Mismatch ? new Mismatch(`${path}${part}${cause.path}`, cause.expected) : cause
}

/** Returns the value as `T`, or throws a `Mismatch` that `readShape` turns into an error. */
export type Shape<T> = (value: unknown, path: string) => T
export type Shaped<S> = S extends Shape<infer T> ? T : never

export function readShape<T>(shape: Shape<T>, value: unknown): Result<T, ShapeError> {
  try {
    return ok(shape(value, ''))
  } catch (cause) {
    if (cause instanceof Mismatch) return err({ code: 'shape', path: cause.path || '.', expected: cause.expected })
    throw cause
  }
}

/** Bytes of canonical DAG-CBOR to a shaped value. */
export function readCbor<T>(shape: Shape<T>, bytes: Uint8Array, maxBytes: number): Result<T, CborError | ShapeError> {
  const decoded = valueFromCbor(bytes, maxBytes)
  return decoded.ok ? readShape(shape, decoded.value) : decoded
}

export function uint(max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return (value, path) => {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0 || value > max || Object.is(value, -0)) {
      throw new Mismatch(path, `integer 0…${max}`)
    }
    return value
  }
}

export function boolean(): Shape<boolean> {
  return (value, path) => {
    if (typeof value !== 'boolean') throw new Mismatch(path, 'boolean')
    return value
  }
}

/** Text of at most `maxBytes` bytes of UTF-8, matching `pattern` when one is given. */
export function text(maxBytes: number, pattern?: RegExp): Shape<string> {
  return (value, path) => {
    if (typeof value !== 'string' || value.length > maxBytes) throw new Mismatch(path, `text ≤ ${maxBytes} bytes`)
    if (value.length * 3 > maxBytes && bytesFromText(value).length > maxBytes)
      throw new Mismatch(path, `text ≤ ${maxBytes} bytes`)
    if (pattern !== undefined && !pattern.test(value)) throw new Mismatch(path, `text like ${pattern.source}`)
    return value
  }
}

export function oneOf<const T extends string | number>(...choices: readonly T[]): Shape<T> {
  return (value, path) => {
    const found = choices.find((choice) => choice === value)
    if (found === undefined) throw new Mismatch(path, choices.join(' | '))
    return found
  }
}

export function bytes(maxBytes: number): Shape<Uint8Array> {
  return (value, path) => {
    if (!(value instanceof Uint8Array) || value.length > maxBytes) throw new Mismatch(path, `bytes ≤ ${maxBytes}`)
    return value
  }
}

export function bytesExactly(length: number): Shape<Uint8Array> {
  return (value, path) => {
    if (!(value instanceof Uint8Array) || value.length !== length) throw new Mismatch(path, `${length} bytes`)
    return value
  }
}

export function digest(): Shape<Digest> {
  return bytesExactly(DIGEST_BYTES) as Shape<Digest>
}

export function cid(): Shape<Cid> {
  return (value, path) => {
    const parsed = value instanceof Uint8Array ? cidFromBytes(value) : undefined
    if (!parsed?.ok) throw new Mismatch(path, 'CIDv1 of 36 bytes')
    return parsed.value
  }
}

export function array<T>(item: Shape<T>, maxLength: number): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > maxLength) throw new Mismatch(path, `list ≤ ${maxLength}`)
    const out: T[] = []
    try {
      for (const entry of value) out.push(item(entry, ''))
    } catch (cause) {
      throw inside(cause, `[${out.length}]`, path)
    }
    return out
  }
}

export function tuple<const S extends readonly Shape<unknown>[]>(
  ...items: S
): Shape<{ readonly [K in keyof S]: Shaped<S[K]> }> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length !== items.length) throw new Mismatch(path, `list of ${items.length}`)
    const out: unknown[] = []
    try {
      for (const item of items) out.push(item(value[out.length], ''))
    } catch (cause) {
      throw inside(cause, `[${out.length}]`, path)
    }
    return out as never
  }
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => (value === null ? null : shape(value, path))
}

export type Optional<T> = { readonly optional: Shape<T> }

export function optional<T>(shape: Shape<T>): Optional<T> {
  return { optional: shape }
}

type Fields = Record<string, Shape<unknown> | Optional<unknown>>
type RequiredOf<F extends Fields> = { readonly [K in keyof F as F[K] extends Shape<unknown> ? K : never]: Shaped<F[K]> }
type OptionalOf<F extends Fields> = {
  readonly [K in keyof F as F[K] extends Shape<unknown> ? never : K]?: F[K] extends Optional<infer T> ? T : never
}
export type ObjectOf<F extends Fields> = RequiredOf<F> & OptionalOf<F>

/** A map with exactly these keys (those that are `optional` may be absent). */
export function object<const F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const entries = Object.entries(fields)
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
      throw new Mismatch(path, 'map')
    const record = value as Record<string, unknown>
    const out: Record<string, unknown> = {}
    let present = 0
    let at = ''
    try {
      for (const [key, field] of entries) {
        at = key
        const has = Object.hasOwn(record, key)
        if (has) present++
        if (typeof field === 'function') {
          if (!has) throw new Mismatch('', 'a value')
          out[key] = field(record[key], '')
        } else if (has) out[key] = field.optional(record[key], '')
      }
    } catch (cause) {
      throw inside(cause, `.${at}`, path)
    }
    if (present !== Object.keys(record).length)
      throw new Mismatch(path, `only ${entries.map(([key]) => key).join(', ')}`)
    return out as ObjectOf<F>
  }
}

/** A map from text keys to one shape, at most `maxEntries` of them. */
export function mapOf<T>(key: Shape<string>, item: Shape<T>, maxEntries: number): Shape<Readonly<Record<string, T>>> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || value instanceof Uint8Array)
      throw new Mismatch(path, 'map')
    const entries = Object.entries(value)
    if (entries.length > maxEntries) throw new Mismatch(path, `map ≤ ${maxEntries}`)
    return Object.fromEntries(entries.map(([name, entry]) => [key(name, path), item(entry, `${path}.${name}`)]))
  }
}

/** A union told apart by the text in its field `tag`. */
export function union<const V extends Record<string, Shape<unknown>>>(
  tag: string,
  variants: V,
): Shape<Shaped<V[keyof V]>> {
  const byTag = new Map(Object.entries(variants))
  return (value, path) => {
    const name = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[tag] : undefined
    const variant = typeof name === 'string' ? byTag.get(name) : undefined
    if (variant === undefined) throw new Mismatch(`${path}.${tag}`, [...byTag.keys()].join(' | '))
    return variant(value, path) as Shaped<V[keyof V]>
  }
}
