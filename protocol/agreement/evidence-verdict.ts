// How an outsider judges evidence: with the group's keys, and for a wrong result or answer without a certificate against it, by running
// the named image once more. Nothing is believed because of who sent it.

import type { Verify, VerifyAsync } from '#protocol/agreement/door.ts'
import { closeHides, followsClose, forgets, hides, nayContradicts, sameRoots } from '#protocol/agreement/evidence.ts'
import type { Evidence } from '#protocol/agreement/evidence-shape.ts'
import { memberIndex } from '#protocol/agreement/members.ts'
import type { ExecutionResult } from '#protocol/agreement/port.ts'
import { executionKeyOf } from '#protocol/agreement/round.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { err, ok, type Result, unreachable } from '#protocol/codec/result.ts'
import type { PublicKey } from '#protocol/identity/keys.ts'
import { blockHash, receiptsRoot } from '#protocol/message/block.ts'
import {
  type Cert,
  type CertError,
  certChecks,
  type Group,
  runChecks,
  type SignatureCheck,
} from '#protocol/message/certificate.ts'
import { type Domain, type Signed, statementHash } from '#protocol/message/domain.ts'
import { requestHash, requestsRoot } from '#protocol/message/request.ts'
import type { Place, StatementType } from '#protocol/message/statement.ts'

export type EvidenceError =
  | CertError
  /** The statements are of different members, heights or views, or do not contradict each other. */
  | { readonly code: 'different_signers' }
  | { readonly code: 'different_places' }
  | { readonly code: 'no_contradiction' }
  | { readonly code: 'unknown_signer' }
  | { readonly code: 'wrong_requests_root' }
  | { readonly code: 'wrong_request_hash' }

export type Verdict = {
  readonly accused: PublicKey
  /**
   * `self-contained`: the evidence itself shows the lie. `by re-execution`: it names what to run; `contradictedBlock` or
   * `contradictedReceipt` of what that came to decides.
   */
  readonly proof: 'self-contained' | 'by re-execution'
}
type Judged = { readonly verdict: Verdict; readonly checks: readonly SignatureCheck[] }

type Placed = Pick<Place, 'job' | 'epoch'>

/** A job's group, or its groups of several epochs: what is signed counts by the group of the epoch that it names. */
export type Groups = Group | readonly Group[]

function groupOfEpoch(groups: Groups, epoch: number): Result<Group, EvidenceError> {
  const known = 'members' in groups ? [groups] : groups
  const found = known.find((group) => group.epoch === epoch)
  return found === undefined
    ? err({ code: 'wrong_epoch', expected: known.at(-1)?.epoch ?? 0, actual: epoch })
    : ok(found)
}

function certified(domain: Domain, groups: Groups, cert: Cert): Result<readonly SignatureCheck[], EvidenceError> {
  const group = groupOfEpoch(groups, cert.qc1.epoch)
  return group.ok ? certChecks(domain, group.value, cert) : group
}

function signatureCheck(
  domain: Domain,
  group: Groups,
  type: StatementType,
  signed: Signed<Placed>,
): Result<SignatureCheck, EvidenceError> {
  const { job, epoch } = signed.body
  const found = groupOfEpoch(group, epoch)
  if (!found.ok) return found
  if (!bytesEqual(job, found.value.job)) return err({ code: 'wrong_job' })
  const index = memberIndex(found.value, signed.from)
  if (index === undefined) return err({ code: 'unknown_signer' })
  const message = statementHash(domain, type, signed.body)
  return ok({ key: signed.from, message, signature: signed.signature, index })
}

/** Two statements of one member that cannot both be honest, by `contradict`. */
function pair(
  domain: Domain,
  group: Groups,
  [firstType, first]: readonly [StatementType, Signed<Placed>],
  [secondType, second]: readonly [StatementType, Signed<Placed>],
  contradict: boolean,
): Result<Judged, EvidenceError> {
  if (!bytesEqual(first.from, second.from)) return err({ code: 'different_signers' })
  if (!contradict) return err({ code: 'no_contradiction' })
  const one = signatureCheck(domain, group, firstType, first)
  if (!one.ok) return one
  const two = signatureCheck(domain, group, secondType, second)
  if (!two.ok) return two
  return ok({ verdict: { accused: first.from, proof: 'self-contained' }, checks: [one.value, two.value] })
}

function double(
  domain: Domain,
  group: Groups,
  type: StatementType,
  first: Signed<Place>,
  second: Signed<Place>,
): Result<Judged, EvidenceError> {
  const { epoch, height, view } = first.body
  // Views begin anew in each epoch, and what the last one left is voted on again.
  const samePlace = second.body.epoch === epoch && second.body.height === height && second.body.view === view
  if (!samePlace) return err({ code: 'different_places' })
  const differ = !bytesEqual(cborFromValue(first.body), cborFromValue(second.body))
  return pair(domain, group, [type, first], [type, second], differ)
}

function wrongResult(
  domain: Domain,
  group: Groups,
  evidence: Extract<Evidence, { kind: 'wrong_result' }>,
): Result<Judged, EvidenceError> {
  const { claim, block, cert, requests } = evidence
  const { signed } = claim
  const check = signatureCheck(domain, group, claim.type, signed)
  if (!check.ok) return check
  if (block.height !== signed.body.height || !bytesEqual(blockHash(domain, block), signed.body.block_hash))
    return err({ code: 'wrong_block_hash' })
  if (cert === null) {
    if (!bytesEqual(requestsRoot(requests), block.requests_root)) return err({ code: 'wrong_requests_root' })
    return ok({ verdict: { accused: signed.from, proof: 'by re-execution' }, checks: [check.value] })
  }
  const shown = certified(domain, group, cert)
  if (!shown.ok) return shown
  if (executionKeyOf(block) !== executionKeyOf(cert.block)) return err({ code: 'different_places' })
  const contradicts =
    claim.type === 'nay' ? nayContradicts(claim.signed.body, cert.block) : !sameRoots(block, cert.block)
  if (!contradicts) return err({ code: 'no_contradiction' })
  // A quorum that lied together must not make liars of those who refused: what the certificate says is judged again by running it.
  return ok({ verdict: { accused: signed.from, proof: 'by re-execution' }, checks: [check.value, ...shown.value] })
}

function wrongReceipt(
  domain: Domain,
  group: Groups,
  evidence: Extract<Evidence, { kind: 'wrong_receipt' }>,
): Result<Judged, EvidenceError> {
  const { receipt, cert, request } = evidence
  const check = signatureCheck(domain, group, 'receipt', receipt)
  if (!check.ok) return check
  const shown = certified(domain, group, cert)
  if (!shown.ok) return shown
  if (receipt.body.height !== cert.block.height) return err({ code: 'different_places' })
  const checks = [check.value, ...shown.value]
  const otherState = !bytesEqual(receipt.body.state_root, cert.block.state_root)
  if (otherState) return ok({ verdict: { accused: receipt.from, proof: 'self-contained' }, checks })
  if (request === null) return err({ code: 'no_contradiction' })
  const { method, target, headers, body_hash: bodyHash } = request
  const named = requestHash({ job: receipt.body.job, method, target, headers, bodyHash })
  if (!bytesEqual(named, receipt.body.request_hash)) return err({ code: 'wrong_request_hash' })
  return ok({ verdict: { accused: receipt.from, proof: 'by re-execution' }, checks })
}

/** Everything but the signatures themselves: who is accused, how it is proven, and what is left to check. */
export function evidenceChecks(domain: Domain, group: Groups, evidence: Evidence): Result<Judged, EvidenceError> {
  switch (evidence.kind) {
    case 'double_vote1':
      return double(domain, group, 'vote1', evidence.first, evidence.second)
    case 'double_vote2':
      return double(domain, group, 'vote2', evidence.first, evidence.second)
    case 'double_proposal':
      return double(domain, group, 'propose', evidence.first, evidence.second)
    case 'amnesia': {
      const { vote2, vote1 } = evidence
      return pair(domain, group, ['vote2', vote2], ['vote1', vote1], forgets(vote2.body, vote1.body))
    }
    case 'hidden_lock': {
      const { vote2, timeout } = evidence
      return pair(domain, group, ['vote2', vote2], ['timeout', timeout], hides(vote2.body, timeout.body))
    }
    case 'vote_after_close': {
      const { close, vote } = evidence
      const follows = followsClose(close.body, vote.type, vote.signed.body)
      return pair(domain, group, ['close', close], [vote.type, vote.signed], follows)
    }
    case 'close_hides_lock': {
      const { vote2, close } = evidence
      return pair(domain, group, ['vote2', vote2], ['close', close], closeHides(vote2.body, close.body))
    }
    case 'wrong_result':
      return wrongResult(domain, group, evidence)
    case 'wrong_receipt':
      return wrongReceipt(domain, group, evidence)
    default:
      return unreachable(evidence)
  }
}

export function verifyEvidence(
  domain: Domain,
  group: Groups,
  evidence: Evidence,
  verify: Verify,
): Result<Verdict, EvidenceError> {
  const judged = evidenceChecks(domain, group, evidence)
  if (!judged.ok) return judged
  const signed = runChecks(judged.value.checks, verify)
  return signed.ok ? ok(judged.value.verdict) : signed
}

export async function verifyEvidenceAsync(
  domain: Domain,
  group: Groups,
  evidence: Evidence,
  verify: VerifyAsync,
): Promise<Result<Verdict, EvidenceError>> {
  const judged = evidenceChecks(domain, group, evidence)
  if (!judged.ok) return judged
  for (const { key, message, signature, index } of judged.value.checks)
    if (!(await verify(key, message, signature))) return err({ code: 'bad_signature', index })
  return ok(judged.value.verdict)
}

/** `result` is what the evidence's block came to when it was run again: true when the claim is a lie. */
export function contradictedBlock(
  evidence: Extract<Evidence, { kind: 'wrong_result' }>,
  result: ExecutionResult,
): boolean {
  const { claim, block } = evidence
  const { stateRoot: state_root, codeRoot: code_root } = result
  const truth = { ...block, state_root, code_root, receipts_root: receiptsRoot(result.leaves) }
  return claim.type === 'nay' ? nayContradicts(claim.signed.body, truth) : !sameRoots(block, truth)
}

/** `responseHash` is of the receipt's request run again on its state, at the certificate's block time, with its nonce. */
export function contradictedReceipt(
  evidence: Extract<Evidence, { kind: 'wrong_receipt' }>,
  responseHash: Digest,
): boolean {
  return !bytesEqual(evidence.receipt.body.response_hash, responseHash)
}
