// Who is behind a tunnel: the gateway sends 32 random bytes first, the seeder signs them with the gateway's address. So nothing
// that was heard on another connection, or by another gateway, opens a tunnel in a peer's name.

import { bytesEqual } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { type PeerName, type PublicKey, peerName, type Signature } from '#protocol/identity/keys.ts'
import { type Domain, statementHash } from '#protocol/message/domain.ts'
import { signedShape } from '#protocol/message/statement.ts'

export const CHALLENGE_BYTES = 32
/** A connection that has not proven itself by then is closed. */
export const PROOF_MS = 10_000
const PROOF_BYTES_MAX = 1024
/** What the gateway says when the proof holds; requests come from then on. */
export const PROVEN = 'open'
/** Said every `PING_MS` by the seeder and answered by the edge without waking anybody. */
export const PING = 'ping'
export const PONG = 'pong'

const proofShape = signedShape('tunnel')

export type Claim = {
  readonly peer: PeerName
  /** The gateway's own address. */
  readonly gateway: string
  readonly challenge: Uint8Array
  readonly domain: Domain
}

export type ProofError = {
  readonly code: 'malformed' | 'wrong_peer' | 'wrong_gateway' | 'wrong_challenge' | 'bad_signature'
}

export async function checkProof(
  claim: Claim,
  message: Uint8Array,
  verify: (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>,
): Promise<Result<void, ProofError>> {
  const read = readCbor(proofShape, message, PROOF_BYTES_MAX)
  if (!read.ok) return err({ code: 'malformed' })
  const { from, body, signature } = read.value
  if (peerName(from) !== claim.peer) return err({ code: 'wrong_peer' })
  if (body.gateway !== claim.gateway) return err({ code: 'wrong_gateway' })
  if (!bytesEqual(body.challenge, claim.challenge)) return err({ code: 'wrong_challenge' })
  const holds = await verify(from, statementHash(claim.domain, 'tunnel', body), signature)
  return holds ? ok(undefined) : err({ code: 'bad_signature' })
}
