// The command `interpeer` as scripts run it: a process, its standard output by JSON lines, its exit code. Whoever starts something here with
// `await using` has it ended, children included, however the test ends.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { until } from './until.ts'

export const ROOT = join(import.meta.dirname, '..', '..')
const DOOR = join(ROOT, 'cli', 'interpeer.js')
const COMMAND_MS = 60_000
const READY_MS = 60_000
const END_MS = 20_000

export type CommandOptions = {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Words in front: default Node and the door of the command. */
  readonly through?: readonly string[]
}

export type CommandEnd = {
  /** As a shell has it: 128 + the signal's number when a signal ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
  /** Standard output as JSON lines; throws when it is something else. */
  readonly lines: readonly Record<string, unknown>[]
}

function environment(options: CommandOptions): NodeJS.ProcessEnv {
  const { INTERPEER_NETWORK: _, INTERPEER_KEY: __, ...rest } = process.env
  return { ...rest, NO_COLOR: '1', ...options.env }
}

function linesOf(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Runs the command to its end. */
export async function interpeer(words: readonly string[], options: CommandOptions = {}): Promise<CommandEnd> {
  const [program = '', ...first] = options.through ?? [process.execPath, DOOR]
  const child = spawn(program, [...first, ...words], {
    cwd: options.cwd ?? tmpdir(),
    env: environment(options),
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: COMMAND_MS,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (exit, signal) => resolve(exit ?? (signal === 'SIGINT' ? 130 : 143)))
  })
  return {
    code,
    stdout,
    stderr,
    get lines() {
      return linesOf(stdout)
    },
  }
}

export type Running = AsyncDisposable & {
  readonly pid: number
  /** JSON lines of standard output so far. */
  readonly events: readonly Record<string, unknown>[]
  readonly stderr: string
  readonly exited: Promise<number>
  kill(signal: NodeJS.Signals): void
  /** The first event of that name that `fits`, now or later. */
  event<T = Record<string, unknown>>(name: string, fits?: (event: T) => boolean, deadlineMs?: number): Promise<T>
}

/** Starts a command that goes on until it is told to stop; disposal interrupts it, and kills it when that takes too long. */
export function startCommand(words: readonly string[], options: CommandOptions = {}): Running {
  const [program = '', ...first] = options.through ?? [process.execPath, DOOR]
  const child: ChildProcess = spawn(program, [...first, ...words, '--json'], {
    cwd: options.cwd ?? tmpdir(),
    env: environment(options),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const events: Record<string, unknown>[] = []
  let text = ''
  let stderr = ''
  child.stdout?.setEncoding('utf8').on('data', (more) => {
    const lines = (text + more).split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) events.push(JSON.parse(line) as Record<string, unknown>)
  })
  child.stderr?.setEncoding('utf8').on('data', (more) => {
    stderr += more
  })
  let ended = false
  const exited = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127))
    child.once('exit', (exit, signal) => {
      ended = true
      resolve(exit ?? (signal === 'SIGKILL' ? 137 : 143))
    })
  })
  return {
    pid: child.pid ?? 0,
    events,
    get stderr() {
      return stderr
    },
    exited,
    kill: (signal) => void child.kill(signal),
    event: async <T>(name: string, fits: (event: T) => boolean = () => true, deadlineMs = READY_MS) => {
      let all = ended
      return (await until(
        `the event '${name}'`,
        () => {
          const found = events.find((event) => event.event === name && fits(event as T))
          if (found !== undefined) return found
          if (all) throw new Error(`it ended without '${name}': ${stderr}${JSON.stringify(events.at(-1))}`)
          // What it wrote at last may still be on its way.
          all = ended
          return undefined
        },
        deadlineMs,
      )) as T
    },
    async [Symbol.asyncDispose]() {
      if (ended) return
      child.kill('SIGINT')
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS)
      await exited
      clearTimeout(timer)
    },
  }
}

export type UpSeeder = {
  readonly peer: string
  readonly dir: string
  readonly http: string
  readonly control: string
  readonly pid: number
}
export type UpReady = {
  readonly gateway: string
  readonly network: string
  readonly sites: readonly {
    readonly name: string
    readonly url: string
    readonly job: string
    readonly members: readonly string[]
  }[]
  readonly seeders: readonly UpSeeder[]
}

export type Up = AsyncDisposable & {
  /** A folder of the test's own; the network is in `directory` below it, and `home`, `cwd` and `temporary` are empty at the start. */
  readonly folder: string
  readonly directory: string
  readonly home: string
  readonly cwd: string
  readonly temporary: string
  readonly running: Running
  readonly ready: UpReady
  /** A command on this network, with the same home. */
  run(...words: string[]): Promise<CommandEnd>
}

/** `interpeer up --port 0` in a folder of its own. */
export async function startUp(words: readonly string[] = []): Promise<Up> {
  const folder = mkdtempSync(join(tmpdir(), 'up-'))
  const [directory, home, cwd, temporary] = ['net', 'home', 'cwd', 'tmp'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ]
  for (const path of [home, cwd, temporary]) mkdirSync(path)
  const options = { cwd, env: { HOME: home, XDG_CONFIG_HOME: '', TMPDIR: temporary } }
  const running = startCommand(['up', '--dir', directory, '--port', '0', ...words], options)
  const end = async (): Promise<void> => {
    await running[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const ready = await running.event<UpReady>('ready')
    return {
      folder,
      directory,
      home,
      cwd,
      temporary,
      running,
      ready,
      run: (...more) =>
        interpeer(more, { ...options, env: { ...options.env, INTERPEER_NETWORK: join(directory, 'network.json') } }),
      [Symbol.asyncDispose]: end,
    }
  } catch (cause) {
    await end()
    throw cause
  }
}

export type ProcessFacts = { readonly pid: number; readonly parent: number; readonly name: string }

function processes(): ProcessFacts[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
        const close = stat.lastIndexOf(')')
        const [state, parent] = stat.slice(close + 2).split(' ')
        if (state === 'Z') return []
        return [{ pid: Number(name), parent: Number(parent), name: stat.slice(stat.indexOf('(') + 1, close) }]
      } catch {
        return []
      }
    })
}

/** The processes below one, at this moment. */
export function descendants(pid: number): ProcessFacts[] {
  const all = processes()
  const below = (parent: number): ProcessFacts[] =>
    all.filter((each) => each.parent === parent).flatMap((each) => [each, ...below(each.pid)])
  return below(pid)
}

/** Whether the very process still runs: its id may be another's by now. */
export function isRunning({ pid, name }: Pick<ProcessFacts, 'pid' | 'name'>): boolean {
  return processes().some((each) => each.pid === pid && each.name === name)
}
