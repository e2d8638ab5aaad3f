// How much of what one end sends may lie on the way: what the way carries in the time that it takes there and back, and a little. More would lie in
// the sender's socket and its home's router, and a small answer would wait behind it: a window of 1 MiB is 0.8 s at 10 Mbit/s.
//
//   sent(total, now) ──┐                      ┌─ highest rate of late ──┐
//   given(total, now) ─┴─> sample of a mark ──┴─ least delay of late ───┴─> allowedBytes = rate × (delay + what may wait)
//
// After BBR (draft-ietf-ccwg-bbr §4): a maximum and a minimum need not know which sample was disturbed. What the network bears is TCP's to find out; this
// bounds what waits before it.
//
// Invariant: `allowedBytes` is never less than the other end gave back at once, so nobody waits for what cannot come.

/** Two pieces: one on the way while the other is given back. */
export const PACE_BYTES_MIN = 128 * 1024
/** Until something is known: as much as another implementation may give back at once. */
const PACE_BYTES_START = 256 * 1024
/** What may wait, at least: clocks and schedulers are no better. */
const WAIT_MS_MIN = 5
/** Of the delay. */
const WAIT_SHARE = 0.5
/** A rate counts so long, while as much is sent as is allowed. */
const RATE_MS = 2_000
/** A delay counts so long; then little is sent for one delay, so that it is seen without what waits. */
const DELAY_MS = 30_000
/** Nothing is faster; a clock may say so. */
const DELAY_MS_MIN = 0.05
/** A mark each so many bytes. */
const MARK_BYTES = 16 * 1024

type Mark = {
  /** All that had been sent when it was set. */
  readonly total: number
  readonly at: number
  /** Of that, what had been given back. */
  readonly given: number
  /** As much was on the way as was allowed. */
  readonly isFull: boolean
  readonly isProbe: boolean
}

export class Pace {
  readonly #bytesMax: number
  readonly #marks: Mark[] = []
  #given = 0
  /** The most that was given back at once. */
  #grain = 0
  /** Bytes a ms, and since when: of late, and before. */
  #rate = 0
  #rateBefore = 0
  #rateSince = 0
  #delay = Number.POSITIVE_INFINITY
  #delayBefore = Number.POSITIVE_INFINITY
  #delaySince = 0
  #isProbing = false

  /** `bytesMax`: what the other end lets be on the way. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get allowedBytes(): number {
    const least = Math.max(PACE_BYTES_MIN, this.#grain)
    const rate = Math.max(this.#rate, this.#rateBefore)
    const delay = Math.min(this.#delay, this.#delayBefore)
    if (rate === 0) return Math.min(this.#bytesMax, PACE_BYTES_START)
    if (this.#isProbing) return least
    return Math.min(this.#bytesMax, Math.max(least, rate * (delay + Math.max(WAIT_MS_MIN, WAIT_SHARE * delay))))
  }

  /** So many bytes were sent since the beginning. */
  sent(total: number, now: number): void {
    const last = this.#marks.at(-1)
    if (last !== undefined && total - last.total < MARK_BYTES) return
    const isFull = total - this.#given >= this.allowedBytes
    this.#marks.push({ total, at: now, given: this.#given, isFull, isProbe: this.#isProbing })
  }

  /** So many of them were given back. */
  given(total: number, now: number): void {
    this.#grain = Math.max(this.#grain, total - this.#given)
    this.#given = total
    let mark: Mark | undefined
    while ((this.#marks[0]?.total ?? Number.POSITIVE_INFINITY) <= total) mark = this.#marks.shift()
    if (mark === undefined) return
    const delay = Math.max(now - mark.at, DELAY_MS_MIN)
    this.#delayed(delay, mark, now)
    this.#carried((total - mark.given) / delay, mark, now)
  }

  #delayed(delay: number, mark: Mark, now: number): void {
    if (mark.isProbe) this.#isProbing = false
    if (now - this.#delaySince > DELAY_MS) {
      this.#delayBefore = this.#delay
      this.#delay = Number.POSITIVE_INFINITY
      this.#delaySince = now
      this.#isProbing = mark.isFull
    }
    this.#delay = Math.min(this.#delay, delay)
  }

  #carried(rate: number, mark: Mark, now: number): void {
    if (mark.isFull && !mark.isProbe && now - this.#rateSince > RATE_MS) {
      this.#rateBefore = this.#rate
      this.#rate = 0
      this.#rateSince = now
    }
    this.#rate = Math.max(this.#rate, rate)
  }
}
