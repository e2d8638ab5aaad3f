// R7, R9: requests on their way into a block. The member whose visitor it is shares it with all; every member keeps it until a certified
// block has it or its time is over. The same request, salt included, is taken once.

import { bodyCame, bodyHere, fetchMissing, freeBodies, useBodies } from '#protocol/agreement/bodies.ts'
import { fuelIsSpent } from '#protocol/agreement/execution.ts'
import { CENSORED_DELTAS, RELAY_DELTAS, REQUEST_TIME_MS } from '#protocol/agreement/limits.ts'
import { blockClock, gaveUp, isMember, leaderAt, leads, type Member } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import type { RefuseCode } from '#protocol/agreement/port.ts'
import {
  censored,
  dequeue,
  type Entry,
  enqueue,
  entriesOf,
  entryOf,
  findEntry,
  heads,
  queueLength,
  toRelay,
} from '#protocol/agreement/queue.ts'
import type { Content } from '#protocol/agreement/round.ts'
import { joining } from '#protocol/agreement/sync.ts'
import { send, type Turn } from '#protocol/agreement/turn.ts'
import { timeOut } from '#protocol/agreement/view.ts'
import { inWindow, timely } from '#protocol/agreement/window.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { RECONFIG_METHOD } from '#protocol/message/epoch.ts'
import { orderedRequestHash, REQUEST_BYTES_MAX, type Request } from '#protocol/message/request.ts'
import { BATCH_BYTES_MAX, BATCH_REQUESTS_MAX, INLINE_BODY_BYTES_MAX } from '#protocol/message/wire.ts'

function refuse(member: Member, turn: Turn, requestHash: Digest, code: RefuseCode): void {
  member.counts.refused++
  turn.effects.push({ type: 'refuse', requestHash, code })
}

/** Refuses a request that was just given; its body goes with it, unless something here uses the same one. */
function turnAway(member: Member, turn: Turn, request: Request, requestHash: Digest, code: RefuseCode): void {
  if (request.body_bytes > 0 && !bodyCame(member.bodies, request.body_hash))
    turn.effects.push({ type: 'dropBodies', hashes: [request.body_hash] })
  refuse(member, turn, requestHash, code)
}

/** §6: an own visitor's request that this member cannot bring into a block any more. */
export function refuseOwn(member: Member, turn: Turn, { key, hash }: Entry): void {
  if (member.own.delete(key)) refuse(member, turn, hash, 'not_a_member')
}

/** An own visitor's request. Answered by `reply` or `refuse`, once. */
export function submit(member: Member, turn: Turn, request: Request, body: Uint8Array | undefined): void {
  const hash = orderedRequestHash(request)
  const entry = entryOf({ request, hash, source: member.self, arrivedAt: turn.now })
  const code = refusal(member, entry)
  if (code !== undefined) return turnAway(member, turn, request, hash, code)
  const taken = enqueue(member.queue, entry)
  if (taken === 'full') return turnAway(member, turn, request, hash, 'queue_full')
  if (taken === 'queued') useBodies(member.bodies, [request])
  if (request.body_bytes > 0) bodyCame(member.bodies, request.body_hash)
  member.own.add(entry.key)
  const inline = body !== undefined && body.length > 0 && body.length <= INLINE_BODY_BYTES_MAX ? body : null
  send(turn, 'all', { type: 'request', request, body: inline })
}

function refusal(member: Member, entry: Entry): RefuseCode | undefined {
  if (member.stopped) return 'stopped'
  if (!isMember(member)) return 'not_a_member'
  if (entry.request.method === RECONFIG_METHOD) return 'malformed'
  if (!bytesEqual(entry.request.job, member.group.job) || entry.bytes > REQUEST_BYTES_MAX) return 'malformed'
  if (!timely(entry.request.time, blockClock(member))) return 'too_old'
  if (member.own.has(entry.key) || inWindow(member.window, entry.key, member.head.time)) return 'duplicate'
  if (member.disputed) return 'disputed'
  return joining(member) ? 'joining' : undefined
}

/** A request that another member shares; what does not fit is dropped and counted. */
export function hearRequest(member: Member, turn: Turn, from: number, request: Request, body: Uint8Array | null): void {
  const hash = orderedRequestHash(request)
  const key = keyOf(hash)
  const known = findEntry(member.queue, key)
  if (known === undefined) {
    if (inWindow(member.window, key, member.head.time)) return
    const entry = entryOf({ request, hash, source: from, arrivedAt: turn.now })
    const fits =
      request.method !== RECONFIG_METHOD && entry.bytes <= REQUEST_BYTES_MAX && timely(request.time, blockClock(member))
    if (!fits || enqueue(member.queue, entry) !== 'queued') {
      member.counts.dropped++
      return
    }
    useBodies(member.bodies, [request])
  }
  if (bodyHere(member.bodies, request)) return
  if (body === null) return fetchMissing(member.bodies, turn, [request], from, member.settings.deltaMs)
  if (bodyCame(member.bodies, request.body_hash)) turn.effects.push({ type: 'keepBody', hash: request.body_hash, body })
}

/** A state was taken past blocks that nobody here has read: whether own visitors' requests stand in them is not known, and nobody will say so. */
export function disownAll(member: Member, turn: Turn): void {
  for (const entry of [...entriesOf(member.queue, member.self)]) {
    dequeue(member.queue, entry.key)
    freeBodies(member.bodies, turn, [entry.request])
    if (member.own.delete(entry.key)) refuse(member, turn, entry.hash, 'unknown')
  }
}

/** Requests whose time is over can stand in no block any more. */
export function expire(member: Member, turn: Turn): void {
  for (let source = 0; source < member.count; source++) {
    for (const entry of [...entriesOf(member.queue, source)]) {
      if (entry.request.time >= blockClock(member) - REQUEST_TIME_MS) continue
      dequeue(member.queue, entry.key)
      freeBodies(member.bodies, turn, [entry.request])
      if (member.own.delete(entry.key)) refuse(member, turn, entry.hash, 'too_old')
    }
  }
}

export function refuseAll(member: Member, turn: Turn): void {
  for (const { hash, key } of entriesOf(member.queue, member.self))
    if (member.own.delete(key)) refuse(member, turn, hash, 'stopped')
}

/** R7: what a certified block left behind though it had room, or took a later one of the same line. */
export function markPassedOver(member: Member, turn: Turn, content: Content): void {
  const { block, requests, requestHashes, receivedAt } = content
  if (block.kind === 'update' || block.kind === 'reconfig' || queueLength(member.queue) === 0) return
  const bytes = requestHashes.reduce((sum, hash) => sum + (findEntry(member.queue, keyOf(hash))?.bytes ?? 0), 0)
  const full =
    requests.length >= BATCH_REQUESTS_MAX || bytes > BATCH_BYTES_MAX - REQUEST_BYTES_MAX || fuelIsSpent(member, content)
  const taken = new Set(requestHashes.map(keyOf))
  const newest = new Map<number, number>()
  for (const key of taken) {
    const entry = findEntry(member.queue, key)
    if (entry !== undefined) newest.set(entry.source, Math.max(newest.get(entry.source) ?? 0, entry.arrivedAt))
  }
  for (let source = 0; source < member.count; source++) {
    for (const entry of entriesOf(member.queue, source)) {
      if (taken.has(entry.key)) continue
      // The leader began this block before it was proposed: what came within the last Δ it may not have had.
      const early = entry.arrivedAt <= receivedAt - member.settings.deltaMs
      if (early && (!full || (newest.get(source) ?? 0) > entry.arrivedAt)) entry.passedAt ??= turn.now
      break
    }
  }
}

/** R7: relays what the leader may not have, and ends the view of one who will not take it. */
export function watchLeader(member: Member, turn: Turn): void {
  const { deltaMs } = member.settings
  if (leads(member) || member.disputed) return
  for (const entry of heads(member.queue)) {
    // Of a body that is not here nobody can say that the leader has it.
    if (!bodyHere(member.bodies, entry.request)) continue
    if (toRelay(entry, turn.now, deltaMs)) {
      entry.relayed = true
      send(turn, leaderAt(member, member.view), { type: 'request', request: entry.request, body: null })
    }
    if (!gaveUp(member) && censored(entry, turn.now, deltaMs)) timeOut(member, turn)
  }
}

/** Times at which `watchLeader` or `expire` has something to do. */
export function pendingDeadlines(member: Member): number[] {
  const { deltaMs } = member.settings
  const times: number[] = []
  for (const { relayed, passedAt, request } of heads(member.queue)) {
    times.push(request.time + REQUEST_TIME_MS + 1 - member.clockMs)
    if (passedAt !== null && !leads(member)) times.push(passedAt + (relayed ? CENSORED_DELTAS : RELAY_DELTAS) * deltaMs)
  }
  return times
}
