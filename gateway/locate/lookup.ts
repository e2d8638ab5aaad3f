// GET /lookup/name/<x> and /lookup/peer/<x>: what a client asks that chooses its hosts itself. Each answer says until when
// it may be kept; groups and records in it can be checked against the network file, only the states are the gateway's word.

import type { Gateway } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import type { MemberState } from '#gateway/locate/living.ts'
import { FRESH_MS, RENEW_MS } from '#gateway/settings.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { NetworkJob, NetworkPeer } from '#protocol/directory/network-file.ts'
import type { PeerName } from '#protocol/identity/keys.ts'

export type MemberEntry = {
  readonly peer: string
  readonly state: MemberState
  /** Null: visitors reach it through the gateway only, or not at all. */
  readonly origin: string | null
  readonly tunnel: boolean
}

type Answer = { readonly network_version: number; readonly time: number; readonly expires: number }

export type NameAnswer = Answer & {
  readonly name: string
  readonly job: string
  readonly epoch: number
  readonly quorum: string
  readonly members: readonly MemberEntry[]
}

export type PeerAnswer = Answer & {
  readonly peer: string
  /** The peer's own signed record as the network file has it; null when it has none. */
  readonly record: {
    readonly addresses: readonly string[]
    readonly http: string
    readonly sequence: number
    readonly time: number
    readonly proof: string
  } | null
  readonly jobs: readonly {
    readonly name: string
    readonly job: string
    readonly state: MemberState
    readonly origin: string | null
  }[]
}

/** The earliest end of what the answer rests on, and never longer than a registration's life. */
function expiryOf(now: number, ends: readonly number[]): number {
  return Math.max(now, Math.min(now + FRESH_MS, ...ends))
}

export function lookupName(gateway: Gateway, name: string): Result<NameAnswer, GatewayError> {
  const { network, locations, ports } = gateway
  if (network === undefined) return err({ code: 'no_network' })
  const job = locations.jobByName(name)
  if (job === undefined) return err({ code: locations.isGone(name) ? 'gone_name' : 'unknown_name', name })
  const now = ports.now()
  const members = locations.members(job, now)
  return ok({
    name,
    job: job.job,
    epoch: job.epoch,
    quorum: job.quorum,
    members: members.map(({ peer, state, origin, tunnel }) => ({ peer, state, origin: origin ?? null, tunnel })),
    network_version: network.file.version,
    time: now,
    expires: expiryOf(
      now,
      members.map((member) => member.until),
    ),
  })
}

function recordOf({ addresses, http, sequence, time, proof }: NetworkPeer): NonNullable<PeerAnswer['record']> {
  return { addresses, http, sequence, time, proof }
}

export function lookupPeer(gateway: Gateway, peer: string): Result<PeerAnswer, GatewayError> {
  const { network, locations, ports } = gateway
  if (network === undefined) return err({ code: 'no_network' })
  const record = network.file.peers.find((entry) => entry.peer === peer)
  const jobs = locations.jobsOf(peer as PeerName)
  if (record === undefined && jobs.length === 0) return err({ code: 'unknown_peer' })
  const now = ports.now()
  const ends: number[] = []
  const places = jobs.flatMap((job: NetworkJob) => {
    const own = locations.members(job, now).find((member) => member.peer === peer)
    if (own === undefined) return []
    ends.push(own.until)
    return [{ name: job.name, job: job.job, state: own.state, origin: own.origin ?? null }]
  })
  return ok({
    peer,
    record: record === undefined ? null : recordOf(record),
    jobs: places,
    network_version: network.file.version,
    time: now,
    expires: jobs.length === 0 ? now + RENEW_MS : expiryOf(now, ends),
  })
}
