// Broken rules that a small exploration finds for certain, not by luck: of the mutation gate's table those that show within three members.

import type { Patch } from '#test/protocol/agreement/mutants-patch.ts'

export type ExploredMutant = {
  readonly rule: string
  readonly what: string
  readonly patches: readonly Patch[]
  readonly explored: string
  readonly breaks: string
}

export const EXPLORED_MUTANTS: readonly ExploredMutant[] = []
