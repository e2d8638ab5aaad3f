// What DNS says of the sites that this gateway knows: made from the same targets that redirects go to, and kept with them.
//
// Invariant: nothing is kept longer than the target that it was made of, so it is bounded as those are, and whoever is out for a redirect is
// out here.

import { denied } from '#gateway/deny/denials.ts'
import type { Gateway, HeldNetwork } from '#gateway/gateway.ts'
import type { LocatedMember } from '#gateway/locate/living.ts'
import type { Target } from '#gateway/locate/locations.ts'
import { FRESH_MS, RENEW_MS } from '#gateway/settings.ts'
import { assert } from '#protocol/codec/result.ts'
import { RCODE, TYPE } from '#protocol/dns/constants.ts'
import type { Answer, Query, RecordData } from '#protocol/dns/message.ts'
import { type PlacedMember, siteRecords } from '#protocol/dns/site-records.ts'
import { createZone, refused, type SiteRecords, settle, siteAnswer, type Zone } from '#protocol/dns/zone.ts'

/** Addresses are given in turn, so that visitors who take the first one are spread. */
type Kept = { readonly addresses: readonly RecordData[]; readonly others: readonly RecordData[]; turn: number }

const keptByTarget = new WeakMap<Target, Kept>()
const zoneByNetwork = new WeakMap<HeldNetwork, Zone>()

export function answerOf(gateway: Gateway, query: Query, now: number): Answer {
  const zone = zoneOf(gateway)
  const settled = settle(query, zone)
  if (settled.kind === 'answer') return settled.answer
  const records = recordsOf(gateway, settled.name, now)
  return zone === undefined || records === undefined
    ? refused(RCODE.SERVFAIL)
    : siteAnswer(query.question.type, zone, records)
}

function zoneOf({ config, locations, network }: Gateway): Zone | undefined {
  if (network === undefined) return undefined
  let zone = zoneByNetwork.get(network)
  if (zone === undefined) {
    zone = createZone({
      server: new URL(config.publicUrl).hostname,
      serial: network.file.version,
      isSite: (name) => locations.jobByName(name) !== undefined,
    })
    zoneByNetwork.set(network, zone)
  }
  return zone
}

function recordsOf(gateway: Gateway, name: string, now: number): SiteRecords | undefined {
  // A resolver's place is not its users': what is for some places alone is not applied here.
  if (denied(gateway, name, undefined) !== undefined) return undefined
  const target = gateway.locations.target(name, now)
  if (target === undefined) return undefined
  let kept = keptByTarget.get(target)
  if (kept === undefined) {
    kept = recordsMade(gateway, name, target)
    keptByTarget.set(target, kept)
  }
  const { addresses, others } = kept
  const start = addresses.length === 0 ? 0 : kept.turn++ % addresses.length
  // As long as the choice stands; where nobody is, somebody may come with the next registration.
  const leftMs = target.living.length === 0 ? RENEW_MS : Math.min(target.until - now, FRESH_MS)
  return {
    ttl: Math.max(0, Math.floor(leftMs / 1000)),
    records: [...addresses.slice(start), ...addresses.slice(0, start), ...others],
  }
}

function recordsMade({ config, locations, network }: Gateway, name: string, target: Target): Kept {
  const job = locations.jobByName(name)
  assert(job !== undefined && network !== undefined, 'a target has its job, which the network file names')
  const httpByPeer = new Map(network.file.peers.map(({ peer, http }) => [peer, http]))
  const placed = ({ peer, origin }: LocatedMember): PlacedMember => ({ peer, origin, http: httpByPeer.get(peer) })
  const records = siteRecords({
    job: job.job,
    epoch: job.epoch,
    members: target.living.map(placed),
    direct: target.living.filter(({ origin }) => origin !== undefined && target.origins.includes(origin)).map(placed),
    gateway: config.addresses ?? [],
    ...(config.namesTls === undefined ? {} : { tls: config.namesTls }),
    isLocal: network.file.profile === 'local',
  })
  const isAddress = ({ type }: RecordData): boolean => type === TYPE.A || type === TYPE.AAAA
  return {
    addresses: records.filter(isAddress),
    others: records.filter((record) => !isAddress(record)),
    turn: 0,
  }
}
