// POST /evidence: the proof of a lie, by anybody. Whoever is proven a liar is no target from this moment on: a visitor who
// checks nothing is at least not sent there.

import type { Gateway } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { JUDGED_MAX } from '#gateway/settings.ts'
import { base64FromBytes, hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { groupsOf } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'

export type EvidenceAnswer = {
  readonly accused: string
  readonly kind: string
  readonly evidence: string
  /** False: it is well formed and signed, but only a re-execution can show the lie, and the gateway runs no sites. */
  readonly proven: boolean
}

export async function takeEvidence(gateway: Gateway, bytes: Uint8Array): Promise<Result<EvidenceAnswer, GatewayError>> {
  const { network, ports, locations } = gateway
  if (network === undefined) return err({ code: 'no_network' })
  const groupsOfJob = (job: string) => {
    const found = locations.jobById(job)
    return found === undefined ? undefined : groupsOf(found)
  }
  const judged = await ports.judge(network.domain, groupsOfJob, bytes)
  if (!judged.ok) {
    ports.counts?.judged('bad_evidence')
    return err({ code: 'bad_evidence', detail: judged.error.code })
  }
  const { accused, kind, hash, job, isProven } = judged.value
  const answer = { accused: peerName(accused), kind, evidence: hexFromBytes(hash), proven: isProven }
  rememberJudged(gateway, answer.evidence)
  ports.counts?.judged(!isProven ? 'unproven' : locations.isLiar(answer.accused) ? 'known' : 'proven')
  // One lie is enough, and the same one can be told in many ways.
  if (!isProven || gateway.savedLiars.has(answer.accused)) return ok(answer)
  locations.setLiar(answer.accused)
  ports.log('warn', 'liar_proven', answer)
  try {
    await ports.store.saveLiar({
      peer: answer.accused,
      job: hexFromBytes(job),
      kind,
      evidence: answer.evidence,
      proof: base64FromBytes(bytes),
      updated: ports.now(),
    })
    gateway.savedLiars.add(answer.accused)
  } catch (cause) {
    ports.log('warn', 'store_failed', { what: 'liar', cause: String(cause) })
    return err({ code: 'store_unavailable' })
  }
  return ok(answer)
}

function rememberJudged({ judged }: Gateway, hash: string): void {
  judged.add(hash)
  if (judged.size <= JUDGED_MAX) return
  const oldest = judged.values().next().value
  if (oldest !== undefined) judged.delete(oldest)
}
