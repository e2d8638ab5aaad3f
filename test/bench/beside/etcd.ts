// Three etcd on loopback: each with its own directory, asked by the JSON gateway of its v3 interface. It writes its log durably before it
// answers (this version has no way not to).

import { join } from 'node:path'
import { exchange } from '#cli/network/http.ts'
import { debianProgram, freePort, type Program, startProgram } from '#test/bench/beside/program.ts'
import type { Target } from '#test/bench/client.ts'
import { until } from '#test/support/until.ts'

const MEMBERS = 3
const AGREEING_MS = 20_000

/** ms; etcd's own are 100 and 1000. */
export type EtcdTimes = { readonly heartbeatMs: number; readonly electionMs: number }

/** Its own. */
export const ETCD_TIMES: EtcdTimes = { heartbeatMs: 100, electionMs: 1_000 }
/** As short as loopback allows: etcd asks for an election time-out of five heartbeats or more. */
export const ETCD_TIMES_SHORT: EtcdTimes = { heartbeatMs: 30, electionMs: 300 }

export type EtcdMember = { readonly program: Program; readonly target: Target; readonly url: string }

export type Etcd = AsyncDisposable & {
  readonly members: readonly EtcdMember[]
  /** The member that leads, as all of them say; waits until they do. */
  leader(): Promise<EtcdMember>
}

type Status = { readonly header: { readonly member_id: string }; readonly leader?: string }

export async function startEtcd(directory: string, times: EtcdTimes): Promise<Etcd> {
  const command = debianProgram('etcd-server')
  await using stack = new AsyncDisposableStack()
  const places: { name: string; client: number; peer: number }[] = []
  for (let index = 0; index < MEMBERS; index++)
    places.push({ name: `m${index}`, client: await freePort(), peer: await freePort() })
  const cluster = places.map(({ name, peer }) => `${name}=http://127.0.0.1:${peer}`).join(',')
  const members = await Promise.all(
    places.map(async ({ name, client, peer }): Promise<EtcdMember> => {
      const url = `http://127.0.0.1:${client}`
      const program = await startProgram({
        command,
        arguments: [
          ['--name', name],
          ['--data-dir', join(directory, name)],
          ['--listen-client-urls', url],
          ['--advertise-client-urls', url],
          ['--listen-peer-urls', `http://127.0.0.1:${peer}`],
          ['--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`],
          ['--initial-cluster', cluster],
          ['--initial-cluster-token', directory],
          ['--heartbeat-interval', String(times.heartbeatMs)],
          ['--election-timeout', String(times.electionMs)],
          ['--logger', 'zap'],
          ['--log-level', 'error'],
        ].flat(),
        ready: { url: `${url}/version` },
      })
      stack.use(program)
      return { program, target: { host: '127.0.0.1', port: client }, url }
    }),
  )
  const status = async (member: EtcdMember): Promise<Status> => {
    const answer = await exchange(`${member.url}/v3/maintenance/status`, {
      method: 'POST',
      body: Buffer.from('{}'),
      timeoutMs: 2_000,
    })
    return JSON.parse(answer.body.toString()) as Status
  }
  const held = stack.move()
  return {
    members,
    leader: () =>
      until(
        'one etcd leads',
        async () => {
          const said = await Promise.all(members.map((member) => status(member).catch(() => undefined)))
          const leaders = new Set(said.map((each) => each?.leader))
          const [leader] = leaders
          if (leaders.size !== 1 || leader === undefined || leader === '0') return undefined
          return members[said.findIndex((each) => each?.header.member_id === leader)]
        },
        AGREEING_MS,
      ),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** The JSON that puts `value` under a key of its own. */
export function putBody(index: number, value: string): string {
  const base64 = (text: string): string => Buffer.from(text).toString('base64')
  return JSON.stringify({ key: base64(`line ${index}`), value: base64(value) })
}
