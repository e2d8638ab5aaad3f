// A request's chance: the ChaCha20 key stream (RFC 8439, counter and nonce zero) under its seed as the key.

import { type Cipheriv, createCipheriv } from 'node:crypto'
import type { Digest } from '#protocol/codec/digest.ts'

/** 32-bit counter and 96-bit nonce. */
const ZERO_IV = new Uint8Array(16)

export class Chance {
  readonly #seed: Digest
  #stream: Cipheriv | undefined

  constructor(seed: Digest) {
    this.#seed = seed
  }

  /** True once any byte was handed out. */
  get asked(): boolean {
    return this.#stream !== undefined
  }

  /** The next bytes of the stream. */
  bytes(count: number): Uint8Array {
    this.#stream ??= createCipheriv('chacha20', this.#seed, ZERO_IV)
    return new Uint8Array(this.#stream.update(new Uint8Array(count)))
  }
}
