// Which states are kept for members far behind: every so many heights one, of which the newest that is older than R9's window is offered.
// Whoever starts there re-executes the whole window on its way, and so knows every request that must not run again.

import { STATES_MAX, WINDOW_MS } from '#protocol/agreement/limits.ts'
import type { Head, Member } from '#protocol/agreement/member.ts'

type State = { readonly height: number; readonly time: number }

/** Kept for others: whoever takes it finds the blocks after it here. */
const isSnapshot = (member: Member, { height }: State): boolean =>
  height > 0 && height + 1 >= member.firstBlock && height % Math.max(1, member.settings.snapshotHeights) === 0

export function offeredState(member: Member): State | undefined {
  const { states, head } = member
  return states.findLast((state) => isSnapshot(member, state) && state.time < head.time - WINDOW_MS)
}

export type Retention = {
  readonly states: readonly State[]
  /** Blocks from here on are kept: one interval below the offered state, so that short absences cost no state transfer. */
  readonly firstBlock: number
}

/** What is kept once `head` is the head. */
export function retention(member: Member, head: Head): Retention {
  const snapshots = member.states.filter((state) => isSnapshot(member, state))
  if (isSnapshot(member, head)) snapshots.push({ height: head.height, time: head.time })
  const offered = snapshots.findLastIndex(({ time }) => time < head.time - WINDOW_MS)
  const kept = snapshots.slice(Math.max(0, offered))
  // At a pace that makes more of them within the window, every other one is enough.
  while (kept.length > STATES_MAX) for (let index = 1; index < kept.length - 1; index++) kept.splice(index, 1)
  const base = offered < 0 ? undefined : kept[0]
  const states = [...kept]
  if (!isSnapshot(member, head)) states.push({ height: head.height, time: head.time })
  const firstBlock =
    base === undefined
      ? member.firstBlock
      : Math.max(member.firstBlock, base.height + 1 - Math.max(1, member.settings.snapshotHeights))
  return { states, firstBlock }
}
