// The two wire types of protobuf that dag-pb and UnixFS use, read strictly: shortest varints below 2^53, lengths within the buffer.

export type Field =
  | { readonly number: number; readonly value: number; readonly bytes?: undefined }
  | { readonly number: number; readonly bytes: Uint8Array }

export type Cursor = { readonly bytes: Uint8Array; offset: number; readonly end: number }

/** The next varint, or -1 when it is cut off, over-long, or not below 2^53. */
export function readVarint(cursor: Cursor): number {
  let value = 0
  let scale = 1
  for (let count = 0; count < 8 && cursor.offset < cursor.end; count++) {
    const byte = cursor.bytes[cursor.offset++] ?? 0
    value += (byte & 0x7f) * scale
    if (byte < 0x80) return (byte === 0 && count > 0) || !Number.isSafeInteger(value) ? -1 : value
    scale *= 128
  }
  return -1
}

/** The next field: a varint (wire type 0) or bytes (2, not copied); undefined when it is malformed. */
export function readField(cursor: Cursor): Field | undefined {
  const key = readVarint(cursor)
  if (key < 0) return undefined
  const value = readVarint(cursor)
  if (value < 0) return undefined
  const number = Math.floor(key / 8)
  if (key % 8 === 0) return { number, value }
  if (key % 8 !== 2 || value > cursor.end - cursor.offset) return undefined
  const bytes = cursor.bytes.subarray(cursor.offset, cursor.offset + value)
  cursor.offset += value
  return { number, bytes }
}

export function varintLength(value: number): number {
  let length = 1
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++
  return length
}

/** Writes at `offset`; returns the offset after it. */
export function writeVarint(into: Uint8Array, offset: number, value: number): number {
  let at = offset
  let rest = value
  while (rest >= 128) {
    into[at++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  into[at++] = rest
  return at
}
