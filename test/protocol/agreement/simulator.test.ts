// The agreement core in simulated worlds: named seeds that once failed, a short walk through three hundred worlds, one world twice.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runFleet } from '#test/simulator/fleet.ts'
import { mistaken, scenarioFromSeed } from '#test/simulator/scenario.ts'
import { NAMED_SEEDS } from '#test/simulator/seeds.ts'
import { runWorld } from '#test/simulator/world.ts'

/** The same worlds each time: `npm run simulate` is what looks for new ones. */
const WALK_FROM = 1
const WALK_SEEDS = 300
const MISTAKEN_SEEDS = 20

const MAIN = fileURLToPath(new URL('../../simulator/main.ts', import.meta.url))

function simulate(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr })
    })
  })
}

for (const { name, scenario } of NAMED_SEEDS) {
  test(`${name} (seed ${scenario.seed}, ${scenario.group})`, () => {
    assert.deepEqual(runWorld(scenario).violations, [])
  })
}

test('§9 G1–G6, G8–G11 hold in three hundred worlds', async (context) => {
  const result = await runFleet({ from: WALK_FROM, seeds: WALK_SEEDS, untilViolation: true })
  context.diagnostic(`${result.runs} worlds: ${JSON.stringify(result.totals)}`)
  const said = result.first?.violations.map(({ rule, text }) => `${rule}: ${text}`).join('\n')
  assert.equal(result.firstSeed, null, `npm run simulate -- --seed ${result.firstSeed} --trace\n${said}`)
  assert.ok(
    result.totals.heights > 0 && result.totals.acknowledged > 0,
    'worlds in which nothing happens prove nothing',
  )
})

test('R6 who is taken for gone and is not costs nobody safety, and no world its progress', () => {
  for (let seed = WALK_FROM; seed < WALK_FROM + MISTAKEN_SEEDS; seed++)
    assert.deepEqual(runWorld(mistaken(scenarioFromSeed(seed))).violations, [], `seed ${seed}`)
})

test('a seed replays its world exactly, whatever ran before it', () => {
  const scenario = scenarioFromSeed(77)
  const first = runWorld(scenario)
  runWorld(scenarioFromSeed(78))
  const second = runWorld(scenarioFromSeed(77), { trace: true })
  assert.equal(second.digest, first.digest)
  assert.deepEqual(second.totals, first.totals)
  assert.notEqual(runWorld(scenarioFromSeed(78)).digest, first.digest)
})

test('simulate --json prints one line whose digest depends on the seeds alone', async () => {
  const [first, again, other] = await Promise.all([
    simulate('--seeds', '20', '--from', '5', '--members', '4', '--json'),
    simulate('--seeds', '20', '--seed', '5', '--members', '4', '--json'),
    simulate('--seeds', '20', '--from', '6', '--members', '4', '--json'),
  ])
  assert.equal(first.stdout, again.stdout)
  assert.notEqual(first.stdout, other.stdout)
  const line = JSON.parse(first.stdout) as Record<string, unknown>
  assert.deepEqual(Object.keys(line), ['runs', 'violations', 'firstSeed', 'digest'])
  assert.deepEqual([line.runs, line.violations, line.firstSeed, first.code], [20, 0, null, 0])
})

test('simulate refuses what it does not understand with exit code 2', async () => {
  for (const args of [
    ['--seeds', 'many'],
    ['--members', '5'],
    ['--trace'],
    ['--unknown'],
    ['--seed', '1', '--from', '2'],
  ]) {
    const { code, stderr } = await simulate(...args)
    assert.equal(code, 2, args.join(' '))
    assert.match(stderr, /usage:/)
  }
})
