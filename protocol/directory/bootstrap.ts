// BOOTSTRAP: what a gateway tells whoever knows nothing yet (§5.5): some peers, the time, and which network file is the newest.
//
// JSON of text and whole numbers only; the gateway's own key signs the canonical DAG-CBOR of the same value without
// `signature`, type `bootstrap`, in the domain of the network's chain id. It is one voice: the network file it names is
// believed for the network key's signature, never for the gateway's.

import { bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import { array, object, oneOf, readShape, type Shaped, type ShapeError, text, uint } from '#protocol/codec/shape.ts'
import { domainOf } from '#protocol/directory/network-file.ts'
import { type PublicKey, publicKeyFromName, type Signature } from '#protocol/identity/keys.ts'
import { domainHash } from '#protocol/message/domain.ts'

export const BOOTSTRAP_PEERS_MAX = 32
export const BOOTSTRAP_BYTES_MAX = 128 * 1024

const hex32 = text(64, /^[0-9a-f]{64}$/)

const bootstrapShape = object({
  format: oneOf('interpeer-bootstrap/1'),
  gateway: text(256, /^https?:\/\/[^\s/]+$/),
  gateway_key: hex32,
  /** ms since the epoch, by the gateway's clock. */
  time: uint(),
  network: object({
    chain_id: hex32,
    generation: uint(0xffff_ffff),
    network_key: hex32,
    version: uint(),
    /** The 32 bytes that the network key signed. */
    hash: hex32,
  }),
  peers: array(object({ peer: hex32, addresses: array(text(256), 8), http: text(256) }), BOOTSTRAP_PEERS_MAX),
  signature: text(128, /^[0-9a-f]{128}$/),
})
export type Bootstrap = Shaped<typeof bootstrapShape>
export type UnsignedBootstrap = Omit<Bootstrap, 'signature'>

export type BootstrapError =
  | { readonly code: 'not_json' }
  | { readonly code: 'too_large'; readonly actualBytes: number }
  | ShapeError

/** The 32 bytes that the gateway's key signs. */
export function bootstrapHash(bootstrap: UnsignedBootstrap | Bootstrap): Digest {
  const { signature: _, ...unsigned } = bootstrap as Bootstrap
  return domainHash(domainOf(bootstrap.network), 'bootstrap', cborFromValue(unsigned))
}

export function bootstrapWithSignature(bootstrap: UnsignedBootstrap, signature: Signature): Bootstrap {
  return { ...bootstrap, signature: hexFromBytes(signature) }
}

/** Everything but the signature; returns the check that is left to run. */
export function readBootstrap(
  body: string,
): Result<{ bootstrap: Bootstrap; key: PublicKey; message: Digest; signature: Signature }, BootstrapError> {
  if (body.length > BOOTSTRAP_BYTES_MAX) return err({ code: 'too_large', actualBytes: body.length })
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch {
    return err({ code: 'not_json' })
  }
  const shaped = readShape(bootstrapShape, parsed)
  if (!shaped.ok) return shaped
  const bootstrap = shaped.value
  const key = publicKeyFromName(bootstrap.gateway_key)
  const signature = bytesFromHex(bootstrap.signature)
  assert(key.ok && signature.ok, 'the shape allows 32 and 64 bytes only')
  return ok({ bootstrap, key: key.value, message: bootstrapHash(bootstrap), signature: signature.value as Signature })
}
