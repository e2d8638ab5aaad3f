// Worlds in which a member once did wrong, each with what it was. In every one of them the mistake, put back (test/protocol/agreement/mutants.ts),
// breaks an invariant; the product has to pass.

import { powerCutFromSeed, type Scenario, scenarioFromSeed, unmeasured, worldFromSeed } from './scenario.ts'

export type NamedSeed = { readonly name: string; readonly scenario: Scenario }

export const NAMED_SEEDS: readonly NamedSeed[] = [
  {
    name: 'R1 a member that lost its disk abstains after its second restart too',
    scenario: unmeasured(scenarioFromSeed(217, undefined, 1)),
  },
  {
    name: 'R7 what one leader passed over does not end the views of the next ones',
    scenario: unmeasured(scenarioFromSeed(11, undefined, 1)),
  },
  { name: 'R6 the own TIMEOUT counts towards a TC after a restart', scenario: powerCutFromSeed(3) },
  {
    name: '§3 a member with a wrong executor takes a state that somebody still has',
    scenario: unmeasured(scenarioFromSeed(14, undefined, 1)),
  },
  {
    name: 'R8 what the fuel of a block did not reach waits for the next one',
    scenario: unmeasured(scenarioFromSeed(9, undefined, 1)),
  },
  {
    name: 'G10 a backlog of several blocks outlasts the patience of R7 and is worked off all the same',
    scenario: unmeasured(scenarioFromSeed(20040, '7', 1)),
  },
  {
    name: 'R7 what waits behind an UPDATE waits, and is taken in the end',
    scenario: unmeasured(scenarioFromSeed(43, '7', 1)),
  },
  {
    name: 'driver: a body dropped by one step and brought by the next is there',
    scenario: unmeasured(scenarioFromSeed(10078, '4', 1)),
  },
  {
    name: 'R1 votes that are sent again after a restart certify a block that their senders still have',
    scenario: unmeasured(scenarioFromSeed(181689161315, undefined, 1)),
  },
  {
    name: '§6 a group that was replaced as a whole gets its last block from who has left',
    scenario: worldFromSeed(1004501),
  },
  {
    name: 'driver: a clock that was put right is not put wrong again by what waited',
    scenario: worldFromSeed(1005586),
  },
  {
    name: 'R1 a leader votes for no block of which a body went while it was executed',
    scenario: worldFromSeed(1035778),
  },
  {
    name: 'R9 who takes a state past a block that has a visitor’s request does not let that visitor wait',
    scenario: worldFromSeed(1070284),
  },
  {
    name: 'G6 a state that is taken at the height of a block without its bodies does not make that block one that is held',
    scenario: worldFromSeed(1375486),
  },
  { name: 'G2 forks beyond the bound name their culprits', scenario: unmeasured(scenarioFromSeed(184, '7', 1)) },
]
