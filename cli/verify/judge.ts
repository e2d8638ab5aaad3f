// Which proofs the command judges: those that stand for themselves, by signatures alone. A proof that needs a re-execution is for those who
// hold the site's state.

import type { ProofJudge } from '#cli/verify/members.ts'
import { evidenceFromBytes } from '#protocol/agreement/evidence-shape.ts'
import { verifyEvidence } from '#protocol/agreement/evidence-verdict.ts'
import { domainOf, groupOf, type NetworkFile, type NetworkJob } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { verify } from '#seeder/identity/keys.ts'

/** Names who is proven to have lied as a member of the job, or undefined. */
export function proofJudge(file: NetworkFile, job: NetworkJob): ProofJudge {
  const domain = domainOf(file)
  const group = groupOf(job)
  return (proof) => {
    const evidence = evidenceFromBytes(proof)
    if (!evidence.ok) return undefined
    const verdict = verifyEvidence(domain, group, evidence.value, verify)
    return verdict.ok && verdict.value.proof === 'self-contained' ? peerName(verdict.value.accused) : undefined
  }
}
