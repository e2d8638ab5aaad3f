// The part of `node:crypto` that execution uses, by other code: what agrees here agrees with the algorithm, not with one library.

import { hmac } from '@noble/hashes/hmac.js'
import { sha1 } from '@noble/hashes/legacy.js'
import { pbkdf2 } from '@noble/hashes/pbkdf2.js'
import { scrypt } from '@noble/hashes/scrypt.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { Buffer } from './buffer.ts'

const HASHES = { sha1, sha256, sha384, sha512 }
type Name = keyof typeof HASHES
const bytesOf = (data: Uint8Array | string) => (typeof data === 'string' ? new TextEncoder().encode(data) : data)

function ending(digest: Uint8Array, encoding?: string): Uint8Array | string {
  return encoding === undefined || encoding === 'buffer' ? Buffer.from(digest) : Buffer.from(digest).toString(encoding)
}

export function hash(name: Name, data: Uint8Array | string, encoding = 'hex') {
  return ending(HASHES[name](bytesOf(data)), encoding)
}

function builder(make: { update(data: Uint8Array): unknown; digest(): Uint8Array }) {
  return {
    update(data: Uint8Array | string) {
      make.update(bytesOf(data))
      return this
    },
    digest: (encoding?: string) => ending(make.digest(), encoding),
  }
}

export const createHash = (name: Name) => builder(HASHES[name].create())
export const createHmac = (name: Name, key: Uint8Array) => builder(hmac.create(HASHES[name], key))

export function pbkdf2Sync(password: Uint8Array, salt: Uint8Array, iterations: number, length: number, name: Name) {
  return pbkdf2(HASHES[name], password, salt, { c: iterations, dkLen: length })
}

export function scryptSync(
  password: Uint8Array,
  salt: Uint8Array,
  length: number,
  { N, r, p }: { N: number; r: number; p: number },
) {
  return scrypt(password, salt, { N, r, p, dkLen: length })
}

const BLOCK_BYTES = 64

/** The key stream of ChaCha20 (RFC 8439 §2.3) from counter zero and nonce zero, continued from call to call. */
export function createCipheriv(_name: 'chacha20', key: Uint8Array, _zero: Uint8Array) {
  let counter = 0
  let block = new Uint8Array(0)
  return {
    update(data: Uint8Array): Uint8Array {
      return data.map((byte) => {
        if (block.length === 0) block = chachaBlock(key, counter++)
        const [next = 0] = block
        block = block.subarray(1)
        return byte ^ next
      })
    },
  }
}

const COLUMNS = [0, 1, 2, 3].map((row) => [row, row + 4, row + 8, row + 12] as const)
const DIAGONALS = [0, 1, 2, 3].map(
  (row) => [row, 4 + ((row + 1) & 3), 8 + ((row + 2) & 3), 12 + ((row + 3) & 3)] as const,
)

function chachaBlock(key: Uint8Array, counter: number): Uint8Array<ArrayBuffer> {
  const keyView = new DataView(key.buffer, key.byteOffset, key.byteLength)
  const start = new Uint32Array(16)
  start.set([0x61707865, 0x3320646e, 0x79622d32, 0x6b206574])
  for (let word = 0; word < 8; word++) start[4 + word] = keyView.getUint32(4 * word, true)
  start[12] = counter
  const state = start.slice()
  const add = (to: number, from: number, mixed: number, bits: number): void => {
    state[to] = (state[to] ?? 0) + (state[from] ?? 0)
    const word = (state[mixed] ?? 0) ^ (state[to] ?? 0)
    state[mixed] = (word << bits) | (word >>> (32 - bits))
  }
  for (let round = 0; round < 20; round++) {
    for (const [a, b, c, d] of round % 2 === 0 ? COLUMNS : DIAGONALS) {
      add(a, b, d, 16)
      add(c, d, b, 12)
      add(a, b, d, 8)
      add(c, d, b, 7)
    }
  }
  const bytes = new Uint8Array(BLOCK_BYTES)
  const view = new DataView(bytes.buffer)
  for (let word = 0; word < 16; word++) view.setUint32(4 * word, (state[word] ?? 0) + (start[word] ?? 0), true)
  return bytes
}
