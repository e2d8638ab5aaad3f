// Quorum certificates. A QC keeps what its votes share once and each voter's part beside it, in member order; whoever
// verifies it rebuilds every vote and checks every signature: one bad one voids the whole.
//
//   QC1 = VOTE1[≥ q], QC2 = VOTE2[≥ q] of one (epoch, height, view, block)      CERT = { block, QC1, QC2 }   (R5)

import { bytesEqual } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { createMemo } from '#protocol/codec/memo.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { array, digest, nullable, object, type Shaped, tuple, uint } from '#protocol/codec/shape.ts'
import { type PublicKey, type Signature, signature } from '#protocol/identity/keys.ts'
import { blockHash, blockShape } from '#protocol/message/block.ts'
import { type Domain, statementHash } from '#protocol/message/domain.ts'
import { EPOCH_MAX, VIEW_MAX } from '#protocol/message/statement.ts'

/** Most members a group has; heads are counted. */
export const MEMBERS_MAX = 64

/** QC1s that one message carries: at most one a view at one height, and views with a QC1 but no CERT are rare. */
export const QC1S_MAX = 64

export type Quorum = 'bft' | 'all'

/** Who decides a job in an epoch. `members` in their agreed order: a vote names its voter by the index here. */
export type Group = {
  readonly job: Digest
  readonly epoch: number
  readonly members: readonly PublicKey[]
  readonly quorum: Quorum
}

/** q = ⌊2N/3⌋+1, or N where all must agree. */
export function quorumOf(group: Pick<Group, 'members' | 'quorum'>): number {
  const count = group.members.length
  return group.quorum === 'all' ? count : Math.floor((2 * count) / 3) + 1
}

const common = { job: digest(), epoch: uint(EPOCH_MAX), height: uint(), view: uint(VIEW_MAX), block_hash: digest() }
const index = uint(MEMBERS_MAX - 1)

/** votes: [member index, jview, signature], indices rising. */
export const qc1Shape = object({
  ...common,
  votes: array(tuple(index, nullable(uint(VIEW_MAX)), signature), MEMBERS_MAX),
})
/** votes: [member index, signature], indices rising. */
export const qc2Shape = object({ ...common, votes: array(tuple(index, signature), MEMBERS_MAX) })
export type Qc1 = Shaped<typeof qc1Shape>
export type Qc2 = Shaped<typeof qc2Shape>

export const certShape = object({ block: blockShape, qc1: qc1Shape, qc2: qc2Shape })
export type Cert = Shaped<typeof certShape>

export type CertError =
  | { readonly code: 'wrong_job' }
  | { readonly code: 'wrong_epoch'; readonly expected: number; readonly actual: number }
  | { readonly code: 'too_few_votes'; readonly expected: number; readonly actual: number }
  | { readonly code: 'voter_order'; readonly index: number }
  | { readonly code: 'not_a_member'; readonly index: number }
  | { readonly code: 'jview_not_below_view'; readonly index: number }
  | { readonly code: 'bad_signature'; readonly index: number }
  | { readonly code: 'different_blocks' }
  | { readonly code: 'wrong_block_hash' }

/** One signature to check: the verifier runs the one rule over each, sync or async. */
export type SignatureCheck = {
  readonly key: PublicKey
  readonly message: Digest
  readonly signature: Signature
  readonly index: number
}

function voters(group: Group, qc: Qc1 | Qc2): Result<readonly (readonly [number, PublicKey])[], CertError> {
  if (!bytesEqual(qc.job, group.job)) return err({ code: 'wrong_job' })
  if (qc.epoch !== group.epoch) return err({ code: 'wrong_epoch', expected: group.epoch, actual: qc.epoch })
  const q = quorumOf(group)
  if (qc.votes.length < q) return err({ code: 'too_few_votes', expected: q, actual: qc.votes.length })
  const found: (readonly [number, PublicKey])[] = []
  let previous = -1
  for (const [at] of qc.votes) {
    if (at <= previous) return err({ code: 'voter_order', index: at })
    const key = group.members[at]
    if (key === undefined) return err({ code: 'not_a_member', index: at })
    found.push([at, key])
    previous = at
  }
  return ok(found)
}

function place(qc: Qc1 | Qc2): { job: Digest; epoch: number; height: number; view: number; block_hash: Digest } {
  return { job: qc.job, epoch: qc.epoch, height: qc.height, view: qc.view, block_hash: qc.block_hash }
}

type Hashes = { readonly domain: Domain; readonly byJview: Map<number | null, Digest> }
const hashesByQc = createMemo<Qc1 | Qc2, Hashes>()

/** What a QC's votes sign: those of one jview sign the same. A QC is never changed once it is made, so its hashes are computed once. */
function hashesOf(domain: Domain, qc: Qc1 | Qc2): Map<number | null, Digest> {
  const known = hashesByQc.get(qc)
  if (known?.domain === domain) return known.byJview
  const byJview = new Map<number | null, Digest>()
  hashesByQc.set(qc, { domain, byJview })
  return byJview
}

function vote1Hash(domain: Domain, qc: Qc1, jview: number | null): Digest {
  const hashes = hashesOf(domain, qc)
  const known = hashes.get(jview)
  if (known !== undefined) return known
  const made = statementHash(domain, 'vote1', { ...place(qc), jview })
  hashes.set(jview, made)
  return made
}

function vote2Hash(domain: Domain, qc: Qc2): Digest {
  const hashes = hashesOf(domain, qc)
  const made = hashes.get(null) ?? statementHash(domain, 'vote2', place(qc))
  hashes.set(null, made)
  return made
}

/** Everything about a QC1 but the signatures themselves, and the list of those. */
export function qc1Checks(domain: Domain, group: Group, qc: Qc1): Result<readonly SignatureCheck[], CertError> {
  const found = voters(group, qc)
  if (!found.ok) return found
  const checks: SignatureCheck[] = []
  for (const [order, [at, key]] of found.value.entries()) {
    const vote = qc.votes[order]
    if (vote === undefined) return err({ code: 'voter_order', index: at })
    if (vote[1] !== null && vote[1] >= qc.view) return err({ code: 'jview_not_below_view', index: at })
    checks.push({ key, message: vote1Hash(domain, qc, vote[1]), signature: vote[2], index: at })
  }
  return ok(checks)
}

export function qc2Checks(domain: Domain, group: Group, qc: Qc2): Result<readonly SignatureCheck[], CertError> {
  const found = voters(group, qc)
  if (!found.ok) return found
  const message = vote2Hash(domain, qc)
  const checks: SignatureCheck[] = []
  for (const [order, [at, key]] of found.value.entries()) {
    const vote = qc.votes[order]
    if (vote === undefined) return err({ code: 'voter_order', index: at })
    checks.push({ key, message, signature: vote[1], index: at })
  }
  return ok(checks)
}

/** R5: QC1 and QC2 of the same (epoch, height, view, block), and the block is the one they name. */
export function certChecks(domain: Domain, group: Group, cert: Cert): Result<readonly SignatureCheck[], CertError> {
  const { qc1, qc2, block } = cert
  const same =
    qc1.epoch === qc2.epoch &&
    qc1.height === qc2.height &&
    qc1.view === qc2.view &&
    bytesEqual(qc1.block_hash, qc2.block_hash)
  if (!same) return err({ code: 'different_blocks' })
  if (!bytesEqual(block.job, group.job)) return err({ code: 'wrong_job' })
  if (block.height !== qc1.height || !bytesEqual(blockHash(domain, block), qc1.block_hash))
    return err({ code: 'wrong_block_hash' })
  const first = qc1Checks(domain, group, qc1)
  if (!first.ok) return first
  const second = qc2Checks(domain, group, qc2)
  return second.ok ? ok([...first.value, ...second.value]) : second
}

/** Runs the checks with a synchronous verifier; the first bad signature voids the whole. */
export function runChecks(
  checks: readonly SignatureCheck[],
  verify: (key: PublicKey, message: Uint8Array, signature: Signature) => boolean,
): Result<undefined, CertError> {
  for (const check of checks) {
    if (!verify(check.key, check.message, check.signature)) return err({ code: 'bad_signature', index: check.index })
  }
  return ok(undefined)
}
