// A seeder with sites of several groups in one store: what it hands out of each.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Digest } from '#protocol/codec/digest.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { type ContentMessage, contentFromBytes, contentToBytes } from '#seeder/agree/content-message.ts'
import { answerContent, type ContentServer, type SharedSite } from '#seeder/agree/content-server.ts'
import { SharedContent } from '#seeder/agree/shared-content.ts'
import { openStore } from '#seeder/store/store.ts'
import { bytesOf, JOB, OTHER_JOB, temporaryDirectory, treeOf } from '#test/seeder/store/fixture.ts'

const CHUNK = 16_384
const PEER = 'a co-member of both' as PeerName

function siteOf(job: Digest): SharedSite {
  return { job, sharesWith: () => true, bodies: undefined as never, hasState: () => true, offeredState: () => null }
}

test('a co-member of one job gets nothing of another job, whose state root is on every answer', async () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const mine = treeOf({ page: bytesOf(3 * CHUNK, 1), both: bytesOf(CHUNK, 9) })
  const theirs = treeOf({ sessions: bytesOf(3 * CHUNK, 2), both: bytesOf(CHUNK, 9) })
  store.blocks.addTree(JOB, 'code/1', mine.root, mine.blocks)
  store.blocks.addTree(OTHER_JOB, 'code/1', theirs.root, theirs.blocks)
  const sites = [siteOf(JOB), siteOf(OTHER_JOB)]
  const server: ContentServer = {
    store,
    site: (job) => sites.find((site) => Buffer.from(site.job).equals(job)),
    networkText: () => undefined,
    onNetworkVersion: () => {},
    fetchBundle: async () => undefined,
  }
  const ask = async (job: Digest, cids: readonly Cid[]): Promise<readonly boolean[]> => {
    const answer = await answerContent(
      server,
      PEER,
      contentToBytes({ type: 'want_content', job, cids } as ContentMessage),
    )
    assert.ok(answer.ok)
    const read = contentFromBytes(answer.value)
    assert.ok(read.ok && read.value.type === 'content')
    return read.value.blocks.map((bytes) => bytes !== null)
  }
  const all = (tree: typeof mine) => tree.blocks.map(({ cid }) => cid)
  assert.ok((await ask(JOB, all(mine))).every((given) => given))
  const shared = new Set(all(mine).map(String))
  assert.deepEqual(
    await ask(JOB, all(theirs)),
    all(theirs).map((cid) => shared.has(String(cid))),
    'only what both have',
  )
  assert.ok((await ask(OTHER_JOB, all(theirs))).every((given) => given))
})

test('what comes under a root later is found: a new height, and a tree that was not whole', async () => {
  using directory = temporaryDirectory()
  using store = openStore(directory.path)
  const shared = new SharedContent()
  const first = treeOf({ page: bytesOf(400 * CHUNK, 1) })
  const second = treeOf({ page: bytesOf(400 * CHUNK, 1), more: bytesOf(CHUNK, 2) })
  const has = (cids: readonly Cid[]) => shared.has(store, () => store.blocks.roots(JOB).values(), cids)
  const all = (tree: typeof first) => has(tree.blocks.map(({ cid }) => cid))
  store.blocks.addTree(JOB, 'code/1', first.root, first.blocks)
  assert.ok((await all(first)).every((found) => found))
  const fresh = (await all(second)).filter((found) => !found)
  assert.ok(fresh.length > 0 && fresh.length < second.blocks.length)
  store.blocks.addRoot(JOB, 'code/2', second.root)
  assert.deepEqual(await has([second.root]), [false], 'its root is not here yet')
  const missing = store.blocks.missing(second.root)
  const bytesByCid = new Map(second.blocks.map((block) => [String(block.cid), block]))
  for (let wanted = missing.next(8); wanted.length > 0; wanted = missing.next(8)) {
    const found = await has(wanted)
    assert.ok(wanted.every((cid, index) => !found[index] || store.blocks.get(cid) === undefined))
    assert.ok(store.blocks.put(wanted.flatMap((cid) => bytesByCid.get(String(cid)) ?? [])).ok)
  }
  assert.ok((await all(second)).every((found) => found))
})
