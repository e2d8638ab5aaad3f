// atob and btoa (HTML §8.3), and the same alphabet over bytes.

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export function base64Encode(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += 3) {
    const left = bytes.length - index
    const word = ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0)
    text += ALPHABET.charAt(word >>> 18) + ALPHABET.charAt((word >>> 12) & 63)
    text += (left > 1 ? ALPHABET.charAt((word >>> 6) & 63) : '=') + (left > 2 ? ALPHABET.charAt(word & 63) : '=')
  }
  return text
}

/** The forgiving decoder of the Infra standard (white space ignored, padding optional); undefined when it fails. */
export function base64Decode(input: string): Uint8Array | undefined {
  let text = input.replace(/[\t\n\f\r ]+/g, '')
  if (text.length % 4 === 0) text = text.replace(/==?$/, '')
  if (text.length % 4 === 1 || /[^A-Za-z0-9+/]/.test(text)) return undefined
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let word = 0
  let bits = 0
  let out = 0
  for (const char of text) {
    word = ((word << 6) | ALPHABET.indexOf(char)) & 0xffffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[out++] = (word >>> bits) & 255
    }
  }
  return bytes
}

export function base64UrlEncode(bytes: Uint8Array): string {
  return base64Encode(bytes).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

export function base64UrlDecode(text: string): Uint8Array | undefined {
  return base64Decode(text.replaceAll('-', '+').replaceAll('_', '/'))
}

export function btoa(input: unknown): string {
  const text = String(input)
  const bytes = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code > 255) throw new DOMException('btoa() takes characters up to U+00FF only.', 'InvalidCharacterError')
    bytes[index] = code
  }
  return base64Encode(bytes)
}

export function atob(input: unknown): string {
  const bytes = base64Decode(String(input))
  if (bytes === undefined) throw new DOMException('atob() was given text that is not base64.', 'InvalidCharacterError')
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

// QuickJS-ng has DOMException itself; this program is compiled without the DOM's types.
declare const DOMException: new (message: string, name: string) => Error
