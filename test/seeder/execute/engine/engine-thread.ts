// The engine in a worker thread with the native stack that the pool gives it, for tests that nest deeply.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { RunResult } from '#seeder/execute/engine/run.ts'

export type EngineQuestion = { readonly script: string; readonly fuelMax: number; readonly run: boolean }
/** With `run` the result of a GET of `/`, else how the start failed (`started` when it did not). */
export type EngineAnswer = RunResult | string

export class EngineThread {
  readonly #worker: Worker
  readonly #fuelMax: number

  constructor(fuelMax: number) {
    this.#fuelMax = fuelMax
    this.#worker = new Worker(new URL('./engine-worker.ts', import.meta.url), { resourceLimits: { stackSizeMb: 64 } })
  }

  async run(script: string): Promise<RunResult> {
    return (await this.#ask({ script, fuelMax: this.#fuelMax, run: true })) as RunResult
  }

  async start(script: string): Promise<string> {
    return (await this.#ask({ script, fuelMax: this.#fuelMax, run: false })) as string
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  async #ask(question: EngineQuestion): Promise<EngineAnswer> {
    this.#worker.postMessage(question)
    const [answer] = (await once(this.#worker, 'message')) as [EngineAnswer]
    return answer
  }
}
