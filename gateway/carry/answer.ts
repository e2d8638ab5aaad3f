// One member's answer, held against its evidence: what is not certified by the site's group, or not signed by who serves it, is
// no answer.
//
//   ask ──> head, body ──┬─ small: whole, checked ─────────────────────────────> certified
//                        ├─ large: head and body root checked ────────────────> streams, to be checked chunk by chunk
//                        └─ without evidence: a refusal of the member's own ──> refused

import { originOf, type Question } from '#gateway/carry/question.ts'
import type { AskError, TunnelAnswer } from '#gateway/tunnel/connection.ts'
import { type Answer, type Asked, type CheckRules, checkAnswerAsync, type Verified } from '#protocol/answer/check.ts'
import {
  certificateFromBytes,
  EVIDENCE_BYTES_MAX,
  type Evidence,
  evidenceFromHeaders,
} from '#protocol/answer/evidence.ts'
import { bytesConcat, bytesFromBase64 } from '#protocol/codec/bytes.ts'
import { type Digest, digestFromBytes, sha256 } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'
import { requestHeaders } from '#protocol/site/request-headers.ts'
import type { Headers } from '#protocol/site/response-hash.ts'

/** A body up to this size is checked before its first byte goes on. */
export const WHOLE_BYTES_MAX = 1024 * 1024
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

export type NoAnswer =
  | { readonly code: 'unreachable'; readonly why: AskError['code'] | 'broke_off' }
  /** The member said no by itself, without evidence. */
  | { readonly code: 'refused'; readonly status: number }
  /** What it said does not hold. */
  | { readonly code: 'lie'; readonly check: string }

export type Verify = (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>

/** The answer of one member to the question, checked as far as it has come. */
export async function answerOf(
  site: CarriedSite,
  question: Question,
  ask: AskMember,
  verify: Verify,
): Promise<Result<CertifiedAnswer, NoAnswer>> {
  const answered = await ask(question, question.body.length === 0 ? undefined : question.body)
  if (!answered.ok) return err({ code: 'unreachable', why: answered.error.code })
  const { status, headers } = answered.value
  const evidence = await evidenceOf(headers, ask)
  if (!evidence.ok) {
    await discard(answered.value.body)
    return evidence.error === 'none' ? err({ code: 'refused', status }) : err({ code: 'lie', check: evidence.error })
  }
  const body = await beginningOf(answered.value.body)
  if (body === undefined) return err({ code: 'unreachable', why: 'broke_off' })
  const at = { origin: originOf(question), siteName: site.name }
  const isBare = question.method === 'HEAD' || body.rest !== undefined
  const root = isBare ? rootOf(headers) : undefined
  if (isBare && root === undefined) {
    await body.rest?.cancel()
    return err({ code: 'lie', check: 'body_root' })
  }
  const answer: Answer =
    root === undefined
      ? { form: 'whole', status, headers, body: body.bytes, at }
      : { form: 'root', status, headers, root, at }
  const checked = await checkAnswerAsync(site.rules(), askedOf(site, question), answer, evidence.value, verify)
  if (!checked.ok) {
    await body.rest?.cancel()
    return err({ code: 'lie', check: checked.error.code })
  }
  const common = { status, headers, verified: checked.value }
  if (root === undefined) return ok({ kind: 'whole', ...common, body: body.bytes })
  return ok({ kind: 'rooted', ...common, root, body: body.rest })
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

/** `none`: the answer carries no evidence at all. */
async function evidenceOf(headers: Headers, ask: AskMember): Promise<Result<Evidence, string>> {
  const read = evidenceFromHeaders(headers)
  if (read.ok) return read
  if (read.error.code === 'no_receipt') return err('none')
  if (read.error.code !== 'certificate_elsewhere') return err(read.error.code)
  const fetched = await ask({ method: 'GET', target: read.error.path, headers: [] }, undefined)
  if (!fetched.ok) return err('no_certificate')
  const bytes = await wholeOf(fetched.value.body, EVIDENCE_BYTES_MAX)
  const cert = bytes === undefined ? undefined : certificateFromBytes(bytes)
  if (!cert?.ok) return err('certificate_form')
  const again = evidenceFromHeaders(headers, cert.value)
  return again.ok ? again : err(again.error.code)
}

type Body = Uint8Array | ReadableStream<Uint8Array>

export async function discard(body: Body): Promise<void> {
  if (!(body instanceof Uint8Array)) await body.cancel().catch(() => {})
}

/** All of a body that may have at most so many bytes; undefined: it has more, or broke off. */
export async function wholeOf(body: Body, bytesMax: number): Promise<Uint8Array | undefined> {
  if (body instanceof Uint8Array) return body.length <= bytesMax ? body : undefined
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      parts.push(next.value)
      length += next.value.length
      if (length <= bytesMax) continue
      await reader.cancel()
      return undefined
    }
  } catch {
    return undefined
  }
  return bytesConcat(...parts)
}

type Beginning = { readonly bytes: Uint8Array; readonly rest: ReadableStream<Uint8Array> | undefined }

/** A body of at most `WHOLE_BYTES_MAX` whole, a larger one as a stream from its first byte; undefined: it broke off. */
async function beginningOf(body: Body): Promise<Beginning | undefined> {
  if (body instanceof Uint8Array) return { bytes: body, rest: undefined }
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for (;;) {
      const next = await reader.read()
      if (next.done) return { bytes: bytesConcat(...parts), rest: undefined }
      parts.push(next.value)
      length += next.value.length
      if (length > WHOLE_BYTES_MAX) return { bytes: new Uint8Array(0), rest: streamOf(parts, reader) }
    }
  } catch {
    return undefined
  }
}

function streamOf(first: Uint8Array[], reader: ReadableStreamDefaultReader<Uint8Array>): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const known = first.shift()
        if (known !== undefined) {
          controller.enqueue(known)
          return
        }
        const next = await reader.read()
        if (next.done) controller.close()
        else controller.enqueue(next.value)
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
