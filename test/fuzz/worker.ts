// The thread that runs the inputs. What it is about to run stands in shared memory, so that the thread that watches can tell what hung.
//
//   shared: i32 inputs begun · i32 length of the present input · its bytes

import { parentPort, workerData } from 'node:worker_threads'
import { createSession, runInputs } from './fuzzer.ts'
import { INPUT_BYTES_MAX } from './mutate.ts'
import { fuzzTargets } from './targets.ts'

/** Inputs between two reports of one target. */
const BATCH = 2_000

export type Orders = {
  readonly shared: SharedArrayBuffer
  readonly seed: number
  readonly inputs: number
  readonly only: string | undefined
}

export type Report = {
  readonly target: string
  readonly inputs: number
  readonly accepted: number
  readonly verdicts: number
  readonly corpus: number
  readonly ms: number
  readonly heapBytes: number
  readonly findings: readonly { readonly kind: string; readonly text: string; readonly input: Uint8Array }[]
}

const { shared, seed, inputs, only } = workerData as Orders
const numbers = new Int32Array(shared, 0, 2)
const bytes = new Uint8Array(shared, 8, INPUT_BYTES_MAX)
const before = (input: Uint8Array): void => {
  bytes.set(input.subarray(0, INPUT_BYTES_MAX))
  Atomics.store(numbers, 1, Math.min(input.length, INPUT_BYTES_MAX))
  Atomics.add(numbers, 0, 1)
}

const targets = (await fuzzTargets()).filter(({ name }) => only === undefined || name.startsWith(only))
const sessions = targets.map((target) => createSession(target, seed))
const each = Math.ceil(inputs / Math.max(1, sessions.length))
for (let done = 0; done < each; done += BATCH) {
  for (const session of sessions) {
    const began = performance.now()
    const findings = runInputs(session, Math.min(BATCH, each - done), before)
    const ms = performance.now() - began
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    const report: Report = {
      target: session.target.name,
      inputs: session.inputs,
      accepted: session.accepted,
      verdicts: session.verdicts.size,
      corpus: session.corpus.length,
      ms,
      heapBytes: heapUsed + external,
      findings,
    }
    parentPort?.postMessage(report)
  }
}
parentPort?.postMessage('done')
