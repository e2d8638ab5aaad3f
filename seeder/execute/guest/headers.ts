// Headers (Fetch §5.1): an ordered multimap of lower-cased names, combined on reading, `set-cookie` kept apart.

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

export class Headers {
  #values = new Map<string, string[]>()

  constructor(init?: HeadersInit | null) {
    if (init === undefined || init === null) return
    if (typeof init !== 'object') throw new TypeError('Headers are built from an object, pairs or other Headers')
    if (init instanceof Headers) {
      for (const [name, values] of init.#values) this.#values.set(name, [...values])
    } else if (Symbol.iterator in init && typeof init[Symbol.iterator] === 'function') {
      for (const pair of init as Iterable<readonly [string, string]>) {
        const [name, value, ...more] = pair
        if (name === undefined || value === undefined || more.length > 0)
          throw new TypeError('A header pair has two items')
        this.append(name, value)
      }
    } else for (const name of Object.keys(init)) this.append(name, (init as Record<string, string>)[name])
  }

  append(name: unknown, value: unknown): void {
    const key = nameOf(name)
    const text = textOf(value)
    const values = this.#values.get(key)
    if (values === undefined) this.#values.set(key, [text])
    else values.push(text)
  }

  set(name: unknown, value: unknown): void {
    this.#values.set(nameOf(name), [textOf(value)])
  }

  delete(name: unknown): void {
    this.#values.delete(nameOf(name))
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
    for (const [name, value] of this.entries()) callback.call(thisArgument, value, name, this)
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of [...this.#values.keys()].sort()) {
      const values = this.#values.get(name) ?? []
      if (name === 'set-cookie') for (const value of values) yield [name, value]
      else if (values.length > 0) yield [name, values.join(', ')]
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries()
  }

  get [Symbol.toStringTag](): string {
    return 'Headers'
  }
}
