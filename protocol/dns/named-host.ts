// Hosts of the zones: a request for `wiki.peer`, at a gateway or a seeder, is one for the site `wiki`.

import { ZONES } from '#protocol/dns/zone.ts'

/** The site's name; undefined: the host is none of these. */
export function siteNamedBy(host: string): string | undefined {
  const colon = host.lastIndexOf(':')
  const given = (colon > host.lastIndexOf(']') ? host.slice(0, colon) : host).toLowerCase()
  // A name may be written with the dot of the root (RFC 1034 §3.1).
  const bare = given.endsWith('.') ? given.slice(0, -1) : given
  if (bare.endsWith('.')) return undefined
  const dot = bare.lastIndexOf('.')
  return dot > 0 && ZONES.has(bare.slice(dot + 1)) ? bare.slice(0, dot) : undefined
}
