// What a seeder takes while nobody visits: its memory and processor beside a bare libp2p node of the same options, and what
// each further idle site adds. Memory is read after a start from the data that is there, sites agreeing, no script running.

import { setTimeout as delay } from 'node:timers/promises'
import { type BenchGroup, SITE, serving, startGroup } from '#test/bench/group.ts'
import { cpuSplitMs, EXECUTION_THREAD, type Peer, residentMb, startPeer, threadCpuMs } from '#test/bench/processes.ts'
import { type Bench, compared, measured, median } from '#test/bench/report.ts'
import { until } from '#test/support/until.ts'

/** After a start: what it left behind is collected, links stand. */
const SETTLE_MS = 12_000
const CPU_MS = 12_000
const MORE_SITES = 20
/** A worker thread without work ends after a minute. */
const RESTING_MS = 75_000

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
  const visited = memory(group)

  await restart(group, [SITE])
  const one = memory(group)
  const peers = bare.map(({ pid }) => residentMb(pid))
  const before = [...group.seeders.all.map(({ ready }) => ready.pid), ...bare.map(({ pid }) => pid)].map(cpu)
  await delay(CPU_MS)
  const shares = [...group.seeders.all.map(({ ready }) => ready.pid), ...bare.map(({ pid }) => pid)].map(
    (pid, index) => (1000 * (cpu(pid) - (before[index] ?? 0))) / CPU_MS,
  )

  note(`${MORE_SITES} more sites`)
  const names = Array.from({ length: MORE_SITES }, (_, index) => `idle-${index + 1}`)
  for (const name of names) await group.seeders.publish(group.project, name)
  await restart(group, [SITE, ...names])
  const many = memory(group)
  return [
    compared(
      'memory of an idle seeder of one site, against bare libp2p',
      'MB',
      one.map((ours, index) => ({ ours, peer: peers[index] ?? Number.NaN })),
    ),
    measured('memory of a seeder a minute after a visit', 'MB', median(visited)),
    measured(
      'memory of each further idle site',
      'MB',
      median(many.map((total, index) => (total - (one[index] ?? 0)) / MORE_SITES)),
    ),
    compared(
      'processor of an idle seeder, against bare libp2p',
      'ms/s',
      group.seeders.all.map((_, index) => ({
        ours: shares[index] ?? Number.NaN,
        peer: shares[group.seeders.all.length + index] ?? Number.NaN,
      })),
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

/** Every seeder again from its data, and at rest. */
async function restart(group: BenchGroup, names: readonly string[]): Promise<void> {
  const { seeders } = group
  for (const seeder of [...seeders.all]) {
    seeder.kill('SIGTERM')
    await seeders.restart(seeder, '--log-level', 'info')
  }
  await serving(seeders, names)
  await until('no thread for scripts', () => seeders.all.every(({ ready }) => isResting(ready.pid)), RESTING_MS)
  await delay(SETTLE_MS)
}
