// Visitors of the simulated site: each writes through a random member, waits, and tries again through another one with the same
// idempotency key until it is acknowledged. What was acknowledged must never be lost (G11) nor run twice (G8).

import { createHash } from 'node:crypto'
import type { RefuseCode } from '#protocol/agreement/port.ts'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { orderedRequestHash, type Request, SALT_BYTES } from '#protocol/message/request.ts'
import { INLINE_BODY_BYTES_MAX } from '#protocol/message/wire.ts'
import { brief } from './chronicle.ts'
import type { Random } from './random.ts'
import type { Seat } from './seat.ts'

export type Write = {
  readonly name: string
  /** Tried again until it is acknowledged; one without a key is sent once. */
  readonly keyed: boolean
  readonly update: boolean
  readonly body: Body
  acknowledged: { readonly height: number; readonly requestHash: Digest } | undefined
  sentAt: number
  attempts: number
  /** The first attempt waits about this long for an answer. */
  readonly patienceMs: number
}

export type Body = { readonly bytes: Uint8Array; readonly hash: Digest }

/** Bodies too large to travel inside a message: made once, for they are slow to hash. */
const LARGE: readonly Body[] = [1, 2].map((fill) => {
  const bytes = new Uint8Array(INLINE_BODY_BYTES_MAX + fill).fill(fill)
  return { bytes, hash: new Uint8Array(createHash('sha256').update(bytes).digest()) as unknown as Digest }
})
export const EMPTY_BODY: Body = { bytes: new Uint8Array(0), hash: sha256(new Uint8Array(0)) }

export function someBody(random: Random): Body {
  const dice = random.real()
  if (dice < 0.1) return random.pick(LARGE)
  if (dice < 0.3) return EMPTY_BODY
  const bytes = random.bytes(4 + random.below(24))
  return { bytes, hash: sha256(bytes) }
}

export function requestOf(
  job: Digest,
  write: Pick<Write, 'name' | 'keyed' | 'update' | 'body'>,
  time: number,
  salt: Uint8Array,
): Request {
  return {
    job,
    method: write.update ? 'UPDATE' : 'POST',
    target: `/${write.name}`,
    headers: write.keyed ? [['idempotency-key', write.name]] : [],
    body_hash: write.body.hash,
    body_bytes: write.body.bytes.length,
    salt,
    time,
  }
}

export type ClientsOptions = {
  readonly job: Digest
  readonly members: number
  /** How long an attempt waits about. */
  readonly patienceMs: number
  readonly seats: ReadonlyMap<number, Seat>
  readonly random: Random
  at(time: number, event: (now: number) => void): void
  note(now: number, text: () => string): void
}

export type WriteKind = { readonly keyed: boolean; readonly update: boolean; readonly patienceMs?: number }

export type Clients = {
  readonly writes: readonly Write[]
  /** A new write, sent now through this member. */
  write(name: string, kind: WriteKind, member: number, now: number): Write
  replied(seat: Seat, requestHash: Digest, height: number, now: number): void
  refused(seat: Seat, requestHash: Digest, code: RefuseCode, now: number): void
}

const RETRY_MS = 700

export function createClients(options: ClientsOptions): Clients {
  const { random, seats, job } = options
  const writes: Write[] = []
  /** Attempts that wait at a member, by (member, request). */
  const waiting = new Map<string, Write>()

  const send = (write: Write, member: number, now: number) => {
    write.attempts++
    const attempt = write.attempts
    const again = (then: number) => {
      if (write.acknowledged === undefined && write.attempts === attempt && write.keyed) {
        send(write, random.below(options.members), then)
      }
    }
    const patienceMs = attempt === 1 ? write.patienceMs : options.patienceMs
    options.at(now + patienceMs * random.between(0.7, 1.3), again)
    const seat = seats.get(member)
    // A malicious member swallows it; one that is down refuses the connection.
    if (seat === undefined) return
    if (!seat.up) return options.at(now + RETRY_MS, again)
    const request = requestOf(job, write, seat.requestTime(now), random.bytes(SALT_BYTES))
    const hash = orderedRequestHash(request)
    waiting.set(`${member}/${brief(hash)}`, write)
    const { body } = write
    const inline = body.bytes.length > 0 && body.bytes.length <= INLINE_BODY_BYTES_MAX
    seat.deliver({ type: 'submit', request, now: 0, ...(inline ? { body: body.bytes } : {}) }, now)
  }

  return {
    writes,
    write(name, { keyed, update, patienceMs = options.patienceMs }, member, now) {
      const write: Write = {
        name,
        keyed,
        update,
        patienceMs,
        body: someBody(random),
        acknowledged: undefined,
        sentAt: now,
        attempts: 0,
      }
      writes.push(write)
      send(write, member, now)
      return write
    },
    replied(seat, requestHash, height, now) {
      const write = waiting.get(`${seat.index}/${brief(requestHash)}`)
      if (write === undefined || write.acknowledged !== undefined) return
      write.acknowledged = { height, requestHash }
      options.note(now, () => `client: ${write.name} acknowledged by ${seat.index} at height ${height}`)
    },
    refused(seat, requestHash, code, now) {
      const write = waiting.get(`${seat.index}/${brief(requestHash)}`)
      if (write === undefined) return
      waiting.delete(`${seat.index}/${brief(requestHash)}`)
      options.note(now, () => `client: ${write.name} refused by ${seat.index}: ${code}`)
      const attempt = write.attempts
      options.at(now + RETRY_MS, (then) => {
        if (write.acknowledged === undefined && write.attempts === attempt && write.keyed) {
          send(write, random.below(options.members), then)
        }
      })
    },
  }
}
