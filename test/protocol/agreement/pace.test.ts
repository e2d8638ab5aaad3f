// R6: Δ lowered on measured fast links.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CALM_COMMITS, CAUTION_FIRST, LINK_MS_MIN } from '#protocol/agreement/limits.ts'
import { leaderOf } from '#protocol/agreement/members.ts'
import { memberStatus } from '#protocol/agreement/status.ts'
import { Cluster, requestAt, SETTINGS } from './cluster.ts'

const FAST_TIMER_MS = SETTINGS.deltaMs + 4 * LINK_MS_MIN

type Scene = { readonly cluster: Cluster; readonly leader: number; readonly other: number; write(): void }

/** Links that were measured, and (unless told) commits enough for it to be believed. */
function clusterWithLinks(ms: number, commits = CAUTION_FIRST * CALM_COMMITS): Scene {
  const cluster = new Cluster(4)
  cluster.start()
  for (const { index } of cluster.nodes) {
    const roundTripsMs = cluster.nodes.map((to) => (to.index === index ? null : ms))
    cluster.give(index, { type: 'links', roundTripsMs, now: cluster.now })
  }
  const leader = leaderOf(cluster.group, 0)
  const other = (leader + 2) % 4
  const write = (): void => {
    cluster.submit(other, requestAt(cluster.now))
    cluster.run()
    cluster.pass(FAST_TIMER_MS)
  }
  for (let count = 0; count < commits; count++) write()
  return { cluster, leader, other, write }
}
const WARM = CAUTION_FIRST * CALM_COMMITS
const heights = (cluster: Cluster): number[] =>
  cluster.nodes.filter(({ up }) => up).map(({ member }) => memberStatus(member).height)
const timerOf = (cluster: Cluster, index: number): number => memberStatus(cluster.node(index).member).timerMs

test('R6 on fast links a silent leader is waited for as long as the links and one Δ take, not 4Δ', () => {
  const { cluster, leader, other } = clusterWithLinks(5)
  cluster.crash(leader)
  cluster.submit(other, requestAt(cluster.now))
  cluster.run()
  cluster.pass(FAST_TIMER_MS - 1)
  assert.deepEqual(heights(cluster), [WARM, WARM, WARM])
  cluster.pass(1)
  assert.deepEqual(heights(cluster), [WARM + 1, WARM + 1, WARM + 1])
})

test('R6 the slowest link counts, and none is taken for slower than Δ', () => {
  const { cluster, leader } = clusterWithLinks(5)
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
  const { cluster, leader } = clusterWithLinks(5)
  const index = (leader + 1) % 4
  const to = (linked: number): readonly (number | null)[] =>
    [0, 1, 2, 3].map((at) => (at !== index && (at + 4 - index) % 4 <= linked ? 5 : null))
  cluster.give(index, { type: 'links', roundTripsMs: to(1), now: cluster.now })
  assert.equal(timerOf(cluster, index), 4 * SETTINGS.deltaMs)
  cluster.give(index, { type: 'links', roundTripsMs: to(2), now: cluster.now })
  assert.equal(timerOf(cluster, index), FAST_TIMER_MS)
})

test('R6 a leader whose process is gone is given up at once, unless it is back', () => {
  const { cluster, leader, other } = clusterWithLinks(5)
  const links = (gone: readonly number[]): void => {
    for (const { index } of cluster.nodes) {
      const roundTripsMs = cluster.nodes.map((to) => (to.index === index || gone.includes(to.index) ? null : 5))
      if (index !== leader) cluster.give(index, { type: 'links', roundTripsMs, gone, now: cluster.now })
    }
    cluster.run()
  }
  cluster.crash(leader)
  links([leader])
  cluster.submit(other, requestAt(cluster.now))
  cluster.run()
  cluster.pass(LINK_MS_MIN - 1)
  links([])
  cluster.pass(1)
  assert.deepEqual(heights(cluster), [WARM, WARM, WARM])
  links([leader])
  assert.deepEqual(heights(cluster), [WARM + 1, WARM + 1, WARM + 1])
})

test('R6 whom the others find alive leads on, whatever one member finds', () => {
  const { cluster, leader, other, write } = clusterWithLinks(5)
  cluster.give(other, { type: 'links', roundTripsMs: [5, 5, 5, 5], gone: [leader], now: cluster.now })
  for (let count = 0; count < 3; count++) write()
  assert.deepEqual(heights(cluster), Array(4).fill(WARM + 3))
  assert.deepEqual(
    cluster.nodes.map(({ member }) => member.view),
    Array(4).fill(0),
  )
})

test('R6 a time-out doubles the delay that was measured, and commits without one take it back', () => {
  const { cluster, leader, other, write } = clusterWithLinks(5)
  cluster.crash(leader)
  write()
  assert.deepEqual(heights(cluster), [WARM + 1, WARM + 1, WARM + 1])
  assert.equal(timerOf(cluster, other), SETTINGS.deltaMs + 4 * 2 * LINK_MS_MIN)
  for (let index = 0; index < CALM_COMMITS - 1; index++) write()
  assert.equal(timerOf(cluster, other), SETTINGS.deltaMs + 4 * 2 * LINK_MS_MIN)
  write()
  assert.deepEqual(heights(cluster), Array(3).fill(WARM + CALM_COMMITS + 1))
  assert.equal(timerOf(cluster, other), FAST_TIMER_MS)
})

test('R6 a group that has just begun waits longer than its links take, until commits have shown that it need not', () => {
  const { cluster, other, write } = clusterWithLinks(5, 0)
  const timers = [timerOf(cluster, other)]
  for (let step = 0; step < CAUTION_FIRST; step++) {
    for (let count = 0; count < CALM_COMMITS; count++) write()
    timers.push(timerOf(cluster, other))
  }
  assert.deepEqual(
    timers,
    [4, 2, 1].map((times) => SETTINGS.deltaMs + 4 * times * LINK_MS_MIN),
  )
})

test('R8 on machines where a full block runs for longer than others wait, the queue empties all the same', () => {
  const cluster = new Cluster(4)
  cluster.start()
  const requestMs = 40
  cluster.executionMs = ({ requests }) => 1 + requestMs * requests.length
  const count = 200
  for (let index = 0; index < count; index++) cluster.submit(index % 4, requestAt(cluster.now))
  cluster.run()
  cluster.pass(50_000)
  const replies = cluster.nodes.flatMap(({ answers }) => answers.filter(({ type }) => type === 'reply'))
  assert.equal(replies.length, count)
  assert.ok(Math.max(...cluster.heights()) >= (count * requestMs) / SETTINGS.deltaMs / 2, 'by blocks that run within Δ')
})

test('R8 a leader takes full blocks again when they run quickly', () => {
  const cluster = new Cluster(4)
  cluster.start()
  let slow = true
  cluster.executionMs = ({ requests }) => (slow ? 1 + 40 * requests.length : 0)
  const flood = (): void => {
    for (let index = 0; index < 160; index++) cluster.submit(index % 4, requestAt(cluster.now))
    cluster.run()
    cluster.pass(9_000)
  }
  flood()
  assert.ok(cluster.nodes.some(({ member }) => member.pace.batchMax < 64))
  slow = false
  for (let round = 0; round < 3; round++) flood()
  assert.ok(cluster.nodes.some(({ member }) => member.pace.batchMax >= 160))
})
