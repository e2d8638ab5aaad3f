// A site that this seeder hosted until its group went on without it (agreement §6): for two hand-overs its visitors are sent to a member
// that hosts it now, by 307, so that method and body stay what they are. Nobody is served from a state that may be old.

import type { ServerResponse } from 'node:http'

/** The origin of the site at a present member, without a path; undefined: none was found. */
export type Whereabouts = (siteName: string) => Promise<string | undefined>

/** How long a found origin is believed; that there is none is not. */
export const WHEREABOUTS_MS = 5_000

/** Remembers what `find` found; who asks meanwhile waits for the same search. */
export function rememberWhereabouts(find: Whereabouts, now: () => number): Whereabouts {
  const known = new Map<string, { readonly origin: Promise<string | undefined>; readonly at: number }>()
  return (siteName) => {
    const last = known.get(siteName)
    if (last !== undefined && now() - last.at < WHEREABOUTS_MS) return last.origin
    const origin = find(siteName)
    const entry = { origin, at: now() }
    known.set(siteName, entry)
    const forget = (found: string | undefined): void => {
      if (found === undefined && known.get(siteName) === entry) known.delete(siteName)
    }
    origin.then(forget, () => forget(undefined))
    return origin
  }
}

/** True when the visitor was sent on. */
export async function sendOn(
  response: ServerResponse,
  siteName: string,
  target: string,
  whereabouts: Whereabouts,
): Promise<boolean> {
  const origin = await whereabouts(siteName)
  if (origin === undefined) return false
  response.writeHead(307, { location: `${origin}${target}`, 'cache-control': 'no-store', 'content-length': 0 })
  response.end()
  return true
}
