// A request's chance: SHA-256 in counter mode over its seed. block n = H(seed ‖ n as 8 bytes, big endian)

import { hash } from 'node:crypto'
import { DIGEST_BYTES, type Digest } from '#protocol/codec/digest.ts'

export class Chance {
  readonly #input: Buffer
  #counter = 0n
  #block = new Uint8Array(0)
  #used = 0
  #asked = false

  constructor(seed: Digest) {
    this.#input = Buffer.alloc(DIGEST_BYTES + 8)
    this.#input.set(seed)
  }

  /** True once any byte was handed out. */
  get asked(): boolean {
    return this.#asked
  }

  bytes(count: number): Uint8Array {
    this.#asked = true
    const out = new Uint8Array(count)
    for (let filled = 0; filled < count; ) {
      if (this.#used === this.#block.length) this.#next()
      const taken = Math.min(count - filled, this.#block.length - this.#used)
      out.set(this.#block.subarray(this.#used, this.#used + taken), filled)
      this.#used += taken
      filled += taken
    }
    return out
  }

  #next(): void {
    this.#input.writeBigUInt64BE(this.#counter++, DIGEST_BYTES)
    this.#block = new Uint8Array(hash('sha256', this.#input, 'buffer'))
    this.#used = 0
  }
}
