// One thread of a fleet: runs the ranges of seeds that it is handed.

import { parentPort } from 'node:worker_threads'
import type { RangeOrder, RunReport } from './fleet.ts'
import { worldFromSeed } from './scenario.ts'
import { runWorld } from './world.ts'

parentPort?.on('message', (range: RangeOrder) => {
  const reports: RunReport[] = []
  for (let seed = range.from; seed < range.from + range.count; seed++) {
    const { digest, violations, totals } = runWorld(worldFromSeed(seed, range.group, range.epochs))
    reports.push({ seed, digest, violations, totals })
    if (range.untilViolation && violations.length > 0) break
  }
  parentPort?.postMessage(reports)
})
