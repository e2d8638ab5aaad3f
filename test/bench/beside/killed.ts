// How long no write is answered when the process of the leader ends without a word: from SIGKILL to the first answer of a member that goes on.
// It is started again before the next round.

import { firstWriteAfter } from '#test/bench/beside/failover.ts'
import { groupLeader, insertAt } from '#test/bench/beside/write.ts'
import { load } from '#test/bench/client.ts'
import { type BenchGroup, startGroup } from '#test/bench/group.ts'
import { type Bench, measured, median } from '#test/bench/report.ts'

const ROUNDS = 3
/** Commits after which measured links are believed again (R6). */
const CALM_WRITES = 48
const WRITES_MS = 1_000

export const killed: Bench = async ({ note }) => {
  await using group = await startGroup()
  const waits: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const leader = await groupLeader(group)
    await calm(group)
    const other = group.seeders.all.find((seeder) => seeder !== leader)
    if (other === undefined) throw new Error('there is another member')
    const wait = await firstWriteAfter(
      () => leader.kill('SIGKILL'),
      (index) => insertAt(group, other, index),
    )
    waits.push(wait)
    note(`leader killed: ${wait.toFixed(0)} ms`)
    if (round + 1 < ROUNDS) await group.seeders.restart(leader)
  }
  return [measured('first write after the leader is killed', 'ms', median(waits))]
}

/** One write after the other, until so many are certified. */
async function calm(group: BenchGroup): Promise<void> {
  const [seeder] = group.seeders.all
  if (seeder === undefined) throw new Error('there is a seeder')
  const target = { ...group.target(seeder), host: '127.0.0.1' }
  const request = `POST /none HTTP/1.1\r\nHost: ${group.host(seeder)}\r\nContent-Length: 0\r\n\r\n`
  for (let written = 0; written < CALM_WRITES; ) {
    const { answers } = await load([target], {
      connections: 1,
      durationMs: WRITES_MS,
      status: 201,
      request: () => request,
    })
    written += answers
  }
}
