// Domain names on the wire (RFC 1035 §3.1): labels, each with its length before it, ended by the root's empty one.
//
// Invariant: no pointer is ever followed. A question's name has none; of any other name only its end is looked for. So no message can make
// a reader go in circles or a short name long.

import { CLASS_IN, LABEL_BYTES_MAX, NAME_BYTES_MAX } from '#protocol/dns/constants.ts'

const POINTER = 0xc0
const HEADER_BYTES = 12

export type ReadName = {
  /** Lower case (RFC 4343), a character a byte, without the root. */
  readonly labels: readonly string[]
  /** Behind the name. */
  readonly end: number
}

/** A name that stands there whole; undefined: it does not. */
export function readWholeName(bytes: Uint8Array, start: number): ReadName | undefined {
  const labels: string[] = []
  for (let at = start; ; ) {
    const length = bytes[at]
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined
    const end = at + 1 + length
    if (end - start > NAME_BYTES_MAX || end > bytes.length) return undefined
    if (length === 0) return { labels, end }
    let label = ''
    for (let index = at + 1; index < end; index++) label += lowerCase(bytes[index] ?? 0)
    labels.push(label)
    at = end
  }
}

function lowerCase(byte: number): string {
  return String.fromCharCode(byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte)
}

/** Where a name that may end in a pointer (RFC 1035 §4.1.4) has its end; undefined: it is none, or points ahead. */
export function endOfName(bytes: Uint8Array, start: number): number | undefined {
  for (let at = start; ; ) {
    const length = bytes[at]
    if (length === undefined || at + 1 - start > NAME_BYTES_MAX) return undefined
    if (length === 0) return at + 1
    if (length >= POINTER) {
      const target = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0)
      return at + 2 <= bytes.length && target >= HEADER_BYTES && target < start ? at + 2 : undefined
    }
    if (length > LABEL_BYTES_MAX) return undefined
    at += 1 + length
  }
}

/** A name of ASCII, with or without the dot at its end; undefined: no name. The empty one is the root. */
export function nameToBytes(text: string): Uint8Array | undefined {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text
  const labels = bare === '' ? [] : bare.split('.')
  const bytes: number[] = []
  for (const label of labels) {
    if (label.length === 0 || label.length > LABEL_BYTES_MAX || !/^[\x21-\x7e]+$/.test(label)) return undefined
    bytes.push(label.length)
    for (let index = 0; index < label.length; index++) bytes.push(label.charCodeAt(index))
  }
  bytes.push(0)
  return bytes.length > NAME_BYTES_MAX ? undefined : Uint8Array.from(bytes)
}

/** As a question has it: name, type, class `IN`. */
export function questionToBytes(name: string, type: number): Uint8Array | undefined {
  const bytes = nameToBytes(name)
  return bytes === undefined ? undefined : Uint8Array.from([...bytes, type >> 8, type & 255, 0, CLASS_IN])
}
