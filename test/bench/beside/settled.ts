// A group as it runs: links measured, no time-out lately. A change of view makes members cautious (R6): until they have committed some more they wait
// for the next leader as long as an unmeasured network would have them, and what is measured then is the change before.

import { exchange } from '#cli/network/http.ts'
import { load } from '#test/bench/client.ts'
import type { BenchGroup } from '#test/bench/group.ts'
import type { SeederProcess } from '#test/support/seeders.ts'

/** Commits after which all caution of a start and of one time-out is gone. */
const CALM_WRITES = 48
const WRITES_MS = 1_000
/** Δ of the group is 500 ms, and a measured link takes 100 at least: Δ + 4δ, and a little. */
const SETTLED_MS = 1_000
/** On a machine with other work links are never so fast; then it is measured as it is. */
const SETTLING_MS_MAX = 60_000

/** One write after the other until all members wait for a leader as settled ones do; how long the most patient then waits, ms. */
export async function settled(group: BenchGroup): Promise<number> {
  const [seeder] = group.seeders.all
  if (seeder === undefined) throw new Error('there is a seeder')
  const target = group.target(seeder)
  const request = `POST /none HTTP/1.1\r\nHost: ${group.host(seeder)}\r\nContent-Length: 0\r\n\r\n`
  const began = performance.now()
  for (let written = 0; ; ) {
    const { answers } = await load([target], {
      connections: 1,
      durationMs: WRITES_MS,
      status: 201,
      request: () => request,
    })
    written += answers
    const timerMs = Math.max(...(await Promise.all(group.seeders.all.map(timerOf))))
    if (written >= CALM_WRITES && (timerMs <= SETTLED_MS || performance.now() - began > SETTLING_MS_MAX)) return timerMs
  }
}

async function timerOf({ ready }: SeederProcess): Promise<number> {
  const text = (await exchange(`${ready.control}/metrics`)).body.toString()
  const seconds = /^interpeer_site_view_timer_seconds\{[^}]*\} (\S+)$/m.exec(text)?.[1]
  if (seconds === undefined) throw new Error(`${ready.control} does not say how long it waits for a leader`)
  return Number(seconds) * 1_000
}
