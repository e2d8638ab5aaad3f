// The real gateway on this machine: the same Worker, built by esbuild, in workerd through Miniflare, with the bindings that
// `wrangler.toml` names. `interpeer up` and the tests run it.
//
// Everything it keeps lies in `directory` (database, key, log, temporary files); nothing is printed. workerd ends with the
// process that started it, a SIGKILL included (`workerd.sh`).

import { fork } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Miniflare, MiniflareOptions } from 'miniflare'
import { atFreePort } from '#gateway/local/free-port.ts'
import { gatewayKey } from '#gateway/local/key.ts'
import { type AppendingLog, appendingLog } from '#gateway/local/log.ts'
import type { Prepared } from '#gateway/local/prepare.ts'

export type LocalGatewayOptions = {
  /** Of 127.0.0.1; 0 takes a free one. */
  readonly port: number
  /** Made when it is missing. */
  readonly directory: string
  /** The pinned network key, 64 hexadecimal digits. */
  readonly networkKey: string
  /** Text of a network file to begin with; an older one than it holds already changes nothing. */
  readonly networkFile?: string
  /** What the world calls it, when that is not `http://127.0.0.1:<port>`. */
  readonly publicUrl?: string
  /** More of the Worker's variables. */
  readonly vars?: Readonly<Record<string, string>>
}

export type LocalGateway = AsyncDisposable & {
  /** Without a slash at its end. */
  readonly url: string
  /** Runs the cron trigger, which nothing fires by itself here. */
  runCron(): Promise<void>
  dispose(): Promise<void>
}

type Started = { readonly miniflare: Miniflare; readonly url: string }

const ROOT = join(import.meta.dirname, '..', '..')
const WORKER_NAME = 'gateway'
/** workerd's own binary; the package is CommonJS without types. */
const WORKERD = (createRequire(import.meta.url)('workerd') as { readonly default: string }).default
/** The end of what the build says when it fails. */
const SAID_CHARACTERS_MAX = 4096
const DISPOSE_MS_MAX = 1_500
const CRON_MS = 60_000

/** The built Worker and its settings, by a process that has ended when this resolves. */
async function prepared(): Promise<Prepared> {
  const child = fork(join(import.meta.dirname, 'prepare.ts'), [], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      ...process.env,
      WRANGLER_SEND_METRICS: 'false',
      WRANGLER_WRITE_LOGS: 'false',
      CLOUDFLARE_CF_FETCH_ENABLED: 'false',
    },
  })
  let said = ''
  child.stderr?.on('data', (chunk) => {
    said = `${said}${chunk}`.slice(-SAID_CHARACTERS_MAX)
  })
  let result: Prepared | undefined
  child.on('message', (message) => {
    result = message as Prepared
  })
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (result === undefined) throw new Error(`the gateway cannot be built: ${said}`)
  return result
}

/** Applies the migrations that are missing, in the table that `wrangler d1 migrations apply` keeps too. */
async function migrate(miniflare: Miniflare): Promise<void> {
  const database = await miniflare.getD1Database('DB', WORKER_NAME)
  await database.exec(
    'CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)',
  )
  const { results } = await database.prepare('SELECT name FROM d1_migrations').all<{ name: string }>()
  const applied = new Set(results.map((row) => row.name))
  const folder = join(ROOT, 'migrations')
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.sql') || applied.has(name)) continue
    const statements = readFileSync(join(folder, name), 'utf8').split('--> statement-breakpoint')
    await database.batch([
      ...statements.map((statement) => database.prepare(statement)),
      database.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name),
    ])
  }
}

/** Runs `work` while temporary files go into the gateway's own directory. */
function withTemporaryFilesIn<T>(directory: string, work: () => T): T {
  const before = process.env.TMPDIR
  process.env.TMPDIR = directory
  try {
    return work()
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
}

export async function startGateway(options: LocalGatewayOptions): Promise<LocalGateway> {
  const { directory } = options
  mkdirSync(join(directory, 'tmp'), { recursive: true })
  process.env.INTERPEER_WORKERD = WORKERD
  process.env.MINIFLARE_WORKERD_PATH = join(import.meta.dirname, 'workerd.sh')

  const [worker] = await Promise.all([prepared(), import('miniflare')])
  const log = appendingLog(join(directory, 'gateway.log'))
  try {
    const start = (port: number): Promise<Started> => started(port, options, worker, log)
    const { miniflare, url } = await (options.port === 0 ? atFreePort(start) : start(options.port))
    return served(miniflare, url, log)
  } catch (cause) {
    log.close()
    throw cause
  }
}

/** workerd with the Worker in it. */
async function started(
  port: number,
  options: LocalGatewayOptions,
  { code, options: settings }: Prepared,
  log: AppendingLog,
): Promise<Started> {
  const { directory } = options
  const { Miniflare, NoOpLog, convertV4MiniflareOptions } = await import('miniflare')
  const url = `http://127.0.0.1:${port}`
  const worker = {
    ...settings,
    name: WORKER_NAME,
    modules: [{ type: 'ESModule', path: 'worker.js', contents: code }],
    bindings: {
      ...(settings.bindings as Record<string, unknown> | undefined),
      PUBLIC_URL: options.publicUrl ?? url,
      NETWORK_KEY: options.networkKey,
      GATEWAY_KEY: gatewayKey(join(directory, 'gateway.key')),
      SITES_DOMAIN: `sites.localhost:${port}`,
      ...options.vars,
    },
    unsafeDirectSockets: [{ host: '127.0.0.1', port }],
  }
  const shared = {
    host: '127.0.0.1',
    port: 0,
    cf: false,
    log: new NoOpLog(),
    handleStructuredLogs: ({ message }: { readonly message: string }) => log.write(message),
    resourcePersistencePath: join(directory, 'state'),
    workers: [worker],
  }
  const miniflare = withTemporaryFilesIn(
    join(directory, 'tmp'),
    () => new Miniflare(convertV4MiniflareOptions(shared as never) as MiniflareOptions),
  )
  try {
    await miniflare.ready
    await migrate(miniflare)
    if (options.networkFile !== undefined) await carry(url, options.networkFile)
  } catch (cause) {
    await miniflare.dispose()
    throw cause
  }
  return { miniflare, url }
}

function served(miniflare: Miniflare, url: string, log: AppendingLog): LocalGateway {
  const runCron = async (): Promise<void> => {
    const fetcher = await miniflare.getWorker(WORKER_NAME)
    await fetcher.scheduled({ cron: '* * * * *' })
  }
  const cron = setInterval(() => void runCron().catch((cause) => log.write(`cron failed: ${cause}`)), CRON_MS)
  cron.unref()
  let disposing: Promise<void> | undefined
  const dispose = (): Promise<void> => {
    disposing ??= (async () => {
      clearInterval(cron)
      await withDeadline(miniflare.dispose(), DISPOSE_MS_MAX)
      log.close()
    })()
    return disposing
  }
  return { url, runCron, dispose, [Symbol.asyncDispose]: dispose }
}

async function carry(url: string, networkFile: string): Promise<void> {
  const response = await fetch(`${url}/network`, { method: 'PUT', body: networkFile })
  const text = await response.text()
  // 409: it holds this version or a higher one from an earlier life.
  if (!response.ok && response.status !== 409) throw new Error(`the gateway refuses the network file: ${text}`)
}

function withDeadline(work: Promise<void>, deadlineMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, deadlineMs)
  })
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer))
}
