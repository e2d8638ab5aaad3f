// The reduction against the exploration that leaves nothing out, where both come to an end: the same invariants break (none, or those of a mutant),
// and the most that can be sent in a run is the same.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { inPatchedCopy, runInCopy } from '#test/protocol/agreement/mutants-patch.ts'
import { CASES } from './cases.ts'
import { explore } from './explore.ts'
import { EXPLORED_MUTANTS } from './mutants.ts'

/** Ends that are within no other end, in order. A covered state may end with less sent than what covers it. */
function mostOf(ends: Iterable<string>): readonly string[] {
  const sets = [...ends].map((end) => ({ end, sent: new Set(end.split('\n')) }))
  const within = (a: ReadonlySet<string>, b: ReadonlySet<string>) =>
    a.size < b.size && [...a].every((name) => b.has(name))
  return sets
    .filter(({ sent }) => !sets.some((other) => within(sent, other.sent)))
    .map(({ end }) => end)
    .sort()
}

for (const name of ['3all', '3all-crash', '3all-heights', '3all-reconfig'])
  test(`what covers stands for what it covers: ${name} ends as it does without the reduction`, (context) => {
    const bounds = CASES.find(([each]) => each === name)?.[1]
    assert.ok(bounds)
    const plain = explore(bounds, { all: true })
    const reduced = explore(bounds, { all: true, reduced: true })
    context.diagnostic(`${plain.states} states, ${reduced.states} of them`)
    assert.deepEqual([plain.complete, reduced.complete], [true, true])
    assert.ok(reduced.states * 3 < plain.states)
    assert.deepEqual(reduced.reached, plain.reached)
    assert.deepEqual([reduced.broken, plain.broken], [[], []])
    assert.deepEqual(mostOf(reduced.ends), mostOf(plain.ends))
  })

type Answer = { readonly complete: boolean; readonly broken: readonly string[]; readonly ends: readonly string[] }

/** Each in a space that stays small when a violation does not end it. */
const COMPARED = [
  'the own TIMEOUT is forgotten by a restart',
  'no jview',
  'a TIMEOUT hides the lock',
  'a start ignores the QC1 that CLOSEs name',
]

for (const { rule, what, patches, explored, breaks } of EXPLORED_MUTANTS.filter(({ what }) => COMPARED.includes(what)))
  test(`${rule} ${what}: with the reduction the same invariants break in ${explored}`, async (context) => {
    await inPatchedCopy(patches, ['test/simulator', 'test/explorer', 'test/support'], async (copy) => {
      const run = async (...more: readonly string[]): Promise<Answer> => {
        const args = ['--case', explored, '--json', '--all', '--minutes', '10', ...more]
        return JSON.parse(await runInCopy(join(copy, 'test/explorer/main.ts'), args, { exitCodes: [0, 1] })) as Answer
      }
      const plain = await run()
      const reduced = await run('--reduced')
      context.diagnostic(`${plain.broken.join(', ')}`)
      assert.deepEqual([plain.complete, reduced.complete], [true, true])
      assert.ok(plain.broken.includes(breaks))
      assert.deepEqual(reduced.broken, plain.broken)
      assert.deepEqual(mostOf(reduced.ends), mostOf(plain.ends))
    })
  })
