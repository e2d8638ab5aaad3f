// What the explorer explores: a group, its bounds, and the materials everybody builds from (keys, requests, the pretended executor).

import { admitGroup, createDoor, type Door } from '#protocol/agreement/door.ts'
import { leaderOf } from '#protocol/agreement/members.ts'
import type { ExecutionContext, ExecutionResult, MemberSettings } from '#protocol/agreement/port.ts'
import { bytesConcat } from '#protocol/codec/bytes.ts'
import { type Digest, sha256, taggedHash } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'
import { CODEC_RAW, cidFromDigest } from '#protocol/content/cid.ts'
import type { Signature, Signer } from '#protocol/identity/keys.ts'
import { type Group, type Quorum, quorumOf } from '#protocol/message/certificate.ts'
import type { Domain } from '#protocol/message/domain.ts'
import type { Request } from '#protocol/message/request.ts'
import { randomFromSeed } from '#test/simulator/random.ts'
import { type Keyring, keyring } from '#test/simulator/signatures.ts'

export type Bounds = {
  readonly members: number
  readonly quorum: Quorum
  /** Views 0 … views − 1 of each epoch. */
  readonly views: number
  readonly heights: number
  readonly epochs: number
  /** Crashes in one run, of all members together. */
  readonly crashes: number
  /** Time-outs that each member takes by itself; TCs carry everybody on. */
  readonly timeouts: number
  /** One member follows no rule: whoever leads this view of the first epoch; null: none. */
  readonly liar: number | null
  /** §6: how an epoch may end. */
  readonly handover: 'reconfig' | 'close' | 'both'
}

/** Time stands still: a time-out comes when the explorer says so, and every pause that a member keeps is over. */
export const NOW = 1_700_000_000_000
const IMAGE: Digest = taggedHash('image')
export const SETTINGS: MemberSettings = {
  deltaMs: 1000,
  heartbeatMs: 1e9,
  requestFuel: 1,
  blockFuel: 256,
  snapshotHeights: 1024,
  handoverMs: 1e9,
  image: IMAGE,
}

export type World = {
  readonly bounds: Bounds
  readonly domain: Domain
  readonly job: Digest
  readonly groups: readonly Group[]
  readonly quorum: number
  readonly signers: readonly Signer[]
  readonly keys: Keyring
  /** Signatures in the order in which they were made; whoever reads it empties it. */
  readonly made: Signature[]
  readonly door: Door
  /** Index of the liar; -1: none. */
  readonly liar: number
  /** Honest members that lead no view within the bounds, so that no block is of them. Of a RECONFIG, which names who is ready, nobody is alike. */
  readonly alike: readonly number[]
}

export function createWorld(bounds: Bounds): World {
  const keys = keyring(randomFromSeed(1, 'explorer'))
  const made: Signature[] = []
  const signers = Array.from({ length: bounds.members }, (): Signer => {
    const { publicKey, sign } = keys.create()
    const noted = (message: Uint8Array) => {
      const signature = sign(message)
      made.push(signature)
      return signature
    }
    return { publicKey, sign: noted }
  })
  const domain: Domain = { chainId: taggedHash('chain'), generation: 1 }
  const job = taggedHash('job')
  const members = signers.map(({ publicKey }) => publicKey)
  const groups = Array.from(
    { length: bounds.epochs },
    (_, epoch): Group => ({ job, epoch, members, quorum: bounds.quorum }),
  )
  const first = groups[0]
  assert(first !== undefined, 'there is a first epoch')
  const door = createDoor(domain, first)
  for (const later of groups.slice(1)) admitGroup(door, later)
  const liar = bounds.liar === null ? -1 : leaderOf(first, bounds.liar)
  const leaders = groups.flatMap((group) => Array.from({ length: bounds.views }, (_, view) => leaderOf(group, view)))
  const everyone = signers.map((_, index) => index)
  const reconfigures = bounds.epochs > 1 && bounds.handover !== 'close'
  const alike = reconfigures ? [] : everyone.filter((index) => index !== liar && !leaders.includes(index))
  return {
    bounds,
    domain,
    job,
    groups,
    quorum: quorumOf(first),
    signers,
    keys,
    made,
    door,
    liar,
    alike,
  }
}

/** A write that only `member` has: what one leader proposes no other one proposes by itself. */
export function requestOf(world: World, member: number, height: number, life: number): Request {
  const salt = new Uint8Array(16)
  salt.set([member, height, life])
  const body_hash = sha256(new Uint8Array(0))
  return { job: world.job, method: 'POST', target: '/', headers: [], body_hash, body_bytes: 0, salt, time: NOW }
}

/** Roots that are a function of the context, as an honest runtime's are. */
export function execute(
  context: Pick<ExecutionContext, 'stateRoot' | 'codeRoot' | 'parent' | 'requestHashes'>,
): ExecutionResult {
  const facts = bytesConcat(context.stateRoot, context.parent, ...context.requestHashes)
  const leaves = context.requestHashes.map((requestHash) => ({
    requestHash,
    responseHash: taggedHash('response', requestHash, context.parent),
    fuel: 1,
  }))
  return { stateRoot: cidFromDigest(CODEC_RAW, taggedHash('state', facts)), codeRoot: context.codeRoot, leaves }
}
