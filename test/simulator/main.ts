// npm run simulate -- [--seeds N] [--seed S | --from S] [--members 4|7|3all] [--trace] [--json]
//
// Runs the agreement core in simulated worlds, one a seed, and asserts its invariants in every step.
// Exit codes: 0 no violation, 1 a violation, 2 usage, 130 interrupted.

import { parseArgs } from 'node:util'
import { runFleet } from './fleet.ts'
import { GROUP_KINDS, type GroupKind, scenarioFromSeed } from './scenario.ts'
import { runWorld } from './world.ts'

const USAGE = `usage: npm run simulate -- [options]

  --seeds N            how many worlds to run (default 1000; 1 with --seed)
  --seed S             the first seed; alone: this one world
  --from S             the first seed of many (default 1)
  --members 4|7|3all   this kind of group only (default: by seed)
  --epochs N           so many epochs in every world (default: by seed)
  --trace              print what happened, with --seed
  --json               one line: {"runs","violations","firstSeed","digest"}
`

class UsageError extends Error {}

type Options = {
  readonly seeds: number
  readonly from: number
  readonly group: GroupKind | undefined
  readonly epochs: number | undefined
  readonly trace: boolean
  readonly json: boolean
}

function count(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new UsageError(`--${name} takes a whole number`)
  return value
}

function optionsFromArguments(args: readonly string[]): Options | 'help' {
  let values: Record<string, string | boolean | undefined>
  try {
    values = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string' },
        seed: { type: 'string' },
        from: { type: 'string' },
        members: { type: 'string' },
        epochs: { type: 'string' },
        trace: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause))
  }
  if (values.help === true) return 'help'
  const seed = count('seed', values.seed as string | undefined)
  const from = count('from', values.from as string | undefined)
  if (seed !== undefined && from !== undefined)
    throw new UsageError('--seed and --from are two names of the first seed: give one')
  const seeds = count('seeds', values.seeds as string | undefined) ?? (seed === undefined ? 1000 : 1)
  if (seeds < 1) throw new UsageError('--seeds takes a number above 0')
  const group = GROUP_KINDS.find((kind) => kind === values.members)
  if (values.members !== undefined && group === undefined) throw new UsageError('--members takes 4, 7 or 3all')
  const epochs = count('epochs', values.epochs as string | undefined)
  if (epochs !== undefined && (epochs < 1 || epochs > 16)) throw new UsageError('--epochs takes 1 to 16')
  const trace = values.trace === true
  if (trace && (seed === undefined || seeds !== 1)) throw new UsageError('--trace goes with one --seed')
  if (trace && values.json === true) throw new UsageError('--trace and --json exclude each other')
  return { seeds, from: seed ?? from ?? 1, group, epochs, trace, json: values.json === true }
}

const BAR_WIDTH = 32

function progress(total: number): (done: number, violations: number) => void {
  const started = performance.now()
  return (done, violations) => {
    const filled = Math.round((BAR_WIDTH * done) / total)
    const rate = done / Math.max(0.001, (performance.now() - started) / 1000)
    const bar = '█'.repeat(filled) + '░'.repeat(BAR_WIDTH - filled)
    process.stderr.write(`\r${bar} ${done}/${total}  ${rate.toFixed(0)} runs/s  ${violations} violations `)
  }
}

function traceOne(seed: number, group: GroupKind | undefined, epochs: number | undefined): number {
  const result = runWorld(scenarioFromSeed(seed, group, epochs), { trace: true })
  for (const line of result.lines) process.stdout.write(`${line}\n`)
  process.stdout.write(`seed ${seed}  digest ${result.digest}  ${JSON.stringify(result.totals)}\n`)
  for (const violation of result.violations) process.stdout.write(`${violation.rule}: ${violation.text}\n`)
  return result.violations.length > 0 ? 1 : 0
}

async function main(args: readonly string[]): Promise<number> {
  const options = optionsFromArguments(args)
  if (options === 'help') {
    process.stdout.write(USAGE)
    return 0
  }
  const { seeds, from, group, epochs, json } = options
  if (options.trace) return traceOne(from, group, epochs)
  const abort = new AbortController()
  process.once('SIGINT', () => abort.abort())
  const bar = process.stderr.isTTY === true
  const result = await runFleet({
    from,
    seeds,
    signal: abort.signal,
    ...(group === undefined ? {} : { group }),
    ...(epochs === undefined ? {} : { epochs }),
    ...(bar ? { onProgress: progress(seeds) } : {}),
  })
  if (bar) process.stderr.write('\n')
  if (abort.signal.aborted) return 130
  const { runs, violations, firstSeed, digest } = result
  if (json) process.stdout.write(`${JSON.stringify({ runs, violations, firstSeed, digest })}\n`)
  else {
    process.stdout.write(
      `${runs} runs, ${violations} with a violation, digest ${digest}\n${JSON.stringify(result.totals)}\n`,
    )
    if (result.first !== null) {
      process.stdout.write(`first failure: seed ${firstSeed}\n`)
      for (const violation of result.first.violations) process.stdout.write(`  ${violation.rule}: ${violation.text}\n`)
      const members = `${group === undefined ? '' : ` --members ${group}`}${epochs === undefined ? '' : ` --epochs ${epochs}`}`
      process.stdout.write(`see it: npm run simulate -- --seed ${firstSeed}${members} --trace\n`)
    }
  }
  return violations > 0 ? 1 : 0
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (cause) {
  if (!(cause instanceof UsageError)) throw cause
  process.stderr.write(`${cause.message}\n${USAGE}`)
  process.exitCode = 2
}
