// URLSearchParams and application/x-www-form-urlencoded (URL §5).

import { utf8Encode } from '#seeder/execute/guest/encoding.ts'
import { pairIterators } from '#seeder/execute/guest/pair-iterator.ts'
import { percentDecode } from '#seeder/execute/guest/percent.ts'

const SAFE = /^[A-Za-z0-9*\-._]*$/

function encodeComponent(text: string): string {
  if (SAFE.test(text)) return text
  let out = ''
  for (const byte of utf8Encode(text)) {
    const char = String.fromCharCode(byte)
    if (byte < 0x80 && SAFE.test(char)) out += char
    else if (byte === 0x20) out += '+'
    else out += `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`
  }
  return out
}

export function parseForm(text: string): [string, string][] {
  const pairs: [string, string][] = []
  for (const part of text.split('&')) {
    if (part === '') continue
    const equals = part.indexOf('=')
    const name = equals < 0 ? part : part.slice(0, equals)
    const value = equals < 0 ? '' : part.slice(equals + 1)
    pairs.push([percentDecode(name.replaceAll('+', ' ')), percentDecode(value.replaceAll('+', ' '))])
  }
  return pairs
}

export function serializeForm(pairs: Iterable<readonly [string, string]>): string {
  return Array.from(pairs, ([name, value]) => `${encodeComponent(name)}=${encodeComponent(value)}`).join('&')
}

export type SearchParamsInit = string | Iterable<readonly [string, string]> | Record<string, string> | URLSearchParams

const iterate = pairIterators('URLSearchParams')

/** Web IDL's sequence of pairs, or its record, in which names that become alike are one. */
function pairsOf(init: object): [string, string][] {
  const method = (init as { [Symbol.iterator]?: unknown })[Symbol.iterator]
  if (method !== undefined && method !== null) {
    return Array.from(init as Iterable<Iterable<unknown>>, (item) => {
      const items = [...item]
      if (items.length !== 2) throw new TypeError('Each query pair must have exactly two items')
      return [String(items[0]).toWellFormed(), String(items[1]).toWellFormed()]
    })
  }
  const record = new Map<string, string>()
  for (const key of Reflect.ownKeys(init)) {
    if (Reflect.getOwnPropertyDescriptor(init, key)?.enumerable !== true) continue
    if (typeof key === 'symbol') throw new TypeError('A query name is no symbol')
    const value = (init as Record<string, unknown>)[key]
    record.set(key.toWellFormed(), String(value).toWellFormed())
  }
  return [...record]
}

export class URLSearchParams {
  #pairs: [string, string][] = []
  #changed: (() => void) | undefined

  constructor(init: SearchParamsInit = '') {
    if ((typeof init === 'object' || typeof init === 'function') && init !== null) this.#pairs = pairsOf(init)
    else {
      const text = String(init).toWellFormed()
      this.#pairs = parseForm(text.startsWith('?') ? text.slice(1) : text)
    }
  }

  /** Binds the list to a URL: `changed` runs after every change. For the URL class alone. */
  static boundTo(query: string, changed: () => void): URLSearchParams {
    const params = new URLSearchParams()
    params.#pairs = parseForm(query)
    params.#changed = changed
    return params
  }

  /** Replaces the list from a new query, without telling the URL. For the URL class alone. */
  static refill(params: URLSearchParams, query: string): void {
    params.#pairs = parseForm(query)
  }

  get size(): number {
    return this.#pairs.length
  }

  append(name: unknown, value: unknown): void {
    this.#pairs.push([String(name).toWellFormed(), String(value).toWellFormed()])
    this.#changed?.()
  }

  delete(name: unknown, value?: unknown): void {
    const key = String(name).toWellFormed()
    this.#pairs = this.#pairs.filter(
      ([k, v]) => k !== key || (value !== undefined && v !== String(value).toWellFormed()),
    )
    this.#changed?.()
  }

  get(name: unknown): string | null {
    const key = String(name).toWellFormed()
    return this.#pairs.find(([k]) => k === key)?.[1] ?? null
  }

  getAll(name: unknown): string[] {
    const key = String(name).toWellFormed()
    return this.#pairs.filter(([k]) => k === key).map(([, value]) => value)
  }

  has(name: unknown, value?: unknown): boolean {
    const key = String(name).toWellFormed()
    return this.#pairs.some(([k, v]) => k === key && (value === undefined || v === String(value).toWellFormed()))
  }

  set(name: unknown, value: unknown): void {
    const key = String(name).toWellFormed()
    const first = this.#pairs.findIndex(([k]) => k === key)
    const pair: [string, string] = [key, String(value).toWellFormed()]
    if (first < 0) this.#pairs.push(pair)
    else this.#pairs = this.#pairs.flatMap((old, index) => (index === first ? [pair] : old[0] === key ? [] : [old]))
    this.#changed?.()
  }

  /** By name, in UTF-16 code units; equal names keep their order. */
  sort(): void {
    this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    this.#changed?.()
  }

  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, thisArgument?: unknown): void {
    if (typeof callback !== 'function') throw new TypeError('forEach needs a function')
    for (let index = 0; index < this.#pairs.length; index++) {
      const pair = this.#pairs[index]
      if (pair !== undefined) callback.call(thisArgument, pair[1], pair[0], this)
    }
  }

  entries(): IterableIterator<[string, string]> {
    return iterate(() => this.#pairs, 'entries')
  }

  keys(): IterableIterator<string> {
    return iterate(() => this.#pairs, 'keys')
  }

  values(): IterableIterator<string> {
    return iterate(() => this.#pairs, 'values')
  }

  declare readonly [Symbol.iterator]: () => IterableIterator<[string, string]>

  toString(): string {
    return serializeForm(this.#pairs)
  }

  get [Symbol.toStringTag](): string {
    return 'URLSearchParams'
  }
}
Object.defineProperty(URLSearchParams.prototype, Symbol.iterator, {
  value: URLSearchParams.prototype.entries,
  writable: true,
  configurable: true,
})
