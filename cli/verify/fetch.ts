// Getting an answer with its evidence: through a gateway's link or from a member's own origin.
//
//   gateway/<name>/<path> ── 307 ──> <member's origin>/<path>      a gateway is believed nothing: name and path come from the link

import { networkFailure } from '#cli/failure.ts'
import { exchange, type HttpAnswer } from '#cli/network/http.ts'
import type { VerifyCode } from '#cli/verify/words.ts'
import type { Asked } from '#protocol/answer/check.ts'
import {
  certificateFromBytes,
  EVIDENCE_BYTES_MAX,
  type Evidence,
  evidenceFromHeaders,
  JOB_HEADER,
} from '#protocol/answer/evidence.ts'
import { digestFromContentDigest, httpSignatureCheck } from '#protocol/answer/http-signature.ts'
import type { ServedAt } from '#protocol/answer/location.ts'
import { base64FromBytes, bytesEqual, bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Digest, digestFromBytes } from '#protocol/codec/digest.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import type { Directory } from '#protocol/directory/directory.ts'
import type { NetworkFile, NetworkJob } from '#protocol/directory/network-file.ts'
import { groupOf } from '#protocol/directory/network-file.ts'
import { requestHeaders } from '#protocol/site/request-headers.ts'
import type { Headers } from '#protocol/site/response-hash.ts'
import { verify } from '#seeder/identity/keys.ts'
import { nativeSha256 } from '#seeder/serve/representation.ts'

const HOPS_MAX = 5
const WAIT_MS = 15_000

export type Question = {
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** An answer and its evidence as received, not yet checked. */
export type Received = {
  readonly job: NetworkJob
  readonly asked: Asked
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
  readonly evidence: Evidence
  /** Scheme, host and port of the member that answered. */
  readonly origin: string
  readonly url: string
}

export function servedAt(received: Received): ServedAt {
  return { origin: received.origin, siteName: received.job.name }
}

export type FetchError = { readonly code: VerifyCode; readonly detail?: string; readonly job?: NetworkJob }

type Target = { readonly job: NetworkJob | undefined; readonly path: string | undefined }

/** What a URL names by itself: a gateway's link names site and path, a member's origin the site. */
function targetOf(file: NetworkFile, directory: Directory, url: URL): Target {
  if (file.gateways.includes(url.origin)) {
    const [, name = ''] = url.pathname.split('/')
    const path = `${url.pathname.slice(1 + name.length) || '/'}${url.search}`
    return { job: directory.jobByName(name.toLowerCase()), path }
  }
  const [label = ''] = url.hostname.split('.')
  return { job: directory.jobByName(label), path: `${url.pathname}${url.search}` }
}

function pairs(raw: readonly string[]): Headers {
  const headers: [string, string][] = []
  for (let index = 0; index + 1 < raw.length; index += 2) headers.push([raw[index] ?? '', raw[index + 1] ?? ''])
  return headers
}

function sentHeaders(question: Question, extra: Readonly<Record<string, string>>): Record<string, string> {
  return { 'interpeer-client': '1', 'accept-encoding': 'identity', ...question.headers, ...extra }
}

function send(url: string, question: Question, extra: Readonly<Record<string, string>>): Promise<HttpAnswer> {
  const withBody = question.body.length > 0 || !['GET', 'HEAD', 'OPTIONS'].includes(question.method)
  return exchange(url, {
    method: question.method,
    headers: sentHeaders(question, extra),
    timeoutMs: WAIT_MS,
    ...(withBody ? { body: question.body } : {}),
  })
}

function jobOfHeader(directory: Directory, headers: Headers): NetworkJob | undefined {
  const text = headers.find(([name]) => name.toLowerCase() === JOB_HEADER)?.[1] ?? ''
  const bytes = bytesFromHex(text)
  const job = bytes.ok ? digestFromBytes(bytes.value) : undefined
  return job?.ok ? directory.jobById(job.value) : undefined
}

async function evidenceOf(origin: string, headers: Headers): Promise<Result<Evidence, FetchError>> {
  const read = evidenceFromHeaders(headers)
  if (read.ok) return read
  if (read.error.code !== 'certificate_elsewhere') return err({ code: read.error.code })
  const fetched = await exchange(`${origin}${read.error.path}`, { maxBytes: EVIDENCE_BYTES_MAX })
  const cert = fetched.status === 200 ? certificateFromBytes(fetched.body) : undefined
  if (!cert?.ok) return err({ code: 'certificate_elsewhere' })
  const again = evidenceFromHeaders(headers, cert.value)
  return again.ok ? again : err({ code: again.error.code })
}

/** Content-Digest and HTTP message signature: that this very message left a member of the group. */
function transport(job: NetworkJob, status: number, headers: Headers, body: Uint8Array): FetchError | undefined {
  const digestField = headers.find(([name]) => name.toLowerCase() === 'content-digest')?.[1]
  const digest = digestField === undefined ? undefined : digestFromContentDigest(digestField)
  if (!digest?.ok || !bytesEqual(digest.value, nativeSha256(body))) return { code: 'content_digest', job }
  const check = httpSignatureCheck(status, headers)
  if (!check.ok) return { code: check.error.code, job }
  if (!groupOf(job).members.some((member) => bytesEqual(member, check.value.key)))
    return { code: 'http_signature_not_member', job }
  if (!check.value.covered.includes('content-digest')) return { code: 'http_signature_field', job }
  return verify(check.value.key, check.value.message, check.value.signature)
    ? undefined
    : { code: 'http_signature', job }
}

/** Fetches from a gateway's link or a member's origin. Rejects with a network `Failure` when nobody answers. */
export async function fetchAnswer(
  file: NetworkFile,
  directory: Directory,
  url: string,
  question: Question,
): Promise<Result<Received, FetchError>> {
  const link = targetOf(file, directory, new URL(url))
  let at = url
  let answer = await send(at, question, {})
  // What a member answers carries its evidence, redirects of its site included; those without lead to a member.
  for (let hops = 0; answer.headers[JOB_HEADER] === undefined; hops++) {
    const { location } = answer.headers
    if (![301, 302, 307, 308].includes(answer.status) || location === undefined || hops >= HOPS_MAX) break
    at = new URL(location, at).href
    answer = await send(at, question, {})
  }
  const headers = pairs(answer.rawHeaders)
  if (answer.headers[JOB_HEADER] === undefined && answer.status >= 500)
    throw networkFailure(
      `${new URL(at).host} answers ${answer.status}: ${answer.body.toString('utf8').slice(0, 200).trim()}`,
      'Try again in a moment.',
    )
  const landed = new URL(at)
  const target = `${landed.pathname}${landed.search}`
  const job = link.job ?? targetOf(file, directory, landed).job ?? jobOfHeader(directory, headers)
  if (job === undefined) return err({ code: answer.headers[JOB_HEADER] === undefined ? 'no_receipt' : 'unknown_job' })
  if (link.path !== undefined && link.path !== target) return err({ code: 'redirect_target', detail: target, job })
  return received(job, landed.origin, target, question, answer)
}

async function received(
  job: NetworkJob,
  origin: string,
  target: string,
  question: Question,
  answer: HttpAnswer,
): Promise<Result<Received, FetchError>> {
  const headers = pairs(answer.rawHeaders)
  const body = new Uint8Array(answer.body)
  const evidence = await evidenceOf(origin, headers)
  if (!evidence.ok) return err({ ...evidence.error, job })
  const broken = transport(job, answer.status, headers, body)
  if (broken !== undefined) return err(broken)
  const asked: Asked = {
    job: groupOf(job).job,
    method: question.method,
    target,
    headers: requestHeaders(Object.entries(sentHeaders(question, {})), origin, job.name),
    bodyHash: nativeSha256(question.body) as Digest,
  }
  return ok({
    job,
    asked,
    status: answer.status,
    headers,
    body,
    evidence: evidence.value,
    origin,
    url: origin + target,
  })
}

/** What a member answers when the height that a request names is too old for it. */
const HEIGHT_GONE = 410

/** The same read at a member's origin: at that height, with that nonce. Undefined when it cannot answer that now, `gone` when it went on meanwhile. */
export async function askAgain(
  job: NetworkJob,
  origin: string,
  before: Received,
  question: Question,
  height: number,
  nonce: Uint8Array | undefined,
): Promise<Result<Received, FetchError> | 'gone' | undefined> {
  const extra: Record<string, string> = { 'interpeer-height': String(height) }
  if (nonce !== undefined) extra['interpeer-nonce'] = base64FromBytes(nonce)
  let answer: HttpAnswer
  try {
    answer = await send(origin + before.asked.target, question, extra)
  } catch {
    return undefined
  }
  if (answer.status === HEIGHT_GONE) return 'gone'
  if (answer.headers[JOB_HEADER] !== hexFromBytes(before.asked.job)) return undefined
  return received(job, origin, before.asked.target, question, answer)
}
