// Worlds that once broke an invariant, each kept with what was wrong. A seed names a world only as long as worlds are drawn in the
// same way, so a case is a reminder of what to look at; the rule itself is held by a mutant (test/protocol/agreement/mutants.ts).

import type { GroupKind } from './scenario.ts'

export type NamedSeed = { readonly name: string; readonly seed: number; readonly group: GroupKind }

export const NAMED_SEEDS: readonly NamedSeed[] = [
  { name: 'R1 a member that lost its disk abstains after its second restart too', seed: 8, group: '4' },
  { name: 'R7 a request passed over under one leader does not end the views of the next ones', seed: 3, group: '4' },
  { name: 'R6 the own TIMEOUT counts towards a TC after a restart', seed: 130, group: '4' },
  { name: '§3 a member with a wrong executor takes a state that somebody still has', seed: 102, group: '4' },
  { name: '§3 a member with a wrong executor takes a state that somebody still has (7 members)', seed: 43, group: '7' },
  { name: 'G10 a probe through a degraded member is answered in the end', seed: 114, group: '7' },
]
