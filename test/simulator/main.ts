// npm run simulate -- [--seeds N] [--seed S | --from S] [--members 4|7|3all] [--trace] [--json]
// npm run simulate -- --ledger docs/simulator-runs.jsonl [--seeds N] [--from S] [--slice N] [--minutes N] [--threads N]
//
// Runs the agreement core in simulated worlds, one a seed, and asserts its invariants in every step.
// Exit codes: 0 no violation, 1 a violation, 2 usage, 130 interrupted.

import { parseArgs } from 'node:util'
import { runFleet } from './fleet.ts'
import { GROUP_KINDS, type GroupKind, worldFromSeed } from './scenario.ts'
import { runCampaign, slicesOf, sourceName, summaryOf } from './slices.ts'
import { runWorld } from './world.ts'

const USAGE = `usage: npm run simulate -- [options]

  --seeds N            how many worlds to run (default 1000; 1 with --seed)
  --seed S             the first seed; alone: this one world
  --from S             the first seed of many (default 1)
  --members 4|7|3all   this kind of group only (default: by seed)
  --epochs N           so many epochs in every world (default: by seed)
  --trace              print what happened, with --seed
  --json               one line: {"runs","violations","firstSeed","digest"}
  --ledger PATH        run in slices, add each to this file, but for those it has of this code
  --slice N            seeds of a slice (default 1000)
  --minutes N          begin no slice after so long
  --threads N          1 or 2 (default 2)

Exit codes: 0 no violation, 1 a violation, 2 usage, 130 interrupted.
`

class UsageError extends Error {}

type Options = {
  readonly seeds: number
  readonly from: number
  readonly group: GroupKind | undefined
  readonly epochs: number | undefined
  readonly trace: boolean
  readonly json: boolean
  readonly ledger: string | undefined
  readonly slice: number
  readonly minutes: number | undefined
  readonly threads: number | undefined
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
        ledger: { type: 'string' },
        slice: { type: 'string' },
        minutes: { type: 'string' },
        threads: { type: 'string' },
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
  const ledger = values.ledger as string | undefined
  const slice = count('slice', values.slice as string | undefined) ?? 1000
  if (slice < 1) throw new UsageError('--slice takes a number above 0')
  const minutes = count('minutes', values.minutes as string | undefined)
  const threads = count('threads', values.threads as string | undefined)
  if (ledger !== undefined && (group !== undefined || epochs !== undefined || trace))
    throw new UsageError('--ledger takes all kinds of worlds: neither --members, --epochs nor --trace')
  if (ledger === undefined && minutes !== undefined) throw new UsageError('--minutes goes with --ledger')
  const json = values.json === true
  return { seeds, from: seed ?? from ?? 1, group, epochs, trace, json, ledger, slice, minutes, threads }
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
  const result = runWorld(worldFromSeed(seed, group, epochs), { trace: true })
  for (const line of result.lines) process.stdout.write(`${line}\n`)
  process.stdout.write(`seed ${seed}  digest ${result.digest}  ${JSON.stringify(result.totals)}\n`)
  for (const violation of result.violations) process.stdout.write(`${violation.rule}: ${violation.text}\n`)
  return result.violations.length > 0 ? 1 : 0
}

async function runLedger(path: string, options: Options, signal: AbortSignal): Promise<number> {
  const { from, seeds, slice: sliceSeeds, minutes, threads } = options
  const { ran, skipped } = await runCampaign({
    path,
    from,
    seeds,
    sliceSeeds,
    source: sourceName(),
    signal,
    ...(threads === undefined ? {} : { threads }),
    ...(minutes === undefined ? {} : { withinMs: minutes * 60_000 }),
    onSlice: (each) =>
      process.stdout.write(
        `${each.from} … ${each.from + each.seeds - 1}: ${each.violations} violations, ${each.seconds} s, ${(each.runs / each.seconds).toFixed(1)} runs/s, ${each.digest.slice(0, 16)}\n`,
      ),
  })
  const { violations, contradictions, ...rest } = summaryOf(slicesOf(path))
  process.stdout.write(
    `${ran} slices run, ${skipped} known; the ledger: ${rest.runs} runs of ${rest.seeds} seeds in ${rest.slices} slices on ${rest.sources} states of the code, ${violations} violations, ${contradictions} contradictions, ${(rest.runs / Math.max(1, rest.seconds)).toFixed(1)} runs/s\n`,
  )
  if (signal.aborted) return 130
  return violations > 0 || contradictions > 0 ? 1 : 0
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
  if (options.ledger !== undefined) return runLedger(options.ledger, options, abort.signal)
  const bar = process.stderr.isTTY === true
  const result = await runFleet({
    from,
    seeds,
    signal: abort.signal,
    ...(options.threads === undefined ? {} : { threads: options.threads }),
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
