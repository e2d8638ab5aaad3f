// The one verification rule, the same verdict on every runtime: ZIP 215.
//
// Ed25519 libraries disagree on crafted signatures (small-order and mixed-order points), and one node that accepts what
// another refuses is a fork. ZIP 215 accepts a superset of what cofactorless verifiers accept, so a native "yes" stands
// and a native "no" is asked again of an implementation of ZIP 215 itself.

import { hashes, verify as nobleVerify } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { PUBLIC_KEY_BYTES, type PublicKey, SIGNATURE_BYTES, type Signature } from '#protocol/identity/keys.ts'

hashes.sha512 = sha512

/** A native verifier: true only for what RFC 8032 accepts; false or an exception for the rest. */
export type NativeVerify = (key: PublicKey, message: Uint8Array, signature: Signature) => boolean
export type NativeVerifyAsync = (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>

function zip215(key: PublicKey, message: Uint8Array, signature: Signature): boolean {
  if (key.length !== PUBLIC_KEY_BYTES || signature.length !== SIGNATURE_BYTES) return false
  try {
    return nobleVerify(signature, message, key, { zip215: true })
  } catch {
    return false
  }
}

export function verifySignature(
  native: NativeVerify,
  key: PublicKey,
  message: Uint8Array,
  signature: Signature,
): boolean {
  try {
    if (native(key, message, signature)) return true
  } catch {
    // A native library may refuse the key itself; the rule's answer is asked below.
  }
  return zip215(key, message, signature)
}

export async function verifySignatureAsync(
  native: NativeVerifyAsync,
  key: PublicKey,
  message: Uint8Array,
  signature: Signature,
): Promise<boolean> {
  try {
    if (await native(key, message, signature)) return true
  } catch {
    // As above.
  }
  return zip215(key, message, signature)
}

/** The rule without a native primitive, for runtimes that have none. */
export const verifyPure: NativeVerify = zip215
