// Hosts of the zones that `dns-query` answers for: a request for `wiki.peer` that arrives here is one for `/wiki/`.

import { ZONES } from '#protocol/dns/zone.ts'

/** The site's name; undefined: the host is none of these. */
export function siteNamedBy(host: string): string | undefined {
  const colon = host.lastIndexOf(':')
  const bare = (colon > host.lastIndexOf(']') ? host.slice(0, colon) : host).toLowerCase()
  const dot = bare.lastIndexOf('.')
  return dot > 0 && ZONES.has(bare.slice(dot + 1)) ? bare.slice(0, dot) : undefined
}
