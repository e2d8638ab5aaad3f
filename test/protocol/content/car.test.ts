import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CarReader } from '@ipld/car'
import fc from 'fast-check'
import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { type CarPart, carBlock, carHeader, createCarParser } from '#protocol/content/car.ts'
import { type Cid, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import { buildFile } from '#protocol/content/file.ts'
import { BLOCK_BYTES_MAX } from '#protocol/content/limits.ts'
import { memoryBlocks, nativeHash, ours } from '#test/protocol/content/blocks.ts'

type Part = Omit<CarPart, 'offset'>

function blocksOf(bytes: Uint8Array): { root: Cid; parts: Part[] } {
  const parts: Part[] = []
  const file = buildFile(bytes, (cid, block) => void parts.unshift({ cid, bytes: block }), nativeHash)
  return { root: file.cid, parts }
}

const carOf = (root: Cid, parts: readonly Part[]) =>
  bytesConcat(carHeader(root), ...parts.map(({ cid, bytes }) => carBlock(cid, bytes)))

test('the reference reader finds the root and every block in a CAR of ours', async () => {
  const { root, parts } = blocksOf(new Uint8Array(100_000).fill(7))
  const reader = await CarReader.fromBytes(carOf(root, parts))
  assert.deepEqual((await reader.getRoots()).map(String), [textFromCid(root)])
  const found = memoryBlocks()
  for await (const { cid, bytes } of reader.blocks()) found.sink(ours(cid), bytes)
  for (const { cid, bytes } of parts) assert.ok(Buffer.from(bytes).equals(found.source(cid) ?? Buffer.alloc(0)))
})

test('a CAR gives the same blocks whatever pieces it comes in', () => {
  const { root, parts } = blocksOf(bytesFromText('a file of few bytes'.repeat(2_000)))
  const car = carOf(root, parts)
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1, maxLength: 20 }), (cuts) => {
      const parser = createCarParser(root)
      const found: CarPart[] = []
      for (let offset = 0, turn = 0; offset < car.length; turn++) {
        const length = cuts[turn % cuts.length] ?? 1
        const pushed = parser.push(car.subarray(offset, offset + length))
        assert.ok(pushed.ok)
        found.push(...pushed.value)
        offset += length
      }
      assert.ok(parser.finish().ok)
      assert.deepEqual(
        found.map(({ cid, bytes }) => ({ cid, bytes })),
        parts,
      )
      for (const { bytes, offset } of found) assert.deepEqual(car.subarray(offset, offset + bytes.length), bytes)
    }),
    { numRuns: 40 },
  )
})

test('another root, another header, another kind of CID, a length beyond the limit and a cut-off end are refused', () => {
  const { root, parts } = blocksOf(Uint8Array.of(1, 2, 3))
  const car = carOf(root, parts)
  const refused = (bytes: Uint8Array) => {
    const parser = createCarParser(root)
    const pushed = parser.push(bytes)
    if (!pushed.ok) return pushed.error
    const end = parser.finish()
    return end.ok ? undefined : end.error
  }
  assert.equal(refused(car), undefined)
  assert.deepEqual(refused(carOf(EMPTY_DIRECTORY, parts)), { code: 'car_root' })
  const version2 = car.slice()
  version2[3] = 0x77
  assert.deepEqual(refused(version2), { code: 'car_form', detail: 'header' })
  const identity = bytesConcat(carHeader(root), Uint8Array.of(40, 1, 0x55, 0, 36), new Uint8Array(36))
  assert.deepEqual(refused(identity), { code: 'car_form', detail: 'cid' })
  const long = BLOCK_BYTES_MAX * 2
  const huge = bytesConcat(
    carHeader(root),
    Uint8Array.of((long & 127) | 128, ((long >> 7) & 127) | 128, ((long >> 14) & 127) | 128),
  )
  assert.deepEqual(refused(huge), { code: 'car_form', detail: 'length' })
  assert.deepEqual(refused(car.subarray(0, car.length - 1)), { code: 'car_form', detail: 'cut off' })
  assert.deepEqual(refused(new Uint8Array(0)), { code: 'car_form', detail: 'cut off' })
})
