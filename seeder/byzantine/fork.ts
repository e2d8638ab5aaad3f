// Two worlds: of each height half of the group is told one block, the other half another one, and each half gets this member's votes for its own.
// Two members of this kind among four make two certificates of one height where the honest ones are in different halves.
//
//   propose      ──> to each peer the block of its half, then the other one (a ms later, and executed as such): an accomplice has to know both
//   vote1, vote2 ──> to each peer for the block of its half
//   qc1, cert    ──> only to the half that they are of
//
// A leader who tells of one block only is no accomplice: what it proposes is not even looked at, until somebody of this kind leads.
// Who is in which half is drawn anew at each height, from what all of this kind know.

import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { DIGEST_BYTES, type Digest, taggedHash } from '#protocol/codec/digest.ts'
import { type PeerName, peerName, type Signer } from '#protocol/identity/keys.ts'
import { type Block, blockHash, receiptsRoot } from '#protocol/message/block.ts'
import { type Domain, signStatement } from '#protocol/message/domain.ts'
import { type WireOf, wireFromBytes, wireToBytes } from '#protocol/message/wire.ts'
import { leafOf } from '#seeder/agree/execution.ts'
import type { BlockJob, BlockResult, Runtime } from '#seeder/execute/port.ts'
import type { NetworkHandlers, PeerNetwork } from '#seeder/network/port.ts'

/** Blocks whose other half is remembered. */
const PAIRS_MAX = 64

type Roots = Pick<Block, 'state_root' | 'code_root' | 'receipts_root'>
/** The first block that a leader told of in a place, and the message until there is a second one. */
type Proposed = { readonly hash: string; readonly block: Digest; held: (() => void) | undefined }

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export type Worlds = {
  network(honest: PeerNetwork): PeerNetwork
  handlers(honest: NetworkHandlers): NetworkHandlers
  runtime(honest: Runtime): Runtime
}

export function twoWorlds(identity: { readonly signer: Signer; readonly domain: Domain }): Worlds {
  const { signer, domain } = identity
  const self = peerName(signer.publicKey)
  /** By a block's hash, the other block of its place. */
  const others = new Map<string, Digest>()
  /** By place and leader. */
  const firsts = new Map<string, Proposed>()
  /** What a block comes to a ms later. */
  const later = new Map<string, Roots>()

  function half(job: Uint8Array, height: number, peer: PeerName): number {
    return (taggedHash('half', bytesConcat(job, bytesFromText(`${height} ${peer}`)))[0] ?? 0) & 1
  }

  const isOurs = (job: Uint8Array, height: number, peer: PeerName): boolean =>
    half(job, height, peer) === half(job, height, self)

  function remember<T>(map: Map<string, T>, key: string, value: T): void {
    map.set(key, value)
    const oldest = map.size > PAIRS_MAX ? map.keys().next().value : undefined
    if (oldest !== undefined) map.delete(oldest)
  }

  /** `deliver`: to this member's machine, once the leader has told of two blocks. */
  function noteProposal({ propose }: WireOf<'propose'>, deliver?: () => void): void {
    const { epoch, height, view, block_hash: block } = propose.body
    const place = `${textOf(propose.from)} ${epoch} ${height} ${view}`
    const hash = textOf(block)
    const first = firsts.get(place)
    if (first === undefined) return remember(firsts, place, { hash, block, held: deliver })
    if (first.hash === hash) {
      if (others.has(hash)) deliver?.()
      return
    }
    remember(others, first.hash, block)
    remember(others, hash, first.block)
    first.held?.()
    first.held = undefined
  }

  const timeKey = (job: Uint8Array, height: number, time: number): string => `${textOf(job)} ${height} ${time}`

  /** The same requests on the same state a ms later; undefined when that was not run here. */
  function twinOf(message: WireOf<'propose'>): WireOf<'propose'> | undefined {
    const { job, height, time } = message.block
    const roots = later.get(timeKey(job, height, time))
    if (roots === undefined) return undefined
    const block = { ...message.block, ...roots, time: time + 1 }
    const body = { ...message.propose.body, block_hash: blockHash(domain, block) }
    return { ...message, block, propose: signStatement(domain, 'propose', signer, body) }
  }

  function rootsOf(job: BlockJob, result: BlockResult): Roots {
    const leaves = result.outcomes.map((outcome, index) => leafOf(job.steps[index]?.requestHash as Digest, outcome))
    return { state_root: result.stateRoot, code_root: result.codeRoot, receipts_root: receiptsRoot(leaves) }
  }

  /** What this peer is sent in place of a message of this member's machine. */
  function told(peer: PeerName, encoded: Uint8Array): readonly Uint8Array[] {
    const read = wireFromBytes(encoded)
    if (!read.ok) return [encoded]
    const message = read.value
    switch (message.type) {
      case 'propose':
        return proposals(peer, message, encoded)
      case 'vote1':
      case 'vote2':
        return votes(peer, message, encoded)
      case 'qc1':
      case 'cert':
        return crosses(peer, message) ? [] : [encoded]
      default:
        return [encoded]
    }
  }

  function proposals(peer: PeerName, message: WireOf<'propose'>, encoded: Uint8Array): readonly Uint8Array[] {
    const { from, body } = message.propose
    // A locked block is proposed again as it is, and another's proposal is shown as it came.
    if (peerName(from) !== self || message.qc1s.length > 0) return [encoded]
    const twin = twinOf(message)
    if (twin === undefined) return [encoded]
    noteProposal(message)
    noteProposal(twin)
    const both = [encoded, wireToBytes(twin)]
    return isOurs(body.job, body.height, peer) ? both : both.reverse()
  }

  function votes(peer: PeerName, message: WireOf<'vote1' | 'vote2'>, encoded: Uint8Array): readonly Uint8Array[] {
    const { from, body } = message.vote
    if (peerName(from) !== self) return [encoded]
    const other = others.get(textOf(body.block_hash))
    // Of a block that is proposed again there is no other one.
    if (other === undefined || ('jview' in body && body.jview !== null)) return [encoded]
    if (isOurs(body.job, body.height, peer)) return [encoded]
    if (message.type === 'vote1') {
      const vote = signStatement(domain, 'vote1', signer, { ...message.vote.body, block_hash: other })
      return [wireToBytes({ ...message, vote })]
    }
    return [wireToBytes({ ...message, vote: signStatement(domain, 'vote2', signer, { ...body, block_hash: other }) })]
  }

  function crosses(peer: PeerName, message: WireOf<'qc1' | 'cert'>): boolean {
    const qcs = message.type === 'cert' ? [message.cert.qc1] : message.qc1s
    return qcs.some((qc) => others.has(textOf(qc.block_hash)) && !isOurs(qc.job, qc.height, peer))
  }

  return {
    network: (honest) => ({
      self: honest.self,
      addresses: () => honest.addresses(),
      setKnown: (peers) => honest.setKnown(peers),
      setWanted: (peers) => honest.setWanted(peers),
      send(peer, bytes) {
        const job = bytes.subarray(0, DIGEST_BYTES)
        let sent = true
        for (const encoded of told(peer, bytes.subarray(DIGEST_BYTES)))
          sent = honest.send(peer, bytesConcat(job, encoded)) && sent
        return sent
      },
      request: (peer, bytes, deadlineMs) => honest.request(peer, bytes, deadlineMs),
      link: (peer) => honest.link(peer),
      connected: () => honest.connected(),
      offend: (peer) => honest.offend(peer),
      relays: () => honest.relays(),
      [Symbol.asyncDispose]: () => honest[Symbol.asyncDispose](),
    }),
    handlers: (honest) => ({
      onMessage(peer, bytes) {
        const read = wireFromBytes(bytes.subarray(DIGEST_BYTES))
        if (!read.ok || read.value.type !== 'propose' || read.value.qc1s.length > 0)
          return honest.onMessage(peer, bytes)
        noteProposal(read.value, () => void honest.onMessage(peer, bytes))
        return undefined
      },
      onRequest: (peer, bytes) => honest.onRequest(peer, bytes),
      onLink: (peer, connected) => honest.onLink(peer, connected),
    }),
    runtime: (honest) => ({
      image: honest.image,
      async executeBlock(job) {
        const result = await honest.executeBlock(job)
        const twin = { ...job, time: job.time + 1 }
        const roots = await honest.executeBlock(twin).then((of) => rootsOf(twin, of))
        remember(later, timeKey(job.job, job.height, job.time), roots)
        return result
      },
      executeRead: (job) => honest.executeRead(job),
      [Symbol.asyncDispose]: () => honest[Symbol.asyncDispose](),
    }),
  }
}
