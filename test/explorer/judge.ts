// Which invariants a state of the group breaks: by what is in the air alone (G1, G5), and by one member's state before it (G1, G6, and what it did wrong
// by itself). Each only ever asks for more: what is broken stays broken as more is sent, which the reduction (`covering.ts`) rests on.

import { inheritedOf, startHeight } from '#protocol/message/epoch.ts'
import type { Air } from './air.ts'
import type { Local } from './local.ts'
import { hashName } from './names.ts'
import type { World } from './world.ts'

/** A text of what is wrong begins with the invariant: G1 … G8. */
export const RULE_LETTERS = 2

/** What can be certified by what was sent, by height. */
export type Certified = ReadonlyMap<number, readonly { readonly block: string; readonly epoch: number }[]>

/** G1 and G5 of what is in the air. */
export function certifiedIn(
  world: World,
  air: Air,
): { readonly certified: Certified; readonly wrong: readonly string[] } {
  const certified = new Map<number, { block: string; epoch: number }[]>()
  const wrong: string[] = []
  for (const poll of air.polls.values()) {
    if (poll.vote1.size < world.quorum || poll.vote2.size < world.quorum) continue
    const facts = air.blocks.get(poll.block)
    if (facts !== undefined && !facts.honest)
      wrong.push(`G5 height ${poll.height} can be certified with a root that nobody gets`)
    const there = certified.get(poll.height) ?? []
    for (const other of there)
      if (other.block !== poll.block)
        wrong.push(`G1 height ${poll.height} can be certified as ${other.block} and as ${poll.block}`)
    certified.set(poll.height, [...there, { block: poll.block, epoch: poll.epoch }])
  }
  return { certified, wrong }
}

/** G1 and G6 of what a member holds and of the start that it believes, behind what it did wrong by itself. */
export function judge(certified: Certified, local: Local): readonly string[] {
  const wrong = local.wrong === undefined ? [] : [local.wrong]
  for (const { cert } of local.disk.blocks) {
    const { height } = cert.block
    const block = hashName(cert.qc1.block_hash)
    if (certified.get(height)?.some((other) => other.block !== block))
      wrong.push(`G1 a member holds ${block} at height ${height}, another can be certified`)
  }
  const { start } = local.member
  if (start === null) return wrong
  const from = startHeight(start)
  const inherited = inheritedOf(start)
  for (const [height, blocks] of certified)
    for (const { block, epoch } of blocks) {
      if (epoch >= start.epoch || height <= from) continue
      if (inherited !== null && height === from + 1 && hashName(inherited.block_hash) === block) continue
      wrong.push(
        `G6 epoch ${start.epoch} starts at height ${from}, but height ${height} can be certified in epoch ${epoch}`,
      )
    }
  return wrong
}
