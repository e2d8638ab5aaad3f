// A peer's Ed25519 key as libp2p knows it: the connection's handshake is signed by it, so a connection proves the peer.
// The secret stays behind `Signer`; libp2p sees a key that can sign and nothing else.

import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey, Ed25519PublicKey, PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import {
  type PeerName,
  type PublicKey,
  peerName,
  publicKeyFromBytes,
  publicKeyFromName,
  type Signer,
} from '#protocol/identity/keys.ts'

function libp2pPublicKey(key: PublicKey): Ed25519PublicKey {
  const parsed = publicKeyFromRaw(key)
  assert(parsed.type === 'Ed25519', '32 raw bytes are an Ed25519 key')
  return parsed
}

export function libp2pPrivateKey(signer: Signer): Ed25519PrivateKey {
  const publicKey = libp2pPublicKey(signer.publicKey)
  return {
    type: 'Ed25519',
    publicKey,
    get raw(): never {
      throw new Error('the secret is not handed out')
    },
    equals: (other?: unknown) =>
      typeof other === 'object' && other !== null && 'publicKey' in other && publicKey.equals(other.publicKey),
    toCID: () => publicKey.toCID(),
    toString: () => publicKey.toString(),
    toMultihash: () => publicKey.toMultihash(),
    sign: (data) => signer.sign(data instanceof Uint8Array ? data : data.subarray()),
  } as Ed25519PrivateKey
}

export function peerIdOf(key: PublicKey): PeerId {
  return peerIdFromPublicKey(libp2pPublicKey(key))
}

export function peerIdOfName(name: PeerName): PeerId {
  const key = publicKeyFromName(name)
  assert(key.ok, 'a peer name is a public key')
  return peerIdOf(key.value)
}

/** undefined for a peer whose key is of another kind. */
export function nameOfPeerId(peer: PeerId): PeerName | undefined {
  if (peer.type !== 'Ed25519') return undefined
  const key = publicKeyFromBytes(peer.publicKey.raw)
  return key.ok ? peerName(key.value) : undefined
}

/** What stands before a key in the multihash of its peer id: identity, 36 bytes, of a protobuf {type: Ed25519, data: 32 bytes}. */
const MULTIHASH_HEAD = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)

/** undefined for a peer whose key is of another kind, and for bytes that name no peer. */
export function nameOfMultihash(bytes: Uint8Array): PeerName | undefined {
  if (!bytesEqual(bytes.subarray(0, MULTIHASH_HEAD.length), MULTIHASH_HEAD)) return undefined
  const key = publicKeyFromBytes(bytes.subarray(MULTIHASH_HEAD.length))
  return key.ok ? peerName(key.value) : undefined
}
