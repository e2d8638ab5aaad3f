// Prints what `core.ts` gives on this Node, a line each: `node node.ts '{"seed":"a","programs":200,"vectors":true}'`.

import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { linesOf, type Work } from '#test/seeder/execute/differential/core.ts'

if (isMainThread) {
  // The native stack that the pool gives its threads.
  new Worker(new URL(import.meta.url), {
    workerData: JSON.parse(process.argv[2] ?? '{}'),
    resourceLimits: { stackSizeMb: 64 },
  })
} else process.stdout.write(`${linesOf(workerData as Work).join('\n')}\n`)
