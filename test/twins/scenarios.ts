// Scenarios by number: the whole space in a fixed order, and samples of it.

import { randomFromSeed } from '#test/simulator/random.ts'
import type { Scenario } from './twins.ts'

/** All ways to split `count` instances into at most `blocks` groups, each once (restricted growth strings). */
export function partitions(count: number, blocks: number): readonly (readonly number[])[] {
  let found: number[][] = [[]]
  for (let index = 0; index < count; index++)
    found = found.flatMap((head) => {
      const used = head.length === 0 ? 0 : Math.max(...head) + 1
      return Array.from({ length: Math.min(used + 1, blocks) }, (_, block) => [...head, block])
    })
  return found
}

export type Space = {
  readonly members: number
  readonly views: number
  /** Partitions change in the middle of a view too: after the proposal and the votes for it have travelled. */
  readonly halves: boolean
  readonly blocks: number
  /** Keys with a twin at once. */
  readonly twins: number
}

/** Hops of the first half of a view: the proposal and VOTE1. */
const FIRST_HALF_HOPS = 2

function choices(items: number, count: number, from = 0): readonly (readonly number[])[] {
  if (count === 0) return [[]]
  const found: (readonly number[])[] = []
  for (let first = from; first < items; first++)
    for (const rest of choices(items, count - 1, first + 1)) found.push([first, ...rest])
  return found
}

export function sizeOf(space: Space): number {
  const slots = space.views * (space.halves ? 2 : 1)
  return (
    choices(space.members, space.twins).length * partitions(space.members + space.twins, space.blocks).length ** slots
  )
}

/** The scenario of a number below `sizeOf(space)`. */
export function scenarioAt(space: Space, number: number): Scenario {
  const twins = choices(space.members, space.twins)
  const all = partitions(space.members + space.twins, space.blocks)
  let rest = Math.floor(number / twins.length)
  const slots = Array.from({ length: space.views * (space.halves ? 2 : 1) }, (_, slot) => {
    const partition = all[rest % all.length] ?? []
    rest = Math.floor(rest / all.length)
    const opens = space.halves && slot % 2 === 0
    return { partition, hops: opens ? FIRST_HALF_HOPS : Number.POSITIVE_INFINITY, endsView: !opens }
  })
  return { members: space.members, twins: twins[number % twins.length] ?? [], slots }
}

/** A scenario of a space too large to count, by seed. */
export function scenarioFromSeed(space: Space, seed: number): Scenario {
  const random = randomFromSeed(seed, 'twins')
  const twins = random.pick([...choices(space.members, space.twins)])
  const slots = Array.from({ length: space.views * (space.halves ? 2 : 1) }, (_, slot) => {
    const partition = Array.from({ length: space.members + space.twins }, () => random.below(space.blocks))
    const opens = space.halves && slot % 2 === 0
    return { partition, hops: opens ? FIRST_HALF_HOPS : Number.POSITIVE_INFINITY, endsView: !opens }
  })
  return { members: space.members, twins, slots }
}
