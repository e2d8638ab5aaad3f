// Answers as visitors and those who check them get them: saved ones, and the header fields that prove them.

import assert from 'node:assert/strict'
import { examineAnswer } from '#protocol/answer/check.ts'
import {
  CERTIFICATE_HEADER,
  certificateText,
  evidenceFromHeaders,
  PATH_HEADER,
  pathText,
  RECEIPT_HEADER,
  receiptText,
  SALT_HASH_HEADER,
} from '#protocol/answer/evidence.ts'
import { digestFromContentDigest, httpSignatureCheck } from '#protocol/answer/http-signature.ts'
import { savedAnswerFromBytes } from '#protocol/answer/saved.ts'
import { base64FromBytes, bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { readAnswer, rulesOf, savedBytes, writeAnswer } from '#test/support/answers.ts'
import { hostedGroup, textResponse } from '#test/support/hosted-group.ts'
import { codec, type Target, text } from '../target.ts'

/** A read and a write of one group. */
export type Answers = {
  readonly group: ReturnType<typeof hostedGroup>
  readonly read: Awaited<ReturnType<typeof readAnswer>>
  readonly write: Awaited<ReturnType<typeof writeAnswer>>
}

export async function someAnswers(): Promise<Answers> {
  const group = hostedGroup('demo', {
    app: (request) =>
      request.method === 'POST' ? textResponse(303, '', [['location', '/made']]) : textResponse(200, 'hello'),
  })
  const read = await readAnswer(group, 1, '/lottery')
  const write = await writeAnswer(group, 2, '/new', bytesFromText('hello'))
  return { group, read, write }
}

export function answerTargets({ group, read, write }: Answers): readonly Target[] {
  const rules = rulesOf(group)
  assert.ok(read.evidence.kind === 'read' && write.evidence.kind === 'write')
  const headerLines = (headers: readonly (readonly [string, string])[]) =>
    bytesFromText(headers.map((pair) => pair.join(': ')).join('\n'))
  const readHeaders = headerLines([
    [RECEIPT_HEADER, receiptText(read.evidence.receipt)],
    [CERTIFICATE_HEADER, certificateText(read.evidence.cert)],
  ])
  const writeHeaders = headerLines([
    [CERTIFICATE_HEADER, certificateText(write.evidence.cert)],
    [PATH_HEADER, pathText(write.evidence.fuel, write.evidence.path)],
    [SALT_HASH_HEADER, base64FromBytes(write.evidence.saltHash)],
  ])
  const linked = headerLines([
    ['Link', '</.well-known/interpeer/certificate/12>; rel="interpeer-certificate"'],
    [RECEIPT_HEADER, receiptText(read.evidence.receipt)],
  ])
  const signedHeaders = headerLines([
    ['content-digest', `sha-256=:${base64FromBytes(sha256(new Uint8Array(0)))}:`],
    ['signature-input', `interpeer=("@status" "content-digest");created=1;keyid="${'ab'.repeat(32)}";alg="ed25519"`],
    ['signature', `interpeer=:${base64FromBytes(new Uint8Array(64))}:`],
  ])
  const headersOf = (input: Uint8Array) =>
    text(input)
      .split('\n', 64)
      .map((line) => {
        const at = line.indexOf(':')
        return at < 0 ? ([line, ''] as const) : ([line.slice(0, at), line.slice(at + 1)] as const)
      })

  return [
    codec(
      'saved answer',
      [savedBytes(read), savedBytes(write)],
      savedAnswerFromBytes,
      undefined,
      ({ asked, answer, evidence }) => {
        const examined = examineAnswer(rules, asked, answer, evidence)
        return examined.ok ? 'good' : examined.error.code
      },
    ),
    {
      name: 'evidence headers',
      form: 'bytes',
      seeds: [readHeaders, writeHeaders, linked],
      run: (input) => {
        const result = evidenceFromHeaders(headersOf(input))
        return result.ok ? `accepted ${result.value.kind}` : result.error.code
      },
    },
    {
      name: 'signature headers',
      form: 'bytes',
      seeds: [signedHeaders],
      run: (input) => {
        const headers = headersOf(input)
        for (const [name, value] of headers) if (name === 'content-digest') digestFromContentDigest(value.trim())
        const result = httpSignatureCheck(200, headers)
        return result.ok ? 'accepted' : result.error.code
      },
    },
  ]
}
