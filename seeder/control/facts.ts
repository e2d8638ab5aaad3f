// What an operator wants to know about a seeder, gathered when somebody looks: for `/status`, the page and the gauges.

import process from 'node:process'
import type { NetworkFile } from '#protocol/directory/network-file.ts'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import { one, type Registry } from '#protocol/metrics/registry.ts'
import type { LoadFacts } from '#seeder/control/load.ts'
import { observeProcess } from '#seeder/control/process.ts'
import type { QuotaFacts } from '#seeder/control/quota-keeper.ts'
import type { PeerNetwork, RelayFacts } from '#seeder/network/port.ts'
import type { ReachFacts } from '#seeder/register/reach.ts'
import type { HostedSites } from '#seeder/serve/port.ts'
import { siteStatusJson } from '#seeder/serve/well-known.ts'
import type { Store } from '#seeder/store/port.ts'
import type { HttpsFacts } from '#seeder/tls/facts.ts'

const SITE_STATES = ['agreeing', 'joining', 'disputed', 'degraded'] as const

export type ControlParts = {
  readonly sites: HostedSites
  readonly registry: Registry
  /** The seeder's own key as text. */
  readonly peer: string
  readonly store: Pick<Store, 'stats'>
  readonly network: Pick<PeerNetwork, 'addresses' | 'connected' | 'link' | 'relays'>
  readonly holder: { file(): Pick<NetworkFile, 'version' | 'profile' | 'gateways' | 'admission'> }
  /** Absent: there are none. */
  readonly quotas?: () => QuotaFacts
  readonly originOf?: (siteName: string) => string | undefined
  readonly load?: () => LoadFacts
  readonly reach?: () => ReachFacts
  /** Of the file system that the store is on, bytes. */
  readonly room?: () => { readonly freeBytes: number; readonly totalBytes: number }
  /** The network's own clock, by which links were heard, ms. */
  readonly steady?: () => number
  /** Where gateways are told to send visitors; undefined: through themselves. */
  readonly announcedOf?: (siteName: string) => string | undefined
  /** Absent: it has no HTTPS. */
  readonly https?: () => HttpsFacts
  readonly now?: () => number
}

export type SeederFacts = {
  readonly peer: string
  readonly pid: number
  readonly node: string
  readonly uptimeSeconds: number
  readonly time: number
  readonly network: {
    readonly version: number
    readonly profile: string
    readonly gateways: readonly string[]
    readonly addresses: readonly string[]
    readonly connected: readonly string[]
    /** Peers whose link is relayed, and by whom. */
    readonly relayed: readonly { readonly peer: string; readonly relay: string }[]
    /** Through whom others reach this seeder, when nobody can dial it; and what it relays itself. */
    readonly reservedAt?: readonly string[]
    readonly relaying?: RelayFacts
  }
  readonly memory: { readonly residentBytes: number; readonly heapBytes: number; readonly externalBytes: number }
  readonly disk: {
    readonly fileBytes: number
    readonly walBytes: number
    readonly blocks: number
    readonly blockBytes: number
    readonly missing: number
    readonly freeBytes?: number
    readonly totalBytes?: number
  }
  /** How far the clocks of others are ahead of this one, ms: the median, and of how many. Absent: nobody said. */
  readonly clock?: { readonly aheadMs: number; readonly compared: number }
  readonly load?: LoadFacts
  readonly reach?: ReachFacts
  /** Everybody with whom a site is shared, or a link is up. */
  readonly peers: readonly PeerFacts[]
  readonly quotas?: QuotaFacts
  readonly https?: HttpsFacts
  readonly sites: readonly SiteFacts[]
}

export type PeerFacts = {
  readonly peer: string
  readonly connected: boolean
  /** Since it last sent anything; absent: never since the start. */
  readonly heardAgoMs?: number
  readonly roundTripMs?: number
  readonly clockAheadMs?: number
  /** Who relays the link; absent: nobody does. */
  readonly relay?: string
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Sites that it is a member of beside this seeder. */
  readonly sites: readonly string[]
}

export type SiteFacts = {
  readonly name: string
  readonly job: string
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly leader: string
  readonly stateRoot: string
  readonly state: string
  readonly degraded?: string
  readonly time?: number
  readonly ageMs?: number
  readonly queued: number
  readonly members: readonly {
    readonly peer: string
    readonly state: string
    readonly height: number
    /** Who relays the link to it. */
    readonly relay?: string
  }[]
  readonly evidence: readonly { readonly kind: string; readonly accused: string; readonly hash: string }[]
  readonly counts: Readonly<Record<string, number>>
  readonly origin?: string
  /** Where gateways are told to send visitors; absent: through themselves. */
  readonly announced?: string
}

export function seederFacts(parts: ControlParts): SeederFacts {
  const now = (parts.now ?? Date.now)()
  const { version, profile, gateways } = parts.holder.file()
  const memory = process.memoryUsage()
  const { fileBytes, walBytes, blocks, blockBytes, missing } = parts.store.stats()
  const peers = peersOf(parts)
  const reach = parts.reach?.()
  return {
    peer: parts.peer,
    pid: process.pid,
    node: process.version,
    uptimeSeconds: Math.round(process.uptime()),
    time: now,
    network: {
      version,
      profile,
      gateways,
      addresses: parts.network.addresses(),
      connected: parts.network.connected(),
      relayed: relayedLinks(parts.network),
      ...parts.network.relays(),
    },
    memory: { residentBytes: memory.rss, heapBytes: memory.heapUsed, externalBytes: memory.external },
    disk: { fileBytes, walBytes, blocks, blockBytes, missing, ...parts.room?.() },
    ...clockOf(peers, reach),
    ...(parts.load === undefined ? {} : { load: parts.load() }),
    ...(reach === undefined ? {} : { reach }),
    peers,
    ...(parts.quotas === undefined ? {} : { quotas: parts.quotas() }),
    ...(parts.https === undefined ? {} : { https: parts.https() }),
    sites: parts.sites.all().map((site) => {
      const origin = parts.originOf?.(site.name)
      const announced = parts.announcedOf?.(site.name)
      return {
        ...siteStatusJson(site, now),
        ...(origin === undefined ? {} : { origin }),
        ...(announced === undefined ? {} : { announced }),
      } as SiteFacts
    }),
  }
}

function peersOf({ sites, network, peer: self, steady }: ControlParts): readonly PeerFacts[] {
  const sitesOf = new Map<string, string[]>(network.connected().map((peer) => [peer, []]))
  for (const site of sites.all())
    for (const member of site.status().members) {
      const peer = peerName(member.peer)
      if (peer === self) continue
      const known = sitesOf.get(peer)
      if (known === undefined) sitesOf.set(peer, [site.name])
      else known.push(site.name)
    }
  const now = steady?.()
  return Array.from(sitesOf, ([peer, shared]) => {
    const link = network.link(peer as PeerName)
    const { connected, heardAt, roundTripMs, clockAheadMs, relay, sentBytes, receivedBytes } = link
    return {
      peer,
      connected,
      ...(now === undefined || heardAt === 0 ? {} : { heardAgoMs: Math.max(0, now - heardAt) }),
      ...(roundTripMs === undefined ? {} : { roundTripMs }),
      ...(clockAheadMs === undefined ? {} : { clockAheadMs }),
      ...(relay === undefined ? {} : { relay }),
      sentBytes,
      receivedBytes,
      sites: shared,
    }
  })
}

/** Nobody's clock is believed alone. */
function clockOf(peers: readonly PeerFacts[], reach: ReachFacts | undefined): Pick<SeederFacts, 'clock'> {
  const said = [...peers, ...(reach?.gateways ?? [])]
    .flatMap(({ clockAheadMs }) => clockAheadMs ?? [])
    .sort((a, b) => a - b)
  const aheadMs = said[Math.floor((said.length - 1) / 2)]
  return aheadMs === undefined ? {} : { clock: { aheadMs, compared: said.length } }
}

function relayedLinks(network: ControlParts['network']): SeederFacts['network']['relayed'] {
  return network.connected().flatMap((peer) => {
    const { relay } = network.link(peer)
    return relay === undefined ? [] : [{ peer, relay }]
  })
}

/** Gauges over the same facts, for Prometheus. */
export function observeFacts(parts: ControlParts): void {
  const { registry, sites } = parts
  const now = parts.now ?? Date.now
  observeProcess(registry, 'interpeer_build_info')
  observeRelays(parts)
  registry.observed('interpeer_store_bytes', 'Size on disk.', ['part'], () => {
    const { fileBytes, walBytes } = parts.store.stats()
    return [
      { labels: ['file'], value: fileBytes },
      { labels: ['wal'], value: walBytes },
    ]
  })
  registry.observed('interpeer_store_blocks', 'Content blocks kept.', [], () => one(parts.store.stats().blocks))
  registry.observed('interpeer_peers_connected', 'Peers with a link now.', [], () =>
    one(parts.network.connected().length),
  )
  registry.observed('interpeer_network_file_version', 'Version of the network file.', [], () =>
    one(parts.holder.file().version),
  )
  const perSite = (
    name: string,
    help: string,
    read: (site: ReturnType<HostedSites['all']>[number]) => number | undefined,
  ) =>
    registry.observed(name, help, ['site'], () =>
      sites.all().flatMap((site) => {
        const value = read(site)
        return value === undefined ? [] : [{ labels: [site.name], value }]
      }),
    )
  perSite('interpeer_site_height', 'Newest certified height.', (site) => site.head()?.height)
  perSite('interpeer_site_view', 'Present view.', (site) => site.status().view)
  perSite('interpeer_site_queued_requests', 'Requests that wait for a block.', (site) => site.status().queued)
  perSite(
    'interpeer_site_view_timer_seconds',
    'How long a leader is waited for, as the links were measured.',
    (site) => site.status().viewTimerMs / 1000,
  )
  perSite('interpeer_site_evidence_proofs', 'Proofs of lies held.', (site) => site.status().evidence.length)
  perSite('interpeer_site_certificate_age_seconds', 'Age of the newest certificate.', (site) => {
    const head = site.head()
    return head === undefined ? undefined : (now() - head.time) / 1000
  })
  registry.observed('interpeer_site_state', '1 for the state that a site is in.', ['site', 'state'], () =>
    sites
      .all()
      .flatMap((site) =>
        SITE_STATES.map((state) => ({ labels: [site.name, state], value: site.status().state === state ? 1 : 0 })),
      ),
  )
  registry.observed(
    'interpeer_site_counted_total',
    'Counted, never punished: silence, staleness; of a member, or of the group where peer is empty.',
    ['site', 'kind', 'peer'],
    () =>
      sites.all().flatMap((site) =>
        Object.entries(site.status().counts).map(([counted, value]) => {
          const [kind = '', peer = ''] = counted.split(' ')
          return { labels: [site.name, kind, peer], value }
        }),
      ),
  )
}

function observeRelays({ registry, network }: ControlParts): void {
  registry.observed('interpeer_peers_relayed', 'Peers whose link goes through a peer that relays.', [], () =>
    one(relayedLinks(network).length),
  )
  registry.observed(
    'interpeer_relays_reserved',
    'Peers through which this seeder is reached, which nobody can dial.',
    [],
    () => {
      const { reservedAt } = network.relays()
      return reservedAt === undefined ? [] : one(reservedAt.length)
    },
  )
  const ofRelaying = (name: string, help: string, read: (facts: RelayFacts) => number): void =>
    registry.observed(name, help, [], () => {
      const { relaying } = network.relays()
      return relaying === undefined ? [] : one(read(relaying))
    })
  ofRelaying('interpeer_relay_reservations', 'Peers that are reached through this one.', (facts) => facts.reservations)
  ofRelaying('interpeer_relay_circuits', 'Circuits between others through this one.', (facts) => facts.circuits)
  ofRelaying('interpeer_relay_bytes_total', 'Relayed between others.', (facts) => facts.relayedBytes)
  ofRelaying('interpeer_relay_refused_total', 'Reservations and circuits that were refused.', (facts) => facts.refused)
}
