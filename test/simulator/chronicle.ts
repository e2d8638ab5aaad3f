// What happened in a run: a running digest of it, equal for equal seeds, and (on request) the readable trace.

import type { Digest } from '#protocol/codec/digest.ts'

/** 52 bits of a hash over all bytes as a number: the name of a block, request or body inside one run. */
export function brief(bytes: Uint8Array): number {
  let high = 0x811c9dc5
  let low = bytes.length
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] ?? 0
    high = Math.imul(high ^ byte, 0x01000193)
    low = Math.imul(low + byte, 0x9e3779b1) ^ (low >>> 15)
  }
  return (high >>> 0) * 2 ** 20 + (low >>> 12)
}

/** Four hexadecimal digits of a hash, for people. */
export function short(bytes: Uint8Array | Digest | null | undefined): string {
  if (bytes === null || bytes === undefined) return '-'
  return ((bytes[0] ?? 0) * 256 + (bytes[1] ?? 0)).toString(16).padStart(4, '0')
}

export type Chronicle = {
  readonly tracing: boolean
  readonly lines: readonly string[]
  /** Adds numbers to the digest: a code of what happened first. */
  mix(...values: readonly number[]): void
  /** Adds a line to the trace; `text` is asked only while tracing. */
  note(now: number, text: () => string): void
  /** 64 bits of everything mixed so far, as 16 hexadecimal digits. */
  digest(): string
}

/** Most lines that a trace keeps; the oldest go first. */
const TRACE_LINES_MAX = 20_000

export function chronicle(tracing: boolean): Chronicle {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  const lines: string[] = []
  return {
    tracing,
    lines,
    mix(...values) {
      for (const value of values) {
        const low = value | 0
        const high = (value / 4294967296) | 0
        a = Math.imul(a ^ low, 2654435761) ^ high
        b = Math.imul(b ^ low, 1597334677) ^ Math.imul(high, 951274213)
        a = (a << 7) | (a >>> 25)
        b = (b << 11) | (b >>> 21)
      }
    },
    note(now, text) {
      if (!tracing) return
      lines.push(`${(now / 1000).toFixed(3).padStart(9)}  ${text()}`)
      if (lines.length > TRACE_LINES_MAX) lines.splice(0, lines.length - TRACE_LINES_MAX)
    },
    digest() {
      const x = Math.imul(a ^ (a >>> 16), 2246822507) ^ Math.imul(b ^ (b >>> 13), 3266489909)
      const y = Math.imul(b ^ (b >>> 16), 2246822507) ^ Math.imul(a ^ (a >>> 13), 3266489909)
      return (x >>> 0).toString(16).padStart(8, '0') + (y >>> 0).toString(16).padStart(8, '0')
    },
  }
}
