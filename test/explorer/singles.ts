// node test/explorer/singles.ts [--only TEXT] [--part N]: of broken rules that take several edits, each edit alone before the simulator, in as many worlds as
// the gate gives to all of them together (or an Nth of them). Which of the checks can be missed by itself, and which is covered by another.

import { parseArgs } from 'node:util'
import { MUTANTS } from '#test/protocol/agreement/mutants.ts'
import { EPOCH_MUTANTS } from '#test/protocol/agreement/mutants-epochs.ts'
import { huntMutant } from '#test/protocol/agreement/mutants-patch.ts'

const { values } = parseArgs({ options: { only: { type: 'string' }, part: { type: 'string' } } })
const only = new RegExp(values.only ?? '')
const part = Number(values.part ?? 1)

for (const mutant of [...MUTANTS, ...EPOCH_MUTANTS]) {
  if (mutant.patches.length < 2 || !only.test(mutant.what)) continue
  process.stdout.write(`${mutant.rule} ${mutant.what}\n`)
  for (const patch of mutant.patches) {
    const single = { ...mutant, patches: [patch], seeds: Math.ceil(mutant.seeds / part) }
    const outcome = await huntMutant(single).then(
      ({ seed, runs, rule, others }) =>
        `${seed === null ? `survives ${runs} worlds` : `${rule} after ${runs} worlds, seed ${seed}`} ${JSON.stringify(others)}`,
      (cause: unknown) => `no answer: ${String(cause).slice(0, 160)}`,
    )
    process.stdout.write(`    ${patch.file} ${JSON.stringify(patch.find.slice(0, 70))}: ${outcome}\n`)
  }
}
