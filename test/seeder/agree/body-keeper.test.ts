// Bodies of requests beside the agreement: what was let go stays a little longer, within bounds that small bodies do not get around.

import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import type { Digest } from '#protocol/codec/digest.ts'
import { BodyKeeper, LIMBO_BYTES_MAX, LIMBO_MAX, nativeSha256 } from '#seeder/agree/body-keeper.ts'
import type { Settings } from '#seeder/store/port.ts'

const JOB = hash('sha256', 'job', 'buffer') as Uint8Array as Digest
const NO_SETTINGS = { get: () => undefined, set() {}, remove() {} } as unknown as Settings

/** Keeps a body and lets it go at once. */
function pass(keeper: BodyKeeper, body: Uint8Array): Digest {
  const bodyHash = nativeSha256(body) as Digest
  assert.ok(keeper.keep(bodyHash, body))
  keeper.drop(bodyHash)
  return bodyHash
}

const numbered = (index: number): Uint8Array => Buffer.from(`body ${index}`)

test('of bodies that were let go the newest stay, however small they are: never more than so many', () => {
  const keeper = new BodyKeeper(JOB, NO_SETTINGS)
  const hashes = Array.from({ length: 3 * LIMBO_MAX }, (_, index) => pass(keeper, numbered(index)))
  const kept = hashes.map((each) => keeper.has(each))
  assert.equal(kept.filter(Boolean).length, LIMBO_MAX)
  assert.ok(kept.slice(-LIMBO_MAX).every(Boolean))
})

test('large ones are bounded by their bytes', () => {
  const keeper = new BodyKeeper(JOB, NO_SETTINGS)
  const bytes = LIMBO_BYTES_MAX / 4
  const hashes = Array.from({ length: 6 }, (_, index) => pass(keeper, Buffer.alloc(bytes, index + 1)))
  assert.deepEqual(
    hashes.map((each) => keeper.has(each)),
    [false, false, true, true, true, true],
  )
})

test('what is kept again leaves the ones that were let go, and is counted with them no more', () => {
  const keeper = new BodyKeeper(JOB, NO_SETTINGS)
  const body = numbered(0)
  const bodyHash = pass(keeper, body)
  assert.ok(keeper.keep(bodyHash, body))
  for (let index = 1; index <= 2 * LIMBO_MAX; index++) pass(keeper, numbered(index))
  assert.deepEqual(Buffer.from(keeper.get(bodyHash) ?? []), Buffer.from(body))
})
