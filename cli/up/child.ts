// A child process of `up`: it says it is ready by one JSON line on its standard output, lives as long as its standard input is open
// (which the system closes when the parent dies, however it dies), and ends on SIGTERM.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import process from 'node:process'
import { failed } from '#cli/failure.ts'

export const READY_MS = 60_000
/** After SIGTERM; then SIGKILL. */
export const STOP_MS = 8_000
const LINE_BYTES_MAX = 1024 * 1024
/**
 * For glibc: few arenas, and what is free at the end of one goes back to the system. A seeder that has run scripts and rests keeps a fifth
 * less memory; where malloc is another, it means nothing.
 */
export const FRUGAL_MALLOC: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_TRIM_THRESHOLD_: '131072',
}

export type ReadyChild<T> = {
  readonly pid: number
  readonly ready: T
  /** Resolves when the process has ended: its exit code, or 128 + the signal's number. */
  readonly exited: Promise<number>
  stop(): Promise<void>
}

export type ChildOptions = {
  readonly name: string
  /** The TypeScript entry and its arguments. */
  readonly entry: string
  readonly args: readonly string[]
  /** Standard error goes here, appended. */
  readonly logFile: string
  /** Where Node keeps what it compiled, for the next start: a quarter of the time until all are ready. */
  readonly compileCache: string
  /** Written to standard input after the start; the stream stays open. */
  readonly input?: string
  readonly signal?: AbortSignal
}

const SIGNAL_NUMBER: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
}

/** Starts the child and waits for its first JSON line with `event: "ready"`. */
export async function startChild<T>(options: ChildOptions): Promise<ReadyChild<T>> {
  const log = openSync(options.logFile, 'a')
  // A group of its own: Ctrl-C in the terminal reaches `up` alone, which then stops its children in order.
  const child = spawn(process.execPath, [options.entry, ...options.args], {
    stdio: ['pipe', 'pipe', log],
    detached: true,
    env: { ...process.env, ...FRUGAL_MALLOC, NODE_COMPILE_CACHE: options.compileCache },
  })
  closeSync(log)
  child.stdin?.on('error', () => {})
  if (options.input !== undefined) child.stdin?.write(options.input)
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? 128 + (SIGNAL_NUMBER[signal ?? ''] ?? 0)))
    child.once('error', () => resolve(1))
  })
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGTERM')
    child.stdin?.end()
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await exited
    clearTimeout(timer)
  }
  try {
    const ready = await readyLine<T>(child, exited, options)
    child.stdout?.resume()
    return { pid: child.pid ?? 0, ready, exited, stop }
  } catch (cause) {
    await stop()
    throw cause
  }
}

function readyLine<T>(child: ChildProcess, exited: Promise<number>, options: ChildOptions): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const hint = `Its log is ${options.logFile}.`
  const timer = setTimeout(
    () => reject(failed('not_ready', `${options.name} was not ready within ${READY_MS / 1000} s`, hint)),
    READY_MS,
  )
  const abort = () => reject(failed('interrupted', 'interrupted'))
  options.signal?.addEventListener('abort', abort, { once: true })
  let text = ''
  const read = (chunk: Buffer) => {
    text += chunk.toString('utf8')
    if (text.length > LINE_BYTES_MAX)
      reject(failed('not_ready', `${options.name} says too much and is not ready`, hint))
    const lines = text.split('\n')
    text = lines.pop() ?? ''
    for (const line of lines) {
      try {
        const value = JSON.parse(line) as { event?: string; message?: string }
        if (value.event === 'ready') resolve(value as T)
        if (value.event === 'error') reject(failed('child_failed', `${options.name}: ${value.message}`, hint))
      } catch {
        // Not a JSON line: a remark.
      }
    }
  }
  child.stdout?.on('data', read)
  void exited.then((code) =>
    reject(failed('child_failed', `${options.name} ended with code ${code} before it was ready`, hint)),
  )
  return promise.finally(() => {
    clearTimeout(timer)
    options.signal?.removeEventListener('abort', abort)
    child.stdout?.off('data', read)
  })
}
