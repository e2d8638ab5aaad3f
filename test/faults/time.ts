// R2, G11: clocks that are set under a running process by libfaketime, and a process that is stopped for a minute.

import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setClock } from '#test/faults/support/tools.ts'
import { published } from '#test/support/faulty.ts'
import { agrees, levelLines, noEvidence, SITE, writeLine } from '#test/support/lines.ts'
import { until } from '#test/support/until.ts'

const BACK_MS = 60_000
const STOPPED_MS = 60_000
const LABELS = ['s1', 's2', 's3', 's4']

/** Clocks of members, each set by a file. */
function clocks(): Disposable & { set(label: string, seconds: number): void; wraps: Parameters<typeof published>[0] } {
  const directory = mkdtempSync(join(tmpdir(), 'clocks-'))
  const set = (label: string, seconds: number): void => {
    writeFileSync(join(directory, `${label}.new`), `${seconds < 0 ? '' : '+'}${seconds}\n`)
    renameSync(join(directory, `${label}.new`), join(directory, label))
  }
  for (const label of LABELS) set(label, 0)
  const wraps = Object.fromEntries(
    LABELS.map((label) => [
      label,
      (words: readonly string[]) => [
        'env',
        ...Object.entries(setClock(join(directory, label))).map(([name, value]) => `${name}=${value}`),
        ...words,
      ],
    ]),
  )
  return { set, wraps: { wraps }, [Symbol.dispose]: () => rmSync(directory, { recursive: true }) }
}

for (const seconds of [5, -5, 7200, -7200]) {
  test(`the wall clock of one member is set by ${seconds} s and back`, async () => {
    using clock = clocks()
    await using seeders = await published(clock.wraps)
    const [victim] = seeders.all
    assert.ok(victim)
    clock.set('s1', seconds)
    await until('it says so', async () => /^clock: /.test((await victim.site(SITE))?.degraded ?? ''))
    for (const line of ['one', 'two', 'three']) await writeLine(seeders, line, 1)
    clock.set('s1', 0)
    await until('it agrees again', () => agrees(victim), BACK_MS)
    await writeLine(seeders, 'four', 0)
    assert.deepEqual(await levelLines(seeders), ['one', 'two', 'three', 'four'])
    await noEvidence(seeders)
  })

  test(`the wall clocks of all members are set by ${seconds} s and back`, async () => {
    using clock = clocks()
    await using seeders = await published(clock.wraps)
    for (const label of LABELS) clock.set(label, seconds)
    for (const [index, line] of ['one', 'two', 'three'].entries()) await writeLine(seeders, line, index)
    for (const label of LABELS) clock.set(label, 0)
    for (const [index, line] of ['four', 'five', 'six'].entries()) await writeLine(seeders, line, index)
    assert.deepEqual(await levelLines(seeders), ['one', 'two', 'three', 'four', 'five', 'six'])
    for (const seeder of seeders.all) await until(`${seeder.label} agrees`, () => agrees(seeder), BACK_MS)
    await noEvidence(seeders)
  })
}

test('a member that is stopped for a minute goes on where it stood, catches up, and nobody is framed', async () => {
  await using seeders = await published()
  const [victim] = seeders.all
  assert.ok(victim)
  victim.kill('SIGSTOP')
  const end = performance.now() + STOPPED_MS
  const lines: string[] = []
  while (performance.now() < end) {
    const line = `stopped ${lines.length}`
    await writeLine(seeders, line, 1)
    lines.push(line)
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  victim.kill('SIGCONT')
  await until('it agrees', () => agrees(victim), BACK_MS)
  assert.deepEqual(await levelLines(seeders), lines)
  await noEvidence(seeders)
})
