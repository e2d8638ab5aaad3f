// Runs test files in one engine; see `suite.ts`.

import { readFileSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
import { EngineSite } from '#test/seeder/execute/engine/engine-site.ts'
import type { WptAnswer, WptJob } from '#test/wpt/suite.ts'

/** The largest file (URLs by the thousand) needs a fifth of it. */
const FUEL_MAX = 50_000_000_000

const site = new EngineSite(readFileSync(new URL('./script.js', import.meta.url), 'utf8'))

function run(job: WptJob): WptAnswer {
  const result = site.post(JSON.stringify(job), FUEL_MAX)
  const { fuel } = result
  if (!result.ok) return { fuel, failure: `${result.failure} ${result.error?.message ?? ''}`, harness: null, tests: [] }
  return {
    fuel,
    ...(JSON.parse(new TextDecoder().decode(result.response.body)) as Pick<WptAnswer, 'harness' | 'tests'>),
  }
}

parentPort?.on('message', (job: WptJob) => parentPort?.postMessage(run(job)))
