// `interpeer verify`: checks an answer as a visitor would, against the network file alone.
//
//   URL  ──> answer + evidence ──> checks ──> the same read at another member ──> proofs that members hold ──> verdict
//   FILE ──> saved answer ───────> checks, its age judged at a given time ───────────────────────────────────> verdict
//
// Nobody who is asked is believed: what counts are the keys in the network file, which the network key signed.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { loadNetworkFile } from '#cli/admission/server.ts'
import { EXIT, type ExitCode, failed, usageFailure } from '#cli/failure.ts'
import { newestNetwork } from '#cli/network/place.ts'
import type { Output } from '#cli/terminal/output.ts'
import { fetchAnswer, type Question, type Received, servedAt } from '#cli/verify/fetch.ts'
import { proofJudge } from '#cli/verify/judge.ts'
import { compareRead, memberOrigins, provenLiars, reportProof } from '#cli/verify/members.ts'
import { MEANINGS, type VerifyCode } from '#cli/verify/words.ts'
import { evidenceToBytes } from '#protocol/agreement/evidence-shape.ts'
import { type CheckRules, checkAnswer, type Verified } from '#protocol/answer/check.ts'
import { coveredAnswerHeaders } from '#protocol/answer/etag.ts'
import { COPY_HEADER } from '#protocol/answer/evidence.ts'
import { SAVED_BYTES_MAX, savedAnswerFromBytes, savedAnswerToBytes } from '#protocol/answer/saved.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { unreachable } from '#protocol/codec/result.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import { directoryOf } from '#protocol/directory/directory.ts'
import { domainOf, groupOf, handingOver, type NetworkFile, type NetworkJob } from '#protocol/directory/network-file.ts'
import { peerName } from '#protocol/identity/keys.ts'
import { quorumOf } from '#protocol/message/certificate.ts'
import type { Headers } from '#protocol/site/response-hash.ts'
import { verify } from '#seeder/identity/keys.ts'
import { nativeSha256 } from '#seeder/serve/representation.ts'

export type VerifyOptions = {
  /** A gateway's link or an address at a member; or `from`. */
  readonly url?: string
  readonly from?: string
  /** Path of the network file. */
  readonly network: string
  /** Where to keep the answer once it is verified. */
  readonly save?: string
  /** `from` only: when to judge its age, ms since the epoch or an ISO date; default: the certificate's block time. */
  readonly at?: string
  readonly method?: string
  readonly data?: string
  readonly contentType?: string
  readonly output: Output
  readonly now?: () => number
}

type Verdict = {
  readonly code?: VerifyCode
  /** What the code needs to be understood. */
  readonly detail?: string
  readonly job?: NetworkJob
  readonly verified?: Verified
  /** When its age was judged, ms. */
  readonly judgedAt?: number
  readonly status?: number
  readonly bytes?: number
  /** Names of checks that held beyond those of `verified`. */
  readonly also: readonly string[]
  readonly comparedWith?: string
  readonly remarks: readonly string[]
}

const SAFE = new Set(['GET', 'OPTIONS'])
const FORM = 'application/x-www-form-urlencoded'

export async function runVerify(options: VerifyOptions): Promise<ExitCode> {
  const { url, from, output } = options
  if ((url === undefined) === (from === undefined))
    throw usageFailure(
      'an address or a saved answer is checked, one of them',
      'interpeer verify URL, or interpeer verify --from FILE',
    )
  if (from !== undefined && (options.save !== undefined || options.data !== undefined || options.method !== undefined))
    throw usageFailure('--save, --method and --data go with a URL, not with --from')
  if (url !== undefined && options.at !== undefined) throw usageFailure('--at goes with --from')
  const verdict = from === undefined ? await verifyUrl(options, url ?? '') : verifyFile(options, from)
  print(output, verdict)
  return verdict.code === undefined ? EXIT.ok : EXIT.failed
}

function timeOf(text: string): number {
  const ms = /^[0-9]{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(ms)) throw usageFailure(`--at takes milliseconds since 1970 or an ISO date, not '${text}'`)
  return ms
}

function readSaved(path: string): Uint8Array {
  try {
    if (statSync(path).size > SAVED_BYTES_MAX) throw new Error('it is too large')
    return new Uint8Array(readFileSync(path))
  } catch (cause) {
    throw usageFailure(`the saved answer ${path} cannot be read: ${(cause as Error).message}`)
  }
}

function readNetworkFile(path: string): NetworkFile {
  try {
    return loadNetworkFile(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw usageFailure(`there is no network file at ${path}`)
    throw failed('network_file', (cause as Error).message, 'Get the network file again from whoever runs the network.')
  }
}

function verifyFile(options: VerifyOptions, path: string): Verdict {
  const file = readNetworkFile(options.network)
  const chosen = options.at === undefined ? undefined : timeOf(options.at)
  const saved = savedAnswerFromBytes(readSaved(path), nativeSha256)
  const nothing = { ...(chosen === undefined ? {} : { judgedAt: chosen }), also: [], remarks: [] }
  if (!saved.ok) return { code: saved.error.code, detail: saved.error.detail, ...nothing }
  const { asked, answer, evidence } = saved.value
  const job = directoryOf(file).jobById(asked.job)
  if (job === undefined) return { code: 'unknown_job', ...nothing }
  const judgedAt = chosen ?? evidence.cert.block.time
  const rules = rulesOf(file, job, judgedAt)
  const checked = checkAnswer(rules, asked, answer, evidence, verify)
  const known = { job, judgedAt, also: [], remarks: [], status: answer.status, bytes: answer.body.length }
  if (!checked.ok) return { code: checked.error.code, detail: numbersOf(checked.error), ...known }
  return { verified: checked.value, ...known }
}

/** The numbers of an error, for people. */
/** §5: while a group hands over, the certificates of the one before it count too. */
function formerOf(job: NetworkJob, now: number): Pick<CheckRules, 'former'> {
  const former = handingOver(job, now)
  return former === undefined ? {} : { former }
}

function numbersOf(error: { readonly code: string }): string {
  return Object.entries(error)
    .filter(([name]) => name !== 'code')
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')
}

/** What an answer of a job is held to by the network file. */
function rulesOf(file: NetworkFile, job: NetworkJob, judgedAt: number): CheckRules {
  return {
    domain: domainOf(file),
    group: groupOf(job),
    ...formerOf(job, judgedAt),
    now: judgedAt,
    freshMs: file.settings.fresh_ms,
    sha256: nativeSha256,
  }
}

function questionOf(options: Omit<VerifyOptions, 'output'>): Question {
  const method = (options.method ?? (options.data === undefined ? 'GET' : 'POST')).toUpperCase()
  if (!/^[A-Z][A-Z-]{0,31}$/.test(method) || method === 'HEAD') throw usageFailure(`--method cannot be '${method}'`)
  if (SAFE.has(method) && options.data !== undefined) throw usageFailure(`a ${method} has no --data`)
  const type = options.data === undefined ? undefined : (options.contentType ?? FORM)
  return {
    method,
    headers: { accept: '*/*', ...(type === undefined ? {} : { 'content-type': type }) },
    body: Buffer.from(options.data ?? ''),
  }
}

/** The verdict on a page as `--json` prints it: `code` and `message` when a check failed. A `Failure` when nobody answered. */
export async function verdictOf(url: string, network: string): Promise<VerdictLine> {
  return jsonOf(await verifyUrl({ network }, url))
}

/** A busy group may leave a height behind while it is compared: then the page is asked for anew. */
const ATTEMPTS_MAX = 3

async function verifyUrl(options: Omit<VerifyOptions, 'output'>, url: string): Promise<Verdict> {
  let verdict = await verifyOnce(options, url)
  for (let attempt = 1; attempt < ATTEMPTS_MAX && verdict.code === 'height_gone'; attempt++) {
    verdict = await verifyOnce(options, url)
  }
  return verdict
}

async function verifyOnce(options: Omit<VerifyOptions, 'output'>, url: string): Promise<Verdict> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw usageFailure(`'${url}' is no web address`)
  const question = questionOf(options)
  const now = options.now ?? Date.now
  readNetworkFile(options.network)
  const file = await newestNetwork(options.network)
  const directory = directoryOf(file)
  const got = await fetchAnswer(file, directory, url, question)
  const judgedAt = now()
  if (!got.ok) {
    const { code, detail, job } = got.error
    return {
      code,
      judgedAt,
      also: [],
      remarks: [],
      ...(detail === undefined ? {} : { detail }),
      ...(job === undefined ? {} : { job }),
    }
  }
  const received = got.value
  const { job } = received
  const rules = rulesOf(file, job, judgedAt)
  const { asked, status, headers, body, evidence } = received
  const checked = checkAnswer(
    rules,
    asked,
    { form: 'whole', status, headers, body, at: servedAt(received) },
    evidence,
    verify,
  )
  const known = { job, judgedAt, status, bytes: body.length }
  const also = ['content_digest', 'http_signature']
  if (!checked.ok) {
    const answer = { form: 'whole' as const, status, headers, body, at: servedAt(received) }
    const heldThen = (then: number): boolean => checkAnswer({ ...rules, now: then }, asked, answer, evidence, verify).ok
    const remarks = [...(await report(file, received)), ...copyRemarks(headers, heldThen)]
    return { code: checked.error.code, detail: numbersOf(checked.error), also, remarks, ...known }
  }
  const verified = checked.value
  const others = await askMembers(file, rules, received, verified, question)
  const verdict: Verdict = { verified, ...known, ...others, also: [...also, ...others.also] }
  if (verdict.code === undefined && options.save !== undefined) save(options.save, received, question, verified)
  return verdict
}

/** Of a gateway's copy, shown while no member answers: whether all of it held when it was made. */
function copyRemarks(headers: Headers, heldThen: (then: number) => boolean): readonly string[] {
  const then = Number(headers.find(([name]) => name.toLowerCase() === COPY_HEADER)?.[1] ?? Number.NaN)
  if (!Number.isSafeInteger(then) || !heldThen(then)) return []
  const at = new Date(then).toISOString()
  return [`No member answers the gateway: this is its copy of ${at}, and of then everything holds.`]
}

/** A receipt for a state that was not certified proves a lie by itself: then the gateways are told. */
async function report(file: NetworkFile, received: Received): Promise<readonly string[]> {
  const { evidence } = received
  if (evidence.kind !== 'read') return []
  const { receipt, cert } = evidence
  const proof = evidenceToBytes({ kind: 'wrong_receipt', receipt, cert, request: null })
  if (proofJudge(file, received.job)(proof)?.selfContained !== true) return []
  const took = await reportProof(file, proof)
  return took === 0 ? [] : ['This is proof of a lie; the gateway has it now and leads nobody there any more.']
}

/** What only other members can tell: that they answer the same, and what they can prove about the signer. */
async function askMembers(
  file: NetworkFile,
  rules: CheckRules,
  received: Received,
  verified: Verified,
  question: Question,
): Promise<Pick<Verdict, 'code' | 'detail' | 'also' | 'remarks' | 'comparedWith'>> {
  // A write's answer is the group's own word: a quorum signed it, and no single member can be wrong about it.
  if (verified.kind === 'write' || verified.signer === undefined) return { also: [], remarks: [] }
  const signer = peerName(verified.signer)
  const origins = await memberOrigins(file, received.job)
  const vouchersMin = rules.group.members.length - quorumOf(rules.group) + 1
  const liars = await provenLiars(origins, proofJudge(file, received.job), vouchersMin)
  const also = ['signer_not_accused']
  if (liars.has(signer)) return { code: 'signer_proven_liar', detail: signer, also: [], remarks: [] }
  const others = origins.filter(({ peer }) => peer !== signer && !liars.has(peer))
  const comparison = await compareRead(rules, received.job, others, received, verified, question, vouchersMin)
  switch (comparison.outcome) {
    case 'nobody':
      // Members that live and went on leave an answer at an old height to its signer's word alone: that is how a liar would hide.
      if (comparison.movedOn) return { code: 'height_gone', detail: String(verified.height), also, remarks: [] }
      return { also, remarks: ['No other member could answer the same at this height: one signature vouches for it.'] }
    case 'different':
      return { code: 'members_differ', detail: comparison.peer, comparedWith: comparison.peer, also, remarks: [] }
    case 'same': {
      const remarks = comparison.against.map(
        (peer) => `Member ${shortName(peer)} answers otherwise, against more members than can be wrong together.`,
      )
      return { also: [...also, 'members_agree'], comparedWith: comparison.peer, remarks }
    }
    default:
      return unreachable(comparison)
  }
}

function save(path: string, received: Received, question: Question, verified: Verified): void {
  const covered = coveredAnswerHeaders(received.headers, verified.responseHash, servedAt(received))
  const { asked, status, body, evidence } = received
  const bytes = savedAnswerToBytes(asked, question.body, { status, covered, body }, evidence)
  try {
    writeFileSync(path, bytes)
  } catch (cause) {
    throw usageFailure(`the answer cannot be saved to ${path}: ${(cause as Error).message}`)
  }
}

/** What scripts read of a verdict, among other fields. */
export type VerdictLine = {
  readonly valid: boolean
  readonly code?: VerifyCode
  readonly message?: string
  readonly detail?: string
}

function jsonOf(verdict: Verdict): VerdictLine & Record<string, unknown> {
  const { verified, job, code } = verdict
  return {
    valid: code === undefined,
    ...(code === undefined ? {} : { code, message: MEANINGS[code] }),
    ...(verdict.detail === undefined || verdict.detail === '' ? {} : { detail: verdict.detail }),
    ...(job === undefined ? {} : { job: job.job, name: job.name }),
    ...(verified === undefined
      ? {}
      : {
          kind: verified.kind,
          height: verified.height,
          epoch: verified.epoch,
          stateRoot: textFromCid(verified.stateRoot),
          signer: verified.signer === undefined ? null : peerName(verified.signer),
          voters: verified.voters.map(peerName),
          time: verified.time,
          ageMs: verified.ageMs,
          requestHash: hexFromBytes(verified.requestHash),
          responseHash: hexFromBytes(verified.responseHash),
        }),
    ...(verdict.judgedAt === undefined ? {} : { at: verdict.judgedAt }),
    ...(verdict.comparedWith === undefined ? {} : { comparedWith: verdict.comparedWith }),
    checked: [...(verified?.checked ?? []), ...verdict.also],
  }
}

function ageText(ms: number): string {
  if (ms < 0) return `${(-ms / 1000).toFixed(1)} s ahead`
  if (ms < 120_000) return `${(ms / 1000).toFixed(1)} s old`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min old`
  return `${Math.round(ms / 3_600_000)} h old`
}

function shortName(peer: string): string {
  return `${peer.slice(0, 12)}…`
}

function print(output: Output, verdict: Verdict): void {
  output.event(jsonOf(verdict))
  const { style } = output
  const good = (what: string, text: string): void => output.line(`${style.good('✓')} ${what.padEnd(12)} ${text}`)
  const { verified, job, code } = verdict
  if (verified !== undefined && job !== undefined) {
    const group = groupOf(job)
    good(
      'certificate',
      `height ${verified.height}, signed by ${verified.voters.length} of ${group.members.length} members (${quorumOf(group)} needed), epoch ${verified.epoch}`,
    )
    const judged = new Date(verdict.judgedAt ?? verified.time).toISOString()
    good('time', `${new Date(verified.time).toISOString()}, ${ageText(verified.ageMs)} at ${judged}`)
    good('request', `the evidence is for this very request to '${job.name}'`)
    good('answer', `status ${verdict.status}, ${verdict.bytes} bytes, as they were hashed`)
    if (verified.signer !== undefined)
      good('receipt', `signed by member ${shortName(peerName(verified.signer))} for that state`)
    else good('path', 'the block that the members certified holds this request with this answer')
    if (verdict.also.includes('signer_not_accused')) good('signer', 'no member holds a proof against it')
    if (verdict.also.includes('members_agree') && verdict.comparedWith !== undefined)
      good('comparison', `member ${shortName(verdict.comparedWith)} answers the same`)
  }
  for (const remark of verdict.remarks) output.line(`${style.warn('·')} ${remark}`)
  if (code === undefined) {
    output.line()
    output.line(style.bold(style.good('Valid')))
    return
  }
  const detail = verdict.detail === undefined || verdict.detail === '' ? '' : ` (${verdict.detail})`
  output.line(`${style.bad('✗')} ${code.padEnd(12)} ${MEANINGS[code]}${detail}`)
  output.line()
  output.line(style.bold(style.bad('Not valid')))
}
