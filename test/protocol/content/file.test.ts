import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { textFromCid } from '#protocol/content/cid.ts'
import {
  appendTo,
  buildFile,
  chunkLink,
  createFileBuilder,
  hasLayout,
  loadNode,
  openFile,
  readRange,
  truncateTo,
  writeAt,
} from '#protocol/content/file.ts'
import type { FileLayout } from '#protocol/content/limits.ts'
import { memoryBlocks, nativeHash, referenceBytes, referenceCid } from '#test/protocol/content/blocks.ts'

const SMALL: FileLayout = { chunkBytes: 4, fanout: 3 }

function pattern(length: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    bytes[index] = state >>> 16
  }
  return bytes
}

for (const size of [0, 1, 16_383, 16_384, 16_385, 64 * 16_384, 64 * 16_384 + 1, 65 * 64 * 16_384 + 5]) {
  test(`a file of ${size} bytes has the CID of the reference importer and reads back`, async () => {
    const blocks = memoryBlocks()
    const bytes = pattern(size)
    const file = buildFile(bytes, blocks.sink, nativeHash)
    assert.equal(textFromCid(file.cid), textFromCid(await referenceCid(bytes)))
    assert.deepEqual(openFile(blocks.source, file.cid), { ok: true, value: file })
    assert.equal(hasLayout(blocks.source, file), true)
    assert.ok(Buffer.from(await referenceBytes(blocks, file.cid)).equals(bytes))
    const middle = readRange(blocks.source, file.cid, Math.floor(size / 2), 40_000)
    assert.ok(middle.ok && Buffer.from(middle.value).equals(bytes.subarray(Math.floor(size / 2)).subarray(0, 40_000)))
  })
}

test('a file is the same whatever pieces it arrives in', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 11 }), { maxLength: 40 }), (pieces) => {
      const blocks = memoryBlocks()
      const builder = createFileBuilder(blocks.sink, nativeHash, SMALL)
      for (const piece of pieces) builder.push(piece)
      assert.deepEqual(builder.finish(), buildFile(Buffer.concat(pieces), blocks.sink, nativeHash, SMALL))
    }),
  )
})

const change = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), at: fc.nat(200), bytes: fc.uint8Array({ maxLength: 60 }) }),
  fc.record({ kind: fc.constant('append' as const), bytes: fc.uint8Array({ maxLength: 60 }) }),
  fc.record({ kind: fc.constant('truncate' as const), size: fc.nat(300) }),
)

test('after any changes a file has the CID of an import of its bytes, and every byte of it reads back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), fc.array(change, { maxLength: 8 }), async (start, changes) => {
      const blocks = memoryBlocks()
      const edit = { ...blocks, hash: nativeHash, layout: SMALL }
      let model = Buffer.from(start)
      let file = buildFile(start, blocks.sink, nativeHash, SMALL)
      for (const step of changes) {
        const before = model
        if (step.kind === 'truncate') model = Buffer.concat([before, Buffer.alloc(300)]).subarray(0, step.size)
        else if (step.bytes.length > 0) {
          const at = step.kind === 'append' ? before.length : step.at
          model = Buffer.alloc(Math.max(before.length, at + step.bytes.length))
          before.copy(model)
          model.set(step.bytes, at)
        }
        const made =
          step.kind === 'truncate'
            ? truncateTo(edit, file, step.size)
            : step.kind === 'append'
              ? appendTo(edit, file, step.bytes)
              : writeAt(edit, file, step.at, step.bytes)
        assert.ok(made.ok)
        file = made.value
      }
      assert.equal(textFromCid(file.cid), textFromCid(await referenceCid(model, SMALL)))
      assert.deepEqual(openFile(blocks.source, file.cid), { ok: true, value: file })
      const all = readRange(blocks.source, file.cid, 0, 1_000)
      assert.ok(all.ok && model.equals(all.value))
      for (let index = 0; index * 4 < model.length; index++) {
        const link = chunkLink((cid) => loadNode(blocks.source, cid), file, index, SMALL)
        assert.ok(link.ok && link.value !== undefined)
        assert.ok(model.subarray(index * 4, index * 4 + 4).equals(blocks.source(link.value.cid) ?? Buffer.alloc(0)))
      }
    }),
    { numRuns: 300 },
  )
})

test('a 100-byte write into 64 MiB makes at most two chunks and three nodes', () => {
  const blocks = memoryBlocks()
  const builder = createFileBuilder(blocks.sink, nativeHash)
  for (let mebibyte = 0; mebibyte < 64; mebibyte++) builder.push(new Uint8Array(1 << 20).fill(mebibyte))
  const file = builder.finish()
  let made = 0
  const sink = () => void made++
  const after = writeAt({ source: blocks.source, sink, hash: nativeHash }, file, 33_554_400, pattern(100))
  assert.ok(after.ok)
  assert.equal(made, 5)
})

test('a terabyte of zeros is a handful of blocks', () => {
  const blocks = memoryBlocks()
  const edit = { ...blocks, hash: nativeHash }
  const file = truncateTo(edit, buildFile(new Uint8Array(0), blocks.sink, nativeHash), 64 ** 3 * 16_384)
  assert.ok(file.ok)
  assert.equal(file.value.size, 64 ** 3 * 16_384)
  assert.ok(blocks.map.size < 12)
})
