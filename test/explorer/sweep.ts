// node test/explorer/sweep.ts [--seconds N] [--only TEXT] CASE…: which broken rules these explorations find, as a table.

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MUTANTS } from '#test/protocol/agreement/mutants.ts'
import { EPOCH_MUTANTS } from '#test/protocol/agreement/mutants-epochs.ts'
import { inPatchedCopy, OutOfTime, runInCopy } from '#test/protocol/agreement/mutants-patch.ts'
import type { Exploration } from './search.ts'

const { values, positionals: cases } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' }, only: { type: 'string' } },
})
const seconds = Number(values.seconds ?? 20)
const only = new RegExp(values.only ?? '')

for (const mutant of [...MUTANTS, ...EPOCH_MUTANTS].filter(({ what }) => only.test(what))) {
  const found: string[] = []
  await inPatchedCopy(mutant.patches, ['test/simulator', 'test/explorer', 'test/support'], async (copy) => {
    for (const each of cases) {
      const args = ['--case', each, '--json', '--minutes', String(seconds / 60)]
      const text = await runInCopy(join(copy, 'test/explorer/main.ts'), args, { exitCodes: [0, 1] }).catch(
        (cause: unknown) => {
          if (cause instanceof OutOfTime) return null
          return ''
        },
      )
      // A machine that throws is found out as well; one that never ends is not.
      if (text === '') found.push(`${each}: throws`)
      else if (text === null) found.push(`${each}: not within the time`)
      else {
        const { violation, states, complete } = JSON.parse(text) as Exploration
        if (violation !== null) found.push(`${each}: ${violation.text.slice(0, 60)} after ${states}`)
        else found.push(`${each}: ${complete ? 'survives' : 'not within the time'}`)
      }
    }
  })
  process.stdout.write(`${mutant.rule} ${mutant.what}\n${found.map((line) => `    ${line}\n`).join('')}`)
}
