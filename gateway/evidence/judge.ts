// Which proofs the gateway can judge: those that stand for themselves, by signatures alone. A proof that needs a
// re-execution is for those who hold the site's state; their word about it counts together (`living.ts`, accused).

import type { EvidenceJudge, GatewayPorts } from '#gateway/gateway.ts'
import { type Evidence, evidenceFromBytes, evidenceHash } from '#protocol/agreement/evidence-shape.ts'
import { verifyEvidenceAsync } from '#protocol/agreement/evidence-verdict.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok, unreachable } from '#protocol/codec/result.ts'

function jobOf(evidence: Evidence): Digest {
  switch (evidence.kind) {
    case 'double_vote1':
    case 'double_vote2':
    case 'double_proposal':
      return evidence.first.body.job
    case 'amnesia':
    case 'hidden_lock':
      return evidence.vote2.body.job
    case 'wrong_result':
      return evidence.claim.signed.body.job
    case 'wrong_receipt':
      return evidence.receipt.body.job
    default:
      return unreachable(evidence)
  }
}

export function evidenceJudge(verify: GatewayPorts['verify']): EvidenceJudge {
  return async (domain, groupOf, bytes) => {
    const evidence = evidenceFromBytes(bytes)
    if (!evidence.ok) return evidence
    const job = jobOf(evidence.value)
    const group = groupOf(hexFromBytes(job))
    if (group === undefined) return err({ code: 'unknown_job' })
    const verdict = await verifyEvidenceAsync(domain, group, evidence.value, verify)
    if (!verdict.ok) return verdict
    const { accused, proof } = verdict.value
    const hash = evidenceHash(evidence.value)
    return ok({ accused, job, kind: evidence.value.kind, hash, isProven: proof === 'self-contained' })
  }
}
