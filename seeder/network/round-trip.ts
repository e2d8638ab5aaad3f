// What a round trip on a link takes, smoothed, and what it takes at most: TCP's estimate of when an answer is overdue (RFC 6298 §2).

const ALPHA = 1 / 8
const BETA = 1 / 4
const DEVIATIONS = 4
/** Of the clock that samples are taken by, ms. */
const GRANULARITY_MS = 1

export class RoundTrip {
  #smoothed: number | undefined
  #deviation = 0

  /** ms. */
  add(sample: number): void {
    if (this.#smoothed === undefined) {
      this.#smoothed = sample
      this.#deviation = sample / 2
      return
    }
    this.#deviation += BETA * (Math.abs(this.#smoothed - sample) - this.#deviation)
    this.#smoothed += ALPHA * (sample - this.#smoothed)
  }

  /** ms; undefined before the first sample. */
  get smoothed(): number | undefined {
    return this.#smoothed
  }

  /** ms; undefined before the first sample. */
  get atMost(): number | undefined {
    if (this.#smoothed === undefined) return undefined
    return this.#smoothed + Math.max(GRANULARITY_MS, DEVIATIONS * this.#deviation)
  }
}
