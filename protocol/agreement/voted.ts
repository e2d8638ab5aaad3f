// R1: the blocks that this member gave VOTE1 at a height, kept with their bodies, durably before the vote leaves.
//
// Any of those votes may yet stand in a QC1: one that the leader of a star kept to itself, one that comes of votes which were late or were
// sent again after a restart. Everybody locks that block then and waits for it, and those who voted for it may be all that ever had it.
// A lock makes the votes of its view and of earlier ones void for this: a QC1 below it binds nobody.

import { VOTED_MAX } from '#protocol/agreement/limits.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import type { Content, Round } from '#protocol/agreement/round.ts'

/** The blocks that are to be kept, oldest vote first, with the last view in which this member gave each a VOTE1. */
export function votedContents(round: Round): (readonly [Content, number])[] {
  const above = round.lock?.view ?? -1
  const found: (readonly [Content, number])[] = []
  for (const [key, view] of round.voted) {
    const content = view > above ? round.contents.get(key) : undefined
    if (content !== undefined) found.push([content, view])
  }
  return found
}

export function isVoted(round: Round, key: string): boolean {
  return (round.voted.get(key) ?? -1) > (round.lock?.view ?? -1)
}

export function noteVoted(round: Round, key: string, view: number): void {
  for (const known of [...round.voted.keys()]) if (known === key || !isVoted(round, known)) round.voted.delete(known)
  round.voted.set(key, view)
  const [oldest] = round.voted.keys()
  if (round.voted.size > VOTED_MAX && oldest !== undefined) round.voted.delete(oldest)
}

/**
 * §6: the new epoch's start names at most one block above its head, but CLOSEs of other members may yet show a start with another one.
 * What this member voted for, what it was locked on and what it starts from stays until a QC1 of the new epoch.
 */
export function carryVoted(old: Round, round: Round, inherited: string | undefined): void {
  const locked = old.lock === null ? undefined : keyOf(old.lock.block_hash)
  const voted = votedContents(old).map(([{ key }]) => key)
  for (const key of [...voted, locked, inherited]) {
    if (key !== undefined && round.contents.has(key)) noteVoted(round, key, 0)
  }
}
