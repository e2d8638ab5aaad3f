// A peer is its Ed25519 public key (§5.2). Bytes from a wire become a `PublicKey` here and nowhere else.

import { bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { Shape } from '#protocol/codec/shape.ts'
import { bytesExactly } from '#protocol/codec/shape.ts'

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

export type PublicKey = Uint8Array & { readonly brand: 'PublicKey' }
export type Signature = Uint8Array & { readonly brand: 'Signature' }

/** A peer's key as text: 64 lower-case hexadecimal digits. It is also the key of every map by peer. */
export type PeerName = string & { readonly brand: 'PeerName' }

export type PublicKeyError = { readonly code: 'public_key_length'; readonly actualBytes: number }

export function publicKeyFromBytes(bytes: Uint8Array): Result<PublicKey, PublicKeyError> {
  if (bytes.length !== PUBLIC_KEY_BYTES) return err({ code: 'public_key_length', actualBytes: bytes.length })
  return ok(bytes.slice() as PublicKey)
}

export function peerName(key: PublicKey): PeerName {
  return hexFromBytes(key) as PeerName
}

export function publicKeyFromName(name: string): Result<PublicKey, PublicKeyError | { readonly code: 'not_hex' }> {
  const bytes = bytesFromHex(name)
  return bytes.ok ? publicKeyFromBytes(bytes.value) : bytes
}

export const publicKey: Shape<PublicKey> = bytesExactly(PUBLIC_KEY_BYTES) as Shape<PublicKey>
export const signature: Shape<Signature> = bytesExactly(SIGNATURE_BYTES) as Shape<Signature>

/** Signs with one key; the secret stays with whoever made it. */
export type Signer = { readonly publicKey: PublicKey; sign(message: Uint8Array): Signature }
