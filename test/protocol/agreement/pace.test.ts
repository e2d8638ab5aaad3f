// R6: Δ lowered on measured fast links.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CALM_COMMITS, LINK_MS_MIN } from '#protocol/agreement/limits.ts'
import { leaderOf } from '#protocol/agreement/members.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { Cluster, requestAt, SETTINGS } from './cluster.ts'

const FAST_TIMER_MS = SETTINGS.deltaMs + 4 * LINK_MS_MIN

function clusterWithLinks(roundTripsMs: readonly (number | null)[]): {
  cluster: Cluster
  leader: number
  other: number
} {
  const cluster = new Cluster(4)
  cluster.start()
  for (const { index } of cluster.nodes) {
    const others = roundTripsMs.map((ms, to) => (to === index ? null : ms))
    cluster.give(index, { type: 'links', roundTripsMs: others, now: cluster.now })
  }
  const leader = leaderOf(cluster.group, 0)
  return { cluster, leader, other: (leader + 2) % 4 }
}
const heights = (cluster: Cluster): number[] =>
  cluster.nodes.filter(({ up }) => up).map(({ member }) => memberStatus(member).height)
const timerOf = (cluster: Cluster, index: number): number => memberStatus(cluster.node(index).member).timerMs

test('R6 on fast links a silent leader is waited for as long as the links and one Δ take, not 4Δ', () => {
  const { cluster, leader, other } = clusterWithLinks([5, 5, 5, 5])
  cluster.crash(leader)
  cluster.submit(other, requestAt(cluster.now))
  cluster.run()
  cluster.pass(FAST_TIMER_MS - 1)
  assert.deepEqual(heights(cluster), [0, 0, 0])
  cluster.pass(1)
  assert.deepEqual(heights(cluster), [1, 1, 1])
})

test('R6 the slowest link counts, and none is taken for slower than Δ', () => {
  const { cluster, leader } = clusterWithLinks([5, 5, 5, 5])
  const index = (leader + 1) % 4
  const measured = (ms: number): void => {
    const roundTripsMs = [3, 3, 3, 3].map((fast, to) => (to === index ? null : to === leader ? ms : fast))
    cluster.give(index, { type: 'links', roundTripsMs, now: cluster.now })
  }
  measured(400)
  assert.equal(timerOf(cluster, index), SETTINGS.deltaMs + 4 * 400)
  measured(30_000)
  assert.equal(timerOf(cluster, index), 4 * SETTINGS.deltaMs)
})

test('R6 who has not measured the links of a quorum waits for Δ; a link less is none the less enough', () => {
  const { cluster, leader } = clusterWithLinks([5, 5, 5, 5])
  const index = (leader + 1) % 4
  const to = (linked: number): readonly (number | null)[] =>
    [0, 1, 2, 3].map((at) => (at !== index && (at + 4 - index) % 4 <= linked ? 5 : null))
  cluster.give(index, { type: 'links', roundTripsMs: to(1), now: cluster.now })
  assert.equal(timerOf(cluster, index), 4 * SETTINGS.deltaMs)
  cluster.give(index, { type: 'links', roundTripsMs: to(2), now: cluster.now })
  assert.equal(timerOf(cluster, index), FAST_TIMER_MS)
})

test('R6 a time-out doubles the delay that was measured, and commits without one take it back', () => {
  const { cluster, leader, other } = clusterWithLinks([5, 5, 5, 5])
  cluster.crash(leader)
  const write = (): void => {
    cluster.submit(other, requestAt(cluster.now))
    cluster.run()
    cluster.pass(FAST_TIMER_MS)
  }
  write()
  assert.deepEqual(heights(cluster), [1, 1, 1])
  assert.equal(timerOf(cluster, other), SETTINGS.deltaMs + 4 * 2 * LINK_MS_MIN)
  for (let index = 0; index < CALM_COMMITS - 1; index++) write()
  assert.equal(timerOf(cluster, other), SETTINGS.deltaMs + 4 * 2 * LINK_MS_MIN)
  write()
  assert.deepEqual(heights(cluster), [CALM_COMMITS + 1, CALM_COMMITS + 1, CALM_COMMITS + 1])
  assert.equal(timerOf(cluster, other), FAST_TIMER_MS)
})
