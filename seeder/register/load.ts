// How busy this seeder is, as gateways are told: of its loop and of the machine's cores whichever is busier, since the last time that was asked.

import { availableParallelism } from 'node:os'
import process from 'node:process'
import { LOAD_MAX } from '#protocol/message/statement.ts'

/** How much the newest look counts beside those before: a moment's work moves nobody elsewhere. */
const NEWEST_SHARE = 0.5
const MICROSECONDS = 1_000

/** Thousandths. `isFull`: no more than what is under way can be done. */
export function watchLoad(isFull: () => boolean): () => number {
  const cores = availableParallelism()
  let loop = performance.eventLoopUtilization()
  let cpu = process.cpuUsage()
  let at = performance.now()
  let load = 0
  return () => {
    const nextLoop = performance.eventLoopUtilization()
    const nextCpu = process.cpuUsage()
    const now = performance.now()
    const spentMs = (nextCpu.user + nextCpu.system - cpu.user - cpu.system) / MICROSECONDS
    const busy = Math.max(
      performance.eventLoopUtilization(nextLoop, loop).utilization,
      now > at ? spentMs / (now - at) / cores : 0,
    )
    loop = nextLoop
    cpu = nextCpu
    at = now
    load += NEWEST_SHARE * (Math.min(1, busy) - load)
    return isFull() ? LOAD_MAX : Math.round(load * LOAD_MAX)
  }
}
