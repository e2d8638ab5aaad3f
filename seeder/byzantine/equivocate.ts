// The other half of a double vote and a double proposal: the same place, another block.

import { cborFromValue } from '#protocol/codec/cbor.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import { blockHash } from '#protocol/message/block.ts'
import { type Domain, signStatement } from '#protocol/message/domain.ts'
import { wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'

/** What contradicts this message, signed; nothing for messages that cannot be contradicted so. */
export function twinsOf(identity: { signer: Signer; domain: Domain }, encoded: Uint8Array): Uint8Array[] {
  const { signer, domain } = identity
  const read = wireFromBytes(encoded)
  if (!read.ok) return []
  const message = read.value
  if (message.type === 'propose') {
    const block = { ...message.block, time: message.block.time + 1 }
    const body = { ...message.propose.body, block_hash: blockHash(domain, block) }
    return [wireToBytes({ ...message, block, propose: signStatement(domain, 'propose', signer, body) })]
  }
  if (message.type === 'vote1') {
    const { body } = message.vote
    const other = { ...body, block_hash: taggedHash('another block', cborFromValue(body)) }
    return [wireToBytes({ ...message, vote: signStatement(domain, 'vote1', signer, other) })]
  }
  return []
}
