// What a seeder takes while nobody visits: its memory and processor beside a bare libp2p node of the same options, and what
// each further idle site adds. The first is read of members that have agreed, written, been visited and looked at each other, once
// the thread for scripts is gone; the last of members just started from their data, before anybody asked for anything.

import { setTimeout as delay } from 'node:timers/promises'
import { type BenchGroup, SITE, serving, startGroup } from '#test/bench/group.ts'
import { cpuSplitMs, EXECUTION_THREAD, type Peer, residentMb, startPeer, threadCpuMs } from '#test/bench/processes.ts'
import { type Bench, compared, measured, median } from '#test/bench/report.ts'
import { until } from '#test/support/until.ts'

/** After a start: links stand, and no member has looked at another's answers yet, which would start their scripts. */
const SETTLE_MS = 3_000
const CPU_MS = 10_000
const MORE_SITES = 20
const PUBLISHED_AT_ONCE = 4
/** A worker thread without work ends after a minute; until then members may have looked at each other once more. */
const RESTING_MS = 120_000

export const idle: Bench = async ({ note }) => {
  await using group = await startGroup()
  await using stack = new AsyncDisposableStack()
  const bare: Peer[] = []
  for (const _ of group.seeders.all) bare.push(stack.use(await startPeer('libp2p')))
  for (const [index, peer] of bare.entries()) {
    const others = bare.slice(index + 1).flatMap((other) => other.ready.addresses as readonly string[])
    await peer.ask({ dial: others })
  }
  note(`${group.seeders.all.length} members rest after a visit`)
  for (const seeder of group.seeders.all) await seeder.ask(SITE, '/page')
  await until('no thread for scripts', () => group.seeders.all.every(({ ready }) => isResting(ready.pid)), RESTING_MS)
  const rested = memory(group)
  const peers = bare.map(({ pid }) => residentMb(pid))
  const before = group.seeders.all.map(({ ready }) => cpu(ready.pid))
  const peersBefore = bare.map(({ pid }) => cpu(pid))
  await delay(CPU_MS)
  const share = (pid: number, from: number | undefined): number => (1000 * (cpu(pid) - (from ?? 0))) / CPU_MS
  const shares = group.seeders.all.map(({ ready }, index) => share(ready.pid, before[index]))
  const peersShares = bare.map(({ pid }, index) => share(pid, peersBefore[index]))

  await restart(group, [SITE])
  const one = memory(group)
  note(`${MORE_SITES} more sites`)
  const names = Array.from({ length: MORE_SITES }, (_, index) => `idle-${index + 1}`)
  for (let index = 0; index < names.length; index += PUBLISHED_AT_ONCE) {
    const some = names.slice(index, index + PUBLISHED_AT_ONCE)
    await Promise.all(some.map((name) => group.seeders.publish(group.project, name)))
  }
  await restart(group, [SITE, ...names])
  const many = memory(group)
  const beside = (ours: readonly number[], theirs: readonly number[]): { ours: number; peer: number }[] =>
    ours.map((value, index) => ({ ours: value, peer: theirs[index] ?? Number.NaN }))
  return [
    compared('memory of an idle seeder, against bare libp2p', 'MB', beside(rested, peers)),
    compared('processor of an idle seeder, against bare libp2p', 'ms/s', beside(shares, peersShares)),
    measured('memory of a seeder just started', 'MB', median(one)),
    measured(
      'memory of each further idle site',
      'MB',
      median(many.map((total, index) => (total - (one[index] ?? 0)) / MORE_SITES)),
    ),
  ]
}

function cpu(pid: number): number {
  const { execution, rest } = cpuSplitMs(pid)
  return execution + rest
}

function isResting(pid: number): boolean {
  return !threadCpuMs(pid).has(EXECUTION_THREAD)
}

function memory(group: BenchGroup): number[] {
  return group.seeders.all.map(({ ready }) => residentMb(ready.pid))
}

/** All seeders again from their data. */
async function restart(group: BenchGroup, names: readonly string[]): Promise<void> {
  const { seeders } = group
  for (const seeder of seeders.all) seeder.kill('SIGTERM')
  await Promise.all([...seeders.all].map((seeder) => seeders.restart(seeder, '--log-level', 'info')))
  await serving(seeders, names)
  await delay(SETTLE_MS)
}
