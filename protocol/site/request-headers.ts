// The headers that a script sees and that the request hash covers. Everything else (addresses, user agents, conditions, ranges)
// is between the visitor and the member that serves it.

import { HEADER_VALUE_BYTES_MAX, HEADERS_MAX } from '#protocol/message/request.ts'

export const LISTED_HEADERS: readonly string[] = [
  'accept',
  'accept-language',
  'authorization',
  'content-type',
  'cookie',
  'idempotency-key',
  'last-event-id',
  'origin',
  'referer',
  'x-requested-with',
]

const LISTED: ReadonlySet<string> = new Set(LISTED_HEADERS)

/** A site's host as its script knows it, the same on every member. */
export function canonicalOrigin(siteName: string): string {
  return `http://${siteName}.peer`
}

/**
 * Lower-case, listed, sorted by name; several of one name in the order sent. `origin` and `referer` that name the serving origin are rewritten to the
 * canonical one, so that the same click gives the same request hash at every member. What is over the bounds is refused by the HTTP edge before.
 */
export function requestHeaders(
  sent: readonly (readonly [name: string, value: string])[],
  servingOrigin: string,
  siteName: string,
  alsoListed: readonly string[] = [],
): readonly (readonly [string, string])[] {
  const canonical = canonicalOrigin(siteName)
  const listed = alsoListed.length === 0 ? LISTED : new Set([...LISTED_HEADERS, ...alsoListed])
  const kept: { name: string; value: string; index: number }[] = []
  for (const [index, [rawName, rawValue]] of sent.entries()) {
    const name = rawName.toLowerCase()
    if (!listed.has(name)) continue
    let value = rawValue
    if (name === 'origin' && value === servingOrigin) value = canonical
    if (name === 'referer' && (value === servingOrigin || value.startsWith(`${servingOrigin}/`))) {
      value = canonical + value.slice(servingOrigin.length)
    }
    if (value.length > HEADER_VALUE_BYTES_MAX || kept.length >= HEADERS_MAX) continue
    kept.push({ name, value, index })
  }
  kept.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.index - b.index))
  return kept.map(({ name, value }) => [name, value] as const)
}
