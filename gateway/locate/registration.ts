// What the gateway believes about one seeder: its newest registration, and for how long.

import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import { LOAD_MAX, type Register } from '#protocol/message/statement.ts'
import type { Place } from '#protocol/place/place.ts'

export type RegisteredSite = {
  /** Undefined: visitors reach it through the tunnel only. */
  readonly origin: string | undefined
  readonly stable: boolean
}

export type Registration = {
  readonly peer: PeerName
  /** `time` of the statement, by the peer's clock. */
  readonly time: number
  /** By job, hexadecimal. */
  readonly sites: ReadonlyMap<string, RegisteredSite>
  /** It holds a tunnel to this gateway. */
  readonly tunnel: boolean
  /** By its own word, 0 … 1. */
  readonly load: number
  /** Where its operator says it stands. */
  readonly place: Place | undefined
  readonly sees: ReadonlySet<PeerName>
  /** Against whom it says it holds a proof. */
  readonly accuses: ReadonlySet<PeerName>
  /** It is living for its own word until then, by our clock. */
  readonly freshUntil: number
  /** It may still be living until then: others have to vouch for it, or nobody else is there. */
  readonly leaseUntil: number
}

export function registrationOf(
  peer: PeerName,
  body: Register,
  times: { readonly freshUntil: number; readonly leaseUntil: number },
): Registration {
  return {
    peer,
    time: body.time,
    sites: new Map(
      body.sites.map(({ job, origin, stable }) => [hexFromBytes(job), { origin: origin ?? undefined, stable }]),
    ),
    tunnel: body.tunnel,
    load: (body.load ?? 0) / LOAD_MAX,
    place: body.place,
    sees: new Set(body.sees.map(peerName)),
    accuses: new Set(body.accuses.map((accusation) => peerName(accusation.peer))),
    ...times,
  }
}
