// Bytes as text and back, comparison and concatenation: nothing here knows a message.

import { err, ok, type Result } from '#protocol/codec/result.ts'

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

export function hexFromBytes(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]
  return text
}

/** Lower-case hexadecimal of an even length, nothing else: one text for one value. */
export function bytesFromHex(text: string): Result<Uint8Array, { code: 'not_hex' }> {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return err({ code: 'not_hex' })
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < bytes.length; index++)
    bytes[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16)
  return ok(bytes)
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const NOT_BASE64 = 64
/** By character code. */
const BASE64_VALUE = Uint8Array.from({ length: 128 }, (_, code) => {
  const value = BASE64.indexOf(String.fromCharCode(code))
  return value < 0 ? NOT_BASE64 : value
})

/** RFC 4648 §4, with padding. */
export function base64FromBytes(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += 3) {
    const word = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0)
    const left = bytes.length - index
    text += BASE64.charAt(word >>> 18) + BASE64.charAt((word >>> 12) & 63)
    text += left > 1 ? BASE64.charAt((word >>> 6) & 63) : '='
    text += left > 2 ? BASE64.charAt(word & 63) : '='
  }
  return text
}

/** Strict RFC 4648 §4: padded, no white space, unused bits zero, so that one value has one text. */
export function bytesFromBase64(text: string): Result<Uint8Array, { code: 'not_base64' }> {
  if (text.length % 4 !== 0) return err({ code: 'not_base64' })
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  const bytes = new Uint8Array((text.length / 4) * 3 - padding)
  for (let index = 0, out = 0; index < text.length; index += 4) {
    const last = index + 4 === text.length
    let word = 0
    for (let offset = 0; offset < 4; offset++) {
      const padded = last && offset >= 4 - padding
      const value = padded ? 0 : (BASE64_VALUE[text.charCodeAt(index + offset)] ?? NOT_BASE64)
      if (value === NOT_BASE64) return err({ code: 'not_base64' })
      word = (word << 6) | value
    }
    if (last && padding > 0 && (word & (padding === 2 ? 0xffff : 0xff)) !== 0) return err({ code: 'not_base64' })
    // Past the end nothing is written.
    bytes[out++] = word >>> 16
    bytes[out++] = word >>> 8
    bytes[out++] = word
  }
  return ok(bytes)
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** Lexicographic by byte, the shorter first: negative, zero or positive. */
export function bytesCompare(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export function bytesConcat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    joined.set(part, offset)
    offset += part.length
  }
  return joined
}

/** UTF-8. A lone surrogate becomes U+FFFD, as `TextEncoder` has it; `protocol/` compiles without that type. */
export function bytesFromText(text: string): Uint8Array {
  const bytes: number[] = []
  for (const char of text) {
    let point = char.codePointAt(0) ?? 0
    if (point >= 0xd800 && point <= 0xdfff) point = 0xfffd
    if (point < 0x80) bytes.push(point)
    else if (point < 0x800) bytes.push(0xc0 | (point >> 6), 0x80 | (point & 63))
    else if (point < 0x10000) bytes.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63))
    else bytes.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63))
  }
  return Uint8Array.from(bytes)
}
