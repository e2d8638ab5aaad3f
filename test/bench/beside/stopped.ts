// How long no write is answered when the leader stops as it stands: from SIGSTOP to the first answer of a member that goes on, beside three etcd. The
// group has settled before it, as one that runs; and once more as soon as it has a leader again, when it is still cautious (R6).

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ETCD_TIMES, ETCD_TIMES_SHORT, type Etcd, type EtcdTimes, putBody, startEtcd } from '#test/bench/beside/etcd.ts'
import { firstWriteAfter } from '#test/bench/beside/failover.ts'
import { debianProgram } from '#test/bench/beside/program.ts'
import { settled } from '#test/bench/beside/settled.ts'
import { content, groupLeader, insertAt } from '#test/bench/beside/write.ts'
import { type BenchGroup, startGroup } from '#test/bench/group.ts'
import { type Bench, compared, measured, median } from '#test/bench/report.ts'

const STOPS = 5

type Stop = { readonly ours: number; readonly again: number; readonly etcd: number; readonly tuned: number }

export const stopped: Bench = async ({ note, quick }) => {
  debianProgram('etcd-server')
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const started = async (name: string, times: EtcdTimes): Promise<Etcd> => {
    mkdirSync(join(directory, name))
    return stack.use(await startEtcd(join(directory, name), times))
  }
  const group = stack.use(await startGroup())
  const etcd = await started('default', ETCD_TIMES)
  const tuned = await started('tuned', ETCD_TIMES_SHORT)
  const stops: Stop[] = []
  for (let round = 0; round < (quick ? 1 : STOPS); round++) {
    const timerMs = await settled(group)
    const ours = await groupStop(group)
    const stop = { ours, again: await groupStop(group), etcd: await etcdStop(etcd), tuned: await etcdStop(tuned) }
    stops.push(stop)
    note(
      `leader stopped: ${stop.ours.toFixed(0)} ms (it was waited for ${timerMs.toFixed(0)} ms), again ${stop.again.toFixed(0)} ms, etcd ${stop.etcd.toFixed(0)} ms, tuned ${stop.tuned.toFixed(0)} ms`,
    )
  }
  const beside = (name: 'etcd' | 'tuned', { electionMs }: EtcdTimes) =>
    compared(
      `first write after the leader stops, against etcd (election time-out ${electionMs} ms)`,
      'ms',
      stops.map((stop) => ({ ours: stop.ours, peer: stop[name] })),
    )
  return [
    beside('etcd', ETCD_TIMES),
    beside('tuned', ETCD_TIMES_SHORT),
    measured('first write after the next leader stops at once', 'ms', median(stops.map(({ again }) => again))),
  ]
}

/** The leader is stopped while nothing is under way, and goes on afterwards. */
async function groupStop(group: BenchGroup): Promise<number> {
  const leader = await groupLeader(group)
  const other = group.seeders.all.find((seeder) => seeder !== leader)
  if (other === undefined) throw new Error('there is another member')
  try {
    return await firstWriteAfter(
      () => leader.kill('SIGSTOP'),
      (index) => insertAt(group, other, index),
    )
  } finally {
    leader.kill('SIGCONT')
  }
}

async function etcdStop(etcd: Etcd): Promise<number> {
  const leader = await etcd.leader()
  const other = etcd.members.find((member) => member !== leader)
  if (other === undefined) throw new Error('there is another member')
  try {
    return await firstWriteAfter(
      () => leader.program.kill('SIGSTOP'),
      (index) => ({
        url: `${other.url}/v3/kv/put`,
        options: { method: 'POST', body: Buffer.from(putBody(index, content(index))) },
        status: 200,
      }),
    )
  } finally {
    leader.program.kill('SIGCONT')
  }
}
