// How long a member waits before it tries again what failed: longer each time, up to a bound.

const FIRST_MS = 100
export const RETRY_LAST_MS = 5_000

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}

/** After the attempt of this number, counted from 0. */
export function pauseAfter(attempt: number): Promise<void> {
  return pause(Math.min(RETRY_LAST_MS, FIRST_MS * 2 ** attempt))
}
