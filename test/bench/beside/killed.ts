// How long no write is answered when the process of the leader ends without a word: from SIGKILL to the first answer of a member that goes on.
// It is started again before the next round.

import { firstWriteAfter } from '#test/bench/beside/failover.ts'
import { settled } from '#test/bench/beside/settled.ts'
import { groupLeader, insertAt } from '#test/bench/beside/write.ts'
import { startGroup } from '#test/bench/group.ts'
import { type Bench, measured, median } from '#test/bench/report.ts'

const ROUNDS = 3

export const killed: Bench = async ({ note, quick }) => {
  await using group = await startGroup()
  const waits: number[] = []
  for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
    await settled(group)
    const leader = await groupLeader(group)
    const other = group.seeders.all.find((seeder) => seeder !== leader)
    if (other === undefined) throw new Error('there is another member')
    const wait = await firstWriteAfter(
      () => leader.kill('SIGKILL'),
      (index) => insertAt(group, other, index),
    )
    waits.push(wait)
    note(`leader killed: ${wait.toFixed(0)} ms`)
    if (!quick && round + 1 < ROUNDS) await group.seeders.restart(leader)
  }
  return [measured('first write after the leader is killed', 'ms', median(waits))]
}
