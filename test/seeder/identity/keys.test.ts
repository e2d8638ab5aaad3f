import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Signature } from '#protocol/identity/keys.ts'
import {
  KeyFileError,
  loadOrCreateSigner,
  loadSigner,
  nativeVerify,
  signerFromSeed,
  verify,
} from '#seeder/identity/keys.ts'

const directory = mkdtempSync(join(tmpdir(), 'interpeer-keys-'))
after(() => rmSync(directory, { recursive: true }))

function hex(text: string): Uint8Array {
  const bytes = bytesFromHex(text)
  assert(bytes.ok)
  return bytes.value
}

test('RFC 8032 §7.1 test 2: the seed gives the key and the signature', () => {
  const signer = signerFromSeed(hex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'))
  assert.equal(hexFromBytes(signer.publicKey), '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
  const signature = signer.sign(Uint8Array.of(0x72))
  assert.equal(
    hexFromBytes(signature),
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  )
  assert(nativeVerify(signer.publicKey, Uint8Array.of(0x72), signature))
  assert(verify(signer.publicKey, Uint8Array.of(0x72), signature))
  assert(!verify(signer.publicKey, Uint8Array.of(0x73), signature))
  assert(!verify(signer.publicKey, Uint8Array.of(0x72), signature.slice(1) as Signature))
})

test('a key file is made once, readable by its owner alone, and gives the same key again', () => {
  const file = join(directory, 'deep', 'peer.key')
  const first = loadOrCreateSigner(file)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(join(directory, 'deep')), ['peer.key'])
  assert.deepEqual(loadOrCreateSigner(file).publicKey, first.publicKey)
  assert.deepEqual(loadSigner(file).publicKey, first.publicKey)
})

test('a key file that others can read is refused, and so is one that is no key', () => {
  const file = join(directory, 'exposed.key')
  loadOrCreateSigner(file)
  chmodSync(file, 0o640)
  assert.throws(
    () => loadOrCreateSigner(file),
    (error) => error instanceof KeyFileError && error.reason.code === 'key_file_exposed',
  )
  const nonsense = join(directory, 'nonsense.key')
  writeFileSync(nonsense, 'hello', { mode: 0o600 })
  assert.throws(
    () => loadOrCreateSigner(nonsense),
    (error) => error instanceof KeyFileError && error.reason.code === 'key_file_form',
  )
})

test('a byte of a key file that the disk changes gives the same key or none, never another one', () => {
  const file = join(directory, 'damaged.key')
  const { publicKey } = loadOrCreateSigner(file)
  const sound = readFileSync(file)
  const codes = new Map<string, number>()
  for (let bit = 0; bit < sound.length * 8; bit++) {
    const changed = Buffer.from(sound)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    writeFileSync(file, changed)
    try {
      assert.deepEqual(loadSigner(file).publicKey, publicKey, `bit ${bit}`)
    } catch (error) {
      assert.ok(error instanceof KeyFileError, String(error))
      codes.set(error.reason.code, (codes.get(error.reason.code) ?? 0) + 1)
    }
  }
  assert.ok((codes.get('key_file_damaged') ?? 0) > 100 && (codes.get('key_file_form') ?? 0) > 100)
})

test('a key file that another tool wrote, with words in front of the key or none, is taken as it is', () => {
  const file = join(directory, 'foreign.key')
  const { publicKey } = loadOrCreateSigner(file)
  const [, ...pem] = readFileSync(file, 'utf8').split('\n')
  for (const text of [pem.join('\n'), ['Bag Attributes: <No Attributes>', ...pem].join('\n')]) {
    writeFileSync(file, text)
    assert.deepEqual(loadSigner(file).publicKey, publicKey)
  }
})
