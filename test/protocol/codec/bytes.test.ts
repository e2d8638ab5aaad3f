// Bytes as text and back: one text for one value.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  base64FromBytes,
  bytesCompare,
  bytesFromBase64,
  bytesFromHex,
  bytesFromText,
  hexFromBytes,
} from '#protocol/codec/bytes.ts'
import { type Cid, cidFromBytes, cidFromText, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'

test('hexadecimal and base64 are those of the platform, and come back', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      assert.equal(hexFromBytes(bytes), Buffer.from(bytes).toString('hex'))
      assert.equal(base64FromBytes(bytes), Buffer.from(bytes).toString('base64'))
      assert.deepEqual(bytesFromHex(hexFromBytes(bytes)), { ok: true, value: bytes })
      assert.deepEqual(bytesFromBase64(base64FromBytes(bytes)), { ok: true, value: bytes })
    }),
  )
})

test('a text that reads as some bytes is the only one that does', () => {
  const same = fc.property(
    fc.string({ unit: fc.constantFrom(...'ABCDabcdwxyz0189+/=\n -_'), maxLength: 12 }),
    (text) => {
      const hex = bytesFromHex(text)
      if (hex.ok) assert.equal(hexFromBytes(hex.value), text)
      const base64 = bytesFromBase64(text)
      if (base64.ok) assert.equal(base64FromBytes(base64.value), text)
    },
  )
  fc.assert(same, { numRuns: 3000 })
})

test('base64 refuses white space, missing padding, the URL alphabet and stray bits', () => {
  for (const text of ['AA', 'AA=', 'A===', 'AB==', 'AAB=', 'AA==AA==', 'AA ==', '-_==', '====']) {
    assert.equal(bytesFromBase64(text).ok, false, text)
  }
})

test('text is UTF-8, a lone surrogate the replacement character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.deepEqual(bytesFromText(text), Uint8Array.from(Buffer.from(text, 'utf8')))
    }),
  )
  assert.deepEqual(bytesFromText('\ud800'), Uint8Array.of(0xef, 0xbf, 0xbd))
})

test('comparison orders as Buffer.compare does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 6 }), (a, b) => {
      assert.equal(Math.sign(bytesCompare(a, b)), Buffer.compare(a, b))
    }),
  )
})

test('a CID has one text, the base32 of the multiformats specification', () => {
  assert.equal(textFromCid(EMPTY_DIRECTORY), 'bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354')
  const digests = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(digests, fc.constantFrom(0x55, 0x70), (digest, codec) => {
      const cid = cidFromBytes(Uint8Array.of(1, codec, 0x12, 0x20, ...digest))
      assert(cid.ok)
      assert.deepEqual(cidFromText(textFromCid(cid.value)), { ok: true, value: cid.value })
    }),
  )
  assert.equal(cidFromText('bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf355').ok, false, 'stray bits')
  assert.equal(cidFromBytes(new Uint8Array(36) as Cid).ok, false)
})
