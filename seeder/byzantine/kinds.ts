// Seeders that lie on request, so that tests and `interpeer dev` can watch a liar being caught. Local profile only.
//
//   wrong-result   its runtime alters answers           equivocate   it signs two of everything
//   silent         it hears and says nothing            stale        it stops listening and serves an old head
//   forge          receipts and certificates of its own making
//   fork           it tells each half of the group its own block and votes for both, with whoever else does so
//
// Invariant: a lie is a wrapper around a port, put on at start; no honest code path knows of it.

import { bytesConcat } from '#protocol/codec/bytes.ts'
import { DIGEST_BYTES, type Digest } from '#protocol/codec/digest.ts'
import type { Signer } from '#protocol/identity/keys.ts'
import type { Domain } from '#protocol/message/domain.ts'
import { twinsOf } from '#seeder/byzantine/equivocate.ts'
import { forgingSites } from '#seeder/byzantine/forge.ts'
import { twoWorlds } from '#seeder/byzantine/fork.ts'
import type { BlockResult, Outcome, ReadResult, Runtime, ScriptResponse } from '#seeder/execute/port.ts'
import type { NetworkHandlers, PeerNetwork } from '#seeder/network/port.ts'
import type { HostedSites } from '#seeder/serve/port.ts'

export const BYZANTINE_KINDS = ['wrong-result', 'equivocate', 'silent', 'stale', 'forge', 'fork'] as const
export type ByzantineKind = (typeof BYZANTINE_KINDS)[number]

export type Liar = {
  runtime(honest: Runtime): Runtime
  network(honest: PeerNetwork): PeerNetwork
  handlers(honest: NetworkHandlers, hasHead: (job: Digest) => boolean): NetworkHandlers
  sites(honest: HostedSites): HostedSites
}

const HONEST: Liar = {
  runtime: (honest) => honest,
  network: (honest) => honest,
  handlers: (honest) => honest,
  sites: (honest) => honest,
}

export type LiarIdentity = { readonly signer: Signer; readonly domain: Domain }

export function liarOf(kind: ByzantineKind | undefined, identity: LiarIdentity): Liar {
  switch (kind) {
    case undefined:
      return HONEST
    case 'wrong-result':
      return { ...HONEST, runtime: wrongResults }
    case 'equivocate':
      return { ...HONEST, network: (honest) => equivocating(honest, identity) }
    case 'silent':
      return { ...HONEST, network: silent }
    case 'stale':
      return { ...HONEST, handlers: deafAfterFirstHead }
    case 'forge':
      return { ...HONEST, sites: (honest) => forgingSites(honest) }
    case 'fork': {
      const { network, handlers, runtime } = twoWorlds(identity)
      return { ...HONEST, network, handlers, runtime }
    }
  }
}

function altered(response: ScriptResponse): ScriptResponse {
  return { ...response, body: bytesConcat(response.body, new TextEncoder().encode('\n<!-- altered by a liar -->')) }
}

function wrongResults(honest: Runtime): Runtime {
  return {
    image: honest.image,
    async executeBlock(job): Promise<BlockResult> {
      const result = await honest.executeBlock(job)
      const outcomes = result.outcomes.map((outcome): Outcome => ({ ...outcome, response: altered(outcome.response) }))
      return { ...result, outcomes }
    },
    async executeRead(job): Promise<ReadResult> {
      const result = await honest.executeRead(job)
      return { ...result, response: altered(result.response) }
    },
    [Symbol.asyncDispose]: () => honest[Symbol.asyncDispose](),
  }
}

/** The methods of a network, each bound, so that some can be replaced. */
function delegated(honest: PeerNetwork): PeerNetwork {
  return {
    self: honest.self,
    addresses: () => honest.addresses(),
    setKnown: (peers) => honest.setKnown(peers),
    setWanted: (peers) => honest.setWanted(peers),
    send: (peer, bytes) => honest.send(peer, bytes),
    request: (peer, bytes, deadlineMs) => honest.request(peer, bytes, deadlineMs),
    link: (peer) => honest.link(peer),
    connected: () => honest.connected(),
    offend: (peer) => honest.offend(peer),
    relays: () => honest.relays(),
    [Symbol.asyncDispose]: () => honest[Symbol.asyncDispose](),
  }
}

function silent(honest: PeerNetwork): PeerNetwork {
  return { ...delegated(honest), send: () => true }
}

function equivocating(honest: PeerNetwork, identity: LiarIdentity): PeerNetwork {
  return {
    ...delegated(honest),
    send(peer, bytes) {
      const sent = honest.send(peer, bytes)
      const job = bytes.subarray(0, DIGEST_BYTES)
      for (const twin of twinsOf(identity, bytes.subarray(DIGEST_BYTES))) honest.send(peer, bytesConcat(job, twin))
      return sent
    },
  }
}

function deafAfterFirstHead(honest: NetworkHandlers, hasHead: (job: Digest) => boolean): NetworkHandlers {
  return {
    onMessage: (peer, bytes) =>
      hasHead(bytes.slice(0, DIGEST_BYTES) as Digest) ? undefined : honest.onMessage(peer, bytes),
    onRequest: (peer, bytes) => honest.onRequest(peer, bytes),
    onLink: (peer, connected) => honest.onLink(peer, connected),
  }
}
