// POST /evidence: the proof of a lie, by anybody. Whoever is proven a liar is no target from this moment on: a visitor who
// checks nothing is at least not sent there.

import type { Gateway } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { base64FromBytes, hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { groupOf } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'

export type EvidenceAnswer = { readonly accused: string; readonly kind: string; readonly evidence: string }

export async function takeEvidence(gateway: Gateway, bytes: Uint8Array): Promise<Result<EvidenceAnswer, GatewayError>> {
  const { network, ports, locations } = gateway
  if (network === undefined) return err({ code: 'no_network' })
  const judged = await ports.judge(network.domain, network.file.jobs.map(groupOf), bytes)
  if (!judged.ok) return err({ code: 'bad_evidence', detail: judged.error.code })
  const { accused, kind, hash, job } = judged.value
  const answer = { accused: peerName(accused), kind, evidence: hexFromBytes(hash) }
  if (gateway.judged.has(answer.evidence)) return ok(answer)
  gateway.judged.add(answer.evidence)
  locations.setLiar(answer.accused)
  ports.log('liar_proven', answer)
  try {
    await ports.store.saveLiar({
      peer: answer.accused,
      job: hexFromBytes(job),
      kind,
      evidence: answer.evidence,
      proof: base64FromBytes(bytes),
      updated: ports.now(),
    })
  } catch (cause) {
    gateway.judged.delete(answer.evidence)
    ports.log('store_failed', { what: 'liar', cause: String(cause) })
    return err({ code: 'store_unavailable' })
  }
  return ok(answer)
}
