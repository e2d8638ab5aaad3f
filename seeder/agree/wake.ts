// One timer for one wish: be woken at this time, or earlier by a later wish.

/** Longer waits are cut into steps, so that a clock that was set is noticed. */
const STEP_MS_MAX = 60_000

export class WakeTimer {
  readonly #wake: () => void
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined

  constructor(wake: () => void, now: () => number) {
    this.#wake = wake
    this.#now = now
  }

  /** Replaces the wish before. */
  at(time: number): void {
    clearTimeout(this.#timer)
    const wait = Math.min(STEP_MS_MAX, Math.max(0, time - this.#now()))
    this.#timer = setTimeout(this.#wake, wait)
    this.#timer.unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
