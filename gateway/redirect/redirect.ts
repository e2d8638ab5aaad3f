// The redirect itself, and the hot path to it: one slice, one look into a map, one answer. No router, no store.

import type { Choice } from '#gateway/locate/choice.ts'
import type { Locations, Target } from '#gateway/locate/locations.ts'
import { TARGET_BYTES_MAX } from '#gateway/settings.ts'
import { CANONICAL_BYTES_MAX } from '#protocol/site/canonical.ts'

/**
 * The canonical address. A link's address ends at the first `>` (RFC 8288 §3): one in a path must not end it, and begin
 * another. Of an address that no engine would index there is none: twice 8 KiB is more than many clients take as headers.
 */
function canonicalOf(target: Target, rest: string): string | undefined {
  if (rest.length > CANONICAL_BYTES_MAX) return undefined
  return `${target.linkStart}${rest.includes('>') ? rest.replaceAll('>', '%3E') : rest}>; rel="canonical"`
}

/** Where the next visitor goes. */
export function nextOrigin(choice: Choice): string {
  const turn = choice.next
  choice.next = turn + 1 < choice.turns.length ? turn + 1 : 0
  return choice.turns[turn] as string
}

/** 307 keeps method and body. `rest` begins with a slash, so that it cannot change the host it is appended to. */
export function redirectTo(target: Target, choice: Choice, rest: string): Response {
  const location = `${nextOrigin(choice)}${rest}`
  const link = canonicalOf(target, rest)
  const headers =
    link === undefined
      ? { Location: location, 'Cache-Control': 'no-store' }
      : { Location: location, 'Cache-Control': 'no-store', Link: link }
  return new Response(null, { status: 307, headers })
}

/** A redirect from memory alone, or undefined: then the router decides. `request`: whose place may matter. */
export function hotRedirect(locations: Locations, url: string, now: number, request?: Request): Response | undefined {
  const start = url.indexOf('/', 8)
  const end = url.indexOf('/', start + 1)
  if (end === -1 || url.length - start > TARGET_BYTES_MAX) return undefined
  return redirectFrom(locations, locations.madeTarget(url.slice(start + 1, end)), url.slice(end), now, request)
}

/** As `hotRedirect`, of a name that the host says: the whole path is the site's. */
export function hotRedirectTo(
  locations: Locations,
  name: string,
  url: string,
  now: number,
  request?: Request,
): Response | undefined {
  const start = url.indexOf('/', 8)
  if (start === -1 || url.length - start > TARGET_BYTES_MAX) return undefined
  return redirectFrom(locations, locations.madeTarget(name), url.slice(start), now, request)
}

function redirectFrom(
  locations: Locations,
  target: Target | undefined,
  rest: string,
  now: number,
  request: Request | undefined,
): Response | undefined {
  if (target === undefined || target.until <= now || target.origins.length === 0) return undefined
  return redirectTo(target, locations.choiceFor(target, request), rest)
}
