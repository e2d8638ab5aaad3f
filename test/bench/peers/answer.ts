// A peer's half of the conversation with `processes.ts`.

import process from 'node:process'
import { createInterface } from 'node:readline'

/** What the process was started with. */
export function argument<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T
}

export function say(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}

/** Says that it is ready, then answers each question; ends with its standard input. */
export function answering(ready: object, answer: (question: Readonly<Record<string, unknown>>) => object): void {
  const lines = createInterface({ input: process.stdin })
  lines.on('line', (line) => say(answer(JSON.parse(line) as Readonly<Record<string, unknown>>)))
  lines.on('close', () => process.exit(0))
  say(ready)
}
