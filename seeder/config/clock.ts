// The seeder's clock: wall time that never falls and never stands still, whatever is done to the machine's clock.
// When the wall clock was put back, time here goes on at half pace until the wall has caught up; put forward, it follows at once.

/** ms since the epoch. `wall` may jump; `steady` is a monotonic ms counter with any origin. */
export function steadyClock(wall: () => number, steady: () => number): () => number {
  let lastSteady = steady()
  let last = wall()
  return () => {
    const nowSteady = steady()
    const passed = Math.max(0, nowSteady - lastSteady)
    lastSteady = nowSteady
    const walled = wall()
    last = walled >= last ? Math.max(walled, last) : last + passed / 2
    return Math.floor(last)
  }
}
