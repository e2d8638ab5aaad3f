// SHA-256, the one hash of the protocol, and the brand that its values carry.
// Small inputs are hashed here in plain JavaScript; who hashes megabytes hands in a native `Sha256` of the same function.

import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'

export const DIGEST_BYTES = 32

/** 32 bytes of SHA-256. */
export type Digest = Uint8Array & { readonly brand: 'Digest' }

/** A SHA-256 implementation: 32 bytes out, the input untouched. */
export type Sha256 = (bytes: Uint8Array) => Uint8Array

/** The same where only an asynchronous one is native (WebCrypto). */
export type Sha256Async = (bytes: Uint8Array) => Promise<Uint8Array>

export function sha256(bytes: Uint8Array): Digest {
  return nobleSha256(bytes) as Uint8Array as Digest
}

/** SHA-256 by an injected implementation. */
export function sha256By(hash: Sha256, bytes: Uint8Array): Digest {
  return hash(bytes) as Digest
}

export function digestFromBytes(bytes: Uint8Array): Result<Digest, { code: 'digest_length'; actualBytes: number }> {
  if (bytes.length !== DIGEST_BYTES) return err({ code: 'digest_length', actualBytes: bytes.length })
  return ok(bytes as Digest)
}

/** H(tag ‖ 0x00 ‖ parts…): every hash that is not of a whole message is separated by its tag. */
export function taggedHash(tag: string, ...parts: readonly Uint8Array[]): Digest {
  return sha256(bytesConcat(bytesFromText(tag), Uint8Array.of(0), ...parts))
}

export const ZERO_DIGEST = new Uint8Array(DIGEST_BYTES) as Digest
