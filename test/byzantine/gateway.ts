// The gateway as `npm start` runs it, in workerd, with four members that register, one of them with a tunnel, while somebody attacks it: an honest visitor counts what it
// gets and when, the members count whether their registrations are taken, and workerd's memory and descriptors are watched.

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exchange } from '#cli/network/http.ts'
import { startGateway } from '#gateway/local/start.ts'
import { assert } from '#protocol/codec/result.ts'
import { startTunnel } from '#seeder/tunnel/tunnel.ts'
import { startEdge } from '#test/support/edge.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { registrationBytes, signRegistration } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'
import {
  ATTACKER,
  carriedHost,
  type GATEWAY_ATTACKS,
  GATEWAY_MEMBERS,
  GATEWAY_SITE,
  gatewayNetwork,
  LARGE_PATH,
} from './gateway-attacks.ts'
import { type Asks, attackBy, endure, HONEST_MS_MAX, type Suffered } from './hostile.ts'

/** Whose tunnel the gateway carries the site through. */
const TUNNELLED = 'ana'
const HEARTBEAT_MS = 2_000
export const LARGE_BYTES = 24 * 1024 * 1024

export type GatewayVictim = AsyncDisposable & {
  readonly url: string
  /** Of workerd. */
  readonly pid: number
  /** One of its members says where it is. */
  register(by: string): ReturnType<typeof exchange>
  /** The large file of the carried site, for a visitor of the attacker's address. */
  large(): ReturnType<typeof exchange>
}

/** The youngest process of that name below this one. */
function workerdPid(): number {
  const parents = new Map<number, number>()
  const named: number[] = []
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const [, name = '', parent] = /^\d+ \((.*)\) \S (\d+)/.exec(readFileSync(`/proc/${entry}/stat`, 'utf8')) ?? []
      parents.set(Number(entry), Number(parent))
      if (name.startsWith('workerd') && readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes('serve'))
        named.push(Number(entry))
    } catch {
      // It has ended meanwhile.
    }
  }
  const isBelow = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at))
      if (at === process.pid) return true
    return false
  }
  const pid = named.filter(isBelow).sort((a, b) => b - a)[0]
  assert(pid !== undefined, 'workerd runs')
  return pid
}

export async function startGatewayVictim(): Promise<GatewayVictim> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'hostile-gateway-'))
  stack.defer(() => rmSync(directory, { recursive: true, force: true }))
  const network = gatewayNetwork()
  const { url } = stack.use(
    await startGateway({ port: 0, directory, networkKey: network.file.network_key, networkFile: network.text }),
  )
  const times = new Map<string, number>()
  const register = (by: string) => {
    const time = Math.max(Date.now(), (times.get(by) ?? 0) + 1)
    times.set(by, time)
    const sites = { [GATEWAY_SITE]: `http://${GATEWAY_SITE}.${by}.localhost:8080` }
    const facts = { gateway: url, time, sites, tunnel: by === TUNNELLED }
    const body = Buffer.from(registrationBytes(signRegistration(network, by, { ...facts, sees: GATEWAY_MEMBERS })))
    return exchange(`${url}/register`, { method: 'POST', body, timeoutMs: HONEST_MS_MAX })
  }
  const group = hostedGroup(GATEWAY_SITE, {
    network,
    members: GATEWAY_MEMBERS,
    app: ({ target }) => textResponse(200, `hello ${target}`),
    assets: { [LARGE_PATH]: new Uint8Array(LARGE_BYTES).fill(1) },
  })
  // An answer holds for as long as its certificate is young.
  const beats = setInterval(() => group.heartbeat(), HEARTBEAT_MS)
  stack.defer(() => clearInterval(beats))
  const edge = stack.use(await startEdge(group, { member: GATEWAY_MEMBERS.indexOf(TUNNELLED) }))
  const tunnel = stack.use(
    startTunnel({
      ...{ gateway: url, signer: network.signer(TUNNELLED), domain: network.domain, carry: edge.server.carry },
      ...{ chance: Math.random, onChange: () => {} },
    }),
  )
  await until('the tunnel', () => tunnel.isOpen)
  for (const by of GATEWAY_MEMBERS) {
    const { status, body } = await register(by)
    assert(status === 200, `${by} registers: ${status} ${body}`)
  }
  const large = async () => {
    for (const by of GATEWAY_MEMBERS) await register(by)
    const headers = { 'cf-connecting-ip': ATTACKER }
    return exchange(`http://${carriedHost(new URL(url).host)}${LARGE_PATH}`, { headers, timeoutMs: HONEST_MS_MAX })
  }
  const held = stack.move()
  return { url, pid: workerdPid(), register, large, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** An attack of `gateway-attacks.ts`. `registrations` are those of members whose keys the attacker has not. */
export function sufferGateway(
  victim: GatewayVictim,
  attack: keyof typeof GATEWAY_ATTACKS,
  ms: number,
): Promise<Suffered> {
  let turn = 0
  const ask = (url: string) => exchange(url, { timeoutMs: HONEST_MS_MAX, headers: { 'cf-connecting-ip': '127.0.0.1' } })
  const { host } = new URL(victim.url)
  const beside: Readonly<Record<string, Asks>> = {
    'gateway: DNS garbage and odd questions': {
      'DNS questions': () => ask(`${victim.url}/dns-query?name=${GATEWAY_SITE}.peer&type=TXT`),
    },
    'gateway: a carried file taken byte by byte': {
      'carried pages': () => ask(`http://${carriedHost(host)}/a?honest=${turn++}`),
    },
  }
  return endure(
    victim.pid,
    {
      redirects: () => exchange(`${victim.url}/${GATEWAY_SITE}/a?honest=${turn++}`, { timeoutMs: HONEST_MS_MAX }),
      ...beside[attack],
      registrations: () => victim.register(GATEWAY_MEMBERS[turn++ % (GATEWAY_MEMBERS.length - 1)] ?? ''),
    },
    attack,
    () => attackBy('gateway-attacks.ts', attack, victim.url, ms),
    ({ status }) => status === 200 || status === 307,
  )
}
