// How long a body is: what of it shows that, and that less would not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tellingChunks } from '#protocol/answer/chunks.ts'

type Node = { readonly leaf: boolean; readonly parts: readonly Node[] }

/** The tree over so many leaves (RFC 6962 §2.1). */
function treeOf(count: number): Node {
  if (count === 1) return { leaf: true, parts: [] }
  let full = 1
  while (full * 2 < count) full *= 2
  return { leaf: false, parts: [treeOf(full), treeOf(count - full)] }
}

/** What stands in the tree where the shape has its leaves, in order; undefined: nobody can make such a list that gives its root. */
function listIn(tree: Node, shape: Node): readonly Node[] | undefined {
  if (shape.leaf) return [tree]
  if (tree.leaf) return undefined
  const lists = shape.parts.map((part, index) => listIn(tree.parts[index] ?? tree, part))
  return lists.some((list) => list === undefined) ? undefined : lists.flatMap((list) => list ?? [])
}

test('of each count the telling chunks are leaves in a body of that many alone, whatever list gives its root', () => {
  const COUNTS = 80
  let lists = 0
  for (let count = 1; count <= COUNTS; count++)
    for (let claimed = 1; claimed <= COUNTS; claimed++) {
      const list = listIn(treeOf(count), treeOf(claimed))
      if (list === undefined) continue
      lists++
      const holds = tellingChunks(claimed).every((place) => list[place]?.leaf === true)
      assert.equal(holds, claimed === count, `${claimed} claimed of ${count}`)
    }
  assert.ok(lists > 10 * COUNTS, `${lists} lists`)
})

test('the first and the last are not enough: three leaves pass for two', () => {
  const list = listIn(treeOf(3), treeOf(2))
  assert.deepEqual(
    list?.map(({ leaf }) => leaf),
    [false, true],
  )
  const six = listIn(treeOf(7), treeOf(6))
  assert.deepEqual([six?.[0]?.leaf, six?.at(-1)?.leaf, six?.[4]?.leaf], [true, true, false])
})

test('they are few', () => {
  for (const [count, places] of [
    [0, []],
    [1, [0]],
    [2, [0, 1]],
    [3, [0, 2]],
    [4, [0, 3]],
    [7, [0, 4, 6]],
    [3_200, [0, 2_048, 3_072, 3_199]],
  ] as const)
    assert.deepEqual(tellingChunks(count), places, `${count}`)
  for (const count of [8_192, 65_535, 1_048_575]) assert.ok(tellingChunks(count).length <= Math.log2(count) + 2)
})
