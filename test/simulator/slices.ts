// A long campaign of seeds in slices that stand in a ledger, one JSON line each: it may end at any time and goes on where it ended.
//
//   {"from","seeds","runs","violations","firstSeed","digest","seconds","at","source","totals"}
//
// `source` names the code that ran: SHA-256 over the bundle of it. A slice of the same code need not be run twice, and running it again has to give
// the same digest.

import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { type FleetResult, runFleet } from './fleet.ts'
import type { Totals } from './world.ts'

export type Slice = {
  readonly from: number
  readonly seeds: number
  readonly runs: number
  readonly violations: number
  readonly firstSeed: number | null
  readonly digest: string
  readonly seconds: number
  /** When it ended, ISO 8601. */
  readonly at: string
  readonly source: string
  readonly totals: Totals
}

/**
 * 16 hexadecimal digits that name the code which a slice depends on: all that a thread of the fleet imports, as one bundle. Comments, and
 * files that no world comes to, make no difference.
 */
export function sourceName(): string {
  const { outputFiles } = buildSync({
    entryPoints: [join(import.meta.dirname, 'fleet-worker.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    minifyWhitespace: true,
    logLevel: 'silent',
  })
  const hash = createHash('sha256')
  for (const { contents } of outputFiles) hash.update(contents)
  return hash.digest('hex').slice(0, 16)
}

/** The lines of a ledger; a last one that was cut off by a crash is left out. */
export function slicesOf(path: string): readonly Slice[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return line === '' ? [] : [JSON.parse(line) as Slice]
      } catch {
        return []
      }
    })
}

export type Campaign = {
  readonly path: string
  readonly from: number
  readonly seeds: number
  readonly sliceSeeds: number
  readonly source: string
  readonly threads?: number
  /** No slice is begun after this many ms. */
  readonly withinMs?: number
  readonly signal?: AbortSignal
  readonly onSlice?: (slice: Slice) => void
}

/** Runs the slices of the campaign that the ledger does not have for this code; each stands in it before the next begins. */
export async function runCampaign(campaign: Campaign): Promise<{ readonly ran: number; readonly skipped: number }> {
  const { path, sliceSeeds, source } = campaign
  const done = new Set(
    slicesOf(path)
      .filter((slice) => slice.source === source)
      .map(({ from, seeds }) => `${from}/${seeds}`),
  )
  const endsAt = performance.now() + (campaign.withinMs ?? Number.POSITIVE_INFINITY)
  const end = campaign.from + campaign.seeds
  let ran = 0
  let skipped = 0
  for (let from = campaign.from; from < end; from += sliceSeeds) {
    const seeds = Math.min(sliceSeeds, end - from)
    if (done.has(`${from}/${seeds}`)) {
      skipped++
      continue
    }
    if (performance.now() > endsAt || campaign.signal?.aborted) break
    const began = performance.now()
    const result: FleetResult = await runFleet({
      from,
      seeds,
      ...(campaign.threads === undefined ? {} : { threads: campaign.threads }),
      ...(campaign.signal === undefined ? {} : { signal: campaign.signal }),
    })
    // A slice that was cut off proves nothing about the rest of it.
    if (campaign.signal?.aborted || result.runs < seeds) break
    const { runs, violations, firstSeed, digest, totals } = result
    const seconds = Math.round((performance.now() - began) / 100) / 10
    const at = new Date().toISOString()
    const slice: Slice = { from, seeds, runs, violations, firstSeed, digest, seconds, at, source, totals }
    appendFileSync(path, `${JSON.stringify(slice)}\n`)
    ran++
    campaign.onSlice?.(slice)
  }
  return { ran, skipped }
}

export type Summary = {
  readonly slices: number
  /** Seeds, each counted once however often it ran. */
  readonly seeds: number
  readonly runs: number
  readonly violations: number
  readonly seconds: number
  readonly sources: number
  /** Slices that ran twice on the same code with different digests: it is not deterministic. */
  readonly contradictions: number
}

export function summaryOf(slices: readonly Slice[]): Summary {
  const digests = new Map<string, string>()
  const seeds = new Set<number>()
  const total = { runs: 0, violations: 0, seconds: 0, contradictions: 0 }
  for (const { from, seeds: count, runs, violations, seconds, source, digest } of slices) {
    const name = `${source}/${from}/${count}`
    if ((digests.get(name) ?? digest) !== digest) total.contradictions++
    digests.set(name, digest)
    for (let seed = from; seed < from + count; seed++) seeds.add(seed)
    total.runs += runs
    total.violations += violations
    total.seconds += seconds
  }
  const sources = new Set(slices.map(({ source }) => source)).size
  return { slices: slices.length, seeds: seeds.size, ...total, sources }
}
