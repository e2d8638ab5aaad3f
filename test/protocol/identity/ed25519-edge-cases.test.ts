// One verdict on every runtime (agreement §1.4): the edge cases in Node and in workerd, with and without the native half.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bytesFromHex } from '#protocol/codec/bytes.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'
import { verifyPure } from '#protocol/identity/verify.ts'
import { nativeVerify, verify } from '#seeder/identity/keys.ts'
import {
  edgeCases,
  type SignatureCase,
  smallOrderEncodings,
  VECTORS_FILE,
  vectorsText,
} from '#test/support/ed25519-vectors.ts'
import { runInWorkerd } from '#test/support/workerd.ts'

const cases = JSON.parse(readFileSync(VECTORS_FILE, 'utf8')) as readonly SignatureCase[]

function bytes(text: string): Uint8Array {
  const read = bytesFromHex(text)
  assert(read.ok)
  return read.value
}

function parts(entry: SignatureCase): [PublicKey, Uint8Array, Signature] {
  return [bytes(entry.key) as PublicKey, bytes(entry.message), bytes(entry.signature) as Signature]
}

function nativeSays(entry: SignatureCase): boolean {
  try {
    return nativeVerify(...parts(entry))
  } catch {
    return false
  }
}

test('the vector file is what its script writes', () => {
  assert.equal(smallOrderEncodings().length, 14)
  assert.equal(readFileSync(VECTORS_FILE, 'utf8'), vectorsText(edgeCases()))
})

test('Node: the rule gives the verdict of ZIP 215, with its native half and without', () => {
  for (const entry of cases) {
    assert.equal(verify(...parts(entry)), entry.valid, entry.comment)
    assert.equal(verifyPure(...parts(entry)), entry.valid, entry.comment)
  }
})

test('Node: the native half alone disagrees, but never accepts what the rule refuses', () => {
  const accepted = cases.filter(nativeSays)
  assert(accepted.every((entry) => entry.valid))
  assert(accepted.length < cases.filter((entry) => entry.valid).length)
})

test('workerd: the same verdicts by WebCrypto, which alone disagrees and never accepts what the rule refuses', async () => {
  const verdicts = await runInWorkerd<readonly { rule: boolean; native: boolean }[]>(
    join(import.meta.dirname, '..', '..', 'worker', 'ed25519.ts'),
    cases,
  )
  assert.equal(verdicts.length, cases.length)
  for (const [index, entry] of cases.entries()) {
    assert.equal(verdicts[index]?.rule, entry.valid, entry.comment)
    if (!entry.valid) assert.equal(verdicts[index]?.native, false, entry.comment)
  }
})

test('signatures and keys of a wrong length are refused, not thrown at', () => {
  const [honest] = cases
  assert(honest !== undefined)
  const [key, message, signature] = parts(honest)
  for (const length of [0, 31, 33]) assert.equal(verify(new Uint8Array(length) as PublicKey, message, signature), false)
  for (const length of [0, 63, 65]) assert.equal(verify(key, message, new Uint8Array(length) as Signature), false)
})
