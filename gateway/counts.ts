// What a gateway counts of itself, for whoever runs it on a machine of their own (`gateway/node/metrics.ts`). At the edge nobody counts: there the
// port is absent, and the platform tells.
//
// Invariant: nothing here takes a name, an address or a path, of which strangers could make as many as they like: only kinds and codes of our own.

import type { LieCheck } from '#gateway/carry/answer.ts'
import type { GatewayError } from '#gateway/http/errors.ts'

/** What a request was: a link to a site, a site that the gateway carries, DNS, a page of its own, a question or statement of a program, a tunnel. */
export const REQUEST_KINDS = ['redirect', 'carried', 'names', 'page', 'api', 'tunnel'] as const
export type RequestKind = (typeof REQUEST_KINDS)[number]

type Code = GatewayError['code']

export type Counts = {
  /** A redirect from memory: counted, and no clock is looked at. */
  readonly hotRedirect: () => void
  /** An answer of DNS from memory, as the one before. */
  readonly hotNames: () => void
  /** What came was no request that can be answered. */
  readonly unread: (status: number) => void
  /** ms, of a clock that only rises. */
  readonly now: () => number
  /** By the router; `began`: of `now`. 101 where it asked for a WebSocket and got it. */
  readonly answered: (kind: RequestKind, status: number, began: number) => void
  readonly refused: (code: Code) => void
  /** Answer of DNS (RFC 1035 §4.1.1). */
  readonly named: (rcode: number) => void
  readonly registered: (outcome: 'taken' | Code) => void
  /** Evidence: a new liar, one that was known, a lie that only a re-execution can show, or nothing. */
  readonly judged: (outcome: 'proven' | 'known' | 'unproven' | Code) => void
  /** A member's answer did not hold; `certificate`: the newest one, which it was asked for by itself. */
  readonly lied: (check: LieCheck | 'certificate') => void
  /** Bytes of bodies of carried sites, from visitors and to them. */
  readonly received: (bytes: number) => void
  readonly sent: (bytes: number) => void
}
