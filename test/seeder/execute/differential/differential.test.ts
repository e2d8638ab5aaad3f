// The same scripts give the same answers, roots and fuel on Node 26, on Node 24 and inside workerd, whose V8, compiler flags and
// cryptography are others (runtime.md, "What must hold"; in Chromium: test/browser/execution.test.ts).
//
// INTERPEER_PROGRAMS sets how many programs are drawn (150), INTERPEER_PROGRAM_SEED from which seed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compiledModules } from '#test/seeder/execute/differential/compiled.ts'
import type { Work } from '#test/seeder/execute/differential/core.ts'
import { nodeLines } from '#test/seeder/execute/differential/lines.ts'
import { linesInWorkerd } from '#test/seeder/execute/differential/workerd.ts'
import { newerNode, olderNode, versionOf } from '#test/seeder/execute/older-node.ts'

const work: Work = {
  seed: process.env.INTERPEER_PROGRAM_SEED ?? 'a',
  programs: Number(process.env.INTERPEER_PROGRAMS ?? 150),
  vectors: true,
}
const compiled = compiledModules()
const reference = nodeLines(newerNode(), work)

test('the programs are not trivial: they answer, and in different ways', async () => {
  const programs = (await reference).slice(1, 1 + work.programs)
  const answered = programs.filter((line) => /: \d+ 200 /.test(line))
  assert(answered.length > 0.9 * work.programs, `${answered.length} of ${work.programs} programs answer`)
  assert(new Set(answered.map((line) => line.split(' ')[4])).size > 0.9 * answered.length)
})

test('on Node 24, in another time zone and language', async () => {
  assert.deepEqual(
    [await versionOf(newerNode()), await versionOf(await olderNode())].map((version) => version.slice(0, 4)),
    ['v26.', 'v24.'],
  )
  const env = { TZ: 'America/St_Johns', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' }
  assert.deepEqual(await nodeLines(await olderNode(), work, env), await reference)
})

test('in workerd, by other cryptography and with the binaries metered anew', async () => {
  assert.deepEqual(await linesInWorkerd(work, compiled), await reference)
})

test('after other programs', async () => {
  const [, ...alone] = await nodeLines(newerNode(), { ...work, programs: 20, vectors: false })
  assert.deepEqual(alone, (await reference).slice(1, 21))
})
