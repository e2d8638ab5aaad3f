// Answers with their evidence as a visitor holds them, made by a `hostedGroup` without HTTP in between.

import { type Answer, type Asked, type CheckRules, checkAnswer } from '#protocol/answer/check.ts'
import type { Evidence } from '#protocol/answer/evidence.ts'
import { savedAnswerToBytes } from '#protocol/answer/saved.ts'
import { type Digest, sha256 } from '#protocol/codec/digest.ts'
import { merkleSteps } from '#protocol/codec/merkle.ts'
import { assert, type Result } from '#protocol/codec/result.ts'
import { requestHash } from '#protocol/message/request.ts'
import { bodyRoot, coveredHeaders, NO_BODY, responseHash } from '#protocol/site/response-hash.ts'
import { verify } from '#seeder/identity/keys.ts'
import type { HostedGroup } from '#test/support/hosted-group.ts'

export type HeldAnswer = {
  readonly asked: Asked
  readonly requestBody: Uint8Array
  readonly answer: Extract<Answer, { form: 'whole' }>
  readonly evidence: Evidence
}

const NONCE = new Uint8Array(16).fill(9)

export async function readAnswer(group: HostedGroup, member: number, target: string): Promise<HeldAnswer> {
  const { site } = group.member(member)
  const head = group.head()
  const asked: Asked = { job: site.job, method: 'GET', target, headers: [['accept', '*/*']], bodyHash: NO_BODY }
  const hashed = requestHash(asked)
  const { response, asked: what } = await site.read(head, {
    request: { method: 'GET', target, headers: asked.headers, body: new Uint8Array(0) },
    requestHash: hashed,
    nonce: NONCE,
  })
  const receipt = site.receipt({
    job: site.job,
    epoch: site.group.epoch,
    height: head.height,
    state_root: head.stateRoot,
    request_hash: hashed,
    response_hash: responseHash(response.status, response.headers, bodyRoot(response.body)),
    ...(what.chance ? { nonce: NONCE } : {}),
  })
  return {
    asked,
    requestBody: new Uint8Array(0),
    answer: { form: 'whole', status: response.status, headers: response.headers, body: response.body },
    evidence: { kind: 'read', receipt, cert: head.cert },
  }
}

export async function writeAnswer(
  group: HostedGroup,
  member: number,
  target: string,
  body: Uint8Array,
): Promise<HeldAnswer> {
  const { site } = group.member(member)
  const bodyHash: Digest = sha256(body)
  const headers = [['content-type', 'text/plain']] as const
  const committed = await site.submit(
    {
      job: site.job,
      method: 'POST',
      target,
      headers,
      body_hash: bodyHash,
      body_bytes: body.length,
      salt: new Uint8Array(16).fill(5),
      time: group.head().time,
    },
    body,
  )
  assert('height' in committed, 'the group takes writes')
  const { response } = committed
  return {
    asked: { job: site.job, method: 'POST', target, headers, bodyHash },
    requestBody: body,
    answer: { form: 'whole', status: response.status, headers: response.headers, body: response.body },
    evidence: {
      kind: 'write',
      cert: committed.cert,
      fuel: committed.fuel,
      path: merkleSteps(committed.count, committed.index, committed.path),
      saltHash: committed.saltHash,
    },
  }
}

export function rulesOf(group: HostedGroup, changes: Partial<CheckRules> = {}): CheckRules {
  return {
    domain: group.network.domain,
    group: group.group,
    now: group.head().time + 1_000,
    freshMs: 30_000,
    ...changes,
  }
}

/** The code of the check that fails, or `valid`. */
export function verdictOf(group: HostedGroup, held: HeldAnswer, changes: Partial<CheckRules> = {}): string {
  const checked: Result<unknown, { code: string }> = checkAnswer(
    rulesOf(group, changes),
    held.asked,
    held.answer,
    held.evidence,
    verify,
  )
  return checked.ok ? 'valid' : checked.error.code
}

export function savedBytes({ asked, requestBody, answer, evidence }: HeldAnswer): Uint8Array {
  const { status, headers, body } = answer
  return savedAnswerToBytes(asked, requestBody, { status, covered: coveredHeaders(headers), body }, evidence)
}
