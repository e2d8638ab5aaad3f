// Which site a `Host` names: `<site>.<label>.<domain>` (over TLS `<site>.<the seeder's name>`), or `<site>.peer` and `<site>.ipn` as DNS has them, each with any port; the seeder itself
// is `<label>.<domain>`.

import { siteNamedBy } from '#protocol/dns/named-host.ts'
import type { HostedSite, HostedSites } from '#seeder/serve/port.ts'

/** Forms in which hosts are remembered: with and without a port, by site. */
const HOSTS_KEPT = 1024

export type SiteHosts = {
  readonly own: string
  isOwn(host: string): boolean
  hostOf(siteName: string): string
  siteOf(host: string): HostedSite | undefined
}

/** `own`: the seeder's own host. */
export function createSiteHosts(sites: HostedSites, own: string): SiteHosts {
  const suffix = `.${own}`
  const nameByHost = new Map<string, string>()
  return {
    own,
    isOwn: (host) => withoutPort(host) === own,
    hostOf: (siteName) => `${siteName}${suffix}`,
    siteOf(host) {
      const known = nameByHost.get(host)
      if (known !== undefined) return sites.byName(known)
      const name = withoutPort(host)
      const siteName = name.endsWith(suffix) ? name.slice(0, -suffix.length) : siteNamedBy(name)
      const site = siteName === undefined ? undefined : sites.byName(siteName)
      if (site === undefined) return undefined
      if (nameByHost.size >= HOSTS_KEPT) nameByHost.clear()
      nameByHost.set(host, site.name)
      return site
    },
  }
}

function withoutPort(host: string): string {
  return host.replace(/:[0-9]+$/, '')
}
