// What the system must show on real processes: a site survives whatever happens to any one of its members, and to all at once.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { type SeederProcess, type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const LINES = join(import.meta.dirname, 'lines')
const SITE = 'lines'
/** Of the issue: after a leader fell silent. */
const NEXT_COMMIT_MS = 6_000

async function published(): Promise<Seeders> {
  const seeders = await startSeeders()
  try {
    await seeders.publish(LINES)
    for (const seeder of seeders.all) await until(`${SITE} at ${seeder.label}`, () => isServing(seeder))
  } catch (cause) {
    await seeders[Symbol.asyncDispose]()
    throw cause
  }
  return seeders
}

async function isServing(seeder: SeederProcess): Promise<boolean> {
  const site = await seeder.site(SITE)
  return site?.origin !== undefined && site.height > 0 && site.state === 'agreeing'
}

async function linesAt(seeder: SeederProcess): Promise<string[] | undefined> {
  try {
    const answer = await seeder.ask(SITE, '/')
    return answer.status === 200 ? (JSON.parse(answer.body.toString()) as string[]) : undefined
  } catch {
    return undefined
  }
}

/** One line, through the members in turn until one acknowledges it; the same key each time, so that it runs once (R9). */
async function writeLine(seeders: Seeders, line: string, first: number): Promise<void> {
  const key = randomBytes(16).toString('base64url')
  for (let turn = first; ; turn++) {
    const seeder = seeders.all[turn % seeders.all.length]
    assert.ok(seeder)
    try {
      const answer = await seeder.ask(SITE, '/', {
        method: 'POST',
        body: Buffer.from(line),
        headers: { 'idempotency-key': key },
      })
      if (answer.status === 201) return
      assert.equal(answer.status, 503, answer.body.toString())
    } catch (cause) {
      if (cause instanceof assert.AssertionError) throw cause
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function levelLines(seeders: Seeders): Promise<string[]> {
  return until(
    'the same lines at every member',
    async () => {
      const all = await Promise.all(seeders.all.map(linesAt))
      const [one] = all
      return one !== undefined && all.every((lines) => JSON.stringify(lines) === JSON.stringify(one)) ? one : undefined
    },
    30_000,
  )
}

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
  await until('the midst', () => acknowledged >= 40, 30_000)
  victim.kill('SIGKILL')
  const back = await seeders.restart(victim)
  await Promise.all(writes)
  assert.equal(back.ready.peer, victim.ready.peer)
  assert.deepEqual((await levelLines(seeders)).sort(), lines.sort())
})

test('R6 SIGSTOP of the leader: the next commit comes within 6 s, and the stopped one is counted silent', async () => {
  await using seeders = await published()
  await writeLine(seeders, 'before', 0)
  const leaderName = (await seeders.all[0]?.site(SITE))?.leader
  const leader = seeders.all.find((seeder) => seeder.ready.peer === leaderName)
  const other = seeders.all.find((seeder) => seeder.ready.peer !== leaderName)
  assert.ok(leader && other)
  leader.kill('SIGSTOP')
  const began = performance.now()
  const answer = await other.ask(SITE, '/', { method: 'POST', body: Buffer.from('after') })
  const tookMs = performance.now() - began
  assert.equal(answer.status, 201)
  assert.ok(tookMs < NEXT_COMMIT_MS, `${Math.round(tookMs)} ms`)
  await until('it is seen to be silent', async () => {
    const site = await other.site(SITE)
    return site?.members.find((member) => member.peer === leaderName)?.state === 'silent'
  })
  leader.kill('SIGCONT')
  assert.deepEqual(await levelLines(seeders), ['before', 'after'])
  assert.deepEqual((await other.site(SITE))?.evidence, [], 'silence is no lie')
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

test('a seeder that is told to stop ends within 5 s, and one whose parent is gone ends too', async () => {
  await using seeders = await startSeeders({ count: 2 })
  const [told, orphan] = seeders.all
  assert.ok(told && orphan)
  const began = performance.now()
  told.kill('SIGTERM')
  orphan.leave()
  assert.deepEqual(await Promise.all([told.exited, orphan.exited]), [0, 0])
  assert.ok(performance.now() - began < 5_000)
})
