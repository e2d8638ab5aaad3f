// Whom a member that is behind asks, and what it makes of what it gets.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyCert } from '#protocol/agreement/door.ts'
import { FETCH_DELTAS } from '#protocol/agreement/limits.ts'
import type { Effect } from '#protocol/agreement/port.ts'
import { JOB, requestAt, SETTINGS, verify } from './cluster.ts'
import { Lone } from './lone.ts'

const WAIT_MS = FETCH_DELTAS * SETTINGS.deltaMs
/** The last height whose blocks are fetched rather than its state. */
const NOT_FAR = 2 * SETTINGS.snapshotHeights

function says(lone: Lone, from: number, height: number, first: number, snapshot: number | null): void {
  const place = { job: JOB, epoch: 0, height, view: 0 }
  lone.hear({ type: 'status', ...place, first, snapshot, disputed: false, ask: false }, from)
}

/** What it asks for, and whom, in so many tries that nobody answers. */
function asked(lone: Lone, tries: number): [Effect['type'], number][] {
  const found: [Effect['type'], number][] = []
  const end = lone.now + tries * WAIT_MS
  for (; lone.now < end; lone.now += SETTINGS.deltaMs)
    for (const effect of lone.give({ type: 'tick', now: lone.now }))
      if (effect.type === 'fetchBlocks' || effect.type === 'fetchState') found.push([effect.type, effect.from])
  return found
}

test('§6 one member’s state is not taken while others that are ahead have the blocks; nobody is left out for ever', () => {
  const lone = new Lone()
  const [a = 0, b = 0, c = 0] = lone.others()
  says(lone, c, NOT_FAR, NOT_FAR, NOT_FAR)
  says(lone, a, 2, 1, null)
  says(lone, b, 2, 1, null)
  assert.deepEqual(asked(lone, 3), [
    ['fetchBlocks', a],
    ['fetchBlocks', b],
    ['fetchState', c],
  ])
})

test('§6 a state that saves two intervals of blocks is asked for at once', () => {
  const lone = new Lone()
  const [a = 0, b = 0] = lone.others()
  says(lone, a, 2, 1, null)
  says(lone, b, NOT_FAR + 1, 1, NOT_FAR + 1)
  assert.deepEqual(asked(lone, 1), [['fetchState', b]])
})

for (const [name, here] of [
  ['with its body is kept with its requests', true],
  ['without its body is passed over: nobody is told that it can be had here', false],
] as const)
  test(`G6 a state is taken at a height whose block is known: one ${name}`, () => {
    const lone = new Lone()
    const request = requestAt(lone.now, { body: new Uint8Array([1, 2, 3]) })
    const block = lone.block([request])
    lone.hear(lone.propose(block, [request]))
    if (here) lone.give({ type: 'bodies', hashes: [request.body_hash], now: lone.now })
    const cert = verifyCert(lone.door, lone.cert(block), verify)
    assert.ok(cert.ok)
    const effects = lone.give({ type: 'state', height: 1, cert: cert.value, now: lone.now })
    const commit = effects.find(({ type }) => type === 'commit')
    assert.ok(commit?.type === 'commit')
    assert.equal(commit.snapshot, !here)
    assert.deepEqual(commit.requests, here ? [request] : [])
    assert.equal(commit.keepBlocksFrom, here ? 1 : 2)
  })
