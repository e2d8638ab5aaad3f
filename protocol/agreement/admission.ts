// What a block must be before anybody executes it: R2 (parent, time), R8 (sizes, kinds), R9 (each request once, and timely). All but the
// time of a fresh block is a function of the certified past, so that honest members never differ on it.

import { TIME_FUTURE_MS, TIME_PAST_MS } from '#protocol/agreement/limits.ts'
import type { Member } from '#protocol/agreement/member.ts'
import { keyOf } from '#protocol/agreement/members.ts'
import { UPDATE_METHOD } from '#protocol/agreement/queue.ts'
import type { Content } from '#protocol/agreement/round.ts'
import { inWindow, timely, windowWhole } from '#protocol/agreement/window.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { unreachable } from '#protocol/codec/result.ts'
import { membersHash, RECONFIG_METHOD, reconfigOf } from '#protocol/message/epoch.ts'
import { type Request, requestToBytes } from '#protocol/message/request.ts'
import { BATCH_BYTES_MAX, BATCH_REQUESTS_MAX } from '#protocol/message/wire.ts'

export type Objection =
  | 'height'
  | 'parent'
  | 'image'
  | 'time_not_later'
  | 'time_too_early'
  | 'time_too_late'
  | 'kind'
  | 'reconfig'
  | 'batch_size'
  | 'request_time'
  | 'request_repeated'
  | 'window_unknown'

function kindFits(kind: Content['block']['kind'], requests: readonly Request[]): boolean {
  const updates = requests.filter(({ method }) => method === UPDATE_METHOD).length
  switch (kind) {
    case 'normal':
      return requests.length > 0 && updates === 0 && !requests.some(({ method }) => method === RECONFIG_METHOD)
    case 'heartbeat':
      return requests.length === 0
    case 'update':
      return requests.length === 1 && updates === 1
    case 'reconfig':
      return requests.length === 1 && requests[0]?.method === RECONFIG_METHOD
    default:
      return unreachable(kind)
  }
}

/** §6: a fresh RECONFIG is of the very next group; that READYs of a quorum are in it the door has seen. */
function endsEpoch(member: Member, requests: readonly Request[]): boolean {
  const next = member.groups.get(member.group.epoch + 1)
  const reconfig = requests[0] === undefined ? undefined : reconfigOf(requests[0])
  if (next === undefined || reconfig === undefined || reconfig.epoch !== next.epoch) return false
  return bytesEqual(reconfig.membersHash, membersHash(next))
}

/** R9 for one request in a block of this time. */
export function mayRun(member: Member, request: Request, key: string, blockTime: number): boolean {
  return timely(request.time, blockTime) && !inWindow(member.window, key, blockTime)
}

/**
 * The first objection to a block at the height above the head, or none. `relied`: a QC1 stands behind it, so that it is no fresh block and
 * its time is not judged by the clock (R2).
 */
export function objection(member: Member, content: Content, relied: boolean): Objection | undefined {
  const { block, requests, requestHashes } = content
  const { head, settings } = member
  const receivedAt = content.receivedAt + member.clockMs
  if (block.height !== head.height + 1) return 'height'
  if (!bytesEqual(block.parent, head.hash)) return 'parent'
  if (block.time <= head.time) return 'time_not_later'
  if (!relied && block.time < receivedAt - TIME_PAST_MS) return 'time_too_early'
  // A head that is ahead of every clock has a successor all the same, of the very next ms.
  if (!relied && block.time > Math.max(receivedAt + TIME_FUTURE_MS, head.time + 1)) return 'time_too_late'
  if (!bytesEqual(block.image, settings.image)) return 'image'
  if (!kindFits(block.kind, requests)) return 'kind'
  if (!relied && block.kind === 'reconfig' && !endsEpoch(member, requests)) return 'reconfig'
  if (requests.length === 0) return undefined
  if (requests.length > BATCH_REQUESTS_MAX) return 'batch_size'
  let bytes = 0
  const seen = new Set<string>()
  for (const [index, request] of requests.entries()) {
    const hash = requestHashes[index]
    if (hash === undefined) return 'batch_size'
    bytes += requestToBytes(request).length
    const key = keyOf(hash)
    if (!timely(request.time, block.time)) return 'request_time'
    if (seen.has(key) || inWindow(member.window, key, block.time)) return 'request_repeated'
    seen.add(key)
  }
  if (bytes > BATCH_BYTES_MAX) return 'batch_size'
  return relied || windowWhole(member.window, block.time) ? undefined : 'window_unknown'
}
