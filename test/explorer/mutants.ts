// Broken rules that a small exploration finds for certain, not by luck: of the mutation gate's table those that show among three members, or beside one liar.

import { assert } from '#protocol/codec/result.ts'
import { MUTANTS } from '#test/protocol/agreement/mutants.ts'
import { EPOCH_MUTANTS } from '#test/protocol/agreement/mutants-epochs.ts'
import type { Mutant } from '#test/protocol/agreement/mutants-patch.ts'

export type ExploredMutant = Pick<Mutant, 'rule' | 'what' | 'patches'> & {
  readonly explored: string
  /** The invariant that it breaks first. */
  readonly breaks: string
}

const FOUND: readonly (readonly [what: string, explored: string, breaks: string])[] = [
  ['nothing is made durable before it is sent', '3all-crash', 'G4'],
  ['the own proposal is forgotten by a restart', '3all-crash', 'G3'],
  ['the own TIMEOUT is forgotten by a restart', '3all-crash', 'G4'],
  ['the lock is forgotten by a restart', '3all-crash', 'G3'],
  ['no jview', '3all-crash', 'G4'],
  ['VOTE2 of an old view', '3all-crash', 'G3'],
  ['a TIMEOUT hides the lock', '3all-crash', 'G3'],
  ['a quorum is one less', '4-liar-leads', 'G1'],
  ['a second VOTE1 in a view', '4-liar-leads', 'G3'],
  ['no lock: a vote for any block', '4-liar-leads', 'G3'],
  ['a start ignores the QC1 that CLOSEs name', '3all-epoch', 'G6'],
  ['a vote after the own CLOSE', '3all-epoch', 'G3'],
  ['the own CLOSE is forgotten by a restart', '3all-epoch-crash', 'G3'],
  ['the last votes are forgotten by a restart', '3all-epoch-crash', 'G3'],
]

export const EXPLORED_MUTANTS: readonly ExploredMutant[] = FOUND.map(([what, explored, breaks]) => {
  const mutant = [...MUTANTS, ...EPOCH_MUTANTS].find((each) => each.what === what)
  assert(mutant !== undefined, `the mutation gate has: ${what}`)
  return { rule: mutant.rule, what, patches: mutant.patches, explored, breaks }
})
