// How the command judges the proofs that members hold. Those that stand for themselves it judges by signatures alone; of those that need a
// re-execution it can tell what they say, and leaves it to the members who ran it.

import type { ProofJudge } from '#cli/verify/members.ts'
import { evidenceFromBytes } from '#protocol/agreement/evidence-shape.ts'
import { verifyEvidence } from '#protocol/agreement/evidence-verdict.ts'
import { domainOf, groupsOf, type NetworkFile, type NetworkJob } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { verify } from '#seeder/identity/keys.ts'

/** Whom a well-signed proof names as a liar in the job, or undefined. */
export function proofJudge(file: NetworkFile, job: NetworkJob): ProofJudge {
  const domain = domainOf(file)
  const groups = groupsOf(job)
  return (proof) => {
    const evidence = evidenceFromBytes(proof)
    if (!evidence.ok) return undefined
    const verdict = verifyEvidence(domain, groups, evidence.value, verify)
    if (!verdict.ok) return undefined
    return { accused: peerName(verdict.value.accused), selfContained: verdict.value.proof === 'self-contained' }
  }
}
