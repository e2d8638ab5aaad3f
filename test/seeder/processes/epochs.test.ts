// §6 on real processes, what `members.test.ts` does not come to: a hand-over by CLOSE under load, since those who are to come are silent; and a
// member that lost its votes, which follows along, says so, and votes from the next epoch on.

import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { certFromBytes } from '#seeder/agree/record.ts'
import { votersAt } from '#test/support/faulty.ts'
import { isKnown, nameMembers } from '#test/support/hand-over.ts'
import { levelLines, noEvidence, published, SITE, writeLine } from '#test/support/lines.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const WRITERS = 3
/** Who left sends on, or knows nothing of the site any more. */
const REFUSALS = [307, 404, 503, 504]
/** §6: CLOSE comes after so many Δ; the default Δ would make that a minute. */
const SHORT_DELTA_MS = 100
const EPOCH_MS = 120_000

async function isIn(seeder: SeederProcess, epoch: number): Promise<boolean> {
  return (await seeder.site(SITE))?.epoch === epoch
}

async function agreesIn(members: readonly SeederProcess[], epoch: number): Promise<void> {
  await until(
    `epoch ${epoch} at every member`,
    async () => {
      const sites = await Promise.all(members.map((seeder) => seeder.site(SITE)))
      return sites.every((site) => site?.epoch === epoch && site.state === 'agreeing')
    },
    EPOCH_MS,
  )
}

/** Kinds of the blocks that it has, from the first one on. */
async function kindsAt(seeder: SeederProcess): Promise<readonly string[]> {
  const { height = 0 } = (await seeder.site(SITE)) ?? {}
  const kinds: string[] = []
  for (let at = 1; at <= height; at++) {
    const answer = await seeder.ask(SITE, `/.well-known/interpeer/certificate/${at}`)
    const cert = certFromBytes(answer.body)
    assert.ok(answer.status === 200 && cert.ok, `the certificate of height ${at}`)
    kinds.push(cert.value.block.kind)
  }
  return kinds
}

test('§6 G8 G11 under load a group goes on by CLOSE when those who are to come are silent, though one that stays is killed', async () => {
  await using seeders = await published({ settings: { delta_ms: SHORT_DELTA_MS } })
  const [one, two, ...stay] = seeders.all
  const [killed, other] = stay
  assert.ok(one && two && killed && other)
  const coming = [await seeders.start('t1'), await seeders.start('t2')]
  for (const each of coming) await isKnown(seeders, each)
  const acknowledged: string[] = []
  let over = false
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let count = 0; !over; count++) {
      const line = `${writer}-${count}`
      await writeLine(seeders, line, writer + count, REFUSALS)
      acknowledged.push(line)
    }
  })
  let present: readonly SeederProcess[] = []
  try {
    await until('writes are under way', () => acknowledged.length > 0)
    for (const each of coming) each.kill('SIGSTOP')
    await nameMembers(seeders, SITE, [one, two], coming)
    killed.kill('SIGKILL')
    const again = await seeders.restart(killed)
    for (const each of [again, other])
      await until(`${each.label} is in epoch 1 without those who come`, () => isIn(each, 1), EPOCH_MS)
    for (const each of coming) each.kill('SIGCONT')
    present = [again, other, ...coming]
    await agreesIn(present, 1)
    const { length } = acknowledged
    await until('writes go on', () => acknowledged.length > length)
  } finally {
    over = true
  }
  await Promise.all(writers)
  const lines = await levelLines({ all: present })
  assert.deepEqual([...lines].sort(), [...acknowledged].sort())
  await noEvidence({ all: present }, 'a hand-over makes no liar')
  assert.ok(!(await kindsAt(other)).includes('reconfig'), 'it went by CLOSE')
  const sent = await one.ask(SITE, '/page?x=1')
  assert.deepEqual([sent.status, sent.headers.location?.endsWith('/page?x=1')], [307, true])
})

test('§6 R1 a member that lost its votes follows along, and votes from the next epoch on', async () => {
  await using seeders = await published()
  const [leaves, lost, third, fourth] = seeders.all
  assert.ok(leaves && lost && third && fourth)
  await writeLine(seeders, 'before', 0)
  lost.kill('SIGKILL')
  await lost.exited
  rmSync(join(seeders.directory, lost.label, 'store'), { recursive: true })
  const back = await seeders.restart(lost)
  await until('it says so', async () => (await back.site(SITE))?.degraded === 'votes_lost')
  await writeLine({ all: [third] }, 'while it abstains', 0)
  assert.deepEqual(await levelLines(seeders), ['before', 'while it abstains'], 'it follows along')
  assert.ok(!(await votersAt(seeders, fourth)).includes(back.label), 'and does not vote')

  const comes = await seeders.start('t1')
  await isKnown(seeders, comes)
  await nameMembers(seeders, SITE, [leaves], [comes])
  await agreesIn([back, third, fourth, comes], 1)
  // Of four one is away: the vote of each other one is needed.
  third.kill('SIGKILL')
  await third.exited
  await writeLine({ all: [fourth] }, 'by its vote', 0)
  assert.ok((await votersAt(seeders, fourth)).includes(back.label), 'it votes')
  const lines = await levelLines({ all: [back, fourth, comes] })
  assert.deepEqual(lines, ['before', 'while it abstains', 'by its vote'])
  await noEvidence({ all: [back, fourth, comes] }, 'losing votes makes no liar')
})
