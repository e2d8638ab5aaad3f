import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chunkChecker, leavesFromBytes, leavesToBytes } from '#protocol/answer/chunks.ts'
import { certificateText, evidenceFromHeaders, pathText, receiptText } from '#protocol/answer/evidence.ts'
import {
  contentDigest,
  digestFromContentDigest,
  httpSignatureCheck,
  signatureBase,
  signatureFields,
  signatureParams,
} from '#protocol/answer/http-signature.ts'
import { base64FromBytes, bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { merkleLeaf } from '#protocol/codec/merkle.ts'
import { BODY_CHUNK_BYTES, bodyRoot, type Headers } from '#protocol/site/response-hash.ts'
import { verify } from '#seeder/identity/keys.ts'
import { readAnswer, writeAnswer } from '#test/support/answers.ts'
import { hostedGroup } from '#test/support/hosted-group.ts'
import { signerNamed } from '#test/support/network.ts'

const group = hostedGroup('demo', { app: () => ({ status: 200, headers: [], body: new Uint8Array(0) }) })
const read = await readAnswer(group, 0, '/')
const write = await writeAnswer(group, 0, '/', bytesFromText('x'))
assert.ok(read.evidence.kind === 'read' && write.evidence.kind === 'write')
const receipt = receiptText(read.evidence.receipt)
const certificate = certificateText(read.evidence.cert)
const path = pathText(write.evidence.fuel, write.evidence.path)
const salt = base64FromBytes(write.evidence.saltHash)

const codeOf = (headers: Headers): string => {
  const found = evidenceFromHeaders(headers)
  return found.ok ? found.value.kind : found.error.code
}

test('§5 on the wire: evidence survives its header form', () => {
  const found = evidenceFromHeaders([
    ['Interpeer-Receipt', receipt],
    ['Interpeer-Certificate', certificate],
  ])
  assert.ok(found.ok)
  assert.deepEqual(cborFromValue(found.value), cborFromValue(read.evidence))
  const wrote = evidenceFromHeaders([
    ['Interpeer-Path', path],
    ['Interpeer-Salt-Hash', salt],
    ['Interpeer-Certificate', certificateText(write.evidence.cert)],
  ])
  assert.ok(wrote.ok)
  assert.deepEqual(cborFromValue(wrote.value), cborFromValue(write.evidence))
})

test('§5 on the wire: what is missing, malformed or there twice is told by a code of its own', () => {
  const rows: readonly (readonly [string, Headers])[] = [
    ['no_receipt', []],
    [
      'no_receipt',
      [
        ['interpeer-receipt', receipt],
        ['interpeer-receipt', receipt],
        ['interpeer-certificate', certificate],
      ],
    ],
    ['no_certificate', [['interpeer-receipt', receipt]]],
    [
      'certificate_form',
      [
        ['interpeer-receipt', receipt],
        ['interpeer-certificate', 'AAAA'],
      ],
    ],
    [
      'receipt_form',
      [
        ['interpeer-receipt', `${receipt.slice(0, -4)}AAAA`],
        ['interpeer-certificate', certificate],
      ],
    ],
    [
      'receipt_form',
      [
        ['interpeer-receipt', '***'],
        ['interpeer-certificate', certificate],
      ],
    ],
    [
      'path_form',
      [
        ['interpeer-path', salt],
        ['interpeer-certificate', certificate],
      ],
    ],
    [
      'no_salt_hash',
      [
        ['interpeer-path', path],
        ['interpeer-certificate', certificate],
      ],
    ],
    [
      'salt_hash_form',
      [
        ['interpeer-path', path],
        ['interpeer-salt-hash', 'AAAA'],
        ['interpeer-certificate', certificate],
      ],
    ],
    [
      'certificate_elsewhere',
      [
        ['interpeer-receipt', receipt],
        ['Link', '</x>; rel="canonical", </.well-known/interpeer/certificate/12>; rel="interpeer-certificate"'],
      ],
    ],
  ]
  for (const [code, headers] of rows) assert.equal(codeOf(headers), code)
})

test('§5 a certificate that was fetched takes the place of the header', () => {
  assert.equal(evidenceFromHeaders([['interpeer-receipt', receipt]], read.evidence.cert).ok, true)
})

test('RFC 9421: the signature of an answer covers status, digest and receipt, and nothing else passes', () => {
  const signer = signerNamed('ann')
  const digest = contentDigest(sha256(bytesFromText('body')))
  const covered = [
    ['content-digest', digest],
    ['interpeer-receipt', receipt],
  ] as const
  const params = signatureParams(['content-digest', 'interpeer-receipt'], 1_800_000_000, signer.publicKey)
  const fields = signatureFields(params, signer.sign(signatureBase(200, covered, params)))
  const headers: Headers = [...covered, ['Signature-Input', fields.input], ['Signature', fields.signature]]
  const passes = (status: number, sent: Headers): boolean | string => {
    const check = httpSignatureCheck(status, sent)
    return check.ok ? verify(check.value.key, check.value.message, check.value.signature) : check.error.code
  }
  assert.equal(passes(200, headers), true)
  assert.equal(passes(404, headers), false)
  assert.equal(
    passes(
      200,
      headers.map(([name, value]) => [
        name,
        name === 'content-digest' ? contentDigest(sha256(bytesFromText('x'))) : value,
      ]),
    ),
    false,
  )
  assert.equal(passes(200, headers.slice(1)), 'http_signature_field')
  assert.equal(passes(200, covered), 'no_http_signature')
  assert.deepEqual(digestFromContentDigest(`sha-512=:AA==:, ${digest}`), {
    ok: true,
    value: sha256(bytesFromText('body')),
  })
})

test('§5 a stream is checked chunk by chunk before it is passed on', async () => {
  const body = Uint8Array.from({ length: 3 * BODY_CHUNK_BYTES + 17 }, (_, index) => index % 251)
  const root = bodyRoot(body)
  const chunks = Array.from({ length: 4 }, (_, index) =>
    body.subarray(index * BODY_CHUNK_BYTES, (index + 1) * BODY_CHUNK_BYTES),
  )
  const leaves = leavesFromBytes(leavesToBytes(chunks.map((chunk) => merkleLeaf(chunk))), root)
  assert.ok(leaves.ok)
  const run = async (sent: Uint8Array, from = 0): Promise<string | Uint8Array> => {
    const checker = chunkChecker(leaves.value, from)
    const out: Uint8Array[] = []
    for (let at = 0; at < sent.length; at += 1000) {
      const proven = await checker.push(sent.subarray(at, at + 1000))
      if (!proven.ok) return proven.error.code
      out.push(...proven.value)
    }
    const last = await checker.end()
    return last.ok ? bytesConcat(...out, ...last.value) : last.error.code
  }
  assert.deepEqual(await run(body), body)
  assert.deepEqual(await run(body.subarray(BODY_CHUNK_BYTES), 1), body.subarray(BODY_CHUNK_BYTES))
  assert.equal(await run(body.map((byte, index) => (index === 70_000 ? byte ^ 1 : byte))), 'chunk')
  assert.equal(await run(body.subarray(0, body.length - 1)), 'chunk')
  assert.equal(await run(body.subarray(0, BODY_CHUNK_BYTES)), 'too_short')
  assert.equal(await run(bytesConcat(body, new Uint8Array(BODY_CHUNK_BYTES))), 'chunk')
  assert.deepEqual(leavesFromBytes(new Uint8Array(64), root), { ok: false, error: { code: 'body_root' } })
  assert.deepEqual(leavesFromBytes(new Uint8Array(63), root), {
    ok: false,
    error: { code: 'leaves_form', actualBytes: 63 },
  })
})
