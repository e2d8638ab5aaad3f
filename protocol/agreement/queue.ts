// R7: requests wait in a bounded queue, fair by source. A source is the member that shared the request: each has its own line, and a
// batch takes from the lines in turn. R8: what one block takes.

import {
  CENSORED_DELTAS,
  QUEUE_BODY_BYTES_PER_SOURCE_MAX,
  QUEUE_PER_SOURCE_MAX,
  RELAY_DELTAS,
} from '#protocol/agreement/limits.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { type Request, requestToBytes } from '#protocol/message/request.ts'
import { BATCH_BYTES_MAX } from '#protocol/message/wire.ts'

export const UPDATE_METHOD = 'UPDATE'

export type Entry = {
  readonly request: Request
  readonly hash: Digest
  readonly key: string
  readonly bytes: number
  readonly source: number
  readonly arrivedAt: number
  /** When the present view's leader certified a later one, or none where there was room, before it; null: it did not. */
  passedAt: number | null
  relayed: boolean
}

/** A new entry; `hash` is the `orderedRequestHash` of the request. */
export function entryOf(entry: Omit<Entry, 'key' | 'bytes' | 'passedAt' | 'relayed'>): Entry {
  return {
    ...entry,
    key: keyOf(entry.hash),
    bytes: requestToBytes(entry.request).length,
    passedAt: null,
    relayed: false,
  }
}

type Line = { entries: Map<string, Entry>; bodyBytes: number }

export type Queue = {
  readonly lines: readonly Line[]
  readonly sourceByKey: Map<string, number>
  /** The line that the next batch begins with. */
  turn: number
}

export function createQueue(members: number): Queue {
  return {
    lines: Array.from({ length: members }, () => ({ entries: new Map(), bodyBytes: 0 })),
    sourceByKey: new Map(),
    turn: 0,
  }
}

export function queueLength(queue: Queue): number {
  return queue.sourceByKey.size
}

export type Enqueued = 'queued' | 'known' | 'full'

export function enqueue(queue: Queue, entry: Entry): Enqueued {
  if (queue.sourceByKey.has(entry.key)) return 'known'
  const line = queue.lines[entry.source]
  if (line === undefined) return 'full'
  const bodyBytes = line.bodyBytes + entry.request.body_bytes
  if (line.entries.size >= QUEUE_PER_SOURCE_MAX || bodyBytes > QUEUE_BODY_BYTES_PER_SOURCE_MAX) return 'full'
  line.entries.set(entry.key, entry)
  line.bodyBytes = bodyBytes
  queue.sourceByKey.set(entry.key, entry.source)
  return 'queued'
}

export function findEntry(queue: Queue, key: string): Entry | undefined {
  const source = queue.sourceByKey.get(key)
  return source === undefined ? undefined : queue.lines[source]?.entries.get(key)
}

export function dequeue(queue: Queue, key: string): Entry | undefined {
  const entry = findEntry(queue, key)
  const line = entry === undefined ? undefined : queue.lines[entry.source]
  if (entry === undefined || line === undefined) return undefined
  line.entries.delete(key)
  line.bodyBytes -= entry.request.body_bytes
  queue.sourceByKey.delete(key)
  return entry
}

/** The first of each line. */
export function heads(queue: Queue): Entry[] {
  const found: Entry[] = []
  for (const { entries } of queue.lines) {
    const first = entries.values().next()
    if (!first.done) found.push(first.value)
  }
  return found
}

export function* entriesOf(queue: Queue, source: number): Generator<Entry> {
  const line = queue.lines[source]
  if (line !== undefined) yield* line.entries.values()
}

/**
 * R7, R8: one from each line in turn, each line in its order, until the block is full; an UPDATE only alone. `ready` says whether one may
 * stand in the block at all (R9, its body); those that may not are passed by. At most `requestsMax`.
 */
export function takeBatch(queue: Queue, requestsMax: number, ready: (entry: Entry) => boolean): readonly Entry[] {
  const batch: Entry[] = []
  const count = queue.lines.length
  const lines: Iterator<Entry>[] = []
  for (let offset = 0; offset < count; offset++) lines.push(entriesOf(queue, (queue.turn + offset) % count))
  let bytes = 0
  const nextOf = (line: Iterator<Entry>): Entry | undefined => {
    for (let next = line.next(); !next.done; next = line.next()) if (ready(next.value)) return next.value
    return undefined
  }
  let open = lines
  while (open.length > 0) {
    const still: Iterator<Entry>[] = []
    for (const line of open) {
      const entry = nextOf(line)
      if (entry === undefined) continue
      if (entry.request.method === UPDATE_METHOD) {
        if (batch.length === 0) return [entry]
        continue
      }
      if (batch.length >= requestsMax || bytes + entry.bytes > BATCH_BYTES_MAX) return batch
      batch.push(entry)
      bytes += entry.bytes
      still.push(line)
    }
    open = still
  }
  return batch
}

/** After a block: the next batch begins with the next line, so that no line is always first. */
export function passTurn(queue: Queue): void {
  queue.turn = (queue.turn + 1) % queue.lines.length
}

/** R7: it was passed over and has waited too long: the leader censors, or never had it. */
export function censored(entry: Entry, now: number, deltaMs: number): boolean {
  return entry.passedAt !== null && now - entry.passedAt >= CENSORED_DELTAS * deltaMs
}

export function toRelay(entry: Entry, now: number, deltaMs: number): boolean {
  return !entry.relayed && entry.passedAt !== null && now - entry.passedAt >= RELAY_DELTAS * deltaMs
}

/** Another leader's turn: it gets the same patience as the one before. */
export function pardon(queue: Queue): void {
  for (const { entries } of queue.lines) {
    for (const entry of entries.values()) {
      entry.passedAt = null
      entry.relayed = false
    }
  }
}
