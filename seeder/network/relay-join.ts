// Two streams of a relay become one circuit: what comes on one goes out on the other, as it is (it is encrypted from end to end).
//
//   one ──> message ──> owed at the rate ──> other's window ──> other
//
// Invariant: what the receiver does not take is not read. A sender that is faster than its receiver, or than the relay's rate, finds its window
// empty and waits; of each direction no more than a window and one message lie here.

import type { Stream, StreamCloseEvent } from '@libp2p/interface'

/** What a stream's window grows to; the muxer's own bound is sixteen times as much, for each of many circuits. */
export const CIRCUIT_WINDOW_BYTES_MAX = 1024 * 1024
/** Of one side when the other is closed: what is still on its way has gone by then. */
const CLOSE_MS = 5_000

/** What the pinned muxer's streams have beside their interface. */
type Windowed = { maxStreamWindowSize: number }

/** Bytes that may go in a time: what went over is owed. */
class Bucket {
  #left: number
  #filledAt: number

  constructor(perSecond: number, now: number) {
    this.#left = perSecond
    this.#filledAt = now
  }

  /** How long until nothing is owed, ms. A second's worth is kept at most. */
  owe(bytes: number, perSecond: number, now: number): number {
    this.#left = Math.min(perSecond, this.#left + ((now - this.#filledAt) / 1000) * perSecond) - bytes
    this.#filledAt = now
    return this.#left >= 0 ? 0 : Math.ceil((-this.#left / perSecond) * 1000)
  }
}

/** One circuit's part of a rate. */
export type Meter = {
  /** How long this circuit takes nothing more, ms. */
  owe(bytes: number): number
  leave(): void
}

/** Bytes that may go a second through all circuits together. While it is used up, those wait that took more than an equal part of it, and no others. */
export class Rate {
  readonly #perSecond: number
  readonly #now: () => number
  readonly #all: Bucket
  #circuits = 0

  /** `perSecond` may be `Infinity`. */
  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond
    this.#now = now
    this.#all = new Bucket(perSecond, now())
  }

  enter(): Meter {
    this.#circuits++
    const own = new Bucket(this.#perSecond / this.#circuits, this.#now())
    return {
      owe: (bytes) => {
        if (!Number.isFinite(this.#perSecond)) return 0
        const now = this.#now()
        const ofAll = this.#all.owe(bytes, this.#perSecond, now)
        return Math.min(ofAll, own.owe(bytes, this.#perSecond / this.#circuits, now))
      },
      leave: () => {
        this.#circuits--
      },
    }
  }
}

export type JoinOptions = {
  readonly rate: Rate
  readonly onBytes: (bytes: number) => void
  /** Both sides are closed. */
  readonly onEnd: () => void
}

export function joinStreams(one: Stream, other: Stream, options: JoinOptions): void {
  if (one.status !== 'open' || other.status !== 'open') {
    for (const stream of [one, other]) stream.abort(new Error('the other side is closed'))
    return options.onEnd()
  }
  const meter = options.rate.enter()
  let open = 2
  const onClose = (left: Stream, event: StreamCloseEvent): void => {
    if (--open === 0) {
      meter.leave()
      return options.onEnd()
    }
    if (event.error !== undefined) return left.abort(event.error)
    // What had come before goes on, and then its end; but not for ever.
    const timer = setTimeout(() => left.abort(new Error('the other side is closed')), CLOSE_MS)
    timer.unref()
    left.addEventListener('close', () => clearTimeout(timer), { once: true })
  }
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    if ('maxStreamWindowSize' in from) (from as unknown as Windowed).maxStreamWindowSize = CIRCUIT_WINDOW_BYTES_MAX
    from.addEventListener('close', (event) => onClose(to, event), { once: true })
    forward(from, to, meter, options.onBytes)
  }
}

function forward(from: Stream, to: Stream, meter: Meter, onBytes: JoinOptions['onBytes']): void {
  let isFull = false
  let timer: NodeJS.Timeout | undefined
  const isHeld = (): boolean => isFull || timer !== undefined
  // Not at once: a stream that is paused while it resumes would go on telling its sender that there is room.
  const hold = (): void =>
    queueMicrotask(() => {
      if (isHeld() && from.readStatus === 'readable') from.pause()
    })
  const release = (): void => {
    if (!isHeld() && from.readStatus === 'paused') from.resume()
  }
  from.addEventListener('message', ({ data }) => {
    if (to.writeStatus !== 'writable') return
    onBytes(data.byteLength)
    isFull = !to.send(data)
    const waitMs = meter.owe(data.byteLength)
    if (waitMs > 0) {
      clearTimeout(timer)
      timer = setTimeout(() => {
        timer = undefined
        release()
      }, waitMs)
      timer.unref()
    }
    if (isHeld()) hold()
  })
  to.addEventListener('drain', () => {
    isFull = false
    release()
  })
  // Everything was read, and nothing more comes.
  const finish = (): void => {
    if (to.writeStatus === 'writable') to.close().catch((cause: Error) => to.abort(cause))
  }
  if (from.readableEnded) finish()
  else from.addEventListener('end', finish, { once: true })
}
