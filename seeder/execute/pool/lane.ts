// One worker thread and the queue before it. Blocks go before reads, reads of different sites by turns; a job that is running is
// never overtaken.
//
//   queue → (start the thread when there is none) → one job → answer → next … → idle → the thread ends
//
// A read that runs longer than `readWallMs` ends with its thread, and what waits goes to a fresh one; a block is bounded by
// its fuel alone, because time is not the same on two members.

import { Worker } from 'node:worker_threads'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { assert } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import { failureResponse } from '#seeder/execute/engine/failure.ts'
import { FairQueue } from '#seeder/execute/pool/fair-queue.ts'
import type { AnswerMessage, JobMessage, WorkerSetup } from '#seeder/execute/pool/message.ts'
import type { BlockJob, BlockResult, ReadJob, ReadResult } from '#seeder/execute/port.ts'

/** Native stack of a worker: `DEPTH_MAX` of both binaries needs a small part of it on every build of V8. */
const STACK_MB = 64
const YOUNG_GENERATION_MB = 16

export type LaneOptions = {
  readonly setup: WorkerSetup
  readonly queueMax: number
  readonly idleMs: number
  readonly readWallMs: number
  readonly onDamaged: (cid: Cid) => void
}

/** The queue is full: the caller's answer is 503. */
export class RuntimeBusy extends Error {
  constructor() {
    super('the execution queue is full')
    this.name = 'RuntimeBusy'
  }
}

/** The world broke while a job ran; it has no result. The next job gets a fresh start. */
export class RuntimeBroken extends Error {
  constructor(message: string, stack?: string) {
    super(message)
    this.name = 'RuntimeBroken'
    if (stack !== undefined && stack !== '') this.stack = stack
  }
}

/** `quiet`: a block without steps leaves the new root as it is. */
export type BlockDone = { readonly result: BlockResult; readonly quiet: boolean }

type WaitingBlock = {
  readonly kind: 'block'
  readonly job: BlockJob
  readonly resolve: (done: BlockDone) => void
  readonly reject: (error: Error) => void
}
type WaitingRead = {
  readonly kind: 'read'
  readonly job: ReadJob
  readonly resolve: (result: ReadResult) => void
  readonly reject: (error: Error) => void
}
type Waiting = WaitingBlock | WaitingRead

export class Lane {
  readonly #options: LaneOptions
  readonly #blocks: WaitingBlock[] = []
  readonly #reads: FairQueue<WaitingRead>
  #worker: Worker | undefined
  #running: { readonly id: number; readonly waiting: Waiting } | undefined
  #ready = false
  #lastId = 0
  #wall: NodeJS.Timeout | undefined
  #idle: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: LaneOptions) {
    this.#options = options
    this.#reads = new FairQueue(options.queueMax)
  }

  block(job: BlockJob): Promise<BlockDone> {
    return new Promise((resolve, reject) => this.#add({ kind: 'block', job, resolve, reject }))
  }

  read(job: ReadJob): Promise<ReadResult> {
    return new Promise((resolve, reject) => this.#add({ kind: 'read', job, resolve, reject }))
  }

  /** Whether a thread lives now. */
  get alive(): boolean {
    return this.#worker !== undefined
  }

  /** Ends the thread; what waits or runs is rejected. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#lose(new RuntimeBroken('the runtime is closed'))
    for (const waiting of [...this.#blocks.splice(0), ...this.#reads.drain()]) {
      waiting.reject(new RuntimeBroken('the runtime is closed'))
    }
    await worker?.terminate()
  }

  #add(waiting: Waiting): void {
    if (this.#closed) {
      waiting.reject(new RuntimeBroken('the runtime is closed'))
      return
    }
    // Blocks are bounded by the agreement, one a site; reads come from strangers.
    if (waiting.kind === 'block') this.#blocks.push(waiting)
    else this.#reads.push(hexFromBytes(waiting.job.job), waiting)?.reject(new RuntimeBusy())
    this.#next()
  }

  #next(): void {
    if (this.#running !== undefined || this.#closed) return
    const waiting = this.#blocks.shift() ?? this.#reads.shift()
    if (waiting === undefined) {
      this.#rest()
      return
    }
    clearTimeout(this.#idle)
    this.#idle = undefined
    const worker = this.#worker ?? this.#start()
    const id = ++this.#lastId
    this.#running = { id, waiting }
    worker.ref()
    const message = { id, kind: waiting.kind, job: waiting.job } as JobMessage
    worker.postMessage(message)
    if (this.#ready) this.#startWall()
  }

  /** The time that a thread takes to start is not the read's. */
  #startWall(): void {
    const running = this.#running
    if (running?.waiting.kind !== 'read') return
    this.#wall = setTimeout(() => this.#overrun(running.id), this.#options.readWallMs)
  }

  /** Nothing to do: after a while the thread and its memory go. */
  #rest(): void {
    this.#worker?.unref()
    if (this.#worker === undefined || this.#idle !== undefined) return
    this.#idle = setTimeout(() => {
      const worker = this.#worker
      this.#worker = undefined
      this.#idle = undefined
      void worker?.terminate()
    }, this.#options.idleMs)
    this.#idle.unref()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: this.#options.setup,
      name: 'execute',
      resourceLimits: { stackSizeMb: STACK_MB, maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    })
    worker.on('message', (answer: AnswerMessage) => {
      if (worker !== this.#worker) return
      if (answer.kind === 'damaged') this.#options.onDamaged(answer.cid)
      else if (answer.kind !== 'ready') this.#settle(answer)
      else {
        this.#ready = true
        this.#startWall()
      }
    })
    const lost = (error: Error): void => {
      if (worker !== this.#worker) return
      this.#lose(error)
      this.#next()
    }
    worker.on('error', (error) => lost(new RuntimeBroken(`an execution worker died: ${String(error)}`)))
    worker.on('exit', (code) => lost(new RuntimeBroken(`an execution worker ended with code ${code}`)))
    this.#worker = worker
    this.#ready = false
    return worker
  }

  #settle(answer: Exclude<AnswerMessage, { kind: 'ready' | 'damaged' }>): void {
    const running = this.#running
    assert(running !== undefined && running.id === answer.id, 'a worker answers the job that it has')
    this.#running = undefined
    clearTimeout(this.#wall)
    const { waiting } = running
    if (answer.kind === 'broken') waiting.reject(new RuntimeBroken(answer.message, answer.stack))
    else if (answer.kind === 'block' && waiting.kind === 'block') waiting.resolve(answer)
    else if (answer.kind === 'read' && waiting.kind === 'read') waiting.resolve(answer.result)
    this.#next()
  }

  #lose(error: Error): void {
    this.#worker = undefined
    clearTimeout(this.#wall)
    const running = this.#running
    this.#running = undefined
    running?.waiting.reject(error)
  }

  #overrun(id: number): void {
    const running = this.#running
    if (running === undefined || running.id !== id || running.waiting.kind !== 'read') return
    const worker = this.#worker
    this.#worker = undefined
    this.#running = undefined
    const { job, resolve } = running.waiting
    const text = `time: a read took longer than ${this.#options.readWallMs} ms and was stopped`
    resolve({
      response: failureResponse('time'),
      fuel: 0,
      asked: { time: true, chance: true },
      wrote: false,
      failure: 'time',
      logs: [{ level: 'error', text, time: job.time }],
    })
    void worker?.terminate()
    this.#next()
  }
}
