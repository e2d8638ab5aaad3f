// Whom a piece of evidence accuses, and where it happened.

import type { Evidence } from '#protocol/agreement/evidence-shape.ts'
import { unreachable } from '#protocol/codec/result.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'

export function accusedOf(evidence: Evidence): PublicKey {
  switch (evidence.kind) {
    case 'double_vote1':
    case 'double_vote2':
    case 'double_proposal':
      return evidence.first.from
    case 'amnesia':
    case 'hidden_lock':
      return evidence.vote2.from
    case 'wrong_result':
      return evidence.claim.signed.from
    case 'wrong_receipt':
      return evidence.receipt.from
    default:
      return unreachable(evidence)
  }
}

export function heightOf(evidence: Evidence): number {
  switch (evidence.kind) {
    case 'double_vote1':
    case 'double_vote2':
    case 'double_proposal':
      return evidence.first.body.height
    case 'amnesia':
    case 'hidden_lock':
      return evidence.vote2.body.height
    case 'wrong_result':
      return evidence.claim.signed.body.height
    case 'wrong_receipt':
      return evidence.receipt.body.height
    default:
      return unreachable(evidence)
  }
}
