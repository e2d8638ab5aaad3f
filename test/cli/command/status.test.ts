import assert from 'node:assert/strict'
import { test } from 'node:test'
import { speakerOf } from '#cli/command/status.ts'
import type { SiteReport } from '#cli/network/peers.ts'

function report(height: number, stateRoot: string, view = 0): SiteReport {
  const rest = {
    job: '',
    name: '',
    epoch: 0,
    leader: '',
    state: 'agreeing',
    members: [],
    evidence: [],
    counts: {},
    queued: 0,
  }
  return { ...rest, height, stateRoot, view }
}

test('F31 status: one member that claims a height of its own does not speak for the job', () => {
  assert.equal(speakerOf([report(9, 'a'), report(1_000_000, 'lie'), report(9, 'a'), report(9, 'a')], 1)?.height, 9)
  assert.equal(speakerOf([report(9, 'a'), report(9, 'lie', 99), report(9, 'a'), report(9, 'a')], 1)?.stateRoot, 'a')
})

test('F31 status: the newest height that an honest member claims speaks, and whoever alone answers too', () => {
  assert.equal(speakerOf([report(9, 'a'), report(10, 'b'), report(10, 'b'), report(9, 'a')], 1)?.height, 10)
  assert.equal(speakerOf([report(7, 'a')], 1)?.height, 7)
  assert.equal(speakerOf([], 1), undefined)
})
