// Merkle trees of RFC 6962: vectors, and the laws of a path.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { merkleLeaf, merklePath, merklePaths, merkleRoot, merkleVerify } from '#protocol/codec/merkle.ts'

/** Inputs and roots of the Certificate Transparency reference tests (RFC 6962 §2.1). */
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f']
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const leavesOf = (inputs: readonly string[]): Digest[] =>
  inputs.map((hex) => {
    const bytes = bytesFromHex(hex)
    assert(bytes.ok)
    return merkleLeaf(bytes.value)
  })

test('RFC 6962 §2.1: roots of the reference vectors', () => {
  assert.equal(hexFromBytes(merkleRoot([])), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  for (const [index, root] of ROOTS.entries()) {
    assert.equal(hexFromBytes(merkleRoot(leavesOf(INPUTS.slice(0, index + 1)))), root)
  }
})

const trees = fc
  .integer({ min: 1, max: 70 })
  .chain((count) => fc.tuple(fc.constant(count), fc.integer({ min: 0, max: count - 1 })))
const leavesNumbered = (count: number): Digest[] =>
  Array.from({ length: count }, (_, index) => merkleLeaf(Uint8Array.of(index)))

test('the path of every leaf leads to the root', () => {
  fc.assert(
    fc.property(trees, ([count, index]) => {
      const leaves = leavesNumbered(count)
      const leaf = leaves[index]
      assert(leaf !== undefined)
      assert(merkleVerify(merkleRoot(leaves), count, index, leaf, merklePath(leaves, index)))
    }),
  )
})

test('no path leads there with another index, another leaf, another length or a flipped bit', () => {
  fc.assert(
    fc.property(trees, fc.nat(), fc.nat(255), ([count, index], where, flip) => {
      const leaves = leavesNumbered(count)
      const [leaf, other] = [leaves[index], leaves[(index + 1) % count]]
      assert(leaf !== undefined && other !== undefined)
      const root = merkleRoot(leaves)
      const path = merklePath(leaves, index)
      if (count > 1) {
        assert(!merkleVerify(root, count, (index + 1) % count, leaf, path))
        assert(!merkleVerify(root, count, index, other, path))
      }
      assert(!merkleVerify(root, count, count, leaf, path))
      assert(!merkleVerify(root, count, -1, leaf, path))
      assert(!merkleVerify(root, count, index, leaf, [...path, leaf]))
      if (path.length > 0) {
        assert(!merkleVerify(root, count, index, leaf, path.slice(1)))
        const bent = path.map((digest) => digest.slice() as Digest)
        const target = bent[where % bent.length]
        assert(target !== undefined)
        const at = flip % 32
        target[at] = (target[at] ?? 0) ^ (1 << (flip % 8))
        assert(!merkleVerify(root, count, index, leaf, bent))
      }
    }),
  )
})

test('the paths of all leaves at once are those of each alone', () => {
  for (let count = 0; count <= 33; count++) {
    const leaves = Array.from({ length: count }, (_, index) => merkleLeaf(Uint8Array.of(index)))
    assert.deepEqual(
      merklePaths(leaves),
      leaves.map((_, index) => merklePath(leaves, index)),
    )
  }
})
