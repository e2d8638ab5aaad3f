// Every decoder against a small, fixed number of generated inputs, and against whatever once made one fail; more by `npm run fuzz` (docs/FUZZING.md).

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSession, judge, runInputs } from './fuzzer.ts'
import { fuzzTargets } from './targets.ts'

const INPUTS = 400
const FINDINGS = join(import.meta.dirname, 'findings')
const targets = await fuzzTargets()

test('each target takes its seeds: the search begins behind the first check', () => {
  for (const { name, seeds, run } of targets) {
    const verdicts = seeds.map(run)
    assert.ok(
      verdicts.some((verdict) => verdict.startsWith('accepted')),
      `${name}: ${verdicts.join(', ')}`,
    )
  }
})

for (const target of targets)
  test(`${target.name}: ${INPUTS} generated inputs, none of which throws or hangs`, () => {
    const findings = runInputs(createSession(target, 1), INPUTS)
    assert.deepEqual(
      findings.map(({ kind, text, input }) => `${kind} ${text} ${Buffer.from(input).toString('hex')}`),
      [],
    )
  })

test('what once made a decoder fail does so no more', () => {
  const files = existsSync(FINDINGS) ? readdirSync(FINDINGS) : []
  for (const file of files) {
    const input = Uint8Array.from(readFileSync(join(FINDINGS, file)))
    for (const target of targets) assert.ok('verdict' in judge(target, input), `${file} at ${target.name}`)
  }
})

test('the same seed gives the same inputs and verdicts', () => {
  const [target] = targets
  assert.ok(target)
  const [a, b] = [createSession(target, 7), createSession(target, 7)]
  runInputs(a, 300)
  runInputs(b, 300)
  assert.deepEqual([...a.verdicts], [...b.verdicts])
})

test('a decoder that throws, and one that is slow, are found with the input', () => {
  const seeds = [Uint8Array.of(1, 2, 3)]
  const throwing = {
    name: 'throws',
    form: 'bytes' as const,
    seeds,
    run: (input: Uint8Array) => (input[0] === 1 ? assert.fail('broken') : 'refused'),
  }
  assert.equal(runInputs(createSession(throwing, 1), 50)[0]?.kind, 'threw')
  const wait = new Int32Array(new SharedArrayBuffer(4))
  const slow = { name: 'slow', form: 'bytes' as const, seeds, run: () => Atomics.wait(wait, 0, 0, 250) }
  assert.equal(runInputs(createSession(slow, 1), 1)[0]?.kind, 'slow')
})
