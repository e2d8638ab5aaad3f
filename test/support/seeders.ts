// Real seeders as processes on loopback, with the admission endpoint of `up` in the test's own process; no gateway.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type Admission, startAdmission, writeNetworkFile } from '#cli/admission/server.ts'
import { exchange, type HttpAnswer, type HttpOptions } from '#cli/network/http.ts'
import type { SeederReport, SiteReport } from '#cli/network/peers.ts'
import { type Published, publishSite } from '#cli/publish/publish.ts'
import { FRUGAL_MALLOC } from '#cli/up/child.ts'
import { LOCAL_SETTINGS } from '#cli/up/local-network.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import { type NetworkSettings, signNetworkFile } from '#protocol/directory/network-file.ts'
import { peerName, type Signer } from '#protocol/identity/keys.ts'
import { EXIT_AGAIN } from '#seeder/config/exit-code.ts'
import { ephemeralSigner, loadOrCreateSigner } from '#seeder/identity/keys.ts'
import { until } from './until.ts'

const ENTRY = join(import.meta.dirname, '..', '..', 'seeder', 'main.ts')
const READY_MS = 120_000
const AGAIN_MS = 200
const PUBLISHED_MS = 300_000

/** The command that starts a seeder, in place of the plain one; `start` is 0, 1, … */
export type Wrap = (words: readonly string[], start: number) => readonly string[]

export type Ready = {
  readonly peer: string
  readonly dir: string
  readonly http: string
  readonly control: string
  /** Where its own DNS listens. */
  readonly dns?: string
  readonly pid: number
}

export type SeederProcess = {
  readonly label: string
  readonly ready: Ready
  /** The file that makes its machine fail (seeder/config/faults.ts); nothing fails while it is empty. */
  readonly faults: string
  readonly exited: Promise<number | string>
  /** Of the process that runs now; `starts` counts those that asked to be started again too. */
  readonly pid: number
  starts(): number
  kill(signal: NodeJS.Signals): void
  /** What its control port says to Prometheus. */
  metrics(): Promise<string>
  /** Closes its standard input, as the system does when a parent dies. */
  leave(): void
  report(): Promise<SeederReport | undefined>
  /** What it says of a site; undefined while it does not answer. */
  site(name: string): Promise<SiteReport | undefined>
  /** One exchange with the site's origin on this member. */
  ask(site: string, path: string, options?: HttpOptions): Promise<HttpAnswer>
}

export type Seeders = AsyncDisposable & {
  readonly directory: string
  readonly networkPath: string
  /** The file with the network's key. */
  readonly networkKey: string
  readonly admission: Admission
  readonly uploader: Signer
  readonly all: readonly SeederProcess[]
  start(label: string, ...more: string[]): Promise<SeederProcess>
  /** The same directory again, after its process ended. */
  restart(seeder: SeederProcess, ...more: string[]): Promise<SeederProcess>
  publish(folder: string, name?: string): Promise<Published>
}

export type SeedersOptions = {
  readonly count?: number
  readonly settings?: Partial<NetworkSettings>
  /** More arguments of each, by label. */
  readonly arguments?: Readonly<Record<string, readonly string[]>>
  /** Each looks at a file that makes its machine fail. */
  readonly faults?: boolean
  /** How some are started, by label. */
  readonly wraps?: Readonly<Record<string, Wrap>>
}

async function launch(
  directory: string,
  network: string,
  label: string,
  more: readonly string[],
  how: { readonly wrap?: Wrap | undefined; readonly faults?: boolean | undefined } = {},
): Promise<SeederProcess> {
  const folder = join(directory, label)
  mkdirSync(folder, { recursive: true })
  const log = openSync(join(folder, 'stderr.log'), 'a')
  const faults = join(folder, 'faults.json')
  const words = [
    process.execPath,
    ENTRY,
    '--dir',
    folder,
    '--network',
    network,
    '--label',
    label,
    '--accept',
    '--json',
    '--parent',
    '--log-level',
    'debug',
    ...(how.faults ? ['--faults', faults] : []),
    ...more,
  ]
  const { promise, resolve, reject } = Promise.withResolvers<Ready>()
  const ended = Promise.withResolvers<number | string>()
  const exited = ended.promise
  const timer = setTimeout(() => reject(new Error(`${label} was not ready in time`)), READY_MS)
  let child: ChildProcess
  let starts = 0
  let killed = false
  /** As a service manager does: one that says so is started again. */
  const begin = (): void => {
    const start = starts++
    const [command = '', ...args] = how.wrap?.(words, start) ?? words
    // As the command starts seeders.
    child = spawn(command, args, { stdio: ['pipe', 'pipe', log], env: { ...process.env, ...FRUGAL_MALLOC } })
    child.stdin?.on('error', () => {})
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (code === EXIT_AGAIN && !killed) setTimeout(begin, AGAIN_MS)
      else ended.resolve(code ?? signal ?? 1)
    })
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      const end = text.indexOf('\n')
      if (end < 0) return
      const line = JSON.parse(text.slice(0, end)) as { event: string; message?: string }
      text = text.slice(end + 1)
      if (line.event === 'ready') resolve(line as unknown as Ready)
      else if (line.event === 'error' && !how.faults) reject(new Error(`${label}: ${line.message}`))
    })
  }
  begin()
  void exited.then((code) => reject(new Error(`${label} ended with ${code} before it was ready`)))
  const ready = await promise.finally(() => clearTimeout(timer))
  const report = async (): Promise<SeederReport | undefined> => {
    try {
      const answer = await exchange(`${ready.http}/.well-known/interpeer/status`, { timeoutMs: 2_000 })
      return JSON.parse(answer.body.toString()) as SeederReport
    } catch {
      return undefined
    }
  }
  return {
    label,
    ready,
    faults,
    exited,
    get pid() {
      return child.pid ?? 0
    },
    starts: () => starts,
    kill(signal) {
      killed ||= signal === 'SIGKILL' || signal === 'SIGTERM'
      child.kill(signal)
    },
    metrics: async () => (await exchange(`${ready.control}/metrics`, { timeoutMs: 5_000 })).body.toString(),
    leave: () => void child.stdin?.end(),
    report,
    site: async (name) => (await report())?.sites.find((site) => site.name === name),
    async ask(site, path, options) {
      const origin = (await report())?.sites.find((each) => each.name === site)?.origin
      assert(origin !== undefined, `${label} hosts ${site}`)
      return exchange(`${origin}${path}`, { timeoutMs: 30_000, ...options })
    },
  }
}

export async function startSeeders(options: SeedersOptions = {}): Promise<Seeders> {
  const directory = mkdtempSync(join(tmpdir(), 'seeders-'))
  const networkPath = join(directory, 'network.json')
  const networkKey = join(directory, 'network.pem')
  const signer = loadOrCreateSigner(networkKey)
  const uploader = ephemeralSigner()
  const first = signNetworkFile(
    {
      format: 'interpeer-network/1',
      chain_id: hexFromBytes(signer.publicKey),
      generation: 0,
      profile: 'local',
      network_key: peerName(signer.publicKey),
      version: 1,
      time: Date.now(),
      image: '00'.repeat(32),
      settings: { ...LOCAL_SETTINGS, ...options.settings },
      gateways: [],
      admission: 'http://127.0.0.1:1',
      peers: [],
      jobs: [],
    },
    signer,
  )
  const admission = await startAdmission({ path: networkPath, file: first, signer, port: 0 })
  writeNetworkFile(networkPath, admission.change({ admission: admission.url }))
  const all: SeederProcess[] = []
  const seeders: Seeders = {
    directory,
    networkPath,
    networkKey,
    admission,
    uploader,
    all,
    async start(label, ...more) {
      const how = { faults: options.faults, wrap: options.wraps?.[label] }
      const seeder = await launch(directory, networkPath, label, more, how)
      all.push(seeder)
      all.sort((a, b) => (a.label < b.label ? -1 : 1))
      return seeder
    },
    async restart(seeder, ...more) {
      await seeder.exited
      const how = { faults: options.faults, wrap: options.wraps?.[seeder.label] }
      const again = await launch(directory, networkPath, seeder.label, more, how)
      all.splice(all.indexOf(seeder), 1, again)
      return again
    },
    publish: (folder, name) =>
      publishSite({
        folder,
        ...(name === undefined ? {} : { name }),
        network: async () => admission.file(),
        signer: uploader,
        signal: AbortSignal.timeout(PUBLISHED_MS),
        progress: () => {},
      }),
    async [Symbol.asyncDispose]() {
      for (const seeder of all) {
        seeder.kill('SIGCONT')
        seeder.kill('SIGKILL')
      }
      await Promise.all(all.map((seeder) => seeder.exited))
      await admission[Symbol.asyncDispose]()
      if (process.env.KEEP_SEEDERS !== undefined) return
      try {
        rmSync(directory, { recursive: true, force: true })
      } catch (cause) {
        // A disk that a test mounted in it goes after this.
        if ((cause as NodeJS.ErrnoException).code !== 'EBUSY') throw cause
      }
    },
  }
  try {
    const labels = Array.from({ length: options.count ?? 4 }, (_, index) => `s${index + 1}`)
    await Promise.all(labels.map((label) => seeders.start(label, ...(options.arguments?.[label] ?? []))))
    await until('every seeder in the network file', () =>
      all.every(({ ready }) => admission.file().peers.some((peer) => peer.peer === ready.peer)),
    )
  } catch (cause) {
    // What went wrong first is what is told.
    await Promise.resolve(seeders[Symbol.asyncDispose]()).catch(() => {})
    throw cause
  }
  return seeders
}
