// After publishing: the gateway learns of a new site from its members' next registration; until then its link leads nowhere.

import { setTimeout as pause } from 'node:timers/promises'
import { Failure } from '#cli/failure.ts'
import { exchange } from '#cli/network/http.ts'

const ANSWER_MS = 5_000
const POLL_MS = 100

/** Waits until the gateway's link leads to a member that answers. Otherwise the status that the gateway gave last; 0: none at all. */
export async function reachable(url: string, waitMs: number, signal: AbortSignal): Promise<true | number> {
  const end = performance.now() + waitMs
  for (;;) {
    let status = 0
    try {
      const answer = await exchange(url, { timeoutMs: ANSWER_MS, signal })
      status = answer.status
      const { location } = answer.headers
      if (status === 307 && location !== undefined) {
        const page = await exchange(location, { timeoutMs: ANSWER_MS, signal })
        if (page.status < 500) return true
      }
    } catch (cause) {
      if (!(cause instanceof Failure)) throw cause
    }
    if (signal.aborted || performance.now() > end) return status
    await pause(POLL_MS)
  }
}
