// What a visitor checks about an answer (agreement §5), with the network file in the chain's place.
//
//   read    request as sent ─┐                       ┌─ member of the job's group, present epoch
//           answer received ─┴─> RECEIPT (signed) ───┤
//                                                    └─> (height, state root) ──> CERT: ≥ q members, QC1 and QC2, fresh
//   write   request + salt hash, answer, fuel ──> Merkle steps ──> receipts_root ──> CERT
//
// Nothing is optional: an argument that is absent does not switch a check off. One code a check; the first that fails is told.

import { coveredAnswerHeaders } from '#protocol/answer/etag.ts'
import type { Evidence } from '#protocol/answer/evidence.ts'
import type { ServedAt } from '#protocol/answer/location.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest, Sha256 } from '#protocol/codec/digest.ts'
import { merkleClimb } from '#protocol/codec/merkle.ts'
import { err, ok, type Result, unreachable } from '#protocol/codec/result.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'
import { type Block, receiptLeaf } from '#protocol/message/block.ts'
import { type Cert, type CertError, certChecks, type Group } from '#protocol/message/certificate.ts'
import { type Domain, statementHash } from '#protocol/message/domain.ts'
import { requestHash } from '#protocol/message/request.ts'
import { bodyRoot, type Headers, responseHash } from '#protocol/site/response-hash.ts'

/** A block's time may be this far ahead of the checker's clock: clocks differ. */
export const FUTURE_SKEW_MS = 30_000

/** The request as the visitor sent it: listed headers in the form of `requestHeaders`; a HEAD counts as the GET it stands for. */
export type Asked = {
  readonly job: Digest
  readonly method: string
  readonly target: string
  readonly headers: Headers
  readonly bodyHash: Digest
}

/**
 * `whole`: status and headers as received at an origin, body decoded to identity. `hashed`: the same with the Merkle root of that body, which whoever
 * checks made itself or holds each chunk against (none was sent: HEAD). `root`: as `hashed`, of an answer that may stand for the whole one (206, 304).
 * `covered`: a saved answer, headers exactly as they were hashed.
 * `known`: nothing was sent again (304): the response hash of the representation that the visitor holds.
 */
export type Answer =
  | {
      readonly form: 'whole'
      readonly status: number
      readonly headers: Headers
      readonly body: Uint8Array
      readonly at?: ServedAt
    }
  | {
      readonly form: 'hashed' | 'root'
      readonly status: number
      readonly headers: Headers
      readonly root: Digest
      readonly at?: ServedAt
    }
  | { readonly form: 'covered'; readonly status: number; readonly headers: Headers; readonly body: Uint8Array }
  | { readonly form: 'known'; readonly responseHash: Digest }

export type CheckRules = {
  readonly domain: Domain
  /** Who is in the group of the job, in its present epoch. */
  readonly group: Group
  /** §5: the group of the epoch before it, while it may not have handed over yet. */
  readonly former?: Group
  /** The visitor's clock, ms since the epoch. */
  readonly now: number
  /** A certificate older than this is stale. */
  readonly freshMs: number
  /** A native SHA-256 for large bodies. */
  readonly sha256?: Sha256
}

export const CHECKS = [
  'certificate',
  'quorum',
  'epoch',
  'fresh',
  'receipt',
  'member',
  'state_root',
  'request_hash',
  'response_hash',
  'path',
  'signatures',
] as const
export type CheckName = (typeof CHECKS)[number]

export type Verified = {
  readonly kind: 'read' | 'write'
  readonly job: Digest
  readonly epoch: number
  readonly height: number
  readonly stateRoot: Cid
  /** Block time of the certificate, ms since the epoch. */
  readonly time: number
  readonly ageMs: number
  readonly requestHash: Digest
  readonly responseHash: Digest
  /** Who signed the receipt; a write's answer is signed by the group itself. */
  readonly signer?: PublicKey
  readonly nonce?: Uint8Array
  /** The members that voted for the certificate. */
  readonly voters: readonly PublicKey[]
  readonly checked: readonly CheckName[]
}

export type CheckError =
  | { readonly code: 'wrong_job' }
  | { readonly code: 'cert_epoch'; readonly expected: number; readonly actual: number }
  | { readonly code: 'cert_too_few_votes'; readonly expected: number; readonly actual: number }
  | {
      readonly code: 'cert_voter_order' | 'cert_not_a_member' | 'cert_jview' | 'cert_signature'
      readonly index: number
    }
  | { readonly code: 'cert_different_blocks' | 'cert_block_hash' }
  | { readonly code: 'stale'; readonly ageMs: number; readonly freshMs: number }
  | { readonly code: 'from_the_future'; readonly aheadMs: number }
  | { readonly code: 'receipt_not_member' }
  | { readonly code: 'receipt_epoch'; readonly expected: number; readonly actual: number }
  | { readonly code: 'receipt_height'; readonly expected: number; readonly actual: number }
  | { readonly code: 'receipt_signature' }
  | { readonly code: 'state_root' }
  | { readonly code: 'request_hash' }
  | { readonly code: 'response_hash' }
  | { readonly code: 'path' }

/** A signature that is left to verify, and what its failure means. */
export type AnswerCheck = {
  readonly key: PublicKey
  readonly message: Digest
  readonly signature: Signature
  readonly error: CheckError
}

function certError(error: CertError): CheckError {
  switch (error.code) {
    case 'wrong_job':
      return { code: 'wrong_job' }
    case 'wrong_epoch':
      return { code: 'cert_epoch', expected: error.expected, actual: error.actual }
    case 'too_few_votes':
      return { code: 'cert_too_few_votes', expected: error.expected, actual: error.actual }
    case 'voter_order':
      return { code: 'cert_voter_order', index: error.index }
    case 'not_a_member':
      return { code: 'cert_not_a_member', index: error.index }
    case 'jview_not_below_view':
      return { code: 'cert_jview', index: error.index }
    case 'bad_signature':
      return { code: 'cert_signature', index: error.index }
    case 'different_blocks':
      return { code: 'cert_different_blocks' }
    case 'wrong_block_hash':
      return { code: 'cert_block_hash' }
    default:
      return unreachable(error)
  }
}

/** A 206 and a 304 stand for the whole 200. */
function coveredStatus(status: number): number {
  return status === 206 ? 200 : status
}

/** The response hash of what came, or undefined when the answer can only be compared with `claimed`. */
function answerHash(answer: Answer, claimed: Digest, sha256: Sha256 | undefined): Digest {
  switch (answer.form) {
    case 'whole':
      return responseHash(
        answer.status,
        coveredAnswerHeaders(answer.headers, claimed, answer.at),
        bodyRoot(answer.body, sha256),
      )
    case 'hashed':
    case 'root':
      return responseHash(
        answer.form === 'root' ? coveredStatus(answer.status) : answer.status,
        coveredAnswerHeaders(answer.headers, claimed, answer.at),
        answer.root,
      )
    case 'covered':
      return responseHash(answer.status, answer.headers, bodyRoot(answer.body, sha256))
    case 'known':
      return answer.responseHash
    default:
      return unreachable(answer)
  }
}

/** The group that counts for this epoch; of any other epoch the present one, whose checks refuse it. */
function groupOfEpoch({ group, former }: CheckRules, epoch: number): Group {
  return former !== undefined && former.epoch === epoch ? former : group
}

function certifies(rules: CheckRules, cert: Cert): Result<readonly AnswerCheck[], CheckError> {
  const checks = certChecks(rules.domain, groupOfEpoch(rules, cert.qc1.epoch), cert)
  if (!checks.ok) return err(certError(checks.error))
  return ok(
    checks.value.map(({ key, message, signature, index }) => ({
      key,
      message,
      signature,
      error: { code: 'cert_signature', index },
    })),
  )
}

function fresh(rules: CheckRules, block: Block): Result<number, CheckError> {
  const ageMs = rules.now - block.time
  if (ageMs > rules.freshMs) return err({ code: 'stale', ageMs, freshMs: rules.freshMs })
  if (ageMs < -FUTURE_SKEW_MS) return err({ code: 'from_the_future', aheadMs: -ageMs })
  return ok(ageMs)
}

/** Everything but the signatures, and the list of those: run them with `checkAnswer` or `checkAnswerAsync`. */
export function examineAnswer(
  rules: CheckRules,
  asked: Asked,
  answer: Answer,
  evidence: Evidence,
): Result<{ readonly verified: Verified; readonly signatures: readonly AnswerCheck[] }, CheckError> {
  const { group, domain } = rules
  const { cert } = evidence
  const { block } = cert
  if (!bytesEqual(asked.job, group.job)) return err({ code: 'wrong_job' })
  const certified = certifies(rules, cert)
  if (!certified.ok) return certified
  const age = fresh(rules, block)
  if (!age.ok) return age
  const common = {
    job: group.job,
    epoch: cert.qc1.epoch,
    height: block.height,
    stateRoot: block.state_root,
    time: block.time,
    ageMs: age.value,
    voters: cert.qc2.votes.flatMap(([at]) => groupOfEpoch(rules, cert.qc1.epoch).members[at] ?? []),
  }
  const facts = { ...asked, method: asked.method === 'HEAD' ? 'GET' : asked.method }

  if (evidence.kind === 'write') {
    const askedHash = requestHash({ ...facts, saltHash: evidence.saltHash })
    // The claimed hash of a write's answer is not written anywhere: it is what leads to the root. A tag derived from it can
    // therefore not be recognised, and the edge adds none to a write's answer.
    const answeredHash = answerHash(answer, askedHash, rules.sha256)
    const leaf = receiptLeaf({ requestHash: askedHash, responseHash: answeredHash, fuel: evidence.fuel })
    if (!bytesEqual(merkleClimb(leaf, evidence.path), block.receipts_root)) return err({ code: 'path' })
    return ok({
      verified: {
        kind: 'write',
        ...common,
        requestHash: askedHash,
        responseHash: answeredHash,
        checked: ['certificate', 'quorum', 'epoch', 'fresh', 'request_hash', 'response_hash', 'path', 'signatures'],
      },
      signatures: certified.value,
    })
  }

  const { from, body, signature } = evidence.receipt
  if (!bytesEqual(body.job, group.job)) return err({ code: 'wrong_job' })
  // Whoever serves is a member of the epoch it is in: the certificate's, or the next one before its first certificate.
  const serving = groupOfEpoch(rules, body.epoch)
  if (!serving.members.some((member) => bytesEqual(member, from))) return err({ code: 'receipt_not_member' })
  if (body.epoch !== serving.epoch || body.epoch < cert.qc1.epoch)
    return err({ code: 'receipt_epoch', expected: group.epoch, actual: body.epoch })
  if (body.height !== block.height) return err({ code: 'receipt_height', expected: block.height, actual: body.height })
  if (!bytesEqual(body.state_root, block.state_root)) return err({ code: 'state_root' })
  if (!bytesEqual(requestHash(facts), body.request_hash)) return err({ code: 'request_hash' })
  if (!bytesEqual(answerHash(answer, body.response_hash, rules.sha256), body.response_hash))
    return err({ code: 'response_hash' })
  return ok({
    verified: {
      kind: 'read',
      ...common,
      requestHash: body.request_hash,
      responseHash: body.response_hash,
      signer: from,
      ...(body.nonce === undefined ? {} : { nonce: body.nonce }),
      checked: [
        'certificate',
        'quorum',
        'epoch',
        'fresh',
        'receipt',
        'member',
        'state_root',
        'request_hash',
        'response_hash',
        'signatures',
      ],
    },
    signatures: [
      { key: from, message: statementHash(domain, 'receipt', body), signature, error: { code: 'receipt_signature' } },
      ...certified.value,
    ],
  })
}

/** The whole check with a synchronous verifier of the one rule (ZIP 215). */
export function checkAnswer(
  rules: CheckRules,
  asked: Asked,
  answer: Answer,
  evidence: Evidence,
  verify: (key: PublicKey, message: Uint8Array, signature: Signature) => boolean,
): Result<Verified, CheckError> {
  const examined = examineAnswer(rules, asked, answer, evidence)
  if (!examined.ok) return examined
  for (const { key, message, signature, error } of examined.value.signatures)
    if (!verify(key, message, signature)) return err(error)
  return ok(examined.value.verified)
}

/** The same where only an asynchronous verifier is at hand (WebCrypto). */
export async function checkAnswerAsync(
  rules: CheckRules,
  asked: Asked,
  answer: Answer,
  evidence: Evidence,
  verify: (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>,
): Promise<Result<Verified, CheckError>> {
  const examined = examineAnswer(rules, asked, answer, evidence)
  if (!examined.ok) return examined
  for (const { key, message, signature, error } of examined.value.signatures)
    if (!(await verify(key, message, signature))) return err(error)
  return ok(examined.value.verified)
}
