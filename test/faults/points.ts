// R1: killed at every persist point of more heights than `npm test` has time for, and inside of them: at the N-th write and the N-th sync that
// the process asks the kernel for.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { needs } from '#test/faults/support/tools.ts'
import { published, withFaults } from '#test/support/faulty.ts'
import { agrees, levelLines, noEvidence, writeLine } from '#test/support/lines.ts'
import { endMemberAtEach, endNewAtEach, type Points } from '#test/support/persist-points.ts'
import { startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const POINTS = 20
const WRITES = 40
const SYNCS = 20
const DEATH_MS = 60_000

test(`killed before and after each of ${POINTS} persist points, from a start on and from the midst of things`, async (context) => {
  await using seeders = await published()
  const points: Points = new Map()
  const lines = [
    ...(await endMemberAtEach(seeders, 'start', POINTS, points)),
    ...(await endMemberAtEach(seeders, 'now', POINTS, points)),
  ]
  for (const [what, count] of points) context.diagnostic(`${count} × ${what}`)
  const [victim] = seeders.all
  assert.ok(victim)
  await until('it agrees again', () => agrees(victim), DEATH_MS)
  await writeLine(seeders, 'last', 0)
  assert.deepEqual(await levelLines(seeders), [...lines, 'last'])
  await noEvidence(seeders)
})

test('killed before and after each persist point of a very first start', async (context) => {
  await using seeders = await startSeeders({ count: 1, faults: true })
  const points: Points = new Map()
  const started = await endNewAtEach(seeders, points, true)
  for (const [what, count] of points) context.diagnostic(`${count} × ${what}`)
  assert.equal(new Set(started.map(({ ready }) => ready.peer)).size, started.length)
})

for (const [call, count, step] of [
  ['pwrite64', WRITES, 2],
  ['fsync', SYNCS, 1],
] as const) {
  test(`killed at the first ${count} calls of ${call} after a start (every ${step}.), while the group writes`, async () => {
    needs('strace')
    let inject: string | undefined
    await using seeders = await published({
      wraps: {
        s1: (words) =>
          inject === undefined
            ? words
            : ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${inject}`, ...words],
      },
    })
    const lines: string[] = []
    const [victim] = seeders.all
    assert.ok(victim)
    withFaults(victim, {})
    victim.kill('SIGKILL')
    for (let nth = 1; nth <= count; nth += step) {
      inject = `${call}:signal=SIGKILL:when=${nth}`
      const [dying] = seeders.all
      assert.ok(dying)
      let died = false
      const death = seeders
        .restart(dying)
        .then((seeder) => seeder.exited)
        .catch((cause: Error) => assert.match(cause.message, /SIGKILL/))
        .then(() => {
          died = true
        })
      const end = performance.now() + DEATH_MS
      while (!died) {
        assert.ok(performance.now() < end, `it did not come to ${call} ${nth}`)
        const line = `${call} ${nth} ${lines.length}`
        await writeLine(seeders, line, 1 + (lines.length % 3))
        lines.push(line)
      }
      await death
    }
    inject = undefined
    const [last] = seeders.all
    assert.ok(last)
    const back = await seeders.restart(last)
    await until('it agrees again', () => agrees(back), DEATH_MS)
    assert.deepEqual(await levelLines(seeders), lines)
    await noEvidence(seeders)
  })
}
