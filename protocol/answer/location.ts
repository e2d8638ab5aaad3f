// A script knows its site by the canonical origin (`http://<name>.peer`), a browser by the origin of the member it talks to. What a
// script's answer says about the one is sent as the other, and a checker turns it back before it hashes: the way that
// `requestHeaders` goes with Origin and Referer.

import { canonicalOrigin } from '#protocol/site/request-headers.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

const PLACES: ReadonlySet<string> = new Set(['location', 'content-location'])

/** Where an answer was served, as the visitor knows it. */
export type ServedAt = {
  /** Scheme, host and port, lower case. */
  readonly origin: string
  readonly siteName: string
}

function moved(value: string, from: string, to: string): string {
  if (!value.startsWith(from)) return value
  const rest = value.slice(from.length)
  return rest === '' || /^[/?#]/.test(rest) ? to + rest : value
}

/** A header of a script's answer as it is sent to a visitor. */
export function sentValue(name: string, value: string, at: ServedAt): string {
  return PLACES.has(name.toLowerCase()) ? moved(value, canonicalOrigin(at.siteName), at.origin) : value
}

/** Headers as received, their places the canonical ones again. */
export function canonicalPlaces(received: Headers, at: ServedAt): Headers {
  return received.map(([name, value]) =>
    PLACES.has(name.toLowerCase()) ? [name, moved(value, at.origin, canonicalOrigin(at.siteName))] : [name, value],
  )
}
