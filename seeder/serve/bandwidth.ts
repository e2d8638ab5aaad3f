// A token bucket for what goes to and comes from visitors. Each answer is sent whole and its bytes are owed; who comes while something is
// owed waits for it. So the mean holds exactly, and at once goes no more than a second's worth and one answer.
//
// Only visitors wait: what members say to each other goes over other sockets and never through here.

import type { Socket } from 'node:net'
import { setTimeout as pass } from 'node:timers/promises'

/** Visitors that wait at once; more are refused. */
export const WAITING_MAX = 1_024
/** Longer than a visitor waits for, so that nobody is told to come back who would have been served. */
export const WAIT_MS_MAX = 20_000

export type Bandwidth = {
  /** Whether nothing has to be waited for. */
  free(): boolean
  /** In the order of asking: true when it is this one's turn, false when it would take too long or too many wait. */
  turn(waitMsMax?: number): Promise<boolean>
  spend(bytes: number): void
  /** Spends what went over a connection since it was last counted. */
  meter(socket: Pick<Socket, 'bytesRead' | 'bytesWritten'>): void
  /** Bytes a second; `Infinity`: as many as visitors take. */
  readonly bytesPerSecond: number
  readonly waiting: number
  /** Waited for by all visitors since the start. */
  readonly waitedMs: number
}

/** `bytesPerSecond` may be `Infinity`. `now` is a monotonic ms counter. */
export function createBandwidth(bytesPerSecond: number, now: () => number = () => performance.now()): Bandwidth {
  const bounded = Number.isFinite(bytesPerSecond)
  let tokens = bytesPerSecond
  let filledAt = now()
  let waiting = 0
  let waitedMs = 0
  let line: Promise<void> = Promise.resolve()
  const metered = new WeakMap<Pick<Socket, 'bytesRead' | 'bytesWritten'>, number>()
  const fill = (): void => {
    const time = now()
    tokens = Math.min(bytesPerSecond, tokens + ((time - filledAt) / 1000) * bytesPerSecond)
    filledAt = time
  }
  const hasTokens = (): boolean => {
    if (!bounded) return true
    fill()
    return tokens > 0
  }
  const free = (): boolean => waiting === 0 && hasTokens()
  return {
    free,
    async turn(waitMsMax = WAIT_MS_MAX) {
      if (free()) return true
      const began = now()
      const end = began + waitMsMax
      if (waiting >= WAITING_MAX) return false
      waiting++
      const before = line
      const { promise, resolve } = Promise.withResolvers<void>()
      line = promise
      try {
        await before
        while (!hasTokens()) {
          if (now() >= end) return false
          await pass(Math.max(1, Math.min(end - now(), Math.ceil((-tokens / bytesPerSecond) * 1000))))
        }
        return true
      } finally {
        waiting--
        waitedMs += now() - began
        // The next one looks when this one's answer is counted.
        setImmediate(resolve)
      }
    },
    spend(bytes) {
      if (bounded) tokens -= bytes
    },
    meter(socket) {
      if (!bounded) return
      const bytes = socket.bytesWritten + socket.bytesRead
      tokens -= bytes - (metered.get(socket) ?? 0)
      metered.set(socket, bytes)
    },
    bytesPerSecond,
    get waiting() {
      return waiting
    },
    get waitedMs() {
      return waitedMs
    },
  }
}
