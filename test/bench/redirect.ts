// CPU of a redirect: our Worker against workerd that answers 307 with a constant, for members of whom no place is known and for members of two
// places, between which the visitor's decides. Same run, alternating rounds, CPU of the
// two workerd processes as the kernel counts it. Our gateway is the one that `interpeer up` runs, with seeders that renew.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startGateway } from '#gateway/local/start.ts'
import { RENEW_MS } from '#gateway/settings.ts'
import { type Place, placeFromText } from '#protocol/place/place.ts'
import { freePort } from '#test/bench/beside/program.ts'
import { cpuMs, drive } from '#test/bench/load.ts'
import { startPeer } from '#test/bench/processes.ts'
import { type Bench, compared } from '#test/bench/report.ts'
import { registrationBytes, signRegistration, type TestNetwork, testNetwork } from '#test/support/network.ts'
import { until } from '#test/support/until.ts'

export const MEMBERS = ['ana', 'ben', 'cleo', 'dan']
const CONNECTIONS = 16
const WARM_REQUESTS = 10_000
const ROUND_REQUESTS = 20_000
const ROUNDS = 8

const BARE_WORKER = `export default { fetch() { return new Response(null, { status: 307, headers: { Location: 'http://wiki.ana.localhost:8080/page' } }) } }`

function bareConfig(port: number): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (modules = [(name = "worker.js", esModule = embed "worker.js")], compatibilityDate = "2026-10-01"))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`
}

/** workerd with a Worker that answers 307 with a constant. */
export async function startBare(directory: string): Promise<{ child: ChildProcess; port: number }> {
  const binary = (createRequire(import.meta.url)('workerd') as { readonly default: string }).default
  const port = await freePort()
  writeFileSync(join(directory, 'worker.js'), BARE_WORKER)
  writeFileSync(join(directory, 'config.capnp'), bareConfig(port))
  const child = spawn(binary, ['serve', join(directory, 'config.capnp')], { stdio: 'ignore' })
  await until('bare workerd answers', () =>
    fetch(`http://127.0.0.1:${port}/`, { redirect: 'manual' }).then(
      (response) => response.status === 307,
      () => false,
    ),
  )
  return { child, port }
}

/** The workerd processes that this process started. */
function workerdChildren(): number[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry)) return []
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8')
      const isOurs = status.includes(`\nPPid:\t${process.pid}\n`) && status.startsWith('Name:\tworkerd\n')
      return isOurs ? [Number(entry)] : []
    } catch {
      return []
    }
  })
}

/** The gateway that `interpeer up` runs, with members that renew their registrations. */
export type WarmGateway = AsyncDisposable & { readonly port: number; readonly pid: number }

export async function startWarmGateway(
  directory: string,
  note: (text: string) => void,
  placeOf: (peer: string) => Place | undefined = () => undefined,
): Promise<WarmGateway> {
  const network = warmNetwork()
  const gateway = await startGateway({
    port: 0,
    directory: join(directory, 'gateway'),
    networkKey: network.file.network_key,
    networkFile: network.text,
  })
  const [pid] = workerdChildren()
  try {
    if (pid === undefined) throw new Error('the gateway is running')
    const members = await keepRegistered(network, gateway.url, note, placeOf)
    return {
      port: Number(new URL(gateway.url).port),
      pid,
      async [Symbol.asyncDispose]() {
        members[Symbol.dispose]()
        await gateway.dispose()
      },
    }
  } catch (cause) {
    await gateway.dispose()
    throw cause
  }
}

/** The same on Node, as `interpeer gateway` runs it, in a process of its own. */
export async function startWarmNodeGateway(directory: string, note: (text: string) => void): Promise<WarmGateway> {
  const network = warmNetwork()
  const peer = await startPeer('gateway', {
    directory: join(directory, 'gateway-on-node'),
    networkKey: network.file.network_key,
    networkFile: network.text,
  })
  try {
    const url = String(peer.ready.url)
    const members = await keepRegistered(network, url, note)
    return {
      port: Number(new URL(url).port),
      pid: peer.pid,
      async [Symbol.asyncDispose]() {
        members[Symbol.dispose]()
        await peer[Symbol.asyncDispose]()
      },
    }
  } catch (cause) {
    await peer[Symbol.asyncDispose]()
    throw cause
  }
}

function warmNetwork(): TestNetwork {
  return testNetwork({ sites: [{ name: 'wiki', members: MEMBERS }] })
}

/** Members that register at a gateway, and renew that until they are disposed of. */
async function keepRegistered(
  network: TestNetwork,
  gateway: string,
  note: (text: string) => void,
  placeOf: (peer: string) => Place | undefined = () => undefined,
): Promise<Disposable> {
  const register = async (): Promise<void> => {
    for (const peer of MEMBERS) {
      const registration = signRegistration(network, peer, {
        gateway,
        time: Date.now(),
        sites: { wiki: `http://wiki.${peer}.localhost:8080` },
        sees: MEMBERS.filter((other) => other !== peer),
        ...placed(placeOf(peer)),
      })
      const body = registrationBytes(registration) as Uint8Array<ArrayBuffer>
      const response = await fetch(`${gateway}/register`, { method: 'POST', body })
      if (!response.ok) throw new Error(await response.text())
    }
  }
  await register()
  const renewal = setInterval(() => void register().catch((cause) => note(String(cause))), RENEW_MS)
  return { [Symbol.dispose]: () => clearInterval(renewal) }
}

function placed(place: Place | undefined): { readonly place?: Place } {
  return place === undefined ? {} : { place }
}

/** What Cloudflare says of a visitor, in the header that stands in for it here; its servers parse as much. */
const VISITOR = JSON.stringify({
  ...{ asOrganization: 'An Internet Provider', asn: 3320, colo: 'TXL', clientTcpRtt: 14, tlsVersion: 'TLSv1.3' },
  ...{ httpProtocol: 'HTTP/2', tlsCipher: 'AEAD-AES128-GCM-SHA256', requestPriority: 'weight=192;exclusive=0' },
  ...{ continent: 'EU', country: 'DE', isEUCountry: '1', city: 'Berlin', region: 'Land Berlin', regionCode: 'BE' },
  ...{ postalCode: '10115', timezone: 'Europe/Berlin', latitude: '52.52437', longitude: '13.41053' },
})

export const redirect: Bench = async ({ note }) => {
  const near = [placeFromText('DE'), placeFromText('US')]
  const plain = await measured('redirect CPU', note, '', () => undefined)
  const byPlace = await measured(
    'redirect CPU, near members',
    note,
    `CF-IPCountry: DE\r\nMF-CF-Blob: ${VISITOR}\r\n`,
    (peer) => (MEMBERS.indexOf(peer) % 2 === 0 ? near[0] : near[1]),
  )
  return [plain, byPlace]
}

async function measured(
  name: string,
  note: (text: string) => void,
  header: string,
  placeOf: (peer: string) => Place | undefined,
): Promise<ReturnType<typeof compared>> {
  await using stack = new AsyncDisposableStack()
  const directory = mkdtempSync(join(tmpdir(), 'interpeer-bench-'))
  stack.defer(() => rmSync(directory, { recursive: true }))
  const gateway = stack.use(await startWarmGateway(directory, note, placeOf))
  const bare = await startBare(directory)
  stack.defer(() => void bare.child.kill('SIGKILL'))
  if (bare.child.pid === undefined) throw new Error('both workerds are running')
  const ours = { host: '127.0.0.1', port: gateway.port, pid: gateway.pid }
  const theirs = { host: '127.0.0.1', port: bare.port, pid: bare.child.pid }
  const request = (index: number): string =>
    `GET /wiki/page-${index % 97}?q=1 HTTP/1.1\r\nHost: gateway\r\nAccept: */*\r\n${header}\r\n`
  /** CPU a request, µs. */
  const round = async (target: typeof ours): Promise<number> => {
    const before = cpuMs(target.pid)
    await drive(target, 307, request, ROUND_REQUESTS, CONNECTIONS)
    return (1000 * (cpuMs(target.pid) - before)) / ROUND_REQUESTS
  }
  for (const target of [ours, theirs]) await drive(target, 307, request, WARM_REQUESTS, CONNECTIONS)
  const rounds: { ours: number; peer: number }[] = []
  for (let index = 0; index < ROUNDS; index++) {
    // Who goes first alternates too: what drifts hits both.
    const first = index % 2 === 0 ? await round(ours) : undefined
    const peer = await round(theirs)
    rounds.push({ ours: first ?? (await round(ours)), peer })
    note(
      `${name}, round ${index + 1} of ${ROUNDS}: ours ${rounds.at(-1)?.ours.toFixed(1)} µs, bare ${peer.toFixed(1)} µs`,
    )
  }
  return compared(name, 'µs/request', rounds)
}
