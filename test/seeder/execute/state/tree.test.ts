import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { type Cid, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import { buildDirectory, resolvePath } from '#protocol/content/directory.ts'
import { buildFile } from '#protocol/content/file.ts'
import { STATE_LAYOUT } from '#protocol/content/limits.ts'
import { walk } from '#protocol/content/walk.ts'
import { createStateCache, StateError, UNSTORED_COMMITS_MAX } from '#seeder/execute/state/blocks.ts'
import type { StateMark, StateTree } from '#seeder/execute/state/port.ts'
import { COMMITS_UNUSED_MAX, LOADED_ENTRIES_MAX, openStateTree } from '#seeder/execute/state/tree.ts'
import {
  type Blocks,
  importOptions,
  memoryBlocks,
  nativeHash,
  referenceBytes,
  referenceStore,
  referenceTree,
} from '#test/protocol/content/blocks.ts'

const CHUNK = STATE_LAYOUT.chunkBytes

function emptyStore(): Blocks {
  const blocks = memoryBlocks()
  buildDirectory([], blocks.sink, nativeHash)
  return blocks
}

function commitInto(blocks: Blocks, tree: StateTree): Cid {
  const { root, blocks: made } = tree.commit()
  for (const { cid, bytes } of made.values()) blocks.sink(cid, bytes.slice())
  return root
}

function readAll(tree: StateTree, path: string): Uint8Array | undefined {
  const file = tree.open(path)
  if (file === undefined) return undefined
  const bytes = new Uint8Array(file.size)
  assert.equal(file.read(0, bytes), file.size)
  return bytes
}

const path = fc.constantFrom('a', 'd/x', 'd/y', 'd/e/z', 'db/main.sqlite')
const at = fc.oneof(
  fc.nat(5 * CHUNK),
  fc.nat(70 * CHUNK),
  fc.nat(6).map((count) => count * CHUNK),
)
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      path,
      at,
      length: fc.nat(2 * CHUNK),
      fill: fc.nat(255),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('truncate' as const), path, size: at }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('put' as const), path, length: fc.nat(3 * CHUNK), fill: fc.nat(255) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), path: fc.oneof(path, fc.constant('d')) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('mark' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rollback' as const), which: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('commit' as const), reopen: fc.boolean() }),
  },
)

type Model = Map<string, Buffer>

function grown(bytes: Buffer, size: number): Buffer {
  const result = Buffer.alloc(size)
  bytes.copy(result)
  return result
}

test('whatever is written, cut, removed, marked and rolled back, a tree reads and commits as a plain model of its files does', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const blocks = emptyStore()
      let root: Cid = EMPTY_DIRECTORY
      let tree = openStateTree(root, blocks.source, { cache: createStateCache(6 * CHUNK) })
      let model: Model = new Map()
      let committed: Model = new Map()
      let marks: { mark: StateMark; model: Model }[] = []
      for (const each of steps) {
        if (each.kind === 'write') {
          tree.open(each.path, { create: true })?.write(each.at, new Uint8Array(each.length).fill(each.fill))
          const before = model.get(each.path) ?? Buffer.alloc(0)
          const end = each.length === 0 ? 0 : each.at + each.length
          const after = grown(before, Math.max(before.length, end))
          model.set(each.path, end === 0 ? after : after.fill(each.fill, each.at, end))
        } else if (each.kind === 'truncate') {
          const file = tree.open(each.path)
          const before = model.get(each.path)
          assert.equal(file === undefined, before === undefined)
          file?.truncate(each.size)
          if (before !== undefined) model.set(each.path, grown(before, each.size))
        } else if (each.kind === 'put') {
          tree.write(each.path, new Uint8Array(each.length).fill(each.fill))
          model.set(each.path, Buffer.alloc(each.length, each.fill))
        } else if (each.kind === 'remove') {
          const gone = Array.from(model.keys()).filter((key) => key === each.path || key.startsWith(`${each.path}/`))
          assert.equal(tree.remove(each.path), gone.length > 0)
          for (const key of gone) model.delete(key)
        } else if (each.kind === 'mark') {
          marks.push({ mark: tree.mark(), model: new Map(model) })
        } else if (each.kind === 'rollback') {
          const target = marks[each.which % Math.max(1, marks.length)]
          if (target !== undefined) {
            tree.rollback(target.mark)
            assert.equal(tree.dirty(target.mark), false)
            model = new Map(target.model)
            marks = marks.slice(0, marks.indexOf(target) + 1)
          }
        } else {
          const foretold = tree.cid('')
          const made = tree.commit()
          root = made.root
          for (const { cid, bytes } of made.blocks.values()) blocks.sink(cid, bytes.slice())
          assert.equal(foretold === undefined ? '' : textFromCid(foretold), textFromCid(root))
          const reached = new Set(
            Array.from(walk(blocks.source, root), (found) => found.ok && textFromCid(found.value)),
          )
          assert.equal(reached.has(false), false)
          for (const { cid } of made.blocks.values()) assert.ok(reached.has(textFromCid(cid)), 'a spare block')
          const expected = model.size === 0 ? EMPTY_DIRECTORY : await referenceTree(model, memoryBlocks())
          assert.equal(textFromCid(root), textFromCid(expected))
          assert.equal(tree.dirty(), false)
          if (each.reopen) tree = openStateTree(root, blocks.source, { cache: createStateCache(6 * CHUNK) })
          marks = []
          committed = new Map(model)
        }
      }
      for (const key of ['a', 'd/x', 'd/y', 'd/e/z', 'db/main.sqlite']) {
        const bytes = readAll(tree, key)
        const expected = model.get(key)
        assert.ok(expected === undefined ? bytes === undefined : bytes !== undefined && expected.equals(bytes), key)
      }
      const again = openStateTree(root, blocks.source)
      for (const [key, expected] of committed) {
        const cid = again.cid(key)
        assert.ok(cid !== undefined && expected.equals(await referenceBytes(blocks, cid)))
      }
    }),
    { numRuns: 120 },
  )
})

test('marks nest: rolling back to the outer one drops the inner one and all that came after', () => {
  const tree = openStateTree(EMPTY_DIRECTORY, emptyStore().source)
  tree.write('a', bytesFromText('kept'))
  const outer = tree.mark()
  const file = tree.open('a')
  file?.write(0, bytesFromText('KEPT'))
  const inner = tree.mark()
  tree.write('b', bytesFromText('gone'))
  file?.write(4, bytesFromText('!'))
  assert.equal(tree.dirty(inner), true)
  tree.rollback(inner)
  assert.deepEqual(tree.read('a'), bytesFromText('KEPT'))
  assert.equal(tree.dirty(inner), false)
  assert.equal(tree.dirty(outer), true)
  tree.rollback(outer)
  assert.deepEqual(tree.read('a'), bytesFromText('kept'))
  assert.equal(tree.read('b'), undefined)
  assert.equal(tree.open('a'), file)
  assert.throws(() => tree.rollback(inner))
})

test('a rolled-back tree commits to the root it had, with no new block', () => {
  const blocks = emptyStore()
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source)
  tree.write('a/b', new Uint8Array(3 * CHUNK).fill(1))
  const root = commitInto(blocks, tree)
  const mark = tree.mark()
  tree.open('a/b')?.write(CHUNK + 5, Uint8Array.of(9))
  tree.open('a/c', { create: true })?.write(0, Uint8Array.of(9))
  tree.remove('a/b')
  tree.rollback(mark)
  const again = tree.commit()
  assert.equal(textFromCid(again.root), textFromCid(root))
  assert.equal(again.blocks.size, 0)
})

test('a file that was cut and grew again has zeros where its old bytes were', () => {
  const blocks = emptyStore()
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source)
  tree.write('f', new Uint8Array(80 * CHUNK).fill(7))
  commitInto(blocks, tree)
  const file = tree.open('f')
  file?.truncate(10)
  file?.truncate(80 * CHUNK)
  const expected = Buffer.concat([Buffer.alloc(10, 7), Buffer.alloc(80 * CHUNK - 10)])
  assert.ok(expected.equals(readAll(tree, 'f') ?? Buffer.alloc(0)))
  const root = commitInto(blocks, tree)
  assert.ok(expected.equals(readAll(openStateTree(root, blocks.source), 'f') ?? Buffer.alloc(0)))
})

test('a file of another chunker reads as it is, keeps its CID until it is written, and has our layout afterwards', async () => {
  const { importBytes } = await import('ipfs-unixfs-importer')
  const blocks = emptyStore()
  const bytes = Buffer.from(new Uint8Array(50_000).fill(3))
  const foreign = await importBytes(bytes, referenceStore(blocks), {
    ...importOptions({ chunkBytes: 1_000, fanout: 9 }),
  })
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source)
  tree.link('up/load', foreign.cid.bytes as Cid)
  const mark = tree.mark()
  assert.ok(bytes.equals(readAll(tree, 'up/load') ?? Buffer.alloc(0)))
  assert.equal(tree.dirty(mark), false)
  tree.open('up/load')?.write(49_999, Uint8Array.of(4, 4))
  tree.rollback(mark)
  assert.equal(textFromCid(tree.cid('up/load') ?? EMPTY_DIRECTORY), foreign.cid.toString())
  tree.open('up/load')?.write(49_999, Uint8Array.of(4, 4))
  const root = commitInto(blocks, tree)
  const expected = Buffer.concat([bytes.subarray(0, 49_999), Buffer.of(4, 4)])
  assert.equal(textFromCid(root), textFromCid(await referenceTree([['up/load', expected]], memoryBlocks())))
})

test('a linked subtree is part of the state and can be replaced as a whole', () => {
  const blocks = emptyStore()
  const bundle = (text: string) => {
    const made = buildDirectory(
      [{ name: 'site.json', ...buildFile(bytesFromText(text), blocks.sink, nativeHash) }],
      blocks.sink,
      nativeHash,
    )
    assert.ok(made.ok)
    return made.value.cid
  }
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source)
  tree.link('app', bundle('{"version":1}'))
  assert.deepEqual(tree.read('app/site.json'), bytesFromText('{"version":1}'))
  const mark = tree.mark()
  tree.link('app', bundle('{"version":2}'))
  assert.deepEqual(tree.read('app/site.json'), bytesFromText('{"version":2}'))
  tree.rollback(mark)
  const root = commitInto(blocks, tree)
  const found = resolvePath(blocks.source, root, 'app')
  assert.deepEqual(found, { ok: true, value: bundle('{"version":1}') })
})

test('a tree goes on at its new root while the store does not have the blocks yet, for a bounded number of commits', () => {
  const blocks = emptyStore()
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source, { cache: createStateCache(0) })
  for (let commit = 0; commit < UNSTORED_COMMITS_MAX; commit++) {
    tree.write(`f${commit}`, bytesFromText(`${commit}`))
    tree.commit()
  }
  for (let commit = 0; commit < UNSTORED_COMMITS_MAX; commit++) {
    assert.deepEqual(tree.read(`f${commit}`), bytesFromText(`${commit}`))
  }
})

test('a missing block, an invalid path and a file in the way are state errors', () => {
  const blocks = emptyStore()
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source)
  tree.write('f', new Uint8Array(2 * CHUNK))
  const { root } = tree.commit()
  assert.throws(() => openStateTree(root, blocks.source), StateError)
  for (const bad of ['', '/x', 'a//b', '../x', 'f/x']) {
    assert.throws(() => tree.write(bad, Uint8Array.of(1)), StateError)
    assert.equal(tree.read(bad), undefined)
  }
  assert.throws(() => tree.open('g', { create: true })?.write(2 ** 52, Uint8Array.of(1)), StateError)
})

test('a 100-byte write into 64 MiB reads no more than the nodes above it and makes four blocks new', () => {
  const blocks = emptyStore()
  const file = buildFile(new Uint8Array(64 * 2 ** 20).fill(5), blocks.sink, nativeHash)
  let reads = 0
  const source = (cid: Cid) => {
    reads++
    return blocks.source(cid)
  }
  const tree = openStateTree(EMPTY_DIRECTORY, source)
  tree.link('db', file.cid)
  commitInto(blocks, tree)
  reads = 0
  tree.open('db')?.write(40_000_000, new Uint8Array(100))
  const { blocks: made } = tree.commit()
  assert.equal(made.size, 4)
  assert.ok(reads < 12, `${reads} reads`)
})

test('a commit that shares a chunk with what is stored is held until its own root is stored', () => {
  const blocks = emptyStore()
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source, { cache: createStateCache(0) })
  tree.write('a', bytesFromText('stored before'))
  commitInto(blocks, tree)
  tree.write('b', bytesFromText('stored before'))
  tree.write('c', bytesFromText('new'))
  tree.commit()
  tree.write('d', bytesFromText('newer'))
  tree.commit()
  assert.deepEqual(tree.read('c'), bytesFromText('new'))
})

test('trees over one source share what they read', () => {
  const blocks = emptyStore()
  const first = openStateTree(EMPTY_DIRECTORY, blocks.source)
  first.write('f', new Uint8Array(2 * CHUNK).fill(1))
  const root = commitInto(blocks, first)
  let reads = 0
  const source = (cid: Cid) => {
    reads++
    return blocks.source(cid)
  }
  readAll(openStateTree(root, source), 'f')
  const before = reads
  const leaves = 2
  readAll(openStateTree(root, source), 'f')
  assert.ok(reads - before <= before - leaves)
})

test('what many commits did not use is let go: the root stays, files in use go on, others are opened again', () => {
  const blocks = emptyStore()
  const tree = openStateTree(EMPTY_DIRECTORY, blocks.source)
  for (let count = 0; count <= LOADED_ENTRIES_MAX; count++) {
    tree.write(`files/${count % 50}/${count}`, Uint8Array.of(count % 256, count >> 8))
  }
  const used = tree.open('db/main', { create: true })
  const unused = tree.open('files/7/7')
  assert.ok(used !== undefined && unused !== undefined)
  const one = new Uint8Array(1)
  for (let commit = 0; commit <= COMMITS_UNUSED_MAX + 1; commit++) {
    used.write(0, Uint8Array.of(commit))
    commitInto(blocks, tree)
  }
  used.write(1, Uint8Array.of(1))
  assert.throws(() => unused.read(0, one), StateError)
  assert.equal(tree.open('files/7/7')?.read(0, one), 1)
  assert.deepEqual(one, Uint8Array.of(7))
  tree.write('files/7/7', Uint8Array.of(1))
  const root = commitInto(blocks, tree)
  const again = openStateTree(root, blocks.source)
  assert.deepEqual(again.read('files/7/7'), Uint8Array.of(1))
  assert.deepEqual(again.read(`files/${LOADED_ENTRIES_MAX % 50}/${LOADED_ENTRIES_MAX}`), Uint8Array.of(0, 32))
  assert.deepEqual(again.read('db/main'), Uint8Array.of(COMMITS_UNUSED_MAX + 1, 1))
})
