// What a seeder tells the gateways about itself and the members that it sees.

import { type PeerName, peerName, publicKeyFromName } from '#protocol/identity/keys.ts'
import { SEEN_MS } from '#seeder/agree/site-status.ts'
import type { SiteHost } from '#seeder/host/site-host.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import type { RegistrationFacts } from '#seeder/register/registrar.ts'
import type { SiteServer } from '#seeder/serve/server.ts'

const ACCUSATIONS_MAX = 64

/** `isTunnelled`: nobody can dial this seeder, so its sites have no origin of their own. Sites that have something current to show, members that answered lately, members against which there is proof. */
export function registrationFacts(
  host: SiteHost,
  server: SiteServer,
  network: PeerNetwork,
  now: number,
  isTunnelled: boolean,
): RegistrationFacts {
  const sites: RegistrationFacts['sites'][number][] = []
  const seen = new Set<PeerName>()
  const accuses = new Map<string, RegistrationFacts['accuses'][number]>()
  for (const site of host.all()) {
    const origin = isTunnelled ? undefined : server.originOf(site.name)
    // A member that is behind or broken sends nobody here; one of a disputed group still serves what was certified.
    const { state } = site.status()
    const current = site.head() !== undefined && (state === 'agreeing' || state === 'disputed')
    if (current && (origin !== undefined || isTunnelled))
      sites.push({ job: site.job, origin: origin ?? null, stable: server.wantsOneOrigin(site.name) })
    for (const peer of site.others) {
      const link = network.link(peer)
      if (link.connected && now - link.heardAt <= SEEN_MS) seen.add(peer)
    }
    for (const { accused, hash } of site.evidence()) {
      if (accuses.size < ACCUSATIONS_MAX) accuses.set(peerName(accused), { peer: accused, evidence: hash })
    }
  }
  const sees = [...seen].flatMap((name) => {
    const key = publicKeyFromName(name)
    return key.ok ? [key.value] : []
  })
  return { sites, sees, accuses: [...accuses.values()] }
}
