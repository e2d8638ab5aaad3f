// Signatures of the simulated world: a keyed tag over the very hash that a real signature would cover. Nobody forges one,
// because a key's secret lives only inside its signer, and an actor is handed the signers of its own members alone.
// Fast (some 100 ns), deterministic, and checked wherever a real one would be.

import { bytesEqual } from '#protocol/codec/bytes.ts'
import {
  PUBLIC_KEY_BYTES,
  type PublicKey,
  SIGNATURE_BYTES,
  type Signature,
  type Signer,
} from '#protocol/identity/keys.ts'
import type { Random } from './random.ts'

export type Keyring = {
  /** A new identity; its public key is drawn from `random`. */
  create(): Signer
  verify(key: PublicKey, message: Uint8Array, signature: Signature): boolean
  /** When a signature was last made, as a rising number: statements are sent in another order than they are signed. */
  madeAt(signature: Signature): number | undefined
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
}

/** 16 words of tag: the message's words mixed with the secret's, twice over. */
function tag(secret: readonly number[], message: Uint8Array): Signature {
  const out = new Uint8Array(SIGNATURE_BYTES)
  let state = (secret[0] ?? 0) ^ message.length
  for (let at = 0; at < message.length; at += 4) {
    state = Math.imul(state ^ word(message, at), 0x9e3779b1) ^ (secret[(at >> 2) & 3] ?? 0)
    state = (state << 13) | (state >>> 19)
  }
  for (let index = 0; index < 16; index++) {
    state = Math.imul(state ^ (state >>> 15) ^ word(message, (index & 7) * 4), 0x85ebca6b) + (secret[index & 3] ?? 0)
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
    out[4 * index] = state >>> 24
    out[4 * index + 1] = state >>> 16
    out[4 * index + 2] = state >>> 8
    out[4 * index + 3] = state
  }
  return out as Signature
}

function signatureName(signature: Signature): number {
  return (word(signature, 0) >>> 0) * 2 ** 20 + (word(signature, 4) >>> 12)
}

export function keyring(random: Random): Keyring {
  const secretByFirst = new Map<number, { key: PublicKey; secret: readonly number[] }>()
  const made = new Map<number, number>()
  let order = 0
  return {
    madeAt: (signature) => made.get(signatureName(signature)),
    create() {
      let publicKey = random.bytes(PUBLIC_KEY_BYTES) as PublicKey
      while (secretByFirst.has(word(publicKey, 0))) publicKey = random.bytes(PUBLIC_KEY_BYTES) as PublicKey
      const secret = Array.from({ length: 4 }, () => random.below(2 ** 32) | 0)
      secretByFirst.set(word(publicKey, 0), { key: publicKey, secret })
      const sign = (message: Uint8Array) => {
        const signature = tag(secret, message)
        made.set(signatureName(signature), order++)
        return signature
      }
      return { publicKey, sign }
    },
    verify(key, message, signature) {
      const known = secretByFirst.get(word(key, 0))
      if (known === undefined || !bytesEqual(known.key, key)) return false
      return bytesEqual(tag(known.secret, message), signature)
    },
  }
}
