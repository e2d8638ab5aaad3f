// R1: killed before and after what asks for something durable now and then only, row by row of the table in docs/FAULTS.md: an update that is
// uploaded and fetched, a state that is lent, a proof of a lie, a site that ends, a store that is set aside. Votes, heights and hand-overs have files
// of their own (points.ts, handover.ts). Each row says who asks, and must have been met on both sides.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { exchange } from '#cli/network/http.ts'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { domainOf, groupOf } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { signStatement } from '#protocol/message/domain.ts'
import { STORE_FILE } from '#seeder/store/store.ts'
import { published, votersAt, withFaults } from '#test/support/faulty.ts'
import { isKnown, nameMembers } from '#test/support/hand-over.ts'
import { agrees, LINES, levelLines, linesAt, noEvidence, SITE, writeLine } from '#test/support/lines.ts'
import { count, type Points } from '#test/support/persist-points.ts'
import type { SeederProcess, Seeders } from '#test/support/seeders.ts'
import { siteWithFiles } from '#test/support/site-copy.ts'
import { until } from '#test/support/until.ts'

const WHEN = ['before', 'after'] as const
const DEATH_MS = 120_000
const BACK_MS = 120_000
const BULK_BYTES = 300_000
/** Provocations of one death. */
const TURNS_MAX = 5
const WRITES_MAX = 200
const PAGE_BYTES = 8_192
const SNAPSHOT_HEIGHTS = 4
const OLD_ENOUGH_MS = WINDOW_MS + 20_000
const EPOCH_MS = WINDOW_MS + 180_000
/** Between two writes of a group that grows old. */
const BETWEEN_MS = 5_000
const LENDING = 'seeder/agree/content-server'
/** Of the memo, when a store was set aside: that it is lost (draft, name), and that the new store knows (draft, name). */
const MEMO_POINTS = 4

type When = (typeof WHEN)[number]

/** Sets its end, provokes it until it comes, notes it, and starts the member again. */
async function dies(
  seeders: Seeders,
  victim: SeederProcess,
  by: string,
  when: When,
  points: Points,
  provoke: () => Promise<unknown>,
): Promise<SeederProcess> {
  let died = false
  void victim.exited.then(() => {
    died = true
  })
  withFaults(victim, { kill: { point: 1, of: 'now', when, by } })
  for (let turn = 0; !died; turn++) {
    assert.ok(turn < TURNS_MAX, `${victim.label} did not come to ${by}`)
    await provoke()
  }
  return backAgain(seeders, victim, by, when, points)
}

async function backAgain(
  seeders: Seeders,
  victim: SeederProcess,
  by: string,
  when: When,
  points: Points,
): Promise<SeederProcess> {
  assert.ok(count(points, victim.faults, when).startsWith(by))
  withFaults(victim, {})
  return seeders.restart(victim)
}

function tell(context: TestContext, points: Points): void {
  for (const [what, times] of points) context.diagnostic(`${times} × ${what}`)
}

/** In the order of the group, which is the one in which members are asked to take an upload. */
function inOrder(seeders: Seeders): readonly SeederProcess[] {
  const job = seeders.admission.file().jobs.find(({ name }) => name === SITE)
  assert.ok(job)
  return groupOf(job).members.map((key) => {
    const found = seeders.all.find(({ ready }) => ready.peer === peerName(key))
    assert.ok(found)
    return found
  })
}

test('§5 R1 killed before and after each durable step of an update: at the member that takes it, and at one that fetches it', async (context) => {
  await using seeders = await published()
  const points: Points = new Map()
  const lines: string[] = []
  let edition = 0
  const isShown = async (seeder: SeederProcess): Promise<boolean> => {
    const answer = await seeder.ask(SITE, '/edition.txt').catch(() => undefined)
    return answer?.status === 200 && answer.body.toString() === `${edition}`
  }
  for (const [by, place] of [
    ['seeder/agree/publish', 0],
    ['seeder/store/block-table', 0],
    ['seeder/agree/bundles', 1],
    ['seeder/store/block-table', 1],
  ] as const)
    for (const when of WHEN) {
      const victim = inOrder(seeders)[place]
      assert.ok(victim)
      const publish = async (): Promise<void> => {
        const files = { 'edition.txt': `${++edition}`, 'bulk.bin': randomBytes(BULK_BYTES) }
        using site = siteWithFiles(LINES, files)
        await seeders.publish(site.folder)
      }
      const back = await dies(seeders, victim, by, when, points, publish)
      const line = `${by} ${place} ${when}`
      await writeLine(seeders, line, 0)
      lines.push(line)
      await until('it agrees again', () => agrees(back), BACK_MS)
      for (const seeder of seeders.all)
        await until(`edition ${edition} at ${seeder.label}`, () => isShown(seeder), BACK_MS)
      assert.deepEqual(await levelLines(seeders), lines)
    }
  tell(context, points)
  await noEvidence(seeders)
})

test('§9 R1 killed before and after a proof of a lie is written down: it is known afterwards, and nobody else is accused', async (context) => {
  await using seeders = await published({ arguments: { s4: ['--byzantine', 'equivocate'] } })
  const liar = seeders.all.find(({ label }) => label === 's4')
  const points: Points = new Map()
  const lines: string[] = []
  const [first] = seeders.all
  assert.ok(liar && first)
  let victim = first
  for (const when of WHEN) {
    let died = false
    void victim.exited.then(() => {
      died = true
    })
    withFaults(victim, { kill: { point: 1, of: 'now', when, by: 'seeder/agree/site' } })
    for (let turn = 0; !died; turn++) {
      assert.ok(turn < WRITES_MAX, 'it did not come to write a proof down')
      const line = `${when} ${lines.length}`
      // Without it, and with a liar, the others are no quorum: who comes back takes the write.
      const written = writeLine(seeders, line, 1 + (lines.length % 3))
      await Promise.race([written, victim.exited])
      if (died) victim = await backAgain(seeders, victim, 'seeder/agree/site', when, points)
      await written
      lines.push(line)
    }
    await until('it agrees again', () => agrees(victim), BACK_MS)
  }
  tell(context, points)
  const proofs = await until('a proof at it', async () => {
    const found = (await victim.site(SITE))?.evidence ?? []
    return found.length > 0 && found
  })
  for (const { accused } of proofs) assert.equal(accused, liar.ready.peer)
  assert.deepEqual(await levelLines({ all: seeders.all.filter((each) => each !== liar) }), lines)
})

test('R1 killed before and after a site that ended is let go: it is gone at the next start, and another one of that name begins anew', async (context) => {
  await using seeders = await published()
  const points: Points = new Map()
  const end = async (): Promise<void> => {
    const file = seeders.admission.file()
    const job = file.jobs.find(({ name }) => name === SITE)
    assert.ok(job)
    const statement = { job: groupOf(job).job, time: Date.now() }
    const body = cborFromValue(signStatement(domainOf(file), 'job_end', seeders.uploader, statement))
    const answer = await exchange(`${file.admission}/jobs/end`, { method: 'POST', body })
    assert.equal(answer.status, 200, answer.body.toString())
  }
  for (const when of WHEN) {
    await writeLine(seeders, `${when} its end`, 0)
    const [victim] = seeders.all
    assert.ok(victim)
    const back = await dies(seeders, victim, 'seeder/host/site-host', when, points, async () => {
      await end()
      await victim.exited
    })
    await until('no site at it', async () => (await back.report())?.sites.length === 0, BACK_MS)
    await seeders.publish(LINES)
    for (const seeder of seeders.all) await until(`${SITE} at ${seeder.label}`, () => agrees(seeder), BACK_MS)
    assert.deepEqual(await levelLines(seeders), [])
  }
  tell(context, points)
  await noEvidence(seeders)
})

/** Stops a member as a service manager does, so that all is in its file, and does what a disk may do to the pages. */
async function damage(seeders: Seeders, victim: SeederProcess): Promise<void> {
  const { label } = victim
  victim.kill('SIGTERM')
  await victim.exited
  const handle = openSync(join(seeders.directory, label, 'store', STORE_FILE), 'r+')
  for (let page = 1; page < 6; page++) writeSync(handle, randomBytes(12), 0, 12, page * PAGE_BYTES)
  closeSync(handle)
}

test('R1 killed before and after each durable step by which a damaged store is set aside: the votes stay lost', async (context) => {
  await using seeders = await published()
  const points: Points = new Map()
  const lines: string[] = []
  const write = async (line: string, first: number): Promise<void> => {
    await writeLine(seeders, line, first)
    lines.push(line)
  }
  const [, other] = seeders.all
  assert.ok(other)
  const faults = seeders.all[0]?.faults ?? ''
  const victim = (): SeederProcess => {
    const [found] = seeders.all
    assert.ok(found)
    return found
  }
  /** It shows what the others do, and signs nothing in this epoch. */
  const followsAlong = async (): Promise<void> => {
    const site = await until(
      'its votes are lost',
      async () => {
        const found = await victim().site(SITE)
        return found?.degraded === 'votes_lost' && found
      },
      BACK_MS,
    )
    assert.equal(site.state, 'degraded')
    await write(`line ${lines.length}`, 1)
    await until('its lines', async () => (await linesAt(victim()))?.length === lines.length, BACK_MS)
    const voters = await votersAt(seeders, other)
    assert.ok(!voters.includes(victim().label), voters.join())
  }
  const steps = Array.from({ length: MEMO_POINTS }, (_, index) => ['seeder/config/memo', index + 1] as const)
  for (const [by, point] of [...steps, ['seeder/host/site-host', 1] as const])
    for (const when of WHEN) {
      await write(`line ${lines.length}`, 1)
      await damage(seeders, victim())
      withFaults({ faults }, { kill: { point, of: 'start', when, by } })
      const lived = await seeders.restart(victim()).catch((cause: Error) => {
        assert.match(cause.message, /ended with SIGKILL/)
        return undefined
      })
      let died = lived === undefined
      void lived?.exited.then(() => {
        died = true
      })
      await until(`${by} ${point}`, () => died, DEATH_MS)
      assert.ok(count(points, faults, when).startsWith(by))
      withFaults({ faults }, {})
      await seeders.restart(victim())
      await followsAlong()
    }
  tell(context, points)
  assert.deepEqual(await levelLines(seeders), lines)
  await noEvidence(seeders)
})

test('R1 killed before and after a member holds its state for another one: that one gets it all the same', async (context) => {
  await using seeders = await published({ settings: { snapshot_heights: SNAPSHOT_HEIGHTS } })
  const points: Points = new Map()
  const lines: string[] = []
  const write = async (): Promise<void> => {
    const line = `line ${lines.length}`
    await writeLine({ all: inOrder(seeders) }, line, 1, [307, 503, 504])
    lines.push(line)
  }
  // A state is offered when it is older than R9's window, and taken by whoever is further behind than two snapshots.
  for (let height = 0; height < 4 * SNAPSHOT_HEIGHTS; height++) await write()
  const end = performance.now() + OLD_ENOUGH_MS
  while (performance.now() < end) {
    await write()
    await pass(BETWEEN_MS)
  }
  for (const when of WHEN) {
    const comes = await seeders.start(`t${when}`)
    await isKnown(seeders, comes)
    const [leaves, ...lenders] = inOrder(seeders)
    assert.ok(leaves)
    const dead: SeederProcess[] = []
    for (const each of [leaves, ...lenders]) {
      void each.exited.then(() => dead.push(each))
      withFaults(each, { kill: { point: 1, of: 'now', when, by: LENDING } })
    }
    await nameMembers(seeders, SITE, [leaves], [comes])
    await until('a lender dies', () => dead.length > 0, DEATH_MS)
    for (const each of [leaves, ...lenders]) if (!dead.includes(each)) withFaults(each, {})
    while (dead.length > 0) {
      const [each] = dead.splice(0, 1)
      if (each !== undefined) await backAgain(seeders, each, LENDING, when, points)
    }
    for (const each of inOrder(seeders)) await until(`${each.label} agrees`, () => agrees(each), EPOCH_MS)
    await write()
    await until('its lines', async () => (await linesAt(comes))?.length === lines.length, BACK_MS)
  }
  tell(context, points)
  assert.deepEqual(await levelLines({ all: inOrder(seeders) }), lines)
  await noEvidence({ all: inOrder(seeders) })
})
