// The other half of the mutation gate (`mutants.test.ts`): without a clause the test that names it fails. Run in copies, never in the product's own files.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLAUSES } from './mutants-clauses.ts'
import { inPatchedCopy, runInCopy } from './mutants-patch.ts'

/** Copies at a time: one a core of a small machine. */
const COPIES = 2
const FOLDERS = ['test/protocol/agreement', 'test/simulator']

/** Names of the tests that did not pass in this file, as TAP has them. */
async function failedIn(copy: string, file: string, name: string): Promise<readonly string[]> {
  const pattern = `^${name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`
  const path = join(copy, `test/protocol/agreement/${file}.test.ts`)
  const args = ['--test-reporter=tap', `--test-name-pattern=${pattern}`, path]
  const said = await runInCopy('--test', args, { exitCodes: [0, 1] })
  return [...said.matchAll(/^\s*not ok \d+ - (.*)$/gm)].map(([, failed]) => failed ?? '')
}

test('with every clause in place each of these tests passes', async () => {
  await inPatchedCopy([], FOLDERS, async (copy) => {
    for (const file of new Set(CLAUSES.map((clause) => clause.file))) {
      const said = await runInCopy('--test', [
        '--test-reporter=tap',
        join(copy, `test/protocol/agreement/${file}.test.ts`),
      ])
      const passed = new Set([...said.matchAll(/^\s*ok \d+ - (.*)$/gm)].map(([, name]) => name))
      for (const clause of CLAUSES) if (clause.file === file) assert.ok(passed.has(clause.test), clause.test)
    }
  })
})

test('without a clause the test that names it fails', { concurrency: COPIES }, async (context) => {
  await Promise.all(
    CLAUSES.map(({ rule, what, patches, file, test: name }) =>
      context.test(`${rule} ${what}`, () =>
        inPatchedCopy(patches, FOLDERS, async (copy) => assert.deepEqual(await failedIn(copy, file, name), [name])),
      ),
    ),
  )
})
