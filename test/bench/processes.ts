// What the kernel counts of a process, and the small programs beside which ours are measured: each in a process of its own,
// asked by a JSON line, answering by one.

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'

/** As `Lane` names its threads. */
export const EXECUTION_THREAD = 'execute'
const TICK_MS = 10

/** CPU time so far by name of thread, ms: `execute` runs scripts, `node-MainThread` is the seeder itself, the others help V8 and libuv. */
export function threadCpuMs(pid: number): Map<string, number> {
  const byName = new Map<string, number>()
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const name = readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim()
      byName.set(name, (byName.get(name) ?? 0) + runMs(`/proc/${pid}/task/${thread}`))
    } catch {
      // It ended meanwhile.
    }
  }
  return byName
}

/** To the nanosecond where the kernel keeps such statistics, else in ticks. */
function runMs(path: string): number {
  try {
    return Number(readFileSync(`${path}/schedstat`, 'utf8').split(' ')[0]) / 1e6
  } catch {
    const fields = readFileSync(`${path}/stat`, 'utf8')
    const [, , ...rest] = fields.slice(fields.lastIndexOf(')')).split(' ')
    return (Number(rest[10]) + Number(rest[11])) * TICK_MS
  }
}

/** Execution, and all else together. */
export function cpuSplitMs(pid: number): { readonly execution: number; readonly rest: number } {
  let execution = 0
  let rest = 0
  for (const [name, ms] of threadCpuMs(pid)) {
    if (name === EXECUTION_THREAD) execution += ms
    else rest += ms
  }
  return { execution, rest }
}

/** Resident memory, MB (10⁶ bytes). */
export function residentMb(pid: number): number {
  const kb = /\nVmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return (Number(kb) * 1024) / 1e6
}

export type Peer = AsyncDisposable & {
  readonly pid: number
  readonly ready: Readonly<Record<string, unknown>>
  /** One question, one answer, in order. */
  ask(question: object): Promise<Readonly<Record<string, unknown>>>
}

/** Starts `test/bench/peers/<name>.ts`, which says one line when it is ready and ends when its standard input does. */
export async function startPeer(name: string, argument: object = {}): Promise<Peer> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'peers', `${name}.ts`), JSON.stringify(argument)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const next = lineReader(child, name)
  const ready = await next()
  return {
    pid: child.pid ?? 0,
    ready,
    ask(question) {
      const answer = next()
      child.stdin?.write(`${JSON.stringify(question)}\n`)
      return answer
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL')
      await ended
    },
  }
}

function lineReader(child: ChildProcess, name: string): () => Promise<Readonly<Record<string, unknown>>> {
  const { stdout } = child
  if (stdout === null) throw new Error('its output is a pipe')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  return async () => {
    const line = await lines.next()
    if (line.done === true) throw new Error(`${name} ended`)
    return JSON.parse(line.value) as Readonly<Record<string, unknown>>
  }
}
