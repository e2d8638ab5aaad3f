// The redirect itself, and the hot path to it: one slice, one look into a map, one answer. No router, no store.

import type { Locations, Target } from '#gateway/locate/locations.ts'
import { TARGET_BYTES_MAX } from '#gateway/settings.ts'

/** 307 keeps method and body. `rest` begins with a slash, so that it cannot change the host it is appended to. */
export function redirectTo(target: Target, rest: string): Response {
  const turn = target.next
  target.next = turn + 1 < target.origins.length ? turn + 1 : 0
  return new Response(null, {
    status: 307,
    headers: {
      Location: `${target.origins[turn]}${rest}`,
      'Cache-Control': 'no-store',
      Link: `${target.linkStart}${rest}>; rel="canonical"`,
    },
  })
}

/** A redirect from memory alone, or undefined: then the router decides. */
export function hotRedirect(locations: Locations, url: string, now: number): Response | undefined {
  const start = url.indexOf('/', 8)
  const end = url.indexOf('/', start + 1)
  if (end === -1 || url.length - start > TARGET_BYTES_MAX) return undefined
  const target = locations.madeTarget(url.slice(start + 1, end))
  if (target === undefined || target.until <= now || target.origins.length === 0) return undefined
  return redirectTo(target, url.slice(end))
}
