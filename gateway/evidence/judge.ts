// Which proofs the gateway can judge: those that stand for themselves, by signatures alone. A proof that needs a
// re-execution is for those who hold the site's state.

import type { EvidenceJudge, GatewayPorts } from '#gateway/gateway.ts'
import { err } from '#protocol/codec/result.ts'

export function judgeEvidence(_verify: GatewayPorts['verify']): EvidenceJudge {
  return async () => err({ code: 'unknown_kind' })
}
