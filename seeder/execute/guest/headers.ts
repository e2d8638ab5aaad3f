// Headers (Fetch §5.1): an ordered multimap of lower-cased names, combined on reading, `set-cookie` kept apart.

import { pairIterators } from '#seeder/execute/guest/pair-iterator.ts'

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const PLAIN_VALUE = /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/

/** Names seen so far by how they were written; a request starts with the usual ones and forgets the rest. */
const lowerByName = new Map<string, string>()

const USUAL = [
  'Accept',
  'Accept-Language',
  'Authorization',
  'Cache-Control',
  'Content-Length',
  'Content-Type',
  'Cookie',
  'ETag',
  'Host',
  'If-None-Match',
  'Location',
  'Origin',
  'Referer',
  'Set-Cookie',
  'User-Agent',
  'Vary',
]
for (const name of USUAL) {
  lowerByName.set(name, name.toLowerCase())
  lowerByName.set(name.toLowerCase(), name.toLowerCase())
}

function nameOf(value: unknown): string {
  const name = String(value)
  const known = lowerByName.get(name)
  if (known !== undefined) return known
  if (!NAME.test(name)) throw new TypeError(`Header name must be a valid HTTP token ["${name}"]`)
  const lower = name.toLowerCase()
  lowerByName.set(name, lower)
  return lower
}

function textOf(value: unknown): string {
  const given = String(value)
  if (PLAIN_VALUE.test(given)) return given
  const text = given.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '')
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0 || code === 10 || code === 13 || code > 255) {
      throw new TypeError('Header value must hold bytes only (U+0000 to U+00FF), without NUL, CR or LF')
    }
  }
  return text
}

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string>

const iterate = pairIterators('Headers')

/** Web IDL's ByteString. */
function bytesOf(value: unknown): string {
  const text = String(value)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: every byte is meant.
  if (!/^[\x00-\xff]*$/.test(text)) throw new TypeError('Headers hold bytes only (U+0000 to U+00FF)')
  return text
}

/** Web IDL's sequence of pairs, or its record of an object's own enumerable properties; all of it is read before any is used. */
function pairsOf(init: object): [unknown, unknown][] {
  const method = (init as { [Symbol.iterator]?: unknown })[Symbol.iterator]
  if (method !== undefined && method !== null) {
    return Array.from(init as Iterable<Iterable<unknown>>, (item) => {
      if (typeof item !== 'object' || item === null) throw new TypeError('A header pair is an iterable object')
      const pair = [...item]
      if (pair.length !== 2) throw new TypeError('A header pair has two items')
      return [pair[0], pair[1]]
    })
  }
  const pairs: [unknown, unknown][] = []
  for (const key of Reflect.ownKeys(init)) {
    if (Reflect.getOwnPropertyDescriptor(init, key)?.enumerable !== true) continue
    if (typeof key === 'symbol') throw new TypeError('A header name is no symbol')
    // Both become bytes at once; whether they can stand in a header is asked when all are read.
    const name = bytesOf(key)
    pairs.push([name, bytesOf((init as Record<string, unknown>)[key])])
  }
  return pairs
}

export class Headers {
  #values = new Map<string, string[]>()
  #immutable = false
  /** Sorted and combined; undefined after a change. */
  #sorted: readonly (readonly [string, string])[] | undefined
  constructor(init?: HeadersInit) {
    if (init === undefined) return
    if ((typeof init !== 'object' && typeof init !== 'function') || init === null)
      throw new TypeError('Headers are built from an object, pairs or other Headers')
    if (init instanceof Headers && init[Symbol.iterator] === Headers.prototype[Symbol.iterator]) {
      for (const [name, values] of init.#values) this.#values.set(name, [...values])
    } else for (const [name, value] of pairsOf(init)) this.append(name, value)
  }

  /** Whoever changes them from now on gets a TypeError. For this library alone. */
  static freeze(headers: Headers): void {
    headers.#immutable = true
  }

  #changes(): void {
    if (this.#immutable) throw new TypeError('These headers cannot be changed.')
    this.#sorted = undefined
  }

  #pairs(): readonly (readonly [string, string])[] {
    this.#sorted ??= this.#combined()
    return this.#sorted
  }

  #combined(): (readonly [string, string])[] {
    const pairs: [string, string][] = []
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? []
      if (name === 'set-cookie') for (const value of values) pairs.push([name, value])
      else pairs.push([name, values.join(', ')])
    }
    return pairs
  }

  append(name: unknown, value: unknown): void {
    const key = nameOf(name)
    const text = textOf(value)
    this.#changes()
    const values = this.#values.get(key)
    if (values === undefined) this.#values.set(key, [text])
    else values.push(text)
  }

  set(name: unknown, value: unknown): void {
    const key = nameOf(name)
    const text = textOf(value)
    this.#changes()
    this.#values.set(key, [text])
  }

  delete(name: unknown): void {
    const key = nameOf(name)
    this.#changes()
    this.#values.delete(key)
  }

  get(name: unknown): string | null {
    return this.#values.get(nameOf(name))?.join(', ') ?? null
  }

  has(name: unknown): boolean {
    return this.#values.has(nameOf(name))
  }

  getSetCookie(): string[] {
    return [...(this.#values.get('set-cookie') ?? [])]
  }

  /** Workers' older name for the same. */
  getAll(name: unknown): string[] {
    if (nameOf(name) !== 'set-cookie')
      throw new TypeError('getAll() can only be used with the header name "Set-Cookie".')
    return this.getSetCookie()
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, thisArgument?: unknown): void {
    if (typeof callback !== 'function') throw new TypeError('forEach needs a function')
    for (let index = 0; ; index++) {
      const pair = this.#pairs()[index]
      if (pair === undefined) return
      callback.call(thisArgument, pair[1], pair[0], this)
    }
  }

  entries(): IterableIterator<[string, string]> {
    return iterate(() => this.#pairs(), 'entries')
  }

  keys(): IterableIterator<string> {
    return iterate(() => this.#pairs(), 'keys')
  }

  values(): IterableIterator<string> {
    return iterate(() => this.#pairs(), 'values')
  }

  declare readonly [Symbol.iterator]: () => IterableIterator<[string, string]>

  get [Symbol.toStringTag](): string {
    return 'Headers'
  }
}
Object.defineProperty(Headers.prototype, Symbol.iterator, {
  value: Headers.prototype.entries,
  writable: true,
  configurable: true,
})
