// `security.txt` (RFC 9116): where to turn to who finds something wrong with this gateway.

import type { Gateway } from '#gateway/gateway.ts'

/** The file says how long it holds; it is made for each day anew. */
const DAY_MS = 86_400_000
const HOLDS_MS = 90 * DAY_MS

/** Undefined: whoever runs this gateway named nobody. */
export function securityText({ config, ports }: Gateway): string | undefined {
  const { securityContact, publicUrl } = config
  if (securityContact === undefined) return undefined
  const today = Math.floor(ports.now() / DAY_MS) * DAY_MS
  const lines = [
    `Contact: ${securityContact}`,
    `Expires: ${new Date(today + HOLDS_MS).toISOString()}`,
    `Canonical: ${publicUrl}/.well-known/security.txt`,
    'Preferred-Languages: en',
  ]
  return `${lines.join('\n')}\n`
}
