// Which bodies the driver keeps for this member, and why: a body is used by a queue entry or a block that waits, and goes with the
// last of them. The bytes themselves are never here.

import { keyOf } from '#protocol/agreement/members.ts'
import type { Turn } from '#protocol/agreement/turn.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Request } from '#protocol/message/request.ts'
import { TRANSFER_BODIES_MAX } from '#protocol/message/wire.ts'

type Body = { readonly hash: Digest; users: number; here: boolean; askedAt: number }
export type Bodies = Map<string, Body>

const needsBody = (request: Request): boolean => request.body_bytes > 0

/** One more user of each of these requests' bodies. */
export function useBodies(bodies: Bodies, requests: readonly Request[]): void {
  for (const request of requests) {
    if (!needsBody(request)) continue
    const key = keyOf(request.body_hash)
    const body = bodies.get(key)
    if (body === undefined) bodies.set(key, { hash: request.body_hash, users: 1, here: false, askedAt: -Infinity })
    else body.users++
  }
}

/** One user less; bodies that nobody uses any more are given up. */
export function freeBodies(bodies: Bodies, turn: Turn, requests: readonly Request[]): void {
  const gone: Digest[] = []
  for (const request of requests) {
    if (!needsBody(request)) continue
    const key = keyOf(request.body_hash)
    const body = bodies.get(key)
    if (body === undefined) continue
    body.users--
    if (body.users > 0) continue
    bodies.delete(key)
    if (body.here) gone.push(body.hash)
  }
  if (gone.length > 0) turn.effects.push({ type: 'dropBodies', hashes: gone })
}

/** The driver has it now. False when nobody here uses it: the driver may drop it. */
export function bodyCame(bodies: Bodies, hash: Digest): boolean {
  const body = bodies.get(keyOf(hash))
  if (body === undefined) return false
  body.here = true
  return true
}

export function bodyHere(bodies: Bodies, request: Request): boolean {
  return !needsBody(request) || bodies.get(keyOf(request.body_hash))?.here === true
}

export function bodiesHere(bodies: Bodies, requests: readonly Request[]): boolean {
  return requests.every((request) => bodyHere(bodies, request))
}

/** Asks `from` for what is missing and was not asked for within `patienceMs`. */
export function fetchMissing(
  bodies: Bodies,
  turn: Turn,
  requests: readonly Request[],
  from: number,
  patienceMs: number,
): void {
  const missing: Digest[] = []
  for (const request of requests) {
    const body = needsBody(request) ? bodies.get(keyOf(request.body_hash)) : undefined
    if (body === undefined || body.here || body.askedAt + patienceMs > turn.now) continue
    if (missing.length >= TRANSFER_BODIES_MAX) break
    body.askedAt = turn.now
    missing.push(body.hash)
  }
  if (missing.length > 0) turn.effects.push({ type: 'fetchBodies', hashes: missing, from })
}
