// FormData (XHR §4) and its two encodings: urlencoded, and multipart (RFC 7578) both ways.
// Multipart is split over a one-byte-one-character view of the body, so that native string search does the work.

import { Blob, File } from '#seeder/execute/guest/blob.ts'
import { concatBytes } from '#seeder/execute/guest/bytes.ts'
import { utf8Decode, utf8Encode } from '#seeder/execute/guest/encoding.ts'
import { exactBuffer, pureHost } from '#seeder/execute/guest/host.ts'
import { pairIterators } from '#seeder/execute/guest/pair-iterator.ts'

export type FormValue = string | File

/** Parts beyond this are refused: a body of empty parts must not cost more than its bytes. */
const MULTIPART_PARTS_MAX = 4_096

const iterate = pairIterators('FormData')
const keyOf = (name: unknown): string => String(name).toWellFormed()

export class FormData {
  #entries: [string, FormValue][] = []

  constructor(form?: unknown) {
    if (form !== undefined) throw new TypeError('There are no forms here to take entries from.')
  }

  static #value(value: unknown, named: boolean, filename: unknown): FormValue {
    if (!(value instanceof Blob)) {
      if (named) throw new TypeError('Only a Blob takes a file name.')
      return String(value).toWellFormed()
    }
    if (value instanceof File && !named) return value
    const options = { type: value.type, lastModified: value instanceof File ? value.lastModified : 0 }
    return new File([value], named ? String(filename) : 'blob', options)
  }

  append(...given: [name: unknown, value: unknown, filename?: unknown]): void {
    const [name, value, filename] = given
    if (given.length < 2) throw new TypeError('append() needs a name and a value.')
    this.#entries.push([keyOf(name), FormData.#value(value, filename !== undefined, filename)])
  }

  set(...given: [name: unknown, value: unknown, filename?: unknown]): void {
    const [name, value, filename] = given
    if (given.length < 2) throw new TypeError('set() needs a name and a value.')
    const key = keyOf(name)
    const first = this.#entries.findIndex(([k]) => k === key)
    const entry: [string, FormValue] = [key, FormData.#value(value, filename !== undefined, filename)]
    if (first < 0) this.#entries.push(entry)
    else this.#entries = this.#entries.flatMap((old, at) => (at === first ? [entry] : old[0] === key ? [] : [old]))
  }

  delete(name: unknown): void {
    const key = keyOf(name)
    this.#entries = this.#entries.filter(([k]) => k !== key)
  }

  get(name: unknown): FormValue | null {
    const key = keyOf(name)
    return this.#entries.find(([k]) => k === key)?.[1] ?? null
  }

  getAll(name: unknown): FormValue[] {
    const key = keyOf(name)
    return this.#entries.filter(([k]) => k === key).map(([, value]) => value)
  }

  has(name: unknown): boolean {
    const key = keyOf(name)
    return this.#entries.some(([k]) => k === key)
  }

  forEach(callback: (value: FormValue, name: string, form: FormData) => void, thisArgument?: unknown): void {
    if (typeof callback !== 'function') throw new TypeError('forEach needs a function')
    for (let index = 0; index < this.#entries.length; index++) {
      const entry = this.#entries[index]
      if (entry !== undefined) callback.call(thisArgument, entry[1], entry[0], this)
    }
  }

  entries(): IterableIterator<[string, FormValue]> {
    return iterate(() => this.#entries, 'entries')
  }

  keys(): IterableIterator<string> {
    return iterate(() => this.#entries, 'keys')
  }

  values(): IterableIterator<FormValue> {
    return iterate(() => this.#entries, 'values')
  }

  declare readonly [Symbol.iterator]: () => IterableIterator<[string, FormValue]>

  get [Symbol.toStringTag](): string {
    return 'FormData'
  }
}
Object.defineProperty(FormData.prototype, Symbol.iterator, {
  value: FormData.prototype.entries,
  writable: true,
  configurable: true,
})

const escapeName = (name: string): string =>
  name.replaceAll('\r\n', '%0D%0A').replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')

/** The multipart body. The boundary is the hash of the content: deterministic, and absent from what it hashes. */
export function serializeMultipart(form: FormData): { bytes: Uint8Array; boundary: string } {
  const parts: { head: string; body: Uint8Array }[] = []
  for (const [name, value] of form) {
    if (typeof value === 'string') {
      const text = value.replace(/\r\n?|\n/g, '\r\n')
      parts.push({ head: `content-disposition: form-data; name="${escapeName(name)}"`, body: utf8Encode(text) })
    } else {
      const type = value.type === '' ? 'application/octet-stream' : value.type
      const head = `content-disposition: form-data; name="${escapeName(name)}"; filename="${escapeName(value.name)}"\r\ncontent-type: ${type}`
      parts.push({ head, body: Blob.bytesOf(value) })
    }
  }
  const content = concatBytes(parts.flatMap(({ head, body }) => [utf8Encode(head), body]))
  const digest = new Uint8Array(pureHost('crypto.digest', '{"hash":"SHA-256"}', exactBuffer(content)) as ArrayBuffer)
  const boundary = `----interpeer${Array.from(digest.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')}`
  const chunks: Uint8Array[] = []
  for (const { head, body } of parts)
    chunks.push(utf8Encode(`--${boundary}\r\n${head}\r\n\r\n`), body, utf8Encode('\r\n'))
  chunks.push(utf8Encode(`--${boundary}--\r\n`))
  return { bytes: concatBytes(chunks), boundary }
}

export function boundaryOf(contentType: string): string | undefined {
  const match = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType)
  return match?.[1] ?? match?.[2]
}

/** Throws a TypeError when the body is not multipart with this boundary. */
export function parseMultipart(bytes: Uint8Array, boundary: string): FormData {
  const latin1 = latin1Of(bytes)
  const form = new FormData()
  const delimiter = `--${boundary}`
  let at = latin1.startsWith(delimiter) ? 0 : latin1.indexOf(`\r\n${delimiter}`) + 2
  if (at === 1) throw new TypeError('The multipart body does not hold its boundary.')
  for (let parts = 0; ; parts++) {
    if (parts > MULTIPART_PARTS_MAX) throw new TypeError(`A multipart body may hold ${MULTIPART_PARTS_MAX} parts.`)
    at += delimiter.length
    if (latin1.startsWith('--', at)) return form
    if (!latin1.startsWith('\r\n', at)) throw new TypeError('The multipart body is malformed after a boundary.')
    const headStart = at + 2
    const headEnd = latin1.indexOf('\r\n\r\n', headStart)
    const bodyStart = headEnd + 4
    const next = latin1.indexOf(`\r\n${delimiter}`, headEnd < 0 ? headStart : bodyStart - 2)
    if (headEnd < 0 || next < 0) throw new TypeError('The multipart body ends too early.')
    appendPart(form, utf8Decode(bytes.subarray(headStart, headEnd)), bytes.slice(bodyStart, Math.max(bodyStart, next)))
    at = next + 2
  }
}

function appendPart(form: FormData, head: string, body: Uint8Array): void {
  let disposition = ''
  let type = ''
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim().toLowerCase()
    if (name === 'content-disposition') disposition = line.slice(colon + 1).trim()
    if (name === 'content-type') type = line.slice(colon + 1).trim()
  }
  const name = parameterOf(disposition, 'name')
  if (!/^form-data\s*(;|$)/i.test(disposition) || name === undefined) {
    throw new TypeError('A multipart part has no form-data name.')
  }
  const filename = parameterOf(disposition, 'filename')
  if (filename === undefined) form.append(name, utf8Decode(body))
  else form.append(name, new File([body], filename, { type: type === '' ? 'text/plain' : type }))
}

function parameterOf(disposition: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(disposition)
  const raw = match?.[1] ?? match?.[2]
  return raw?.replace(/%22/g, '"').replace(/%0D/gi, '\r').replace(/%0A/gi, '\n')
}

const LATIN1_CHUNK = 2_048

function latin1Of(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += LATIN1_CHUNK) {
    text += String.fromCharCode(...bytes.subarray(index, index + LATIN1_CHUNK))
  }
  return text
}
