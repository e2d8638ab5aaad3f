// So many requests a key and window, counted as Cloudflare's rate limits count them: fixed windows, forgotten together.

import type { Limiter } from '#gateway/gateway.ts'

/** Addresses that are counted in one window; others share one count. */
const KEYS_MAX = 100_000
const OTHERS = ''

export function createLimiter(limit: number, windowMs: number, now: () => number): Limiter {
  const counts = new Map<string, number>()
  let endsAt = 0
  return async (key) => {
    if (now() >= endsAt) {
      counts.clear()
      endsAt = now() + windowMs
    }
    const counted = counts.has(key) || counts.size < KEYS_MAX ? key : OTHERS
    const count = (counts.get(counted) ?? 0) + 1
    counts.set(counted, count)
    return count <= limit
  }
}
