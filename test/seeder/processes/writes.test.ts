// What the system must show on real processes: a site survives whatever happens to any one of its members, and to all at once.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { levelLines, noEvidence, published, SITE, writeLine } from '#test/support/lines.ts'
import { startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

test('F2 a write through one member is read back from every other', async () => {
  await using seeders = await published()
  await writeLine(seeders, 'hello', 0)
  assert.deepEqual(await levelLines(seeders), ['hello'])
})

test('G11 SIGKILL of a member in the midst of 200 writes at once: each acknowledged write is there once, and it catches up', async () => {
  await using seeders = await published()
  const [victim] = seeders.all
  assert.ok(victim)
  let acknowledged = 0
  const lines = Array.from({ length: 200 }, (_, index) => `w${index}`)
  const writes = lines.map(async (line, index) => {
    await writeLine(seeders, line, index)
    acknowledged++
  })
  await until('the midst', () => acknowledged >= 40)
  victim.kill('SIGKILL')
  const back = await seeders.restart(victim)
  await Promise.all(writes)
  assert.equal(back.ready.peer, victim.ready.peer)
  assert.deepEqual([...(await levelLines(seeders))].sort(), lines.sort())
})

test('R6 SIGSTOP of the leader: the next write is agreed on without it, and the stopped one is counted silent', async () => {
  await using seeders = await published()
  await writeLine(seeders, 'before', 0)
  const leaderName = (await seeders.all[0]?.site(SITE))?.leader
  const leader = seeders.all.find((seeder) => seeder.ready.peer === leaderName)
  const other = seeders.all.find((seeder) => seeder.ready.peer !== leaderName)
  assert.ok(leader && other)
  leader.kill('SIGSTOP')
  await writeLine({ all: [other] }, 'after', 0)
  await until('it is seen to be silent', async () => {
    const site = await other.site(SITE)
    return site?.members.find((member) => member.peer === leaderName)?.state === 'silent'
  })
  leader.kill('SIGCONT')
  assert.deepEqual(await levelLines(seeders), ['before', 'after'])
  await noEvidence({ all: [other] }, 'silence is no lie')
})

test('G11 all four killed and started again: nothing acknowledged is lost, and the site goes on', async () => {
  await using seeders = await published()
  for (const [index, line] of ['one', 'two', 'three'].entries()) await writeLine(seeders, line, index)
  for (const seeder of seeders.all) seeder.kill('SIGKILL')
  await Promise.all([...seeders.all].map((seeder) => seeders.restart(seeder)))
  assert.deepEqual(await levelLines(seeders), ['one', 'two', 'three'])
  await writeLine(seeders, 'four', 3)
  assert.deepEqual(await levelLines(seeders), ['one', 'two', 'three', 'four'])
})

test('a seeder that is told to stop ends, and one whose parent is gone ends too', async () => {
  await using seeders = await startSeeders({ count: 2 })
  const [told, orphan] = seeders.all
  assert.ok(told && orphan)
  told.kill('SIGTERM')
  orphan.leave()
  assert.deepEqual(await Promise.all([told.exited, orphan.exited]), [0, 0])
})
