// G8, G11 on real processes: members are killed and stopped at random while eight writers write, each retrying under one
// idempotency key until it is acknowledged. Whatever was acknowledged is there once, in one order, at every member.

import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { type Seeders, startSeeders } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const SITE = 'lines'
const WRITERS = 8
const CHAOS_MS = 15_000

async function write(seeders: Seeders, line: string, first: number): Promise<void> {
  const key = randomBytes(16).toString('base64url')
  for (let turn = first; ; turn++) {
    try {
      const seeder = seeders.all[turn % seeders.all.length]
      const options = { method: 'POST', body: Buffer.from(line), headers: { 'idempotency-key': key } }
      if ((await seeder?.ask(SITE, '/', options))?.status === 201) return
    } catch {
      // That member is away just now: the next one is asked.
    }
    await pass(100)
  }
}

async function disturb(seeders: Seeders): Promise<string> {
  const victim = seeders.all[randomInt(seeders.all.length)]
  assert.ok(victim)
  if (randomInt(3) === 0) {
    victim.kill('SIGSTOP')
    await pass(2_500)
    victim.kill('SIGCONT')
    return `stopped ${victim.label}`
  }
  victim.kill('SIGKILL')
  await seeders.restart(victim)
  return `killed ${victim.label}`
}

test('G8 G11 random kills and stops under load: every acknowledged write is there once, in one order', async () => {
  await using seeders = await startSeeders()
  await seeders.publish(join(import.meta.dirname, 'lines'))
  const acknowledged: string[] = []
  const disturbances: string[] = []
  let over = false
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let count = 0; !over; count++) {
      const line = `${writer}-${count}`
      await write(seeders, line, writer + count)
      acknowledged.push(line)
    }
  })
  const end = performance.now() + CHAOS_MS
  while (performance.now() < end) {
    await pass(1_000 + randomInt(2_000))
    disturbances.push(await disturb(seeders))
  }
  over = true
  await Promise.all(writers)
  const lines = await until(
    `the same lines at every member after ${disturbances.join(', ')}`,
    async () => {
      const all = await Promise.all(
        seeders.all.map(async (seeder) => (await seeder.ask(SITE, '/').catch(() => undefined))?.body.toString()),
      )
      const [one] = all
      return one !== undefined && all.every((each) => each === one) && (JSON.parse(one) as string[])
    },
    60_000,
  )
  assert.deepEqual([...lines].sort(), [...acknowledged].sort(), disturbances.join(', '))
  for (const seeder of seeders.all) assert.deepEqual((await seeder.site(SITE))?.evidence, [], 'a crash makes no liar')
})
