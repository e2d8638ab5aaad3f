import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CarReader } from '@ipld/car'
import { carBlock, carHeader } from '#protocol/content/car.ts'
import { textFromCid } from '#protocol/content/cid.ts'
import { openStore } from '#seeder/store/store.ts'
import { bytesOf, isWhole, JOB, OTHER_JOB, temporaryDirectory, treeOf } from '#test/seeder/store/fixture.ts'

async function* inPieces(stream: AsyncIterable<Uint8Array>, length: number) {
  for await (const bytes of stream) {
    for (let offset = 0; offset < bytes.length; offset += length) yield bytes.subarray(offset, offset + length)
  }
}

async function* of(...pieces: Uint8Array[]) {
  yield* pieces
}

const site = () => treeOf({ 'app/site.json': bytesOf(200, 1), 'db/x': bytesOf(16_384 * 90, 2), same: bytesOf(200, 1) })

test('a tree that is exported by one store and imported by another is whole there, under its label, after a new start', async () => {
  using here = temporaryDirectory()
  using there = temporaryDirectory()
  using from = openStore(here.path)
  const { root, blocks } = site()
  from.blocks.addTree(JOB, 'code', root, blocks)
  {
    using to = openStore(there.path)
    const imported = await to.importCar(OTHER_JOB, 'import', root, inPieces(from.exportCar(root), 5_000), 1e8)
    assert.ok(imported.ok)
    assert.equal(imported.value.blocks, blocks.length)
  }
  using to = openStore(there.path)
  assert.ok(isWhole(to, root))
  assert.deepEqual(to.blocks.roots(OTHER_JOB), new Map([['import', root]]))
  const parts: Uint8Array[] = []
  for await (const bytes of to.exportCar(root)) parts.push(bytes)
  const reader = await CarReader.fromBytes(Buffer.concat(parts))
  assert.deepEqual((await reader.getRoots()).map(String), [textFromCid(root)])
})

test('a tree that is let go while it is exported is exported whole, and is gone afterwards', async () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = site()
  store.blocks.addTree(JOB, 'code', root, blocks)
  let count = -1
  for await (const _ of store.exportCar(root)) {
    if (count++ === 2) {
      store.blocks.releaseRoot(JOB, 'code')
      while (store.blocks.collect(100) > 0);
    }
  }
  assert.equal(count, blocks.length)
  assert.equal(store.blocks.has(root), false)
})

test('a CAR with a wrong block, a block too many, too many bytes or an early end is refused and leaves nothing behind', async () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const { root, blocks } = treeOf({ a: bytesOf(40_000, 1) })
  const parts = blocks.toReversed().map(({ cid, bytes }) => carBlock(cid, bytes))
  const stranger = treeOf({ b: bytesOf(10, 2) }).blocks[0]
  assert.ok(stranger !== undefined && parts[0] !== undefined && parts.at(-1) !== undefined)
  const wrong = parts[0].slice()
  wrong[wrong.length - 1] = (wrong.at(-1) ?? 0) ^ 1
  const code = async (bytesMax: number, ...pieces: Uint8Array[]) => {
    const imported = await store.importCar(JOB, 'import', root, of(carHeader(root), ...pieces), bytesMax)
    return imported.ok ? 'ok' : imported.error.code
  }
  assert.equal(await code(1e6, wrong), 'block_invalid')
  assert.equal(await code(1e6, parts[0], carBlock(stranger.cid, stranger.bytes)), 'block_unwanted')
  assert.equal(await code(500, ...parts), 'car_too_large')
  assert.equal(await code(1e6, ...parts.slice(0, -1)), 'car_incomplete')
  assert.equal(await code(1e6, parts[0].subarray(0, 50)), 'car_form')
  await assert.rejects(
    store.importCar(
      JOB,
      'import',
      root,
      (async function* () {
        yield carHeader(root)
        throw new Error('the connection broke')
      })(),
      1e6,
    ),
    /connection broke/,
  )
  while (store.blocks.collect(100) > 0);
  assert.deepEqual(store.blocks.roots(JOB), new Map())
  const { blocks: left, missing } = store.stats()
  assert.deepEqual({ left, missing }, { left: 0, missing: 0 })
  assert.equal(await code(1e6, ...parts), 'ok')
})

test('one tree uploaded twice at the same time, and again when it is there, is taken each time; a broken upload spoils none', async () => {
  using here = temporaryDirectory()
  using there = temporaryDirectory()
  using from = openStore(here.path)
  using to = openStore(there.path)
  const { root, blocks } = site()
  from.blocks.addTree(JOB, 'code', root, blocks)
  const upload = () => to.importCar(JOB, 'bundle', root, from.exportCar(root), 1e8)
  const broken = () => to.importCar(JOB, 'bundle', root, of(carHeader(root)), 1e8)
  const results = await Promise.all([upload(), broken(), upload()])
  assert.deepEqual(
    results.map(({ ok }) => ok),
    [true, false, true],
  )
  assert.equal((await upload()).ok, true)
  assert.equal((await broken()).ok, true)
  assert.ok(isWhole(to, root))
})
