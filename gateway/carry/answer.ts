// One member's answer, held against its evidence: what is not certified by the site's group, or not signed by who serves it, is
// no answer.
//
//   ask ──> head, body ──┬─ small: whole, checked ─────────────────────────────> certified
//                        ├─ large: head and body root checked ────────────────> streams, to be checked chunk by chunk
//                        └─ without evidence: a refusal of the member's own ──> refused

import type { KnownEvidence } from '#gateway/carry/known-evidence.ts'
import { originOf, type Question } from '#gateway/carry/question.ts'
import { beginningOf, discard, type Unread, WHOLE_BYTES_MAX, wholeOf } from '#gateway/carry/read.ts'
import type { Room } from '#gateway/carry/room.ts'
import type { AskError, TunnelAnswer } from '#gateway/tunnel/connection.ts'
import { sha256Native } from '#gateway/web-crypto.ts'
import { evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import {
  type Answer,
  type Asked,
  type CheckError,
  type CheckRules,
  checkAnswerAsync,
  type Verified,
} from '#protocol/answer/check.ts'
import {
  certificateFromBytes,
  EVIDENCE_BYTES_MAX,
  type Evidence,
  type EvidenceError,
  evidenceFromHeaders,
} from '#protocol/answer/evidence.ts'
import { bytesFromBase64 } from '#protocol/codec/bytes.ts'
import { type Digest, digestFromBytes, sha256 } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'
import { requestHeaders } from '#protocol/site/request-headers.ts'
import { bodyRootAsync, type Headers } from '#protocol/site/response-hash.ts'

const BODY_ROOT_HEADER = 'interpeer-body-root'

export type CarriedSite = {
  readonly name: string
  readonly job: Digest
  /** As of now: an answer may take its time. */
  readonly rules: () => CheckRules
}

/** Asks one member; `body` undefined: none. */
export type AskMember = (
  question: Pick<Question, 'method' | 'target' | 'headers'>,
  body: Uint8Array | undefined,
) => Promise<Result<TunnelAnswer, AskError>>

type Common = { readonly status: number; readonly headers: Headers; readonly verified: Verified }
export type CertifiedAnswer =
  | (Common & { readonly kind: 'whole'; readonly body: Uint8Array })
  /** `body` is not checked yet; empty of a HEAD. */
  | (Common & { readonly kind: 'rooted'; readonly root: Digest; readonly body: ReadableStream<Uint8Array> | undefined })

/** What an answer that does not hold failed: its evidence, its body as a whole, or a piece of it. */
export type LieCheck = CheckError['code'] | EvidenceError['code'] | 'body_root' | 'chunk'

export type NoAnswer =
  | { readonly code: 'unreachable'; readonly why: AskError['code'] | Unread }
  /** It holds, of a state from before what this visitor wrote. */
  | { readonly code: 'behind'; readonly height: number }
  /** How long its body is could not be shown: it lied, or has another body since. */
  | { readonly code: 'unshown' }
  /** The member said no by itself, without evidence. */
  | { readonly code: 'refused'; readonly status: number }
  /** What it said does not hold. `proof`: evidence that stands for itself, where it is. */
  | { readonly code: 'lie'; readonly check: LieCheck; readonly proof?: Uint8Array }

export type Verify = (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>

/** The answer of one member to the question, checked as far as it has come. */
export async function answerOf(
  site: CarriedSite,
  question: Question,
  ask: AskMember,
  known: KnownEvidence,
  room: Room,
): Promise<Result<CertifiedAnswer, NoAnswer>> {
  const answered = await ask(question, question.body.length === 0 ? undefined : question.body)
  if (!answered.ok) return err({ code: 'unreachable', why: answered.error.code })
  const { status, headers } = answered.value
  const evidence = await evidenceOf(answered.value, ask, known, room)
  if (!evidence.ok) {
    await discard(answered.value.body)
    return evidence
  }
  const isLarge = Number(headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1]) > WHOLE_BYTES_MAX
  const begun = await beginningOf(answered.value.body, isLarge ? 0 : WHOLE_BYTES_MAX, room)
  if (!begun.ok) return err({ code: 'unreachable', why: begun.error })
  const body = begun.value
  const lie = async (check: LieCheck, proof?: Uint8Array): Promise<Result<never, NoAnswer>> => {
    room.give(body.bytes.length)
    if (body.rest !== undefined) await discard(body.rest)
    return err({ code: 'lie', check, ...(proof === undefined ? {} : { proof }) })
  }
  const at = { origin: originOf(question), siteName: site.name }
  const isBare = question.method === 'HEAD' || body.rest !== undefined
  const root = isBare ? rootOf(headers) : await bodyRootAsync(body.bytes, sha256Native)
  if (root === undefined) return lie('body_root')
  // Nothing was asked that a part or a 304 would answer: the status is the certified one too.
  const answer: Answer = { form: 'hashed', status, headers, root, at }
  const checked = await checkAnswerAsync(site.rules(), askedOf(site, question), answer, evidence.value, known.verify)
  if (!checked.ok) return lie(checked.error.code, proofOf(checked.error, evidence.value))
  const common = { status, headers, verified: checked.value }
  if (!isBare) return ok({ kind: 'whole', ...common, body: body.bytes })
  return ok({ kind: 'rooted', ...common, root, body: body.rest })
}

/** It signed for a state beside the certificate of another one. */
function proofOf(error: CheckError, evidence: Evidence): Uint8Array | undefined {
  if (error.code !== 'state_root' || evidence.kind !== 'read') return undefined
  return evidenceToBytes({ kind: 'wrong_receipt', receipt: evidence.receipt, cert: evidence.cert, request: null })
}

function askedOf(site: CarriedSite, question: Question): Asked {
  return {
    job: site.job,
    method: question.method,
    target: question.target,
    headers: requestHeaders(question.headers, originOf(question), site.name),
    bodyHash: sha256(question.body),
  }
}

function rootOf(headers: Headers): Digest | undefined {
  const text = headers.find(([name]) => name.toLowerCase() === BODY_ROOT_HEADER)?.[1] ?? ''
  const bytes = bytesFromBase64(text)
  const root = bytes.ok ? digestFromBytes(bytes.value) : undefined
  return root?.ok ? root.value : undefined
}

async function evidenceOf(
  { status, headers }: TunnelAnswer,
  ask: AskMember,
  known: KnownEvidence,
  room: Room,
): Promise<Result<Evidence, NoAnswer>> {
  const read = evidenceFromHeaders(headers, undefined, known.texts)
  if (read.ok) return read
  if (read.error.code === 'no_receipt') return err({ code: 'refused', status })
  if (read.error.code !== 'certificate_elsewhere') return err({ code: 'lie', check: read.error.code })
  const fetched = await ask({ method: 'GET', target: read.error.path, headers: [] }, undefined)
  if (!fetched.ok) return err({ code: 'unreachable', why: fetched.error.code })
  const bytes = await wholeOf(fetched.value.body, EVIDENCE_BYTES_MAX, room)
  if (!bytes.ok && bytes.error !== 'too_long') return err({ code: 'unreachable', why: bytes.error })
  const cert = bytes.ok ? certificateFromBytes(bytes.value) : bytes
  if (bytes.ok) room.give(bytes.value.length)
  if (!cert.ok) return err({ code: 'lie', check: 'certificate_form' })
  const again = evidenceFromHeaders(headers, cert.value, known.texts)
  return again.ok ? again : err({ code: 'lie', check: again.error.code })
}
