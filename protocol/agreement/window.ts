// R9, the part that the core keeps: a request whose hash stands in a certified block of the last `WINDOW_MS` of block time is neither
// proposed nor accepted again, and a REQUEST's time is within `REQUEST_TIME_MS` of block time. (Idempotency keys live in the agreed state.)

import { REQUEST_TIME_MS, WINDOW_MS } from '#protocol/agreement/limits.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import type { Digest } from '#protocol/codec/digest.ts'

type Certified = { readonly time: number; readonly keys: readonly string[] }

export type Window = {
  /** Block time of the newest block that holds it, by request key. */
  readonly timeByKey: Map<string, number>
  blocks: Certified[]
  first: number
  /** Everything certified after this block time is known; -Infinity when everything is. */
  since: number
}

export function createWindow(since: number): Window {
  return { timeByKey: new Map(), blocks: [], first: 0, since }
}

/** Adds a certified block, forgets what no later block can collide with. Block times rise strictly. */
export function extendWindow(window: Window, time: number, requestHashes: readonly Digest[]): void {
  const keys = requestHashes.map(keyOf)
  if (keys.length > 0) window.blocks.push({ time, keys })
  for (const key of keys) window.timeByKey.set(key, time)
  let oldest = window.blocks[window.first]
  while (oldest !== undefined && oldest.time < time - WINDOW_MS) {
    for (const key of oldest.keys) if (window.timeByKey.get(key) === oldest.time) window.timeByKey.delete(key)
    window.first++
    oldest = window.blocks[window.first]
  }
  if (window.first > 1024 && window.first * 2 > window.blocks.length) {
    window.blocks = window.blocks.slice(window.first)
    window.first = 0
  }
}

/** True when a block of time `time` must not hold the request: it has run within the window. */
export function inWindow(window: Window, key: string, time: number): boolean {
  const ran = window.timeByKey.get(key)
  return ran !== undefined && ran >= time - WINDOW_MS
}

/** False while this member began later than the window of a block of this time reaches. */
export function windowWhole(window: Window, time: number): boolean {
  return window.since < time - WINDOW_MS
}

export function timely(requestTime: number, blockTime: number): boolean {
  return Math.abs(requestTime - blockTime) <= REQUEST_TIME_MS
}
