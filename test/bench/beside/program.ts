// The programs of others beside which ours are measured. Each is started here in the foreground with a configuration of its own, as a
// child that nobody else knows; no service of the machine is used, started or stopped.
//
// Invariant: a program that is not installed is an error that names its package, never a benchmark that was not run.

import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { cpuSplitMs } from '#test/bench/processes.ts'
import { until } from '#test/support/until.ts'

/** Where npm's are looked for: they are no dependencies of this product. */
const NPM_DIRECTORY = process.env.INTERPEER_BENCH_PEERS ?? join(homedir(), '.interpeer-bench')
/** As they were measured; `debug` is missing from hyper-gateway's own list. */
const NPM_PACKAGES = ['hyper-gateway@3.6.0', 'debug@4.4.3', 'hono@4.13.19', '@hono/node-server@2.1.8']
/** Debian's own places, beside what PATH has. */
const FOLDERS = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
const READY_MS = 20_000

/** By package: the names its program may have. */
const PROGRAMS = {
  'etcd-server': /^etcd$/,
  'nginx-light': /^nginx$/,
  'php-fpm': /^php-fpm[0-9.]*$/,
  caddy: /^caddy$/,
  unbound: /^unbound$/,
} as const

export type DebianPackage = keyof typeof PROGRAMS

/** Said to people without a stack: what to install. */
export class MissingPeer extends Error {}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Path of the program. Throws `MissingPeer`. */
export function debianProgram(name: DebianPackage): string {
  for (const folder of FOLDERS) {
    if (!existsSync(folder)) continue
    const found = readdirSync(folder).find((entry) => PROGRAMS[name].test(entry) && isProgram(join(folder, entry)))
    if (found !== undefined) return join(folder, found)
  }
  throw new MissingPeer(
    `${name} is not installed. On Debian: apt-get install --no-install-recommends etcd-server nginx-light php-fpm php-sqlite3 caddy unbound`,
  )
}

/** Path of a module of a package that npm installed beside. Throws `MissingPeer`. */
export function npmModule(name: string, module: string): string {
  const path = join(NPM_DIRECTORY, 'node_modules', name, module)
  if (existsSync(path)) return path
  throw new MissingPeer(
    `${name} is not installed: npm install --prefix ${NPM_DIRECTORY} --save-exact ${NPM_PACKAGES.join(' ')} (INTERPEER_BENCH_PEERS names another directory)`,
  )
}

export type Program = AsyncDisposable & {
  readonly pid: number
  kill(signal: NodeJS.Signals): void
}

export type ProgramOptions = {
  readonly command: string
  readonly arguments: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** An address that is asked until it answers HTTP with any status, or a file that appears. */
  readonly ready: { readonly url: string } | { readonly file: string }
}

/** In the foreground; what it says is shown when it ends before it is ready. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const child = spawn(options.command, options.arguments, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  })
  const said = lastWords(child)
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()))
  let over = false
  void ended.then(() => {
    over = true
  })
  const { pid } = child
  const orphaned = (): void => endTree(child)
  process.once('exit', orphaned)
  const program: Program = {
    pid: pid ?? 0,
    kill: (signal) => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      endTree(child)
      await ended
      process.off('exit', orphaned)
    },
  }
  try {
    await until(
      `${options.command} answers`,
      async () => {
        if (over) throw new Error(`${options.command} ended: ${said()}`)
        if ('file' in options.ready) return existsSync(options.ready.file)
        return fetch(options.ready.url, { redirect: 'manual' }).then(
          () => true,
          () => false,
        )
      },
      READY_MS,
    )
  } catch (cause) {
    await program[Symbol.asyncDispose]()
    throw cause
  }
  return program
}

const WORDS_KEPT = 4096

function lastWords(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text = `${text}${chunk}`.slice(-WORDS_KEPT)
    })
  child.once('error', (cause) => {
    text += cause.message
  })
  return () => text
}

/** The process and what it started. Stopped first: a master whose worker is killed starts another one. */
function endTree(child: ChildProcess): void {
  const { pid } = child
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  signal(pid, 'SIGSTOP')
  for (const each of [...descendants(pid), pid]) signal(each, 'SIGKILL')
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended meanwhile.
  }
}

function descendants(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const fields = readFileSync(`/proc/${entry}/stat`, 'utf8')
      const parent = Number(fields.slice(fields.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)])
    } catch {
      // It ended meanwhile.
    }
  }
  const below = (at: number): number[] => (children.get(at) ?? []).flatMap((child) => [child, ...below(child)])
  return below(pid)
}

/** CPU time of a process and all below it so far, ms. */
export function treeCpuMs(pid: number): number {
  return [pid, ...descendants(pid)].reduce((sum, each) => {
    try {
      const { execution, rest } = cpuSplitMs(each)
      return sum + execution + rest
    } catch {
      return sum
    }
  }, 0)
}

/** A port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return address.port
}
