// Math.random: xoshiro128** seeded by the request's chance at its first use, so that a page that never rolls dice stays a pure
// function of the state. A script's top level, which runs before any request, gets a fixed sequence.

import { randomBytes } from '#seeder/execute/guest/crypto.ts'
import { isInRequest } from '#seeder/execute/guest/host.ts'

const SEED_WORDS = 4
const FIXED_SEED = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef]

let words: Uint32Array | undefined
let fixed: Uint32Array | undefined

function stateOf(): Uint32Array {
  if (!isInRequest()) {
    fixed ??= Uint32Array.from(FIXED_SEED)
    return fixed
  }
  if (words === undefined) {
    const view = new DataView(randomBytes(SEED_WORDS * 4).buffer)
    words = Uint32Array.from({ length: SEED_WORDS }, (_, index) => view.getUint32(index * 4, true))
    if (words.every((word) => word === 0)) words[0] = 1
  }
  return words
}

function next(s: Uint32Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = s
  const scrambled = Math.imul(b, 5)
  const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0
  const c2 = c ^ a
  const d2 = d ^ b
  s[0] = a ^ d2
  s[1] = b ^ c2
  s[2] = c2 ^ (b << 9)
  s[3] = (d2 << 11) | (d2 >>> 21)
  return result
}

/** 53 bits in [0, 1). */
export function random(): number {
  const s = stateOf()
  return ((next(s) >>> 5) * 0x4000000 + (next(s) >>> 6)) / 0x20000000000000
}

export function forgetRandom(): void {
  words = undefined
}
