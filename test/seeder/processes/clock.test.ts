// R2: clocks that are set while members run (±5 s and ±2 h, of one and of all, in test/faults). Timers go by a clock that nobody sets; a member whose wall clock is wrong says so, is not voted
// down for it, frames nobody, and is back when the clock is right. Of a whole group whose clocks were ahead, time waits and writes go on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { published, withFaults } from '#test/support/faulty.ts'
import { agrees, levelLines, noEvidence, SITE, writeLine } from '#test/support/lines.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const HOUR_MS = 3_600_000
const BACK_MS = 60_000
const REST_MS = 4_000

const jump = (ms: number): object => (ms < 0 ? { behindMs: -ms } : { aheadMs: ms })

async function saysClock(seeder: SeederProcess): Promise<boolean> {
  const site = await seeder.site(SITE)
  return site?.state === 'degraded' && /^clock: \d+ s (ahead of|behind) \d members$/.test(site.degraded ?? '')
}

/** Processor time of a process, s. */
async function cpuSeconds(seeder: SeederProcess): Promise<number> {
  return Number(/^process_cpu_seconds_total (\S+)$/m.exec(await seeder.metrics())?.[1])
}

for (const ms of [-5_000, 2 * HOUR_MS]) {
  const words = `${Math.abs(ms) / 1000} s ${ms < 0 ? 'back' : 'ahead'}`
  test(`R2 the clock of one member is put ${words}: it says so, the group goes on, nobody is framed, and it is back when the clock is`, async () => {
    await using seeders = await published()
    const [victim] = seeders.all
    assert.ok(victim)
    await writeLine(seeders, 'before', 0)
    withFaults(victim, jump(ms))
    await until('it says that its clock is wrong', () => saysClock(victim))
    await until('in its metrics too', async () =>
      /interpeer_site_state\{site="lines",state="degraded"\} 1/.test(await victim.metrics()),
    )
    const others = ['one', 'two', 'three']
    for (const line of others) await writeLine(seeders, line, 1)
    const before = await cpuSeconds(victim)
    await new Promise((resolve) => setTimeout(resolve, REST_MS))
    const share = ((await cpuSeconds(victim)) - before) / (REST_MS / 1000)
    assert.ok(share < 0.5, `no timer storms: ${share.toFixed(2)} of a processor`)
    withFaults(victim, {})
    await until('it agrees again', () => agrees(victim), BACK_MS)
    await writeLine(seeders, 'after', 0)
    assert.deepEqual(await levelLines(seeders), ['before', ...others, 'after'])
    await noEvidence(seeders)
  })
}

for (const ms of [2 * HOUR_MS]) {
  const words = `${Math.abs(ms) / 1000} s ${ms < 0 ? 'back' : 'ahead'}`
  test(`R2 the clocks of all members are put ${words} and put right again: writes go on all the time, and nobody is framed`, async () => {
    await using seeders = await published()
    await writeLine(seeders, 'before', 0)
    for (const seeder of seeders.all) withFaults(seeder, jump(ms))
    for (const [index, line] of ['one', 'two', 'three'].entries()) await writeLine(seeders, line, index)
    for (const seeder of seeders.all) withFaults(seeder, {})
    for (const [index, line] of ['four', 'five', 'six'].entries()) await writeLine(seeders, line, index)
    assert.deepEqual(await levelLines(seeders), ['before', 'one', 'two', 'three', 'four', 'five', 'six'])
    for (const seeder of seeders.all) await until(`${seeder.label} agrees`, () => agrees(seeder), BACK_MS)
    await noEvidence(seeders)
  })
}
