// Answers the questions of `thread.ts`.

import { readFileSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { EngineSite } from '#test/seeder/execute/engine/engine-site.ts'
import type { BuiltinAnswer, BuiltinQuestion } from '#test/seeder/execute/hostile/builtins/thread.ts'

const site = new EngineSite(readFileSync(new URL('./script.js', import.meta.url), 'utf8'))

function answer({ body, fuelMax }: BuiltinQuestion): BuiltinAnswer {
  const before = process.threadCpuUsage()
  const result = site.post(body, fuelMax)
  const { user, system } = process.threadCpuUsage(before)
  const ms = (user + system) / 1000
  const text = result.ok ? new TextDecoder().decode(result.response.body) : (result.error?.message ?? '')
  const counted = result.logs.filter(({ text: line }) => /^call \d+$/.test(line)).length
  return { ms, fuel: result.fuel, failure: result.ok ? undefined : result.failure, begun: counted, text }
}

parentPort?.on('message', (question: BuiltinQuestion) => parentPort?.postMessage(answer(question)))
