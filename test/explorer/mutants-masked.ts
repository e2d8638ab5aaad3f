// Checks that cover for each other: either one may be gone and no reachable state of a small space shows it, for the other one still stands; without
// both of them an invariant breaks. The mutation gate takes both away at once. Here the spaces are walked through to their ends, so that "shows
// nothing" is no matter of luck.

import { assert } from '#protocol/codec/result.ts'
import { MUTANTS } from '#test/protocol/agreement/mutants.ts'
import { EPOCH_MUTANTS } from '#test/protocol/agreement/mutants-epochs.ts'
import type { Patch } from '#test/protocol/agreement/mutants-patch.ts'

export type MaskedChecks = {
  readonly rule: string
  readonly what: string
  readonly explored: string
  /** The invariant that breaks without all of them. */
  readonly breaks: string
  /** Each with why nothing shows while only it is gone; null: that shows. */
  readonly checks: readonly { readonly patch: Patch; readonly covered: string | null }[]
}

const FOUND: readonly (readonly [
  what: string,
  explored: string,
  breaks: string,
  covered: readonly (string | null)[],
])[] = [
  [
    'a second VOTE1 in a view',
    '4-liar-leads-one-view',
    'G3',
    [
      'of two proposals of a view only the first is kept, so there is nothing to vote for a second time',
      'whoever has voted in a view does not look at another proposal of it',
    ],
  ],
  [
    'a vote without an own execution',
    '4-liar-leads-one-view',
    'G5',
    [
      'a QC1 of a wrong root may come about, but nobody honest gives VOTE2 to it',
      'no QC1 of a wrong root comes about to which VOTE2 could be given',
    ],
  ],
  [
    'a start ignores the QC1 that CLOSEs name',
    '3all-epoch',
    'G6',
    // The door refuses what such a member makes.
    [null, 'nobody honest makes such a start'],
  ],
]

export const MASKED: readonly MaskedChecks[] = FOUND.map(([what, explored, breaks, covered]) => {
  const mutant = [...MUTANTS, ...EPOCH_MUTANTS].find((each) => each.what === what)
  assert(mutant !== undefined, `the mutation gate has: ${what}`)
  assert(mutant.patches.length === covered.length, 'each patch takes one check away')
  const checks = mutant.patches.map((patch, at) => ({ patch, covered: covered[at] ?? null }))
  return { rule: mutant.rule, what, explored, breaks, checks }
})
