// A whole network on this machine: the network key, the admission endpoint, the gateway, the seeders, and the example sites.
//
//   DIR/network.json   the signed network file        DIR/network.pem    its key
//   DIR/uploader.pem   the key of the example sites   DIR/up.json        ports, kept across restarts
//   DIR/gateway/…      the gateway's data             DIR/seeder-1/…     one folder a seeder
//   DIR/compiled/…     what Node compiled of this program, for a faster next start
//
// Nothing is written outside DIR. Children live as long as this process and end with it, however it ends.

import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Admission, loadNetworkFile, startAdmission, writeNetworkFile } from '#cli/admission/server.ts'
import { failed } from '#cli/failure.ts'
import { exchange } from '#cli/network/http.ts'
import { type ReadyChild, startChild } from '#cli/up/child.ts'
import { assertFree, holdDirectory } from '#cli/up/hold.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { type NetworkFile, type NetworkSettings, signNetworkFile } from '#protocol/directory/network-file.ts'
import { peerName, type Signer } from '#protocol/identity/keys.ts'
import { createAgainPause, EXIT_AGAIN } from '#seeder/config/exit-code.ts'
import { runtimeImage } from '#seeder/execute/pool/runtime.ts'
import { loadOrCreateSigner } from '#seeder/identity/keys.ts'

/** What a network of one machine runs with: short time-outs, the ordinary limits. */
export const LOCAL_SETTINGS: NetworkSettings = {
  delta_ms: 500,
  heartbeat_ms: 10_000,
  idempotency_ms: 20 * 60_000,
  request_fuel: 500_000_000,
  fresh_ms: 30_000,
  snapshot_heights: 1024,
}

const PEERS_KNOWN_MS = 30_000
const POLL_MS = 50
const COMPILE_CACHE = 'compiled'
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..')
const GATEWAY_ENTRY = join(ROOT, 'gateway', 'local', 'main.ts')
export const SEEDER_ENTRY = join(ROOT, 'seeder', 'main.ts')

export type SeederReady = {
  readonly peer: string
  readonly dir: string
  readonly http: string
  readonly control: string
  readonly pid: number
}

export type LocalNetworkOptions = {
  readonly directory: string
  readonly seeders: number
  /** The gateway's port; 0: any, kept across restarts. */
  readonly port: number
  readonly target: 'hosts' | 'plain'
  readonly signal: AbortSignal
  /** More arguments of the seeder at an index: what tests make it suffer. */
  readonly seederArguments?: (index: number) => readonly string[]
  readonly onStep: (text: string) => void
  readonly onSeederExit: (peer: string, code: number) => void
}

export type LocalNetwork = AsyncDisposable & {
  readonly gateway: string
  readonly networkPath: string
  readonly admission: Admission
  readonly uploader: Signer
  readonly seeders: readonly SeederReady[]
}

type Memo = { gatewayPort: number; admissionPort: number }

function readMemo(path: string): Memo {
  try {
    const { gatewayPort, admissionPort } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Memo>
    return { gatewayPort: Number(gatewayPort) || 0, admissionPort: Number(admissionPort) || 0 }
  } catch {
    return { gatewayPort: 0, admissionPort: 0 }
  }
}

function firstFile(signer: Signer, image: string): NetworkFile {
  return signNetworkFile(
    {
      format: 'interpeer-network/1',
      chain_id: hexFromBytes(randomBytes(32)),
      generation: 0,
      profile: 'local',
      network_key: peerName(signer.publicKey),
      version: 1,
      time: Date.now(),
      image,
      settings: LOCAL_SETTINGS,
      gateways: [],
      // Named as soon as the endpoint has a port.
      admission: 'http://127.0.0.1:1',
      peers: [],
      jobs: [],
    },
    signer,
  )
}

/** Waits until `ready` says so; a `Failure` after the time, or when interrupted. */
async function until(
  ready: () => boolean | Promise<boolean>,
  timeMs: number,
  signal: AbortSignal,
  what: string,
): Promise<void> {
  const end = performance.now() + timeMs
  while (!(await ready())) {
    if (signal.aborted) throw failed('interrupted', 'interrupted')
    if (performance.now() > end)
      throw failed(
        'not_ready',
        `${what} did not happen within ${timeMs / 1000} s`,
        'The logs in the data directory say more.',
      )
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** The admission endpoint of the network file at `path`, which begins when it is missing; at `port`, if it is still free. */
export async function startAdmissionAt(path: string, signer: Signer, port: number, image: string): Promise<Admission> {
  const known = existsSync(path) ? loadNetworkFile(path) : undefined
  const start = (at: number) => startAdmission({ path, file: known ?? firstFile(signer, image), signer, port: at })
  let admission: Admission
  try {
    admission = await start(port)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    admission = await start(0)
  }
  const { admission: named, image: runs } = admission.file()
  if (named !== admission.url || runs !== image) admission.change({ admission: admission.url, image })
  else if (known === undefined) writeNetworkFile(path, admission.file())
  return admission
}

/** Starts everything but the sites; on a failure what had started is stopped. */
export async function startLocalNetwork(options: LocalNetworkOptions): Promise<LocalNetwork> {
  const { directory, signal, onStep } = options
  mkdirSync(directory, { recursive: true })
  await using stack = new AsyncDisposableStack()
  stack.use(holdDirectory(directory, "Another 'interpeer up' runs here: end it, or name another directory with --dir."))
  await assertFree(options.port)
  const networkPath = join(directory, 'network.json')
  const memoPath = join(directory, 'up.json')
  const memo = readMemo(memoPath)
  const signer = loadOrCreateSigner(join(directory, 'network.pem'))
  const uploader = loadOrCreateSigner(join(directory, 'uploader.pem'))

  const admission = stack.use(
    await startAdmissionAt(networkPath, signer, memo.admissionPort, hexFromBytes(runtimeImage())),
  )

  onStep('gateway')
  const gatewayDirectory = join(directory, 'gateway')
  mkdirSync(gatewayDirectory, { recursive: true })
  const gatewayPort = options.port !== 0 ? options.port : memo.gatewayPort
  const startGateway = (port: number) =>
    startChild<{ url: string }>({
      name: 'the gateway',
      entry: GATEWAY_ENTRY,
      args: [],
      input: `${JSON.stringify({
        port,
        directory: gatewayDirectory,
        networkKey: admission.file().network_key,
        networkFile: networkPath,
      })}\n`,
      logFile: join(gatewayDirectory, 'stderr.log'),
      compileCache: join(directory, COMPILE_CACHE),
      signal,
    })
  let gateway: ReadyChild<{ url: string }>
  try {
    gateway = await startGateway(gatewayPort)
  } catch (cause) {
    if (options.port !== 0 || gatewayPort === 0) throw cause
    gateway = await startGateway(0)
  }
  stack.defer(() => gateway.stop())
  const { url } = gateway.ready
  writeFileSync(
    memoPath,
    `${JSON.stringify({ gatewayPort: Number(new URL(url).port), admissionPort: Number(new URL(admission.url).port) })}\n`,
  )
  if (admission.file().gateways.join() !== url) admission.change({ gateways: [url] })

  onStep(`${options.seeders} seeders`)
  let stopping = false
  stack.defer(() => {
    stopping = true
  })
  const started = await Promise.allSettled(
    Array.from({ length: options.seeders }, async (_, index) => {
      const more = options.seederArguments?.(index) ?? []
      const start = () =>
        startSeeder(join(directory, `seeder-${index + 1}`), networkPath, `s${index + 1}`, more, options)
      let child = await start()
      stack.defer(() => child.stop())
      const { ready } = child
      const pauseMs = createAgainPause()
      /** One whose disk failed is started again, at the same ports. */
      const follow = (running: ReadyChild<SeederReady>, began: number): void => {
        void running.exited.then(async (code) => {
          if (!stopping) options.onSeederExit(ready.peer, code)
          while (code === EXIT_AGAIN && !stopping) {
            const ms = pauseMs(performance.now() - began)
            await new Promise((resolve) => setTimeout(resolve, ms).unref())
            if (stopping) return
            began = performance.now()
            try {
              child = await start()
            } catch {
              // Its log says why; the disk may still fail.
              continue
            }
            if (stopping) return child.stop()
            return follow(child, performance.now())
          }
        })
      }
      follow(child, performance.now())
      return child
    }),
  )
  const seeders = started.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value.ready
  })
  // Stopping begins before the children are told to.
  stack.defer(() => {
    stopping = true
  })
  await until(
    () =>
      seeders.every(({ peer, http }) =>
        admission.file().peers.some((known) => known.peer === peer && known.http === http),
      ),
    PEERS_KNOWN_MS,
    signal,
    'the entry of every seeder in the network file',
  )
  await until(
    async () => (await gatewayVersion(url)) >= admission.file().version,
    PEERS_KNOWN_MS,
    signal,
    'the network file at the gateway',
  )

  const held = stack.move()
  return {
    gateway: url,
    networkPath,
    admission,
    uploader,
    seeders,
    [Symbol.asyncDispose]: async () => {
      stopping = true
      await held.disposeAsync()
    },
  }
}

async function gatewayVersion(url: string): Promise<number> {
  try {
    const { body } = await exchange(`${url}/network`, { timeoutMs: 5_000 })
    return (JSON.parse(body.toString('utf8')) as { version?: number }).version ?? 0
  } catch {
    return 0
  }
}

function startSeeder(
  directory: string,
  networkPath: string,
  label: string,
  more: readonly string[],
  options: LocalNetworkOptions,
): Promise<ReadyChild<SeederReady>> {
  mkdirSync(directory, { recursive: true })
  return startChild<SeederReady>({
    name: `seeder ${label}`,
    entry: SEEDER_ENTRY,
    args: [
      '--dir',
      directory,
      '--network',
      networkPath,
      '--label',
      label,
      '--target',
      options.target,
      '--accept',
      '--json',
      '--parent',
      ...more,
    ],
    logFile: join(directory, 'stderr.log'),
    compileCache: join(dirname(directory), COMPILE_CACHE),
    signal: options.signal,
  })
}
