// Waiting without sleeping: ask again until it is so, or fail at a deadline and say what was still missing.

import { setTimeout as delay } from 'node:timers/promises'

const PAUSE_MS = 20
/** What comes at all comes long before, on a machine that does ten things at once too. */
const DEADLINE_MS = 60_000

/** Resolves with the first value that is neither undefined nor false; rejects after `deadlineMs`. */
export async function until<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    const value = await ask()
    if (value !== undefined && value !== false) return value
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await delay(PAUSE_MS)
  }
}
