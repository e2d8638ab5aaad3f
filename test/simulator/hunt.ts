// node hunt.ts <from> <seeds> <group | any | unmeasured | power_cut | set_clocks> <rule,…> <epochs | any>
//
// Runs worlds one after another until one breaks one of the named invariants, and prints one JSON line: {"runs","seed","rule","others"}.
// The mutation gate runs it inside a patched copy of the source tree.

import {
  GROUP_KINDS,
  powerCutFromSeed,
  type Scenario,
  scenarioFromSeed,
  unmeasured,
  worldFromSeed,
} from './scenario.ts'
import { runWorld } from './world.ts'

const [from = '1', seeds = '100', kind = 'any', wanted = '', epochs = 'any'] = process.argv.slice(2)
const group = GROUP_KINDS.find((known) => known === kind)
const rules = wanted.split(',')
const others: Record<string, number> = {}
function scenarioOf(seed: number, count: number | undefined): Scenario {
  if (kind === 'power_cut') return powerCutFromSeed(seed)
  if (kind === 'set_clocks') return worldFromSeed(seed, undefined, count)
  const drawn = scenarioFromSeed(seed, group, count)
  return kind === 'unmeasured' ? unmeasured(drawn) : drawn
}

let found: { seed: number; rule: string } | undefined
let runs = 0
for (let seed = Number(from); seed < Number(from) + Number(seeds) && found === undefined; seed++) {
  runs++
  const count = epochs === 'any' ? undefined : Number(epochs)
  for (const violation of runWorld(scenarioOf(seed, count)).violations) {
    if (rules.includes(violation.rule)) found ??= { seed, rule: violation.rule }
    else others[violation.rule] = (others[violation.rule] ?? 0) + 1
  }
}
process.stdout.write(`${JSON.stringify({ runs, seed: found?.seed ?? null, rule: found?.rule ?? null, others })}\n`)
