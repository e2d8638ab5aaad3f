// npm run fuzz -- [--inputs N] [--seed S] [--target NAME] [--json]
//
// So many generated inputs over all decoders (test/fuzz/targets.ts), in a thread that is watched. An input that makes one throw, hang or take long is
// kept as test/fuzz/findings/<target>-<hash>.bin, which every test run then tries first. Exit codes: 0 nothing found, 1 something, 2 usage.

import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import { startedWith } from '#test/support/program.ts'
import { INPUT_BYTES_MAX } from './mutate.ts'
import type { Orders, Report } from './worker.ts'

/** An input that takes longer hangs. */
const HUNG_MS = 10_000
/** Where no terminal is, its progress is a line each. */
const TELL_MS = 60_000
/** Memory in use may rise by so much after the first tenth of the inputs, bytes. */
const GROWTH_BYTES = 48 * 1024 * 1024

const USAGE = `usage: npm run fuzz -- [options]

  --inputs N      over all targets (default 1000000)
  --seed S        another S, other inputs (default 1)
  --target NAME   this one alone
  --json          one line of JSON

Exit codes: 0 nothing found, 1 something (kept in test/fuzz/findings), 2 usage.`

const { values, count } = startedWith(USAGE, {
  options: {
    inputs: { type: 'string' },
    seed: { type: 'string' },
    target: { type: 'string' },
    json: { type: 'boolean' },
  },
})
const inputs = count('--inputs', values.inputs, 1_000_000, 1)
const seed = count('--seed', values.seed, 1)
setFlagsFromString('--expose-gc')
runInNewContext('gc')

const shared = new SharedArrayBuffer(8 + INPUT_BYTES_MAX)
const numbers = new Int32Array(shared, 0, 2)
const orders: Orders = { shared, seed, inputs, only: values.target }
const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: orders })
const last = new Map<string, Report>()
const msByTarget = new Map<string, number>()
const found: string[] = []
const began = performance.now()
let toldAt = began
let heapEarly = 0
let heapLate = 0

function keep(target: string, kind: string, text: string, input: Uint8Array): void {
  const hash = createHash('sha256').update(input).digest('hex').slice(0, 16)
  const folder = join(import.meta.dirname, 'findings')
  mkdirSync(folder, { recursive: true })
  const name = `${target.replaceAll(' ', '_')}-${hash}.bin`
  if (found.some((line) => line.startsWith(name))) return
  writeFileSync(join(folder, name), input)
  found.push(`${name} ${kind}: ${text}`)
}

const done = Promise.withResolvers<void>()
let progress = -1
let running = ''
const watch = setInterval(() => {
  const now = Atomics.load(numbers, 0)
  if (now === progress && now > 0) {
    const input = new Uint8Array(shared, 8, Atomics.load(numbers, 1)).slice()
    keep(running || 'first', 'hung', `input ${now} ran for over ${HUNG_MS} ms`, input)
    void worker.terminate().then(() => done.resolve())
  }
  progress = now
}, HUNG_MS)

worker.on('message', (report: Report | 'done') => {
  if (report === 'done') return done.resolve()
  running = `after_${report.target}`
  last.set(report.target, report)
  msByTarget.set(report.target, (msByTarget.get(report.target) ?? 0) + report.ms)
  for (const { kind, text, input } of report.findings) keep(report.target, kind, text, input)
  const total = Atomics.load(numbers, 0)
  if (total < inputs / 10) heapEarly = Math.max(heapEarly, report.heapBytes)
  heapLate = report.heapBytes
  if (process.stderr.isTTY) process.stderr.write(`\r${total} inputs  ${found.length} findings `)
  else if (performance.now() - toldAt >= TELL_MS) {
    toldAt = performance.now()
    process.stderr.write(`${total} of ${inputs} inputs, ${found.length} findings\n`)
  }
})
worker.on('error', (cause) => done.reject(cause))
await done.promise
clearInterval(watch)
const seconds = (performance.now() - began) / 1000
const total = Atomics.load(numbers, 0)
const growthBytes = heapEarly === 0 ? 0 : heapLate - heapEarly
if (growthBytes > GROWTH_BYTES) found.push(`memory in use rose by ${growthBytes} bytes`)
const targets = [...last.values()].map(({ target, inputs: run, accepted, verdicts, corpus }) => {
  return {
    target,
    inputs: run,
    accepted,
    verdicts,
    corpus,
    perSecond: Math.round(run / ((msByTarget.get(target) ?? 1) / 1000)),
  }
})
if (values.json === true)
  process.stdout.write(`${JSON.stringify({ inputs: total, seed, seconds, growthBytes, targets, found })}\n`)
else {
  for (const each of targets)
    process.stdout.write(
      `${each.target.padEnd(24)} ${String(each.inputs).padStart(9)} inputs ${String(each.accepted).padStart(8)} accepted ${String(each.verdicts).padStart(5)} verdicts ${String(each.perSecond).padStart(8)}/s\n`,
    )
  process.stdout.write(
    `seed ${seed}: ${total} inputs in ${seconds.toFixed(1)} s, ${(total / seconds).toFixed(0)}/s, memory ${(growthBytes / 1048576).toFixed(1)} MiB more, ${found.length} findings\n`,
  )
  for (const line of found) process.stdout.write(`${line}\n`)
}
process.exitCode = found.length > 0 ? 1 : 0
