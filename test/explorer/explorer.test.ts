// The bounded exploration that belongs to every test run: each of these spaces is walked through to its end, with no invariant broken. The larger
// ones are on record in docs/EXPLORATION.md.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createMember, type Member } from '#protocol/agreement/member.ts'
import { step } from '#protocol/agreement/step.ts'
import type { Vote1 } from '#protocol/message/statement.ts'
import { inPatchedCopy, type Patch, runInCopy } from '#test/protocol/agreement/mutants-patch.ts'
import type { Statement } from '#test/simulator/culprits.ts'
import { CASES } from './cases.ts'
import { explore } from './explore.ts'
import { wrongOf } from './local.ts'
import { copyMember } from './member-copy.ts'
import { EXPLORED_MUTANTS } from './mutants.ts'
import { MASKED } from './mutants-masked.ts'
import type { Exploration } from './search.ts'
import { createWorld, NOW, requestOf, SETTINGS } from './world.ts'

const SMALL = [
  '3all',
  '3all-crash',
  '3all-heights',
  '3all-epoch',
  '3all-reconfig',
  '4',
  '4-liar-follows',
  '4-heights-one-view',
  '4-epoch-reconfig',
]

for (const [name, bounds] of CASES.filter(([each]) => SMALL.includes(each)))
  test(`§9 no reachable state of ${name} breaks an invariant`, (context) => {
    const result = explore(bounds)
    context.diagnostic(`${result.states} states, depth ${result.depth}, ${result.steps} machine steps`)
    assert.deepEqual(result.violation, null)
    assert.equal(result.complete, true)
    // What the bounds allow does happen: an exploration that gets nowhere proves nothing.
    const { height, view, epoch } = result.reached
    assert.deepEqual(
      { height: height >= bounds.heights, view, epoch },
      { height: true, view: bounds.views - 1, epoch: bounds.epochs - 1 },
    )
  })

test('the same bounds give the same states, moves and depth', () => {
  const bounds = CASES.find(([name]) => name === '3all')?.[1]
  assert.ok(bounds)
  const [a, b] = [explore(bounds), explore(bounds)].map(({ states, moves, depth, locals, messages }) => {
    return { states, moves, depth, locals, messages }
  })
  assert.deepEqual(a, b)
})

function someMember(): Member {
  const bounds = CASES[0]?.[1]
  assert.ok(bounds)
  const world = createWorld(bounds)
  const [group] = world.groups
  const leader = world.signers.map((signer) => {
    assert.ok(group)
    const member = createMember({ domain: world.domain, group, signer, settings: SETTINGS })
    step(member, { type: 'tick', now: NOW })
    step(member, { type: 'submit', request: requestOf(world, 0, 0, 0), now: NOW })
    return member
  })
  const led = leader.find((member) => member.executions.size > 0)
  assert.ok(led, 'somebody leads')
  return led
}

/** Every container that is reached from `value` by fields of plain objects; what steps replace and never change is not looked into. */
function containers(value: unknown, path: string, found: Map<object, string>): Map<object, string> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return found
  if (value instanceof Map || value instanceof Set) found.set(value, path)
  if (Array.isArray(value)) for (const [at, each] of value.entries()) containers(each, `${path}[${at}]`, found)
  else if (value instanceof Map)
    for (const [key, each] of value) containers(each, `${path}{${String(key).length}}`, found)
  else if (!(value instanceof Set))
    for (const [key, each] of Object.entries(value)) containers(each, `${path}.${key}`, found)
  return found
}

test('a copy of a member shares no Map and no Set with it', () => {
  const member = someMember()
  const own = containers(member, 'member', new Map())
  const shared = [...containers(copyMember(member), 'copy', new Map())].filter(([object]) => own.has(object))
  assert.deepEqual(
    shared.map(([, path]) => path),
    [],
  )
})

test('a step of the copy leaves the member as it was', () => {
  const member = someMember()
  const before = structuredClone({ ...member, signer: null })
  const copy = copyMember(member)
  for (const [, { ticket, context }] of copy.executions) {
    const result = { stateRoot: context.stateRoot, codeRoot: context.codeRoot, leaves: [] }
    step(copy, { type: 'executed', ticket, result, now: NOW })
  }
  step(copy, { type: 'tick', now: NOW + 60_000 })
  step(copy, { type: 'stop' })
  assert.notEqual(copy.view + copy.counts.timeouts + copy.nextTicket, 0)
  assert.deepEqual(structuredClone({ ...member, signer: null }), before)
})

test('G4 after its TIMEOUT a member signs in that view only above the height that it gave up, once that one is certified', () => {
  const { job } = createWorld(CASES[0]?.[1] ?? assert.fail()).groups[0] ?? assert.fail()
  const block_hash = new Uint8Array(32) as Vote1['block_hash']
  const vote = (height: number, view: number): Statement => {
    return { type: 'vote1', body: { job, epoch: 0, height, view, block_hash, jview: null } }
  }
  const gaveUp: Statement = { type: 'timeout', body: { job, epoch: 0, height: 1, view: 0, high: null } }
  assert.equal(wrongOf([gaveUp], vote(2, 0), 1), undefined)
  assert.match(wrongOf([gaveUp], vote(2, 0), 0) ?? '', /^G4/, 'not before the certificate')
  assert.match(wrongOf([gaveUp], vote(1, 0), 0) ?? '', /^G4/, 'not at that height')
  assert.match(wrongOf([gaveUp], vote(1, 0), 1) ?? '', /^G4/, 'not even when it is certified')
  assert.equal(wrongOf([gaveUp], vote(1, 1), 0), undefined)
  assert.match(wrongOf([gaveUp, vote(2, 1)], vote(1, 1), 1) ?? '', /^G4/, 'heights do not fall')
})

/** What an exploration of the protocol with these edits comes to. */
function explorePatched(patches: readonly Patch[], explored: string): Promise<Exploration> {
  return inPatchedCopy(patches, ['test/simulator', 'test/explorer', 'test/support'], async (copy) => {
    const args = ['--case', explored, '--json', '--minutes', '10']
    return JSON.parse(await runInCopy(join(copy, 'test/explorer/main.ts'), args, { exitCodes: [0, 1] })) as Exploration
  })
}

for (const { rule, what, patches, explored, breaks } of EXPLORED_MUTANTS)
  test(`${rule} ${what}: the exploration of ${explored} finds ${breaks}`, async (context) => {
    const result = await explorePatched(patches, explored)
    context.diagnostic(`${result.states} states`)
    assert.match(result.violation?.text ?? 'nothing', new RegExp(`^(${breaks})`))
  })

for (const { rule, what, explored, breaks, checks } of MASKED) {
  test(`${rule} ${what}: without all ${checks.length} checks ${breaks} breaks in ${explored}`, async () => {
    const result = await explorePatched(
      checks.map(({ patch }) => patch),
      explored,
    )
    assert.match(result.violation?.text ?? 'nothing', new RegExp(`^(${breaks})`))
  })
  for (const { patch, covered } of checks) {
    if (covered === null) continue
    test(`${rule} ${what}: not without one of them, for ${covered}`, async () => {
      const result = await explorePatched([patch], explored)
      assert.deepEqual({ complete: result.complete, violation: result.violation }, { complete: true, violation: null })
    })
  }
}
