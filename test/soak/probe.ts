// Loaded into a seeder under soak before anything of its own (`--import`): answers on a unix socket what is alive in it after a forced
// collection, in the main thread and in each worker. The product knows nothing of it.
//
//   socket: one line {"snapshot"?: FILE} ──> collect ──> one line `Said`
//
// The resident size alone cannot tell garbage, free pages that the allocator keeps, and a leak apart; what is alive after a collection can.

import { readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as pass } from 'node:timers/promises'
import { setFlagsFromString, writeHeapSnapshot } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'

/** Of one thread; bytes after a collection. */
export type ThreadAlive = {
  readonly thread: number
  readonly heapBytes: number
  /** Buffers outside of the heap and all else that V8 is told of. */
  readonly externalBytes: number
  /** Linear memories of WebAssembly instances that live. */
  readonly wasmBytes: number
}

/** The main thread first. */
export type Said = { readonly threads: readonly ThreadAlive[] }

export type Asked = { readonly snapshot?: string }

/** Where its socket is, named by the process id. */
const DIRECTORY = 'SOAK_PROBE'
const WORKER_MS = 20_000
const LOOK_MS = 50
const memories: WeakRef<WebAssembly.Memory>[] = []

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

function remember(value: unknown): void {
  if (value instanceof WebAssembly.Memory) memories.push(new WeakRef(value))
}

/** Every memory is made by its constructor or by an instance that exports it. */
function watchMemories(): void {
  const { Memory, Instance } = WebAssembly
  WebAssembly.Memory = new Proxy(Memory, {
    construct(target, words) {
      const memory = Reflect.construct(target, words) as WebAssembly.Memory
      remember(memory)
      return memory
    },
  })
  WebAssembly.Instance = new Proxy(Instance, {
    construct(target, words) {
      const instance = Reflect.construct(target, words) as WebAssembly.Instance
      for (const value of Object.values(instance.exports)) remember(value)
      return instance
    },
  })
}

function alive(): ThreadAlive {
  // The first finds what weak references and finalizers let go in the second.
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  const buffers = new Set(memories.flatMap((each) => each.deref()?.buffer ?? []))
  return {
    thread: threadId,
    heapBytes: heapUsed,
    externalBytes: external,
    wasmBytes: [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0),
  }
}

function answerTo(asked: Asked): ThreadAlive {
  const answer = alive()
  if (asked.snapshot !== undefined) writeHeapSnapshot(`${asked.snapshot}-${threadId}.heapsnapshot`)
  return answer
}

type Told = { readonly asks?: Asked; readonly answer?: ThreadAlive }

function inWorker(channel: BroadcastChannel): void {
  watchMemories()
  channel.onmessage = ({ data }: { data: Told }) => {
    if (data.asks === undefined) return
    channel.postMessage({ answer: answerTo(data.asks) } satisfies Told)
  }
}

/** Threads that live, by their ids. */
const workers = new Set<number>()

function watchWorkers(): void {
  process.on('worker', (worker) => {
    const { threadId: id } = worker
    workers.add(id)
    worker.once('exit', () => workers.delete(id))
  })
}

/** A worker that is busy answers between two jobs; one that has just begun, or ends, not at all. */
async function all(channel: BroadcastChannel, asked: Asked): Promise<Said> {
  const threads: ThreadAlive[] = []
  channel.onmessage = ({ data }: { data: Told }) => {
    if (data.answer !== undefined) threads.push(data.answer)
  }
  channel.postMessage({ asks: asked } satisfies Told)
  const main = answerTo(asked)
  const end = performance.now() + WORKER_MS
  const isAnswered = (id: number): boolean => threads.some(({ thread }) => thread === id)
  while (performance.now() < end && ![...workers].every(isAnswered)) await pass(LOOK_MS)
  channel.onmessage = () => {}
  return { threads: [main, ...threads] }
}

function inMain(channel: BroadcastChannel, directory: string): void {
  const path = join(directory, String(process.pid))
  if (readdirSync(directory).includes(String(process.pid))) rmSync(path)
  const server = createServer((socket) => {
    socket.on('error', () => {})
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (!text.endsWith('\n')) return
      void all(channel, JSON.parse(text) as Asked).then((answer) => socket.end(`${JSON.stringify(answer)}\n`))
    })
  })
  server.listen(path).unref()
}

const directory = process.env[DIRECTORY]
if (directory !== undefined) {
  const channel = new BroadcastChannel('soak-probe')
  channel.unref()
  if (isMainThread) {
    watchWorkers()
    inMain(channel, directory)
  } else inWorker(channel)
}
