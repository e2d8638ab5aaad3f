// What a seeder's process ends with; whoever started it may go by it.

export const EXIT_FAILED = 1
export const EXIT_USAGE = 2
/** The disk fails or failed: the same start works, now or later. A service manager starts it again (EX_TEMPFAIL of sysexits.h). */
export const EXIT_AGAIN = 75

const AGAIN_FIRST_MS = 500
const AGAIN_LAST_MS = 30_000
/** Who ran so long has begun well. */
const RAN_WELL_MS = 60_000

/** Pauses before a seeder that asks for it is started again: longer each time, from the beginning when it ran well. */
export function createAgainPause(): (ranMs: number) => number {
  let failures = 0
  return (ranMs) => {
    if (ranMs >= RAN_WELL_MS) failures = 0
    return Math.min(AGAIN_LAST_MS, AGAIN_FIRST_MS * 2 ** Math.min(failures++, 16))
  }
}
