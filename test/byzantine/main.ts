// `npm run test:byzantine`: every kind of liar as leader and as follower, then every pair of kinds, over the bound, then a fork; a line a case.
//
//   npm run test:byzantine                   everything
//   npm run test:byzantine -- alone:         cases whose name has one of these texts: `alone:`, `pair:`, `fork:`, a kind, a part
//
// Ends with 1 when a case failed.

import process from 'node:process'
import { BYZANTINE_KINDS } from '#seeder/byzantine/kinds.ts'
import { startedWith } from '#test/support/program.ts'
import { nameOf, type Outcome, runAlone, runFork, runPair } from './cases.ts'
import type { Lie } from './group.ts'

const LOAD_MS = 10_000

type Case = { readonly name: string; run(): Promise<Outcome> }

function cases(): readonly Case[] {
  const alone = BYZANTINE_KINDS.flatMap((kind) =>
    (['leader', 'follower'] as const).map((part): Case => {
      const lie: Lie = { kind, part }
      return { name: `alone: ${nameOf([lie])}`, run: () => runAlone(lie, LOAD_MS) }
    }),
  )
  const pairs = BYZANTINE_KINDS.flatMap((first, index) =>
    BYZANTINE_KINDS.slice(index).map((second): Case => {
      const lies = [
        { kind: first, part: 'leader' },
        { kind: second, part: 'follower' },
      ] as const
      return { name: `pair: ${nameOf(lies)}`, run: () => runPair(lies, LOAD_MS) }
    }),
  )
  return [...alone, ...pairs, { name: 'fork: two of four', run: runFork }]
}

const USAGE = `usage: npm run test:byzantine [-- TEXT…]

  TEXT   cases whose name has one of these: alone:, pair:, fork:, a kind, a part (default: all)

Exit codes: 0 every case passed, 1 one did not, 2 usage.`

const { positionals: words } = startedWith(USAGE, { allowPositionals: true })
let failed = 0
for (const { name, run } of cases().filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
)) {
  const began = performance.now()
  try {
    const { name: _, ...facts } = await run()
    const seconds = Math.round((performance.now() - began) / 100) / 10
    console.log(
      `✔ ${name} (${seconds} s) ${JSON.stringify(facts, (_key, value) => (typeof value === 'number' ? Math.round(value) : value))}`,
    )
  } catch (cause) {
    failed++
    console.log(`✖ ${name}: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
}
process.exit(failed === 0 ? 0 : 1)
