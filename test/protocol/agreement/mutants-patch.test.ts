// What the run of a mutant is taken for: only an exit of its own is an answer.

import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { OutOfTime, runInCopy } from './mutants-patch.ts'

let folder = ''
const script = async (name: string, text: string): Promise<string> => {
  const path = join(folder, `${name}.mjs`)
  await writeFile(path, text)
  return path
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mutants-patch-'))
})
after(() => rm(folder, { recursive: true, force: true }))

test('a run that exits with 0 answers with what it printed', async () => {
  const path = await script('zero', "process.stdout.write('killed')")
  assert.equal(await runInCopy(path, []), 'killed')
})

test('a run that is out of time is neither killed nor survived, whatever it printed before', async () => {
  const path = await script('endless', "process.stdout.write('{}'); setInterval(() => {}, 1000)")
  await assert.rejects(runInCopy(path, [], { exitCodes: [0, 1], timeoutMs: 500 }), OutOfTime)
})

test('a run that a signal ends has given no answer', async () => {
  const path = await script('signal', "process.stdout.write('{}'); process.kill(process.pid, 'SIGKILL')")
  const ended = runInCopy(path, [], { exitCodes: [0, 1] })
  await assert.rejects(ended, (cause: unknown) => cause instanceof Error && !(cause instanceof OutOfTime))
})

test('an exit code is an answer where it is named, and only there', async () => {
  const path = await script('one', "process.stdout.write('found'); process.exitCode = 1")
  assert.equal(await runInCopy(path, [], { exitCodes: [0, 1] }), 'found')
  await assert.rejects(runInCopy(path, []))
})
