// The part of Node's `Buffer` that execution uses, where there is none.

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

export class Buffer extends Uint8Array {
  static override from(...given: unknown[]): Buffer {
    const [source, second, length] = given
    if (typeof source === 'string') {
      const bytes = second === 'base64url' ? fromBase64Url(source) : new TextEncoder().encode(source)
      return new Buffer(bytes)
    }
    if (source instanceof ArrayBuffer) return new Buffer(source, second as number, length as number)
    return new Buffer(source as Uint8Array)
  }

  static concat(parts: readonly Uint8Array[]): Buffer {
    const whole = new Buffer(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  static compare(a: Uint8Array, b: Uint8Array): number {
    for (let index = 0; index < Math.min(a.length, b.length); index++) {
      const difference = (a[index] ?? 0) - (b[index] ?? 0)
      if (difference !== 0) return difference < 0 ? -1 : 1
    }
    return Math.sign(a.length - b.length)
  }

  static byteLength(text: string): number {
    return new TextEncoder().encode(text).length
  }

  override toString(encoding = 'utf8'): string {
    if (encoding === 'utf8') return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this)
    if (encoding === 'hex') return Array.from(this, (byte) => byte.toString(16).padStart(2, '0')).join('')
    if (encoding === 'base64url') return toBase64Url(this)
    throw new Error(`no encoding ${encoding}`)
  }

  readUInt32BE(at: number): number {
    return new DataView(this.buffer, this.byteOffset).getUint32(at)
  }
}

/** As Node reads it: what is no letter is passed over, and a rest of six bits is dropped. */
function fromBase64Url(text: string): number[] {
  const bytes: number[] = []
  let bits = 0
  let word = 0
  for (const char of text.replaceAll('+', '-').replaceAll('/', '_')) {
    const value = LETTERS.indexOf(char)
    if (char === '=') break
    if (value < 0) continue
    word = ((word << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes.push((word >> bits) & 255)
  }
  return bytes
}

function toBase64Url(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const word = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    for (let letter = 0; letter <= Math.min(3, bytes.length - at); letter++) {
      text += LETTERS.charAt((word >> (18 - 6 * letter)) & 63)
    }
  }
  return text
}
