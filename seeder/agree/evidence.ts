// Whom a piece of evidence accuses, and where it happened.

import { accusationOf, type Evidence } from '#protocol/agreement/evidence-shape.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'

export function accusedOf(evidence: Evidence): PublicKey {
  return accusationOf(evidence).from
}

export function heightOf(evidence: Evidence): number {
  return accusationOf(evidence).height ?? 0
}
