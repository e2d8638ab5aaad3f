// The script of the built-ins in an engine of its own thread, and the processor time that each run takes in it.

import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** Receiver, arguments (by name), and whether it is constructed. */
export type Call = readonly [self: string, args: readonly string[], construct: boolean]
export type BuiltinQuestion = { readonly body: string; readonly fuelMax: number }
export type BuiltinAnswer = {
  /** Of the processor, whatever else the machine does. */
  readonly ms: number
  readonly fuel: number
  readonly failure: string | undefined
  /** Calls that were begun. */
  readonly begun: number
  readonly text: string
}

const LIST_FUEL = 10_000_000_000

export class BuiltinThread {
  readonly #worker = new Worker(new URL('./worker.ts', import.meta.url), { resourceLimits: { stackSizeMb: 64 } })

  async list(): Promise<{ functions: string[]; values: string[] }> {
    const { text, failure } = await this.#ask({ body: JSON.stringify({ list: true }), fuelMax: LIST_FUEL })
    if (failure !== undefined) throw new Error(`the functions cannot be listed: ${failure} ${text}`)
    return JSON.parse(text) as { functions: string[]; values: string[] }
  }

  run(path: string, size: number, calls: readonly Call[], fuelMax: number): Promise<BuiltinAnswer> {
    return this.#ask({ body: JSON.stringify({ path, size, calls }), fuelMax })
  }

  /** Runs code in a handler; `text` is what went wrong. */
  evaluate(code: string, fuelMax: number): Promise<BuiltinAnswer> {
    return this.#ask({ body: JSON.stringify({ code }), fuelMax })
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  async #ask(question: BuiltinQuestion): Promise<BuiltinAnswer> {
    this.#worker.postMessage(question)
    const [answer] = (await once(this.#worker, 'message')) as [BuiltinAnswer]
    return answer
  }
}
