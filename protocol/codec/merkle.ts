// Merkle trees as RFC 6962 §2.1 has them: leaf H(0x00 ‖ data), inner H(0x01 ‖ left ‖ right), the left side a full power of two,
// so that no leaf can pass for an inner node and no list of leaves for another.

import { bytesConcat, bytesEqual } from '#protocol/codec/bytes.ts'
import { type Digest, type Sha256, sha256, sha256By } from '#protocol/codec/digest.ts'
import { assert } from '#protocol/codec/result.ts'

/** Longest path: a tree of 2^32 leaves. */
export const MERKLE_PATH_MAX = 32

/** Stands before what a leaf is hashed of. */
export const LEAF_PREFIX = 0

export function merkleLeaf(data: Uint8Array, hash: Sha256 = sha256): Digest {
  return sha256By(hash, bytesConcat(Uint8Array.of(LEAF_PREFIX), data))
}

function inner(left: Digest, right: Digest): Digest {
  return sha256(bytesConcat(Uint8Array.of(1), left, right))
}

/** Half as many: the odd one moves up unhashed, which gives the same tree as the recursive definition. */
function levelAbove(level: readonly Digest[]): readonly Digest[] {
  const above: Digest[] = []
  for (let index = 0; index < level.length; index += 2) {
    const left = level[index]
    const right = level[index + 1]
    assert(left !== undefined, 'index is inside the level')
    above.push(right === undefined ? left : inner(left, right))
  }
  return above
}

/** The root over leaf hashes; of none it is H(""), as RFC 6962 has it. */
export function merkleRoot(leaves: readonly Digest[]): Digest {
  if (leaves.length === 0) return sha256(new Uint8Array(0))
  let level = leaves
  while (level.length > 1) {
    level = levelAbove(level)
  }
  const root = level[0]
  assert(root !== undefined, 'a level never empties')
  return root
}

/** Sibling hashes from leaf to root (RFC 6962 §2.1.1 audit path). */
export function merklePath(leaves: readonly Digest[], index: number): readonly Digest[] {
  assert(index >= 0 && index < leaves.length, 'the leaf is in the tree')
  const path: Digest[] = []
  let level = leaves
  let position = index
  while (level.length > 1) {
    const sibling = level[position ^ 1]
    if (sibling !== undefined) path.push(sibling)
    level = levelAbove(level)
    position >>= 1
  }
  return path
}

/** The path of every leaf, in their order: each inner node is hashed once. */
export function merklePaths(leaves: readonly Digest[]): readonly (readonly Digest[])[] {
  const paths: Digest[][] = leaves.map(() => [])
  let level = leaves
  for (let depth = 0; level.length > 1; depth++) {
    for (const [index, path] of paths.entries()) {
      const sibling = level[(index >> depth) ^ 1]
      if (sibling !== undefined) path.push(sibling)
    }
    level = levelAbove(level)
  }
  return paths
}

/** True when `leaf` stands at `index` of the `count` leaves under `root`. */
export function merkleVerify(
  root: Digest,
  count: number,
  index: number,
  leaf: Digest,
  path: readonly Digest[],
): boolean {
  if (index < 0 || index >= count || path.length > MERKLE_PATH_MAX) return false
  let width = count
  let position = index
  let node = leaf
  let used = 0
  while (width > 1) {
    const alone = position === width - 1 && position % 2 === 0
    if (!alone) {
      const sibling = path[used++]
      if (sibling === undefined) return false
      node = position % 2 === 0 ? inner(node, sibling) : inner(sibling, node)
    }
    position = Math.floor(position / 2)
    width = Math.ceil(width / 2)
  }
  return used === path.length && bytesEqual(node, root)
}

/** One step from a leaf towards the root: the sibling, and whether it stands on the left (1) or on the right (0). */
export type MerkleStep = readonly [side: 0 | 1, sibling: Digest]

/**
 * The path of leaf `index` of `count` as steps that say their side. A root alone does not fix `count` (5 and 7 leaves give leaf 0 the same
 * path); steps have no such freedom, so that every bit of them is bound by the root.
 */
export function merkleSteps(count: number, index: number, path: readonly Digest[]): readonly MerkleStep[] {
  const steps: MerkleStep[] = []
  let width = count
  let position = index
  for (const sibling of path) {
    while (position === width - 1 && position % 2 === 0) {
      assert(width > 1, 'the path is no longer than the tree is high')
      position = Math.floor(position / 2)
      width = Math.ceil(width / 2)
    }
    steps.push([position % 2 === 0 ? 0 : 1, sibling])
    position = Math.floor(position / 2)
    width = Math.ceil(width / 2)
  }
  return steps
}

/** The root that a leaf and its steps lead to. */
export function merkleClimb(leaf: Digest, steps: readonly MerkleStep[]): Digest {
  let node = leaf
  for (const [side, sibling] of steps) node = side === 1 ? inner(sibling, node) : inner(node, sibling)
  return node
}
