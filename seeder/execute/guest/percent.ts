// Percent-encoding sets and coding (URL §1.3). Sets are tested by code point below 0x80; everything above is always encoded.

import { utf8Decode, utf8Encode } from '#seeder/execute/guest/encoding.ts'

function setOf(extra: string): boolean[] {
  return Array.from(
    { length: 128 },
    (_, code) => code < 0x20 || code === 0x7f || extra.includes(String.fromCharCode(code)),
  )
}

export const C0_CONTROL = setOf('')
export const FRAGMENT = setOf(' "<>`')
export const QUERY = setOf(' "#<>')
export const SPECIAL_QUERY = setOf(' "#<>\'')
export const PATH = setOf(' "#<>?^`{}')
export const USERINFO = setOf(' "#<>?^`{}/:;=@[\\]|')

export type PercentSet = readonly boolean[]

function hexOfByte(byte: number): string {
  return `%${byte < 16 ? '0' : ''}${byte.toString(16).toUpperCase()}`
}

export function percentEncode(text: string, set: PercentSet): string {
  let out = ''
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0
    if (code < 0x80 && set[code] === false) out += char
    else for (const byte of utf8Encode(char)) out += hexOfByte(byte)
  }
  return out
}

export function percentDecodeBytes(text: string): Uint8Array {
  const input = utf8Encode(text)
  if (!text.includes('%')) return input
  const out: number[] = []
  for (let index = 0; index < input.length; index++) {
    const byte = input[index] ?? 0
    const hex = byte === 0x25 ? String.fromCharCode(input[index + 1] ?? 0, input[index + 2] ?? 0) : ''
    if (/^[0-9A-Fa-f]{2}$/.test(hex)) {
      out.push(Number.parseInt(hex, 16))
      index += 2
    } else out.push(byte)
  }
  return Uint8Array.from(out)
}

/** UTF-8 decode without BOM of the percent-decoded text. */
export function percentDecode(text: string): string {
  return text.includes('%') ? utf8Decode(percentDecodeBytes(text)) : text
}
