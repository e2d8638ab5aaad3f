import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as dagPb from '@ipld/dag-pb'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import type { Digest as Sha256Digest } from '#protocol/codec/digest.ts'
import { verifyBlock } from '#protocol/content/block.ts'
import { CODEC_DAG_PB, CODEC_RAW, cidFromDigest, EMPTY_DIRECTORY, textFromCid } from '#protocol/content/cid.ts'
import { buildDirectory, readDirectory, resolvePath } from '#protocol/content/directory.ts'
import { buildFile, readRange } from '#protocol/content/file.ts'
import { BLOCK_BYTES_MAX } from '#protocol/content/limits.ts'
import { isName, nameFromBytes } from '#protocol/content/name.ts'
import { decodeNode, encodeDirectory, encodeFile, type NodeRule } from '#protocol/content/node.ts'
import { walk, walkMissing } from '#protocol/content/walk.ts'
import { memoryBlocks, nativeHash, ours, referenceTree, UnixFS } from '#test/protocol/content/blocks.ts'

const rawCid = (text: string) => CID.create(1, CODEC_RAW, Digest.create(0x12, nativeHash(bytesFromText(text))))
const NODE = cidFromDigest(CODEC_DAG_PB, nativeHash(new Uint8Array(1)) as Sha256Digest)
const sizes = fc.integer({ min: 1, max: 2 ** 45 })

/** What ipfs-unixfs 13 (protons-runtime 7) writes otherwise than it reads it: varints of 32 bits. */
const isMiswritten = (size: number): boolean => size >= 2 ** 31 && size < 2 ** 32

test('a file node has the bytes that @ipld/dag-pb and ipfs-unixfs give it, and decodes to the same', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ size: sizes, total: sizes }), { minLength: 1, maxLength: 80 }), (children) => {
      const whole = children.reduce((sum, { size }) => sum + size, 0)
      fc.pre(!isMiswritten(whole) && !children.some(({ size, total }) => isMiswritten(size) || isMiswritten(total)))
      const links = children.map(({ size, total }, index) => ({ cid: ours(rawCid(`${index}`)), size, total }))
      const unixfs = new UnixFS({ type: 'file', blockSizes: children.map(({ size }) => BigInt(size)) })
      const theirs = dagPb.encode({
        Data: unixfs.marshal(),
        Links: links.map((link) => ({ Name: '', Tsize: link.total, Hash: CID.decode(link.cid) })),
      })
      const bytes = encodeFile(links)
      assert.ok(Buffer.from(bytes).equals(theirs))
      const node = decodeNode(NODE, bytes)
      assert.ok(node.ok)
      assert.deepEqual(node.value, { kind: 'file', links, size: whole })
    }),
  )
})

test('sizes between 2^31 and 2^32 are varints as any other (protobuf: seven bits a byte, the lowest first)', () => {
  for (const [first, second, written] of [
    [2 ** 31 - 1, 1, '0802188080808008' + '20ffffffff07' + '2001'],
    [2 ** 31, 1, '0802188180808008' + '208080808008' + '2001'],
    [2 ** 32 - 2, 1, '080218ffffffff0f' + '20feffffff0f' + '2001'],
  ] as const) {
    const links = [first, second].map((size, index) => ({ cid: ours(rawCid(`${index}`)), size, total: size }))
    const bytes = encodeFile(links)
    assert.equal(Buffer.from(bytes.subarray(-written.length / 2)).toString('hex'), written)
    const node = decodeNode(NODE, bytes)
    assert.ok(node.ok)
    assert.deepEqual(node.value, { kind: 'file', links, size: first + second })
  }
})

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter(isName)

test('a directory has the bytes that @ipld/dag-pb gives it, whatever order its entries come in', () => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 30 }), (names) => {
      const links = names.map((each, index) => ({ name: each, cid: ours(rawCid(each)), total: index * 1000 }))
      const theirs = dagPb.encode(
        dagPb.prepare({
          Data: new UnixFS({ type: 'directory' }).marshal(),
          Links: links.map((link) => ({ Name: link.name, Tsize: link.total, Hash: CID.decode(link.cid) })),
        }),
      )
      const bytes = encodeDirectory(links)
      assert.ok(bytes !== undefined && Buffer.from(bytes).equals(theirs))
      const node = decodeNode(NODE, bytes)
      assert.ok(node.ok && node.value.kind === 'directory')
      assert.deepEqual(
        new Map(node.value.links.map((link) => [link.name, link])),
        new Map(links.map((link) => [link.name, link])),
      )
    }),
  )
})

test('the empty directory has the CID that every IPFS tool gives it', () => {
  const blocks = memoryBlocks()
  const empty = buildDirectory([], blocks.sink, nativeHash)
  assert.ok(empty.ok)
  assert.equal(textFromCid(empty.value.cid), textFromCid(EMPTY_DIRECTORY))
})

test('a tree of directories has the root of the reference importer; paths resolve in it', async () => {
  const reference = memoryBlocks()
  const files = [
    ['a/b/one.txt', 'one'],
    ['a/two.txt', 'two'],
    ['ä.txt', 'three'],
    ['Z', 'four'],
  ].map(([path, text]) => [path ?? '', bytesFromText(text ?? '')] as const)
  const root = await referenceTree(files, reference)
  const blocks = memoryBlocks()
  const file = (text: string, as: string) => ({ name: as, ...buildFile(bytesFromText(text), blocks.sink, nativeHash) })
  const directory = (as: string, ...links: { name: string; cid: typeof root; total: number }[]) => {
    const made = buildDirectory(links, blocks.sink, nativeHash)
    assert.ok(made.ok)
    return { name: as, ...made.value }
  }
  const b = directory('b', file('one', 'one.txt'))
  const ourRoot = directory('', file('three', 'ä.txt'), directory('a', file('two', 'two.txt'), b), file('four', 'Z'))
  assert.equal(textFromCid(ourRoot.cid), textFromCid(root))
  const one = resolvePath(reference.source, root, 'a/b/one.txt')
  assert.ok(one.ok && one.value !== undefined)
  assert.deepEqual(readRange(reference.source, one.value, 0, 10), { ok: true, value: bytesFromText('one') })
  assert.deepEqual(resolvePath(reference.source, root, 'a/c'), { ok: true, value: undefined })
  assert.deepEqual(resolvePath(reference.source, root, 'a/../Z'), { ok: false, error: { code: 'path' } })
  const found = Array.from(walk(reference.source, root), (step) => step.ok && textFromCid(step.value))
  assert.equal(found.length, 7)
  assert.deepEqual(Array.from(walk(reference.source, root, 3)).at(-1), { ok: false, error: { code: 'walk_too_large' } })
})

test('a walk for what is missing goes on as blocks arrive and ends when all are here', () => {
  const whole = memoryBlocks()
  const bytes = new Uint8Array(200 * 16_384)
  for (let index = 0; index < 200; index++) bytes[index * 16_384] = index
  const file = buildFile(bytes, whole.sink, nativeHash)
  const here = memoryBlocks()
  const missing = walkMissing(here.source, (cid) => here.source(cid) !== undefined, file.cid)
  let arrived = 0
  for (let batch = missing.next(50); batch.length > 0; batch = missing.next(50)) {
    assert.ok(batch.length <= 50)
    for (const cid of batch.slice(0, 40)) {
      here.sink(cid, whole.source(cid) ?? new Uint8Array(0))
      arrived++
    }
  }
  assert.equal(arrived, whole.map.size)
  assert.equal(here.map.size, whole.map.size)
})

function pb(links: dagPb.PBLink[], unixfs: UnixFS): Uint8Array {
  return dagPb.encode({ Data: unixfs.marshal(), Links: links })
}
const leafLink = (size: number) => ({ Name: '', Tsize: size, Hash: rawCid('leaf') })
const fileOf = (...blockSizes: bigint[]) => new UnixFS({ type: 'file', blockSizes })
const cidV0 = CID.create(0, 0x70, Digest.create(0x12, nativeHash(new Uint8Array(2))))
const identity = CID.create(1, CODEC_RAW, Digest.create(0, Uint8Array.of(1, 2, 3)))

const hostile: readonly (readonly [what: string, rule: NodeRule, bytes: Uint8Array])[] = [
  ['random bytes', 'protobuf', Uint8Array.of(255, 255, 255)],
  ['no bytes', 'kind of node', new Uint8Array(0)],
  ['a length beyond the end', 'protobuf', Uint8Array.of(0x12, 0xff, 0x01)],
  ['an over-long varint', 'protobuf', Uint8Array.of(0x0a, 0x82, 0x00, 8, 1)],
  ['more sizes than links', 'sizes', pb([leafLink(3)], fileOf(3n, 4n))],
  ['more links than sizes', 'sizes', pb([leafLink(3), leafLink(3)], fileOf(3n))],
  ['a size of zero', 'sizes', pb([leafLink(0)], fileOf(0n))],
  ['sizes that add up above 2^53', 'protobuf', pb([leafLink(1), leafLink(1)], fileOf(2n ** 52n, 2n ** 52n + 5n))],
  [
    'data beside links',
    'data beside links',
    pb([leafLink(1)], new UnixFS({ type: 'file', data: Uint8Array.of(1), blockSizes: [1n] })),
  ],
  ['a symbolic link', 'kind of node', pb([], new UnixFS({ type: 'symlink', data: bytesFromText('/etc') }))],
  [
    'a sharded directory',
    'protobuf',
    pb([], new UnixFS({ type: 'hamt-sharded-directory', fanout: 256n, hashType: 0x22n })),
  ],
  [
    'a link of CID version 0',
    'link is no CIDv1 of dag-pb or raw with SHA-256',
    pb([{ Name: '', Tsize: 1, Hash: cidV0 }], fileOf(1n)),
  ],
  [
    'a link with an identity hash',
    'link is no CIDv1 of dag-pb or raw with SHA-256',
    pb([{ Name: '', Tsize: 1, Hash: identity }], fileOf(1n)),
  ],
  ['a name with a slash', 'names', pb([{ ...leafLink(1), Name: 'a/b' }], new UnixFS({ type: 'directory' }))],
  ['a name of dots', 'names', pb([{ ...leafLink(1), Name: '..' }], new UnixFS({ type: 'directory' }))],
  [
    'one name twice',
    'names',
    pb(
      [
        { ...leafLink(1), Name: 'a' },
        { ...leafLink(1), Name: 'a' },
      ],
      new UnixFS({ type: 'directory' }),
    ),
  ],
  ['a block above the limit', 'block too large', new Uint8Array(BLOCK_BYTES_MAX + 1)],
]
for (const [what, rule, bytes] of hostile) {
  test(`a block with ${what} is refused`, () => {
    assert.deepEqual(decodeNode(NODE, bytes), { ok: false, error: { code: 'block_form', rule } })
  })
}

test('any bytes and any damaged node decode to a value or an error, never to an exception', () => {
  const good = encodeFile([1, 2, 3].map((size) => ({ cid: ours(rawCid(`${size}`)), size, total: size })))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeNode(NODE, bytes)))
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = good.slice()
      bytes[at] = (bytes[at] ?? 0) ^ flip
      decodeNode(NODE, bytes)
    }),
  )
})

test('a child of another size than its parent says, a chain without end and a directory in a file are errors', () => {
  const blocks = memoryBlocks()
  const put = (bytes: Uint8Array) => {
    const cid = cidFromDigest(CODEC_DAG_PB, nativeHash(bytes) as Sha256Digest)
    blocks.sink(cid, bytes)
    return cid
  }
  const leaf = buildFile(Uint8Array.of(1, 2, 3), blocks.sink, nativeHash)
  const liar = put(encodeFile([{ ...leaf, size: 4 }]))
  assert.deepEqual(readRange(blocks.source, liar, 0, 4), { ok: false, error: { code: 'content_size', cid: leaf.cid } })
  let deep = leaf
  for (let level = 0; level < 40; level++) deep = { ...deep, cid: put(encodeFile([deep])) }
  const tooDeep = readRange(blocks.source, deep.cid, 0, 4)
  assert.ok(!tooDeep.ok && tooDeep.error.code === 'content_depth')
  const odd = put(encodeFile([{ cid: EMPTY_DIRECTORY, size: 1, total: 1 }]))
  const empty = buildDirectory([], blocks.sink, nativeHash)
  assert.ok(empty.ok)
  assert.deepEqual(readRange(blocks.source, odd, 0, 1), {
    ok: false,
    error: { code: 'content_kind', cid: EMPTY_DIRECTORY },
  })
  assert.deepEqual(readDirectory(blocks.source, leaf.cid), {
    ok: false,
    error: { code: 'content_kind', cid: leaf.cid },
  })
  assert.deepEqual(readRange(blocks.source, NODE, 0, 1), { ok: false, error: { code: 'block_missing', cid: NODE } })
})

test('a fetched block is taken only when its bytes hash to its CID', () => {
  const blocks = memoryBlocks()
  const file = buildFile(Uint8Array.of(1, 2, 3), blocks.sink, nativeHash)
  assert.ok(verifyBlock(file.cid, Uint8Array.of(1, 2, 3), nativeHash).ok)
  assert.deepEqual(verifyBlock(file.cid, Uint8Array.of(1, 2, 4), nativeHash), {
    ok: false,
    error: { code: 'block_hash' },
  })
})

test('one name has one text: bytes that are no valid UTF-8 are no name', () => {
  for (const bytes of [[0xc0, 0x80], [0xed, 0xa0, 0x80], [0xff], [0xe2, 0x82], [0xf5, 0x80, 0x80, 0x80], [0x80]]) {
    assert.equal(nameFromBytes(Uint8Array.from(bytes)), undefined)
  }
  assert.equal(nameFromBytes(bytesFromText('naïve €😀')), 'naïve €😀')
})
