// How many answers over UDP a source gets: an address can be forged there, and whoever it belongs to would get them (response rate limiting, as
// name servers have it).
//
// Invariant: what is remembered of sources is bounded; who is forgotten begins anew.

/** Answers a second, and at once: a browser that opens a page of many sites stays below. */
const PER_SECOND = 100
const AT_ONCE = 200
const SOURCES_MAX = 4096
/** Of what is over, one in so many is answered with "ask over TCP", where no address is forged. */
const SLIP = 2

export type Turn = 'answer' | 'truncate' | 'drop'

type Bucket = { left: number; at: number; over: number }

export type Turns = { of(source: string, nowMs: number): Turn }

export function createTurns(): Turns {
  /** In the order of their last turn. */
  const bySource = new Map<string, Bucket>()
  return {
    of(source, nowMs) {
      const bucket = bySource.get(source) ?? { left: AT_ONCE, at: nowMs, over: 0 }
      bySource.delete(source)
      if (bySource.size >= SOURCES_MAX) {
        const [oldest] = bySource.keys()
        if (oldest !== undefined) bySource.delete(oldest)
      }
      bySource.set(source, bucket)
      bucket.left = Math.min(AT_ONCE, bucket.left + ((nowMs - bucket.at) / 1000) * PER_SECOND)
      bucket.at = nowMs
      if (bucket.left >= 1) {
        bucket.left--
        return 'answer'
      }
      return ++bucket.over % SLIP === 0 ? 'truncate' : 'drop'
    },
  }
}
