// The mutation gate: every rule of agreement §2 is broken once in a copy of the source, and the simulator has to notice within a bounded
// number of worlds. A row whose text is no longer in the source fails, so that the table cannot rot.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { MUTANTS as SINGLE } from './mutants.ts'
import { EPOCH_MUTANTS } from './mutants-epochs.ts'
import { applyPatch, huntMutant } from './mutants-patch.ts'

const MUTANTS = [...SINGLE, ...EPOCH_MUTANTS]

/** Hunts at a time: one a core of a small machine. */
const HUNTERS = 2

test('a patch applies only where its text stands exactly once', () => {
  const patch = { file: 'f.ts', find: 'b', replace: 'x' }
  assert.equal(applyPatch('abc', patch), 'axc')
  assert.throws(() => applyPatch('ac', patch), /occurs 0 times/)
  assert.throws(() => applyPatch('abcb', patch), /occurs 2 times/)
})

test('the text of every mutant stands in the source', async () => {
  for (const { what, patches } of MUTANTS) {
    const textByFile = new Map<string, string>()
    for (const patch of patches) {
      const path = fileURLToPath(new URL(`../../../${patch.file}`, import.meta.url))
      const text = textByFile.get(patch.file) ?? (await readFile(path, 'utf8'))
      assert.doesNotThrow(() => textByFile.set(patch.file, applyPatch(text, patch)), what)
    }
  }
})

test('every mutant is killed by the simulator', { concurrency: HUNTERS }, async (context) => {
  await Promise.all(
    MUTANTS.map((mutant) =>
      context.test(`${mutant.rule} ${mutant.what}: breaks ${mutant.breaks.join(' or ')}`, async (hunt) => {
        const kill = await huntMutant(mutant)
        hunt.diagnostic(JSON.stringify(kill))
        assert.notEqual(kill.seed, null, `it survived ${kill.runs} worlds: ${JSON.stringify(kill.others)}`)
      }),
    ),
  )
})
