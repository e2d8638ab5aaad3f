// What a seeder tells the gateways about itself and the members that it sees.

import { type PeerName, peerName, publicKeyFromName } from '#protocol/identity/keys.ts'
import { SEEN_MS } from '#seeder/agree/site-status.ts'
import type { SiteHost } from '#seeder/host/site-host.ts'
import type { PeerNetwork } from '#seeder/network/port.ts'
import type { RegistrationFacts } from '#seeder/register/registrar.ts'
import type { SiteServer } from '#seeder/serve/server.ts'

const ACCUSATIONS_MAX = 64

/** `rungOf`: where visitors reach a site here by themselves; undefined: through the gateways alone. Sites that have something current to show, members that answered lately, members against which there is proof. */
export function registrationFacts(
  host: SiteHost,
  server: SiteServer,
  network: PeerNetwork,
  now: number,
  rungOf: (siteName: string) => string | undefined,
): Pick<RegistrationFacts, 'sites' | 'sees' | 'accuses'> {
  const sites: RegistrationFacts['sites'][number][] = []
  const seen = new Set<PeerName>()
  const accuses = new Map<string, RegistrationFacts['accuses'][number]>()
  for (const site of host.all()) {
    // A member that is behind or broken sends nobody here; one of a disputed group still serves what was certified.
    const { state } = site.status()
    const current = site.head() !== undefined && (state === 'agreeing' || state === 'disputed')
    if (current)
      sites.push({ job: site.job, origin: rungOf(site.name) ?? null, stable: server.wantsOneOrigin(site.name) })
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
