// The ledger of a long campaign: it goes on where it ended, and a slice's digest is the same whenever it runs.

import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runCampaign, slicesOf, sourceName, summaryOf } from '#test/simulator/slices.ts'

const directory = mkdtempSync(join(tmpdir(), 'slices-'))
after(() => rmSync(directory, { recursive: true, force: true }))

test('a campaign goes on where it ended, past a line that was cut off', async () => {
  const path = join(directory, 'runs.jsonl')
  const campaign = { path, from: 1, seeds: 8, sliceSeeds: 4, source: 'here', threads: 1 }
  assert.deepEqual(await runCampaign({ ...campaign, seeds: 4 }), { ran: 1, skipped: 0 })
  appendFileSync(path, '{"from":5,"see\n')
  assert.deepEqual(await runCampaign(campaign), { ran: 1, skipped: 1 })
  assert.deepEqual(await runCampaign(campaign), { ran: 0, skipped: 2 })
  const slices = slicesOf(path)
  assert.deepEqual(
    slices.map(({ from, seeds, runs, violations }) => [from, seeds, runs, violations]),
    [
      [1, 4, 4, 0],
      [5, 4, 4, 0],
    ],
  )
  // The very same seeds on other code count as runs, not as other seeds; their digests here are equal, for the code is.
  assert.deepEqual(await runCampaign({ ...campaign, source: 'elsewhere' }), { ran: 2, skipped: 0 })
  const all = slicesOf(path)
  assert.deepEqual(
    all.slice(2).map(({ digest }) => digest),
    slices.map(({ digest }) => digest),
  )
  const { runs, seeds, sources, contradictions } = summaryOf(all)
  assert.deepEqual({ runs, seeds, sources, contradictions }, { runs: 16, seeds: 8, sources: 2, contradictions: 0 })
})

test('two digests of one slice on one state of the code contradict each other', () => {
  const [slice] = slicesOf(join(directory, 'runs.jsonl'))
  assert.ok(slice)
  assert.equal(summaryOf([slice, { ...slice, digest: 'other' }]).contradictions, 1)
})

test('the name of the code is the same as long as the code is', () => {
  assert.match(sourceName(), /^[0-9a-f]{16}$/)
  assert.equal(sourceName(), sourceName())
})
