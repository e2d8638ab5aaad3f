// npm run twins -- [--members 3|4|7] [--views N] [--blocks N] [--halves] [--twins N] [--from N] [--count N] [--seeds N] [--minutes N] [--json]
//
// Runs scenarios by their numbers, or sampled ones by seed. Exit codes: 0 nothing breaks, 1 something does, 2 usage.

import { startedWith } from '#test/support/program.ts'
import { type Space, scenarioAt, scenarioFromSeed, sizeOf } from './scenarios.ts'
import { runTwins } from './twins.ts'

const USAGE = `usage: npm run twins -- [options]

  --members N   3 (all must agree), 4 or 7 (default 4)
  --views N     views with a partition of their own (default 2)
  --blocks N    parts that a partition has at most (default 2)
  --halves      a partition for each half of a view
  --twins N     members with a twin (default 1)
  --from N      number of the first scenario (default 0)
  --count N     so many of them (default: all)
  --seeds N     so many sampled ones instead, from seed --from (default 1)
  --minutes N   begin none after so long (default 60)
  --json        one line of JSON

Exit codes: 0 nothing breaks, 1 something does, 2 usage.`

const { values, count } = startedWith(USAGE, {
  options: {
    members: { type: 'string' },
    views: { type: 'string' },
    blocks: { type: 'string' },
    halves: { type: 'boolean' },
    twins: { type: 'string' },
    from: { type: 'string' },
    count: { type: 'string' },
    seeds: { type: 'string' },
    minutes: { type: 'string' },
    json: { type: 'boolean' },
  },
})
const space: Space = {
  members: count('--members', values.members, 4, 3),
  views: count('--views', values.views, 2, 1),
  blocks: count('--blocks', values.blocks, 2, 1),
  halves: values.halves === true,
  twins: count('--twins', values.twins, 1),
}
const size = sizeOf(space)
const from = count('--from', values.from, values.seeds === undefined ? 0 : 1)
const end =
  values.seeds === undefined
    ? Math.min(size, from + count('--count', values.count, size))
    : from + count('--seeds', values.seeds, 0)
const began = performance.now()
const endsAt = began + count('--minutes', values.minutes, 60) * 60_000
const totals = { runs: 0, violations: 0, forks: 0, steps: 0, heights: 0 }
let first: { number: number; violations: readonly string[] } | null = null
for (let number = from; number < end && performance.now() < endsAt; number++) {
  const scenario = values.seeds === undefined ? scenarioAt(space, number) : scenarioFromSeed(space, number)
  const { violations, forks, steps, heights } = runTwins(scenario)
  totals.runs++
  totals.steps += steps
  totals.heights += heights.before
  if (forks > 0) totals.forks++
  if (violations.length === 0) continue
  totals.violations++
  first ??= { number, violations }
}
const seconds = (performance.now() - began) / 1000
const complete = values.seeds === undefined && from === 0 && totals.runs === size
const report = { space, size, from, ...totals, complete, seconds, first }
if (values.json === true) process.stdout.write(`${JSON.stringify(report)}\n`)
else {
  const what = `${space.members} members, ${space.twins} twinned, ${space.views} views${space.halves ? ' in halves' : ''}, ${space.blocks} blocks`
  process.stdout.write(
    `${what}: ${totals.runs} of ${size} scenarios${complete ? ' (all)' : ''}, ${totals.violations} violations, ${totals.forks} with forks, ${totals.steps} machine steps, ${seconds.toFixed(1)} s, ${(totals.runs / seconds).toFixed(0)}/s\n`,
  )
  if (first !== null) process.stdout.write(`first: ${first.number}: ${first.violations.join('; ')}\n`)
}
process.exitCode = totals.violations > 0 ? 1 : 0
