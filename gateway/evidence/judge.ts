// Which proofs the gateway can judge: those that stand for themselves, by signatures alone. A proof that needs a
// re-execution is for those who hold the site's state; their word about it counts together (`living.ts`, accused).

import type { EvidenceJudge, GatewayPorts } from '#gateway/gateway.ts'
import { accusationOf, evidenceFromBytes, evidenceHash } from '#protocol/agreement/evidence-shape.ts'
import { verifyEvidenceAsync } from '#protocol/agreement/evidence-verdict.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, ok } from '#protocol/codec/result.ts'

export function evidenceJudge(verify: GatewayPorts['verify']): EvidenceJudge {
  return async (domain, groupsOf, bytes) => {
    const evidence = evidenceFromBytes(bytes)
    if (!evidence.ok) return evidence
    const job = accusationOf(evidence.value).job
    const groups = groupsOf(hexFromBytes(job))
    if (groups === undefined) return err({ code: 'unknown_job' })
    const verdict = await verifyEvidenceAsync(domain, groups, evidence.value, verify)
    if (!verdict.ok) return verdict
    const { accused, proof } = verdict.value
    const hash = evidenceHash(evidence.value)
    return ok({ accused, job, kind: evidence.value.kind, hash, isProven: proof === 'self-contained' })
  }
}
