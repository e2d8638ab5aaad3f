// What a visitor wrote stays written: who was told that a write is in height h is not shown a state before it, whichever member is asked next.
//
//   write at member A, height 162 ──> Set-Cookie: interpeer-floor=162       the browser's next visit ──> member B at 161: behind
//                                                                                                    └─> member C at 162: shown
//
// The floor is the visitor's own word, and a bound on nothing but its own patience: members behind it are asked anew a few times, and what they
// have is shown then.

import type { Headers } from '#protocol/site/response-hash.ts'

const FLOOR_COOKIE = 'interpeer-floor'
/** Members that follow at all are level long before, s. */
const FLOOR_LIFE_S = 120
/** Pauses before members that are behind are asked again, ms. */
export const BEHIND_PAUSES_MS: readonly number[] = [50, 200, 800]

/** What a visitor is shown nothing before, as of now: a WebSocket goes on to write while its events are asked for. */
export type Floor = { height: number }

/** The height below which this visitor is shown nothing; 0: none. */
export function floorOf(request: Request): number {
  for (const pair of pairsOf(request.headers.get('cookie') ?? '')) {
    const value = pair.startsWith(`${FLOOR_COOKIE}=`) ? pair.slice(FLOOR_COOKIE.length + 1) : ''
    if (/^[1-9][0-9]{0,14}$/.test(value)) return Number(value)
  }
  return 0
}

/** What the site is told: the floor is between the visitor and this gateway. */
export function withoutFloor(headers: Headers): Headers {
  return headers.flatMap(([name, value]) => {
    if (name !== 'cookie' || !value.includes(FLOOR_COOKIE)) return [[name, value] as const]
    const kept = pairsOf(value).filter((pair) => !pair.startsWith(`${FLOOR_COOKIE}=`))
    return kept.length === 0 ? [] : [[name, kept.join('; ')] as const]
  })
}

/** RFC 6265bis §4.1. */
export function floorField(height: number, scheme: 'http' | 'https'): readonly [string, string] {
  const secure = scheme === 'https' ? '; Secure' : ''
  return ['Set-Cookie', `${FLOOR_COOKIE}=${height}; Path=/; Max-Age=${FLOOR_LIFE_S}; HttpOnly; SameSite=Lax${secure}`]
}

function pairsOf(cookie: string): readonly string[] {
  return cookie.split(';').map((pair) => pair.trim())
}
