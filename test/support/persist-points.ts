// Ends a seeder at its N-th persist point, N = 1, 2, 3, …, just before and just after each, and starts it again.

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withFaults } from './faulty.ts'
import { agrees, writeLine } from './lines.ts'
import type { SeederProcess, Seeders } from './seeders.ts'
import { until } from './until.ts'

const DEATH_MS = 60_000
const WHEN = ['before', 'after'] as const

/** What asked for the points at which it ended, by how often. */
export type Points = Map<string, number>

/** Notes what asked for the point at which it has just ended, and returns it. */
export function count(points: Points, faults: string, when: string): string {
  const last = readFileSync(`${faults}.points`, 'utf8').trimEnd().split('\n').at(-1) ?? ''
  const who = last.replace(/^\d+ /, '')
  const what = `${who} ${when}`
  points.set(what, (points.get(what) ?? 0) + 1)
  return who
}

/**
 * The first member dies at the points 1 … `to`, twice at each, while the group writes: counted from its start, when it first of all catches up,
 * or from a moment at which it agrees. In the end it runs and nothing fails. Returns the acknowledged lines in order.
 */
export async function endMemberAtEach(
  seeders: Seeders,
  of: 'start' | 'now',
  to: number,
  points: Points,
): Promise<readonly string[]> {
  const lines: string[] = []
  const victim = (): SeederProcess => {
    const [first] = seeders.all
    assert.ok(first)
    return first
  }
  const { faults } = victim()
  for (let point = 1; point <= to; point++) {
    for (const when of WHEN) {
      if (of === 'now') await until('it agrees', () => agrees(victim()), DEATH_MS)
      else victim().kill('SIGKILL')
      withFaults({ faults }, { kill: { point, of, when } })
      let died = false
      const restarted = of === 'now' ? Promise.resolve(victim()) : seeders.restart(victim())
      const death = restarted
        .then((seeder) => seeder.exited)
        .catch((cause: Error) => assert.match(cause.message, /ended with SIGKILL/))
        .then(() => {
          died = true
        })
      const end = performance.now() + DEATH_MS
      while (!died) {
        assert.ok(performance.now() < end, `it did not come to point ${point}`)
        const line = `${of} ${point} ${when} ${lines.length}`
        await writeLine(seeders, line, 1 + (lines.length % 3))
        lines.push(line)
      }
      await death
      count(points, faults, when)
      withFaults({ faults }, {})
      if (of === 'now') await seeders.restart(victim())
    }
  }
  if (of === 'start') await seeders.restart(victim())
  return lines
}

/** New seeders, each of which dies at another point of its very first start and is started again: before one, after the next, or `all`. */
export async function endNewAtEach(seeders: Seeders, points: Points, all: boolean): Promise<readonly SeederProcess[]> {
  const started: SeederProcess[] = []
  for (let point = 1; ; point++) {
    for (const when of all ? WHEN : WHEN.slice(point % 2, (point % 2) + 1)) {
      const label = `new${point}${when}`
      const faults = join(seeders.directory, label, 'faults.json')
      mkdirSync(join(seeders.directory, label))
      withFaults({ faults }, { kill: { point, of: 'start', when } })
      const lived = await seeders.start(label).catch((cause: Error) => {
        assert.match(cause.message, /ended with SIGKILL/)
        return undefined
      })
      // Every point of a start has been: what comes now comes of the network.
      if (lived !== undefined) return started
      count(points, faults, when)
      withFaults({ faults }, {})
      const again = await seeders.start(label)
      started.push(again)
      again.kill('SIGKILL')
      await again.exited
    }
  }
}
