// Who is who in a group: members by index, whose turn it is (R6), and how many heads make a quorum (§2).

import type { Digest } from '#protocol/codec/digest.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { createMemo } from '#protocol/codec/memo.ts'
import { assert } from '#protocol/codec/result.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'
import { type Group, quorumOf } from '#protocol/message/certificate.ts'
import type { WireType } from '#protocol/message/wire.ts'

/** Up to this many members votes go straight to all; above, to the leader, who hands on what they make (star). */
export const STRAIGHT_VOTES_MAX = 4

const keys = createMemo<Uint8Array, string>()

/** Bytes as a key of a `Map`: one character a byte. Hashes, keys and signatures are never changed once they are made, so each is spelt once. */
export function keyOf(bytes: Uint8Array): string {
  const known = keys.get(bytes)
  if (known !== undefined) return known
  const key = String.fromCharCode.apply(undefined, bytes as unknown as number[])
  keys.set(bytes, key)
  return key
}

const indexes = new WeakMap<Group, ReadonlyMap<string, number>>()

export function memberIndex(group: Group, key: PublicKey): number | undefined {
  let byKey = indexes.get(group)
  if (byKey === undefined) {
    byKey = new Map(group.members.map((member, index) => [keyOf(member), index]))
    indexes.set(group, byKey)
  }
  return byKey.get(keyOf(key))
}

const offsets = new WeakMap<Group, number>()

/** Where the turn begins in an epoch: H(job, epoch) mod N. */
export function leaderOffset(group: Group): number {
  const known = offsets.get(group)
  if (known !== undefined) return known
  const epoch = new Uint8Array(4)
  new DataView(epoch.buffer).setUint32(0, group.epoch)
  const seed: Digest = taggedHash('epoch', group.job, epoch)
  const offset = new DataView(seed.buffer, seed.byteOffset).getUint32(0) % group.members.length
  offsets.set(group, offset)
  return offset
}

/** Everybody whom these groups name, each once, in the order in which they come; a later group only adds to it. */
export function rosterOf(groups: readonly Group[]): readonly PublicKey[] {
  const byKey = new Map(groups.flatMap(({ members }) => members.map((key) => [keyOf(key), key] as const)))
  return [...byKey.values()]
}

/** What tells nothing of what visitors said, and what who left lately may still have to hear. */
const OPEN: ReadonlySet<WireType> = new Set(['status', 'start', 'close', 'ready', 'cert'])

/** §6: `'all'` are the members of the present epoch and of those to come; what is open goes to those of the epoch before too. */
export function hears(type: WireType, epoch: number, present: number): boolean {
  return epoch >= present - (OPEN.has(type) ? 1 : 0)
}

/** R6: leader(v) = members[(H(epoch seed) + v) mod N]. */
export function leaderOf(group: Group, view: number): number {
  const count = group.members.length
  assert(count > 0, 'a group has members')
  return (leaderOffset(group) + (view % count)) % count
}

/** Members that may fail while the others still reach a quorum. */
export function faultsOf(group: Group): number {
  return group.members.length - quorumOf(group)
}
