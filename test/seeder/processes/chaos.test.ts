// G8, G11 on real processes: members are killed and stopped at random while eight writers write, each retrying under one
// idempotency key until it is acknowledged. Whatever was acknowledged is there once, in one order, at every member.

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as pass } from 'node:timers/promises'
import { levelLines, noEvidence, published, writeLine } from '#test/support/lines.ts'
import type { Seeders } from '#test/support/seeders.ts'

const WRITERS = 8
const CHAOS_MS = 15_000

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
  await using seeders = await published()
  const acknowledged: string[] = []
  const disturbances: string[] = []
  let over = false
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let count = 0; !over; count++) {
      const line = `${writer}-${count}`
      await writeLine(seeders, line, writer + count)
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
  const lines = await levelLines(seeders)
  assert.deepEqual([...lines].sort(), [...acknowledged].sort(), disturbances.join(', '))
  await noEvidence(seeders, 'a crash makes no liar')
})
