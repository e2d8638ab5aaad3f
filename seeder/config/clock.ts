// Two clocks. Timers go by one that nobody can set: it begins at the wall time of the start and never falls, jumps or stands still.
// The wall clock, which may be set at any time, says what time a block or a request is of, and nothing else.

/** ms since the epoch as it was at `wallAtStart`. `monotonic` counts ms from any origin. */
export function steadyClock(wallAtStart: number, monotonic: () => number): () => number {
  const origin = wallAtStart - monotonic()
  let last = wallAtStart
  return () => {
    last = Math.max(last, Math.floor(origin + monotonic()))
    return last
  }
}
