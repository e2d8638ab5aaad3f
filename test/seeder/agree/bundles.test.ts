import assert from 'node:assert/strict'
import { test } from 'node:test'
import { taggedHash } from '#protocol/codec/digest.ts'
import { type Cid, CODEC_DAG_PB, cidFromDigest } from '#protocol/content/cid.ts'
import { BUNDLES_WAITING_MAX, Bundles } from '#seeder/agree/bundles.ts'

const JOB = taggedHash('job')
const root = (name: string): Cid => cidFromDigest(CODEC_DAG_PB, taggedHash(name))

function scene(bytesMax: number) {
  const named = new Set<string>()
  const ends: ((whole: boolean) => void)[] = []
  const asked: ((bytes: number) => boolean)[] = []
  const blocks = {
    addRoot: (_job: unknown, label: string) => void named.add(label),
    releaseRoot: (_job: unknown, label: string) => void named.delete(label),
  }
  const bundles = new Bundles(
    JOB,
    { blocks } as never,
    {
      isWhole: async () => false,
      fetchTree: (_root, _from, goesOn) => {
        asked.push(goesOn ?? assert.fail())
        return new Promise((resolve) => ends.push(resolve))
      },
    },
    bytesMax,
  )
  return { bundles, named, ends, asked }
}

test('a bundle is fetched once, however many wait for it', async () => {
  const { bundles, ends, asked } = scene(100)
  const both = [bundles.fetch(root('a')), bundles.fetch(root('a'))]
  await new Promise(setImmediate)
  assert.equal(asked.length, 1)
  assert.equal(asked[0]?.(60), true)
  assert.equal(bundles.bytesOf(root('a')), 60)
  ends[0]?.(true)
  assert.deepEqual(await Promise.all(both), [true, true])
  assert.equal(bundles.bytesOf(root('a')), undefined)
})

test('F25 of a bundle that members make larger than an uploader may, no more is taken, and what came is let go', async () => {
  const { bundles, named, ends, asked } = scene(100)
  const fetched = bundles.fetch(root('a'))
  await new Promise(setImmediate)
  assert.equal(named.size, 1)
  assert.equal(asked[0]?.(100), true)
  assert.equal(asked[0]?.(1), false)
  ends[0]?.(false)
  assert.equal(await fetched, false)
  assert.equal(named.size, 0)
})

test('F25 so many are begun for whoever asks and no more, until one has ended', async () => {
  const { bundles, ends } = scene(100)
  for (let count = 0; count < BUNDLES_WAITING_MAX; count++) {
    assert.ok(bundles.hasRoom)
    void bundles.fetch(root(`bundle ${count}`))
  }
  assert.ok(!bundles.hasRoom)
  await new Promise(setImmediate)
  ends[0]?.(false)
  await new Promise(setImmediate)
  assert.ok(bundles.hasRoom)
})
