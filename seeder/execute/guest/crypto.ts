// Web Crypto as far as a replicated script can use it: hashes, HMAC, PBKDF2, and scrypt beside them; the host does the work and
// charges for it first. Keys are kept as bytes. Nothing here is secret: every member of the group sees what the script sees.

import { base64UrlDecode, base64UrlEncode } from '#seeder/execute/guest/base64.ts'
import { type BufferSource, copyOf, viewOf } from '#seeder/execute/guest/bytes.ts'
import { utf8Encode } from '#seeder/execute/guest/encoding.ts'
import { exactBuffer, pureHost, stateHost } from '#seeder/execute/guest/host.ts'

declare const DOMException: new (message: string, name: string) => Error

type Algorithm = string | { name: string; hash?: Algorithm; length?: number; salt?: BufferSource; iterations?: number }

const RANDOM_BYTES_MAX = 65_536
const BLOCK_BYTES: Record<string, number> = { 'SHA-1': 64, 'SHA-256': 64, 'SHA-384': 128, 'SHA-512': 128 }

function nameOf(algorithm: Algorithm | undefined): string {
  return String(typeof algorithm === 'object' ? algorithm.name : algorithm).toUpperCase()
}

function hashOf(algorithm: Algorithm | undefined): string {
  const name = nameOf(algorithm)
  const hash = /^SHA-?(1|256|384|512)$/.exec(name)?.[1]
  if (hash === undefined)
    throw new DOMException(
      `The hash ${name} is not supported; use SHA-1, SHA-256, SHA-384 or SHA-512.`,
      'NotSupportedError',
    )
  return `SHA-${hash}`
}

function hostBytes(op: string, argument: unknown, bytes: Uint8Array): ArrayBuffer {
  return pureHost(op, JSON.stringify(argument), exactBuffer(bytes)) as ArrayBuffer
}

type Jwk = { kty?: string; k?: string; alg?: string; key_ops?: string[]; ext?: boolean }

export class CryptoKey {
  readonly type = 'secret'
  readonly extractable: boolean
  readonly algorithm: { name: string; hash?: { name: string }; length?: number }
  readonly usages: readonly string[]
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array, algorithm: CryptoKey['algorithm'], extractable: boolean, usages: readonly string[]) {
    this.#bytes = bytes
    this.algorithm = algorithm
    this.extractable = extractable
    this.usages = [...usages]
  }

  static bytesOf(key: CryptoKey): Uint8Array {
    return key.#bytes
  }
}

function useKey(key: CryptoKey, algorithm: Algorithm, usage: string): { bytes: Uint8Array; hash: string } {
  if (!(key instanceof CryptoKey)) throw new TypeError('A CryptoKey is needed.')
  if (nameOf(algorithm) !== key.algorithm.name.toUpperCase() || !key.usages.includes(usage)) {
    throw new DOMException(
      `This key is for ${key.algorithm.name} (${key.usages.join(', ')}), not for ${nameOf(algorithm)} ${usage}.`,
      'InvalidAccessError',
    )
  }
  return { bytes: CryptoKey.bytesOf(key), hash: key.algorithm.hash?.name ?? '' }
}

async function derive(algorithm: Algorithm, key: CryptoKey, bits: number, usage: string): Promise<ArrayBuffer> {
  const { bytes } = useKey(key, algorithm, usage)
  if (typeof algorithm !== 'object' || algorithm.salt === undefined)
    throw new TypeError('PBKDF2 needs {name, hash, salt, iterations}.')
  if (!Number.isInteger(bits) || bits <= 0 || bits % 8 !== 0)
    throw new DOMException('The length must be a positive multiple of 8 bits.', 'OperationError')
  const argument = {
    hash: hashOf(algorithm.hash),
    salt: base64UrlEncode(viewOf(algorithm.salt)),
    iterations: Number(algorithm.iterations),
    length: bits / 8,
  }
  return hostBytes('crypto.pbkdf2', argument, bytes)
}

const SUPPORTED = 'HMAC and PBKDF2 keys and SHA hashes'

class SubtleCrypto {
  async digest(algorithm: Algorithm, data: BufferSource): Promise<ArrayBuffer> {
    return hostBytes('crypto.digest', { hash: hashOf(algorithm) }, viewOf(data))
  }

  async importKey(
    format: string,
    data: BufferSource | Jwk,
    algorithm: Algorithm,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey> {
    const name = nameOf(algorithm)
    if (name !== 'HMAC' && name !== 'PBKDF2')
      throw new DOMException(`${name} is not supported: a site has ${SUPPORTED}.`, 'NotSupportedError')
    const bytes =
      format === 'raw' ? copyOf(data as BufferSource) : format === 'jwk' ? bytesOfJwk(data as Jwk) : undefined
    if (bytes === undefined)
      throw new DOMException(`Secret keys are imported as "raw" or "jwk", not "${format}".`, 'NotSupportedError')
    if (name === 'PBKDF2') return new CryptoKey(bytes, { name }, false, usages)
    if (bytes.length === 0) throw new DOMException('An HMAC key cannot be empty.', 'DataError')
    const hash = { name: hashOf((algorithm as { hash?: Algorithm }).hash) }
    return new CryptoKey(bytes, { name, hash, length: bytes.length * 8 }, extractable, usages)
  }

  async exportKey(format: string, key: CryptoKey): Promise<ArrayBuffer | Jwk> {
    if (!key.extractable) throw new DOMException('This key is not extractable.', 'InvalidAccessError')
    const bytes = CryptoKey.bytesOf(key)
    if (format === 'raw') return exactBuffer(bytes.slice())
    if (format !== 'jwk')
      throw new DOMException(`Secret keys are exported as "raw" or "jwk", not "${format}".`, 'NotSupportedError')
    const alg = `HS${key.algorithm.hash?.name.slice(4) ?? ''}`
    return { kty: 'oct', k: base64UrlEncode(bytes), alg, key_ops: [...key.usages], ext: true }
  }

  async generateKey(algorithm: Algorithm, extractable: boolean, usages: readonly string[]): Promise<CryptoKey> {
    if (nameOf(algorithm) !== 'HMAC')
      throw new DOMException(`${nameOf(algorithm)} keys cannot be made: a site has ${SUPPORTED}.`, 'NotSupportedError')
    const { hash, length } = algorithm as { hash?: Algorithm; length?: number }
    const size = length === undefined ? (BLOCK_BYTES[hashOf(hash)] ?? 64) : Math.ceil(length / 8)
    const bytes = randomBytes(size)
    return new CryptoKey(bytes, { name: 'HMAC', hash: { name: hashOf(hash) }, length: size * 8 }, extractable, usages)
  }

  async sign(algorithm: Algorithm, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    const { bytes, hash } = useKey(key, algorithm, 'sign')
    return hostBytes('crypto.hmac', { hash, key: base64UrlEncode(bytes) }, viewOf(data))
  }

  async verify(algorithm: Algorithm, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean> {
    const { bytes, hash } = useKey(key, algorithm, 'verify')
    const expected = hostBytes('crypto.hmac', { hash, key: base64UrlEncode(bytes) }, viewOf(data))
    return equalBytes(new Uint8Array(expected), viewOf(signature))
  }

  async deriveBits(algorithm: Algorithm, key: CryptoKey, length: number): Promise<ArrayBuffer> {
    return derive(algorithm, key, length, 'deriveBits')
  }

  async deriveKey(
    algorithm: Algorithm,
    key: CryptoKey,
    derived: Algorithm,
    extractable: boolean,
    usages: readonly string[],
  ): Promise<CryptoKey> {
    const { hash, length } = derived as { hash?: Algorithm; length?: number }
    const bits = length ?? (nameOf(derived) === 'HMAC' ? (BLOCK_BYTES[hashOf(hash)] ?? 64) * 8 : 256)
    return this.importKey('raw', await derive(algorithm, key, bits, 'deriveKey'), derived, extractable, usages)
  }

  async encrypt(): Promise<never> {
    throw new DOMException(
      `Encryption is not offered: a replicated script can keep nothing secret. A site has ${SUPPORTED}.`,
      'NotSupportedError',
    )
  }

  async decrypt(): Promise<never> {
    return this.encrypt()
  }

  /** As Workers have it. Throws when the lengths differ. */
  timingSafeEqual(a: BufferSource, b: BufferSource): boolean {
    if (viewOf(a).length !== viewOf(b).length) throw new TypeError('Input buffers must have the same byte length.')
    return equalBytes(viewOf(a), viewOf(b))
  }
}

function bytesOfJwk(jwk: Jwk): Uint8Array {
  const bytes = jwk.kty === 'oct' && typeof jwk.k === 'string' ? base64UrlDecode(jwk.k) : undefined
  if (bytes === undefined)
    throw new DOMException('A secret JSON Web Key has "kty": "oct" and "k" in base64url.', 'DataError')
  return bytes
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length
  for (let index = 0; index < a.length; index++) difference |= (a[index] ?? 0) ^ (b[index] ?? 0)
  return difference === 0
}

/** From the request's seed: equal on every member, unknown outside of the group. */
export function randomBytes(length: number): Uint8Array {
  return new Uint8Array(stateHost('random', { n: length }) as ArrayBuffer)
}

function getRandomValues<T extends ArrayBufferView>(view: T): T {
  if (
    !ArrayBuffer.isView(view) ||
    view instanceof DataView ||
    Object.prototype.toString.call(view) === '[object Float16Array]' ||
    view instanceof Float32Array ||
    view instanceof Float64Array
  ) {
    throw new DOMException('getRandomValues() fills integer typed arrays.', 'TypeMismatchError')
  }
  if (view.byteLength > RANDOM_BYTES_MAX) {
    throw new DOMException(`getRandomValues() gives at most ${RANDOM_BYTES_MAX} bytes a call.`, 'QuotaExceededError')
  }
  if (view.byteLength > 0) viewOf(view).set(randomBytes(view.byteLength))
  return view
}

function randomUUID(): string {
  const bytes = randomBytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

/**
 * scrypt (RFC 7914), for password hashes: not in Web Crypto, so it stands on `crypto` under its own name.
 * 128·N·r ≤ 16 MiB; the charge is taken first, and refused when the request cannot pay it.
 */
async function scrypt(
  password: string | BufferSource,
  salt: string | BufferSource,
  options: { N?: number; r?: number; p?: number; length?: number } = {},
): Promise<ArrayBuffer> {
  const bytes = typeof password === 'string' ? utf8Encode(password) : viewOf(password)
  const saltBytes = typeof salt === 'string' ? utf8Encode(salt) : viewOf(salt)
  const { N = 16_384, r = 8, p = 1, length = 32 } = options
  return hostBytes('crypto.scrypt', { salt: base64UrlEncode(saltBytes), N, r, p, length }, bytes)
}

export const crypto = { getRandomValues, randomUUID, scrypt, subtle: new SubtleCrypto() }
export { SubtleCrypto }
