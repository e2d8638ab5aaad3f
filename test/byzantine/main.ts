// `npm run test:byzantine`: every kind of liar as leader and as follower, then every pair of kinds, over the bound, then a fork; then the same
// liars with somebody in Chromium beside the scripted clients; a line a case.
//
//   npm run test:byzantine                   everything
//   npm run test:byzantine -- alone:         cases whose name has one of these texts: `alone:`, `pair:`, `fork:`, `chromium`,
//                                            a kind, a part
//
// Ends with 1 when a case failed.

import process from 'node:process'
import { BYZANTINE_KINDS } from '#seeder/byzantine/kinds.ts'
import { startedWith } from '#test/support/program.ts'
import { nameOf, type Outcome, runAlone, runFork, runPair } from './cases.ts'
import type { Lie } from './group.ts'
import { type Visits, visitAlone, visitPair } from './visits.ts'

const LOAD_MS = 10_000

type Case = { readonly name: string; run(): Promise<Outcome | Visits> }

function cases(): readonly Case[] {
  const alone = BYZANTINE_KINDS.flatMap((kind) =>
    (['leader', 'follower'] as const).map((part): Lie => ({ kind, part })),
  )
  const pairs = BYZANTINE_KINDS.flatMap((first, index) =>
    BYZANTINE_KINDS.slice(index).map((second): readonly [Lie, Lie] => [
      { kind: first, part: 'leader' },
      { kind: second, part: 'follower' },
    ]),
  )
  return [
    ...alone.map((lie) => ({ name: `alone: ${nameOf([lie])}`, run: () => runAlone(lie, LOAD_MS) })),
    ...pairs.map((lies) => ({ name: `pair: ${nameOf(lies)}`, run: () => runPair(lies, LOAD_MS) })),
    { name: 'fork: two of four', run: runFork },
    ...alone.map((lie) => ({ name: `chromium: ${nameOf([lie])}`, run: () => visitAlone(lie) })),
    ...pairs.map((lies) => ({ name: `chromium, two: ${nameOf(lies)}`, run: () => visitPair(lies) })),
  ]
}

const USAGE = `usage: npm run test:byzantine [-- TEXT…]

  TEXT   cases whose name has one of these: alone:, pair:, fork:, chromium,
         a kind, a part (default: all)

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
