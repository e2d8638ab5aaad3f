// What a target of the search is: something that takes bytes or text of a stranger, with inputs that it accepts and what else has to hold. It answers a
// short name of its verdict: new names are what guides the search. It may throw only when the product broke its word.

import assert from 'node:assert/strict'
import { bytesEqual } from '#protocol/codec/bytes.ts'

export type Target = {
  readonly name: string
  readonly form: 'cbor' | 'json' | 'bytes'
  readonly seeds: readonly Uint8Array[]
  /** Of a language that damaged bytes seldom hit: these are put in. */
  readonly words?: readonly string[]
  readonly run: (input: Uint8Array) => string
}

const NAMES_MAX = 65_536

export type Failure = {
  readonly code: string
  readonly path?: string
  readonly detail?: string
  readonly rule?: string
}
const names = new Map<string, string>()
/** Numbers in it (an index, a length) make no other verdict. */
export function nameOf({ code, path = '', detail = '', rule = '' }: Failure): string {
  const whole = `${code} ${path} ${detail} ${rule}`
  const known = names.get(whole)
  if (known !== undefined) return known
  const name = whole.replaceAll(/\d+/g, 'n').slice(0, 160)
  if (names.size < NAMES_MAX) names.set(whole, name)
  return name
}

/** Whatever is accepted is written again byte for byte. */
export function codec<T>(
  name: string,
  seeds: readonly Uint8Array[],
  read: (
    bytes: Uint8Array,
  ) => { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: Failure },
  write: ((value: T) => Uint8Array) | undefined,
  more: (value: T) => string = () => '',
): Target {
  return {
    name,
    form: 'cbor',
    seeds,
    run(input) {
      const result = read(input)
      if (!result.ok) return nameOf(result.error)
      if (write !== undefined && !bytesEqual(write(result.value), input)) assert.fail('it is written again otherwise')
      return `accepted ${more(result.value)}`
    },
  }
}

export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
