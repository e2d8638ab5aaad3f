// Committed writes of a group of four: how long one takes, how many there are a second, and what each costs a member. Beside them,
// in alternating rounds: durable SQLite commits of as many bytes in four processes at once, and the bare price of the signatures
// that were counted.

import { readFileSync } from 'node:fs'
import { load, type Target } from '#test/bench/client.ts'
import type { Counts } from '#test/bench/counters.ts'
import { type BenchGroup, startGroup } from '#test/bench/group.ts'
import { cpuSplitMs, type Peer, startPeer } from '#test/bench/processes.ts'
import { type Bench, type BenchResult, compared, measured, median } from '#test/bench/report.ts'

const WARM_MS = 2_000
const ALONE_MS = 1_000
const CROWD_MS = 2_000
const COMMITS_MS = 500
const ROUNDS = 5
const CLIENTS = 64
/** Each waits for the one before: PROPOSE, VOTE1 and VOTE2 before they are sent (R1), the height before the answer. */
const COMMITS_IN_A_ROW = 4
const SIGNATURES = 1_000
const SCRIPTS = [
  { name: 'no database', path: '/none' },
  { name: 'one INSERT', path: '/insert' },
] as const

export const write: Bench = async ({ note }) => {
  await using group = await startGroup()
  await using stack = new AsyncDisposableStack()
  const disks: Peer[] = []
  for (const { label } of group.seeders.all)
    disks.push(stack.use(await startPeer('sqlite', { directory: group.directory, name: label })))
  const ed25519 = stack.use(await startPeer('ed25519'))
  const results: BenchResult[] = []
  for (const script of SCRIPTS) results.push(...(await measureScript(group, disks, ed25519, script, note)))
  return results
}

async function measureScript(
  group: BenchGroup,
  disks: readonly Peer[],
  ed25519: Peer,
  script: (typeof SCRIPTS)[number],
  note: (text: string) => void,
): Promise<BenchResult[]> {
  const members = group.seeders.all
  const targets = members.map((seeder) => ({ ...group.target(seeder), host: '127.0.0.1' }))
  const host = new Map(members.map((seeder, index) => [targets[index]?.port, group.host(seeder)]))
  const posting = (target: Target) => (index: number) => {
    const body = `line ${index} of a visitor`
    return `POST ${script.path} HTTP/1.1\r\nHost: ${host.get(target.port)}\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }
  /** Connections are dealt to the members, as the gateway does. */
  const crowd = async (durationMs: number): Promise<{ answers: number; perSecond: number }> => {
    const shares = await Promise.all(
      targets.map((target) =>
        load([target], { connections: CLIENTS / targets.length, durationMs, status: 201, request: posting(target) }),
      ),
    )
    return {
      answers: shares.reduce((sum, share) => sum + share.answers, 0),
      perSecond: shares.reduce((sum, share) => sum + share.perSecond, 0),
    }
  }
  const alone = (turn: number): ReturnType<typeof load> => {
    const target = targets[turn % targets.length]
    if (target === undefined) throw new Error('there is a member')
    return load([target], { connections: 1, durationMs: ALONE_MS, status: 201, request: posting(target) })
  }

  await crowd(WARM_MS)
  const bytesBefore = writtenBytes(group)
  const { answers: probed } = await crowd(CROWD_MS)
  const bytes = Math.max(512, Math.round((writtenBytes(group) - bytesBefore) / members.length / probed))
  const latency: { ours: number; peer: number }[] = []
  const throughput: { ours: number; peer: number }[] = []
  const rest: { ours: number; peer: number }[] = []
  const execution: number[] = []
  const perWrite: Record<keyof Counts, number[]> = { signed: [], verified: [], commits: [] }
  for (let round = 0; round < ROUNDS; round++) {
    const one = await alone(round)
    latency.push({ ours: one.p50Ms, peer: COMMITS_IN_A_ROW * (await commits(disks, bytes)).p50Ms })

    const before = await snapshot(group)
    const many = await crowd(CROWD_MS)
    const after = await snapshot(group)
    const together = await commits(disks, bytes)
    throughput.push({ ours: many.perSecond, peer: together.perSecond })
    const each = (of: (at: Snapshot) => number): number => (of(after) - of(before)) / members.length / many.answers
    const price = await ed25519.ask({ count: SIGNATURES })
    const counted = { signed: each((at) => at.counts.signed), verified: each((at) => at.counts.verified) }
    rest.push({
      ours: each((at) => at.rest),
      peer: (counted.signed * Number(price.signUs) + counted.verified * Number(price.verifyUs)) / 1000,
    })
    execution.push(each((at) => at.execution))
    for (const kind of ['signed', 'verified', 'commits'] as const) perWrite[kind].push(each((at) => at.counts[kind]))
    note(
      `${script.name}, round ${round + 1} of ${ROUNDS}: ${one.p50Ms.toFixed(1)} ms alone, ${many.perSecond.toFixed(0)} writes/s of ${CLIENTS} clients, ${bytes} bytes a write; ` +
        `rest ${rest.at(-1)?.ours.toFixed(2)} ms, execution ${execution.at(-1)?.toFixed(2)} ms a write a member`,
    )
  }
  const { name } = script
  return [
    compared(`write p50 at 1 client, ${name}, against the durable commits in its way`, 'ms', latency),
    compared(`writes at ${CLIENTS} clients, ${name}, against durable commits`, 'writes/s', throughput),
    compared(`CPU but for execution, ${name}, against its bare signatures`, 'ms/write/member', rest),
    measured(`CPU of execution, ${name}`, 'ms/write/member', median(execution)),
    measured(`signatures made, ${name}`, '/write/member', median(perWrite.signed)),
    measured(`signatures checked, ${name}`, '/write/member', median(perWrite.verified)),
    measured(`durable commits, ${name}`, '/write/member', median(perWrite.commits)),
  ]
}

type Snapshot = {
  readonly execution: number
  readonly rest: number
  readonly counts: Readonly<Record<keyof Counts, number>>
}

/** Sums over the members. */
async function snapshot(group: BenchGroup): Promise<Snapshot> {
  const sum = { execution: 0, rest: 0, counts: { signed: 0, verified: 0, commits: 0 } }
  for (const seeder of group.seeders.all) {
    const counts = await group.counts(seeder)
    const { execution, rest } = cpuSplitMs(seeder.ready.pid)
    sum.execution += execution
    sum.rest += rest
    for (const kind of ['signed', 'verified', 'commits'] as const) sum.counts[kind] += counts[kind].count
  }
  return sum
}

/** What the members sent to the disk so far, all together. */
function writtenBytes(group: BenchGroup): number {
  return group.seeders.all.reduce((sum, { ready }) => {
    const bytes = /\nwrite_bytes: (\d+)/.exec(readFileSync(`/proc/${ready.pid}/io`, 'utf8'))?.[1]
    return sum + Number(bytes)
  }, 0)
}

/** Durable commits in all these processes at once: the rate of one of them, and how long each commit took. */
async function commits(disks: readonly Peer[], bytes: number): Promise<{ perSecond: number; p50Ms: number }> {
  const answers = await Promise.all(disks.map((disk) => disk.ask({ durationMs: COMMITS_MS, bytes })))
  return {
    perSecond: median(answers.map((answer) => Number(answer.perSecond))),
    p50Ms: median(answers.map((answer) => Number(answer.p50Ms))),
  }
}
