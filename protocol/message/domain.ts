// What a signature is over: sha256("ipn1:" ‖ type ‖ 0x00 ‖ chain_id ‖ generation ‖ body), body in canonical DAG-CBOR,
// generation as 4 bytes big-endian. Nothing signed for one type, chain or generation means anything in another.

import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { createMemo } from '#protocol/codec/memo.ts'
import type { PublicKey, Signature, Signer } from '#protocol/identity/keys.ts'

export type Domain = { readonly chainId: Digest; readonly generation: number }

/** A signed statement: who says what; its type and domain are known from where it stands. */
export type Signed<T> = { readonly from: PublicKey; readonly body: T; readonly signature: Signature }

export function domainHash(domain: Domain, type: string, body: Uint8Array): Digest {
  return sha256(bytesConcat(prefix(domain, type), body))
}

const prefixes = new WeakMap<Domain, Map<string, Uint8Array>>()

/** What stands before the body; types are a fixed, short list. */
function prefix(domain: Domain, type: string): Uint8Array {
  const byType = prefixes.get(domain) ?? new Map<string, Uint8Array>()
  const known = byType.get(type)
  if (known !== undefined) return known
  const generation = new Uint8Array(4)
  new DataView(generation.buffer).setUint32(0, domain.generation)
  const made = bytesConcat(bytesFromText(`ipn1:${type}`), Uint8Array.of(0), domain.chainId, generation)
  prefixes.set(domain, byType.set(type, made))
  return made
}

type Hashed = { readonly domain: Domain; readonly type: string; readonly hash: Digest }
const hashes = createMemo<object, Hashed>()

/** The 32 bytes that are signed for a statement. A statement is never changed once it is made, so the same object is hashed once. */
export function statementHash(domain: Domain, type: string, body: object): Digest {
  const known = hashes.get(body)
  if (known !== undefined && known.domain === domain && known.type === type) return known.hash
  const hash = domainHash(domain, type, cborFromValue(body))
  hashes.set(body, { domain, type, hash })
  return hash
}

export function signStatement<T extends object>(domain: Domain, type: string, signer: Signer, body: T): Signed<T> {
  return { from: signer.publicKey, body, signature: signer.sign(statementHash(domain, type, body)) }
}
