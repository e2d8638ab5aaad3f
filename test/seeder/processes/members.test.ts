// §6 on real processes: under load and kills the members of a group are replaced one after the other, until none of the first is left.
// What was acknowledged is there once, in one order; the heights have no gap; nobody is called a liar; who left sends its visitors on.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { exchange } from '#cli/network/http.ts'
import { isKnown, replaceMember } from '#test/support/hand-over.ts'
import { levelLines, noEvidence, published, SITE, writeLine } from '#test/support/lines.ts'
import { until } from '#test/support/until.ts'

const WRITERS = 4
const MEMBERS = 4
/** Who left sends on, or knows nothing of the site any more. */
const REFUSALS = [307, 404, 503, 504]
/** A joiner runs the whole log again while the others go on: it gets there, on a busy machine late. */
const EPOCH_MS = 120_000

test('§6 G8 G11 members are replaced one after the other under load and kills until none of the first is left', async () => {
  await using seeders = await published({ count: MEMBERS })
  const first = [...seeders.all]
  const acknowledged: string[] = []
  let over = false
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let count = 0; !over; count++) {
      const line = `${writer}-${count}`
      await writeLine(seeders, line, writer + count, REFUSALS)
      acknowledged.push(line)
    }
  })
  let present = [...first]
  try {
    for (const [turn, out] of first.entries()) {
      const next = await seeders.start(`t${turn + 1}`)
      await isKnown(seeders, next)
      await replaceMember(seeders, SITE, out, next)
      // In the midst of the hand-over one member is killed: each time another one, the leaver and the joiner among them.
      const victim = [present[1], next, out, present[2]][turn]
      assert.ok(victim !== undefined)
      await pass(200 * turn)
      victim.kill('SIGKILL')
      const again = await seeders.restart(victim)
      present = [...present.filter(({ label }) => label !== out.label), next].map((each) =>
        each === victim ? again : each,
      )
      await until(
        `epoch ${turn + 1} at every member`,
        async () => {
          const sites = await Promise.all(present.map((seeder) => seeder.site(SITE)))
          return sites.every((site) => site?.epoch === turn + 1 && site.state === 'agreeing')
        },
        EPOCH_MS,
      )
    }
    assert.ok(present.every((seeder) => first.every(({ label }) => label !== seeder.label)))
    // The first that left has forgotten the site by now, and comes back.
    const [back] = seeders.all.filter(({ label }) => label === first[0]?.label)
    const [out] = present
    assert.ok(back && out)
    await until(
      'the site forgotten',
      async () => (await back.report())?.sites.every(({ name }) => name !== SITE) === true,
    )
    await replaceMember(seeders, SITE, out, back)
    present = [...present.slice(1), back]
    await until(
      'epoch 5 at every member',
      async () => {
        const sites = await Promise.all(present.map((seeder) => seeder.site(SITE)))
        return sites.every((site) => site?.epoch === MEMBERS + 1 && site.state === 'agreeing')
      },
      EPOCH_MS,
    )
  } finally {
    over = true
  }
  await Promise.all(writers)
  const lines = await levelLines({ all: present })
  assert.deepEqual([...lines].sort(), [...acknowledged].sort())
  await noEvidence({ all: present }, 'a hand-over makes no liar')
  for (const seeder of present) {
    const site = await seeder.site(SITE)
    const origin = (await seeder.report())?.sites.find((each) => each.name === SITE)?.origin
    for (let height = site?.height ?? 0; height > Math.max(0, (site?.height ?? 0) - 20); height--) {
      const found = await exchange(`${origin}/.well-known/interpeer/certificate/${height}`, { timeoutMs: 5_000 })
      assert.equal(found.status, 200, `the certificate of height ${height}`)
    }
  }
  // The last to leave.
  const left = seeders.all.find(({ label }) => label === first.at(-1)?.label)
  const sent = await left?.ask(SITE, '/page?x=1')
  assert.equal(sent?.status, 307)
  const target = sent.headers.location ?? ''
  assert.match(target, /\/page\?x=1$/)
})
