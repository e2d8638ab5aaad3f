// Buffer sources (Web IDL): what a script may hand in wherever bytes are wanted.

export type BufferSource = ArrayBuffer | ArrayBufferView

export function isBufferSource(value: unknown): value is BufferSource {
  return value instanceof ArrayBuffer || ArrayBuffer.isView(value)
}

/** A view of the same bytes. */
export function viewOf(source: BufferSource): Uint8Array {
  if (source instanceof Uint8Array) return source
  if (source instanceof ArrayBuffer) return new Uint8Array(source)
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
  throw new TypeError('expected an ArrayBuffer or a view of one')
}

/** The bytes, no longer shared with the caller. */
export function copyOf(source: BufferSource): Uint8Array {
  return viewOf(source).slice()
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0]
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
