import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { sha256 } from '#protocol/codec/digest.ts'
import { type Cid, CODEC_RAW, cidFromDigest } from '#protocol/content/cid.ts'
import { VERIFIED_PLACES, VerifiedBlocks } from '#seeder/store/verified.ts'

const bytesOf = (number: number): Uint8Array => bytesFromText(`block ${number}`)
const cidOf = (number: number): Cid => cidFromDigest(CODEC_RAW, sha256(bytesOf(number)))

test('bytes are told from others at the first read and at every later one, also after more blocks than there are places', () => {
  const verified = new VerifiedBlocks()
  const count = VERIFIED_PLACES + 2_000
  for (let number = 0; number < count; number++) assert.ok(verified.check(cidOf(number), bytesOf(number)))
  for (const number of [0, 1, 2, 3, 4, count - 1]) {
    assert.ok(!verified.check(cidOf(number), bytesOf(number + 1)), `${number} with the bytes of another`)
    assert.ok(verified.check(cidOf(number), bytesOf(number)), `${number} again`)
  }
})

test('a block that is forgotten may come with no other bytes either', () => {
  const verified = new VerifiedBlocks()
  assert.ok(verified.check(cidOf(1), bytesOf(1)))
  verified.forget(cidOf(1))
  verified.forget(cidOf(2))
  assert.ok(!verified.check(cidOf(1), bytesOf(2)))
  assert.ok(verified.check(cidOf(1), bytesOf(1)))
})
