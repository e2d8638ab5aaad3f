// TextEncoder and TextDecoder (WHATWG Encoding): UTF-8 with fatal, ignoreBOM and streaming; UTF-16 and windows-1252 for reading.
// Long texts are converted by the host, whose loop is native; short ones here, where a call would cost more.

import { type BufferSource, concatBytes, viewOf } from '#seeder/execute/guest/bytes.ts'
import { exactBuffer, pureHost } from '#seeder/execute/guest/host.ts'

const HOST_FROM_CHARS = 48
/** Texts end at U+0000 on their way to the host: when the last character did not arrive, the text holds one. */
const END = '\x01'

export function utf8Encode(text: string): Uint8Array {
  if (text.length >= HOST_FROM_CHARS) {
    const answer = pureHost('utf8.encode', text.toWellFormed() + END)
    if (typeof answer !== 'string') return new Uint8Array(answer)
  }
  return encodeHere(text)
}

/** What `utf8.decode` answers: the text after a mark, or JSON when it holds U+0000, or null for what had to be valid and is not. */
function decodeByHost(bytes: Uint8Array, mode: '' | 'fatal'): string | null {
  const answer = pureHost('utf8.decode', mode, exactBuffer(bytes)) as string
  return answer.charCodeAt(0) === 0x3d ? answer.slice(1) : (JSON.parse(answer) as string | null)
}

function encodeHere(text: string): Uint8Array {
  const bytes: number[] = []
  for (let index = 0; index < text.length; index++) {
    let point = text.charCodeAt(index)
    if (point >= 0xd800 && point <= 0xdfff) {
      const next = text.charCodeAt(index + 1)
      if (point <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (next - 0xdc00)
        index++
      } else point = 0xfffd
    }
    if (point < 0x80) bytes.push(point)
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63))
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63))
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63))
  }
  return Uint8Array.from(bytes)
}

/** UTF-8 → text, malformed sequences replaced; the byte order mark is kept. */
export function utf8Decode(bytes: Uint8Array): string {
  if (bytes.length >= HOST_FROM_CHARS) return decodeByHost(bytes, '') ?? ''
  return decodeHere(bytes, false, true).text
}

const FATAL_MESSAGE = 'The encoded data was not valid.'

/** One pass of the UTF-8 decoder (Encoding §8.1.1). `rest` holds an unfinished sequence when `flush` is false. */
function decodeHere(bytes: Uint8Array, fatal: boolean, flush: boolean): { text: string; rest: Uint8Array } {
  let text = ''
  let index = 0
  while (index < bytes.length) {
    const first = bytes[index] ?? 0
    if (first < 0x80) {
      text += String.fromCharCode(first)
      index++
      continue
    }
    const need =
      first >= 0xc2 && first <= 0xdf ? 1 : first >= 0xe0 && first <= 0xef ? 2 : first >= 0xf0 && first <= 0xf4 ? 3 : 0
    let lower = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    let upper = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    let point = need === 1 ? first & 0x1f : need === 2 ? first & 0xf : first & 7
    let seen = 0
    while (seen < need && index + 1 + seen < bytes.length) {
      const next = bytes[index + 1 + seen] ?? 0
      if (next < lower || next > upper) break
      lower = 0x80
      upper = 0xbf
      point = (point << 6) | (next & 63)
      seen++
    }
    if (need > 0 && seen === need) text += String.fromCodePoint(point)
    else if (need > 0 && index + 1 + seen === bytes.length && !flush) return { text, rest: bytes.slice(index) }
    else if (fatal) throw new TypeError(FATAL_MESSAGE)
    else text += '\ufffd'
    index += 1 + seen
  }
  return { text, rest: new Uint8Array(0) }
}

export class TextEncoder {
  get encoding(): string {
    return 'utf-8'
  }

  get [Symbol.toStringTag](): string {
    return 'TextEncoder'
  }

  encode(input: unknown = ''): Uint8Array {
    return utf8Encode(String(input))
  }

  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    if (!(destination instanceof Uint8Array)) throw new TypeError('encodeInto() writes into a Uint8Array.')
    let read = 0
    let written = 0
    for (const char of String(source)) {
      const bytes = encodeHere(char)
      if (written + bytes.length > destination.length) break
      destination.set(bytes, written)
      written += bytes.length
      read += char.length
    }
    return { read, written }
  }
}

const WINDOWS_1252 =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178'

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252'

/** The labels of Encoding §4.2 for what is read here. */
const LABELS: Readonly<Record<Encoding, string>> = {
  'utf-8': 'unicode-1-1-utf-8 unicode11utf8 unicode20utf8 utf-8 utf8 x-unicode20utf8',
  'utf-16le': 'csunicode iso-10646-ucs-2 ucs-2 unicode unicodefeff utf-16 utf-16le',
  'utf-16be': 'unicodefffe utf-16be',
  'windows-1252':
    'ansi_x3.4-1968 ascii cp1252 cp819 csisolatin1 ibm819 iso-8859-1 iso-ir-100 iso8859-1 iso88591 iso_8859-1 iso_8859-1:1987 l1 latin1 us-ascii windows-1252 x-cp1252',
}
const ENCODING_BY_LABEL = new Map(
  (Object.keys(LABELS) as Encoding[]).flatMap((encoding) =>
    LABELS[encoding].split(' ').map((label): [string, Encoding] => [label, encoding]),
  ),
)

export class TextDecoder {
  readonly #encoding: Encoding
  readonly #fatal: boolean
  readonly #ignoreBOM: boolean
  #rest = new Uint8Array(0) as Uint8Array
  #atStart = true

  constructor(label: unknown = 'utf-8', options?: { fatal?: unknown; ignoreBOM?: unknown } | null) {
    const name = String(label).replace(/^[\t\n\f\r ]+|[\t\n\f\r ]+$/g, '')
    const encoding = ENCODING_BY_LABEL.get(name.toLowerCase())
    if (encoding === undefined) {
      throw new RangeError(`The encoding "${name}" is not supported; use utf-8, utf-16le, utf-16be or windows-1252.`)
    }
    this.#encoding = encoding
    this.#fatal = Boolean(options?.fatal)
    this.#ignoreBOM = Boolean(options?.ignoreBOM)
  }

  get encoding(): string {
    return this.#encoding
  }

  get fatal(): boolean {
    return this.#fatal
  }

  get ignoreBOM(): boolean {
    return this.#ignoreBOM
  }

  decode(input?: BufferSource | SharedArrayBuffer, options?: { stream?: unknown } | null): string {
    const chunk =
      input === undefined
        ? new Uint8Array(0)
        : input instanceof SharedArrayBuffer
          ? new Uint8Array(input)
          : viewOf(input)
    const stream = Boolean(options?.stream)
    const bytes = this.#rest.length === 0 ? chunk : concatBytes([this.#rest, chunk])
    this.#rest = new Uint8Array(0)
    try {
      const text = this.#decodeBytes(bytes, !stream)
      return this.#withoutMark(text)
    } finally {
      if (!stream) {
        this.#rest = new Uint8Array(0)
        this.#atStart = true
      }
    }
  }

  #decodeBytes(bytes: Uint8Array, flush: boolean): string {
    if (this.#encoding === 'windows-1252') return decodeWindows1252(bytes)
    if (this.#encoding !== 'utf-8') return this.#decodeUtf16(bytes, flush, this.#encoding === 'utf-16le' ? 0 : 1)
    if (flush && !this.#fatal) return utf8Decode(bytes)
    if (flush && bytes.length >= HOST_FROM_CHARS) {
      const text = decodeByHost(bytes, 'fatal')
      if (text === null) throw new TypeError(FATAL_MESSAGE)
      return text
    }
    const { text, rest } = decodeHere(bytes, this.#fatal, flush)
    this.#rest = rest
    return text
  }

  /** `low`: where of two bytes the low one stands. */
  #decodeUtf16(bytes: Uint8Array, flush: boolean, low: 0 | 1): string {
    let text = ''
    let end = bytes.length & ~1
    // A high surrogate at the end waits for its pair.
    const lastHigh = end >= 2 && ((bytes[end - 1 - low] ?? 0) & 0xfc) === 0xd8
    if (!flush && lastHigh) end -= 2
    for (let index = 0; index < end; index += 2) {
      text += String.fromCharCode((bytes[index + low] ?? 0) | ((bytes[index + 1 - low] ?? 0) << 8))
    }
    const odd = flush && (bytes.length & 1) === 1
    if (this.#fatal && (odd || !text.isWellFormed())) throw new TypeError(FATAL_MESSAGE)
    if (!flush) this.#rest = bytes.slice(end)
    // An odd byte after half a pair belongs to the same error.
    return text.toWellFormed() + (odd && !lastHigh ? '\ufffd' : '')
  }

  #withoutMark(text: string): string {
    if (!this.#atStart || text.length === 0) return text
    this.#atStart = false
    return !this.#ignoreBOM && this.#encoding !== 'windows-1252' && text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  }
}

function decodeWindows1252(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) {
    text += byte >= 0x80 && byte < 0xa0 ? WINDOWS_1252.charAt(byte - 0x80) : String.fromCharCode(byte)
  }
  return text
}
