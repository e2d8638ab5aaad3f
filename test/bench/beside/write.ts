// Committed writes beside three etcd that write durably: p50 and rate at 1, 8 and 64 clients, CPU a write of all processes together. The same HTTP client asks both: ours a POST, etcd a POST of `/v3/kv/put`.
//
// They promise different things. etcd's three trust each other and store a value; ours are four strangers of whom one may lie, each of
// whom runs the site's script for each write, and who sign the answer.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ETCD_TIMES, type Etcd, putBody, startEtcd } from '#test/bench/beside/etcd.ts'
import type { Write } from '#test/bench/beside/failover.ts'
import { debianProgram, treeCpuMs } from '#test/bench/beside/program.ts'
import { against, alternate, type Side, sizesOf } from '#test/bench/beside/sides.ts'
import { type BenchGroup, SITE, startGroup } from '#test/bench/group.ts'
import type { Bench, BenchResult } from '#test/bench/report.ts'
import type { SeederProcess } from '#test/support/seeders.ts'
import { until } from '#test/support/until.ts'

const CLIENTS = [1, 8, 64] as const
const SIZES = { connections: 1, rounds: 4, roundMs: 1_500, warmMs: 3_000 }
const SCRIPTS = [
  { name: 'no database', path: '/none' },
  { name: 'one INSERT', path: '/insert' },
] as const
const AGREEING_MS = 60_000

export const writeBeside: Bench = async ({ note, quick }) => {
  debianProgram('etcd-server')
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const group = stack.use(await startGroup())
  const etcd = stack.use(await startEtcd(directory, ETCD_TIMES))
  await etcd.leader()
  const theirs = etcdSide(etcd)
  const results: BenchResult[] = []
  for (const { name, path } of SCRIPTS) {
    const ours = groupSide(group, path)
    for (const connections of CLIENTS) {
      const rounds = await alternate([ours, theirs], { ...sizesOf(SIZES, quick), connections })
      const both = [rounds.get(ours.name), rounds.get(theirs.name)] as const
      const at = `${connections} ${connections === 1 ? 'client' : 'clients'}, ${name}, against etcd`
      results.push(
        against(`write p50, ${at}`, 'ms', 'p50Ms', ...both),
        against(`writes, ${at}`, 'writes/s', 'perSecond', ...both),
        against(`CPU of all processes, ${at}`, 'ms/write', 'cpuUs', ...both, 1 / 1000),
      )
      note(
        results
          .slice(-3)
          .map((result) => `${result.name}: ${result.ours.toFixed(2)} | ${result.peer?.toFixed(2)}`)
          .join('; '),
      )
    }
  }
  return results
}

export const content = (index: number): string => `line ${index} of a visitor`

function groupSide(group: BenchGroup, path: string): Side {
  const members = group.seeders.all
  const hosts = new Map(members.map((seeder) => [group.target(seeder).port, group.host(seeder)]))
  return {
    name: 'ours',
    targets: members.map((seeder) => group.target(seeder)),
    status: 201,
    request: (index, { port }) => {
      const body = content(index)
      return `POST ${path} HTTP/1.1\r\nHost: ${hosts.get(port)}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    },
    cpuMs: () => members.reduce((sum, { ready }) => sum + treeCpuMs(ready.pid), 0),
  }
}

function etcdSide(etcd: Etcd): Side {
  return {
    name: 'etcd',
    targets: etcd.members.map(({ target }) => target),
    status: 200,
    request: (index, { port }) => {
      const body = putBody(index, content(index))
      return `POST /v3/kv/put HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
    },
    cpuMs: () => etcd.members.reduce((sum, { program }) => sum + treeCpuMs(program.pid), 0),
  }
}

export function insertAt(group: BenchGroup, member: SeederProcess, index: number): Write {
  return {
    url: `http://${group.host(member)}/insert`,
    options: { method: 'POST', body: Buffer.from(content(index)), headers: { 'content-type': 'text/plain' } },
    status: 201,
  }
}

/** Waits until all members name one leader of one height. */
export function groupLeader(group: BenchGroup): Promise<SeederProcess> {
  return until(
    'one member leads',
    async () => {
      const said = await Promise.all(group.seeders.all.map((seeder) => seeder.site(SITE)))
      const views = new Set(said.map((site) => `${site?.state} ${site?.height} ${site?.view} ${site?.leader}`))
      if (views.size !== 1 || said[0] === undefined || said[0].queued > 0) return undefined
      return group.seeders.all.find(({ ready }) => ready.peer === said[0]?.leader)
    },
    AGREEING_MS,
  )
}
