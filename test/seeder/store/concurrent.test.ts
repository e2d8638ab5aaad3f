// The store as a running seeder uses it: worker threads read whole trees while the main thread commits, lets go and collects under pressure. What a
// root holds never goes; what is let go while a reader looks at it stays for that reader; what nothing holds is gone in the end.

import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Cid } from '#protocol/content/cid.ts'
import { createLog } from '#seeder/config/log.ts'
import { startCollector } from '#seeder/store/collector.ts'
import { openStore } from '#seeder/store/store.ts'
import { bytesOf, isWhole, JOB, OTHER_JOB, siteOn, temporaryDirectory, treeOf, wrongCounts } from './fixture.ts'
import type { Looked, ToRead } from './reading.ts'

const READERS = 2
const READS = Number(process.env.CONCURRENT_READS ?? 120)
const CHUNK = 16_384
const COLLECTED = 200

/** One thread that reads; each answer is awaited by whoever asked. */
class ReadingThread implements AsyncDisposable {
  readonly #worker: Worker
  #waiting = Promise.withResolvers<Looked>()

  constructor(path: string) {
    this.#worker = new Worker(new URL('./reading.ts', import.meta.url), { workerData: path })
    this.#worker.on('message', (looked: Looked) => this.#waiting.resolve(looked))
    this.#worker.on('error', (error) => this.#waiting.reject(error))
  }

  #next(): Promise<Looked> {
    this.#waiting = Promise.withResolvers<Looked>()
    return this.#waiting.promise
  }

  /** Opens a view of the root, tells `seen`, and reads everything below when that has ended. */
  async read(root: Cid, seen: () => void): Promise<Looked> {
    let next = this.#next()
    this.#worker.postMessage({ root } satisfies ToRead)
    assert.equal((await next).state, 'looks')
    seen()
    next = this.#next()
    this.#worker.postMessage({ go: true } satisfies ToRead)
    return next
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate()
  }
}

test(`${READS} reads of whole trees by ${READERS} threads, while heights are committed, trees come and go and all else is collected`, async () => {
  using directory = temporaryDirectory()
  {
    using store = openStore(directory.path)
    using _ = startCollector(store, createLog({ level: 'error', form: 'json', sink: () => {} }))
    const site = siteOn(store)
    let height = 0
    const commit = (): Cid => {
      height++
      site.tree.open('db/x', { create: true })?.write((height % 12) * CHUNK, bytesOf(CHUNK, height))
      site.tree.write(`files/${height % 7}`, bytesOf(3 * CHUNK, height % 11))
      return site.commit(height, { releaseStates: height > 1 ? [height - 1] : [] }).stateRoot
    }
    let reads = 0
    let largest = 0
    await using threads = new AsyncDisposableStack()
    const reading = Array.from({ length: READERS }, async (_each, index) => {
      const thread = threads.use(new ReadingThread(store.path))
      for (let turn = 0; reads < READS; turn++) {
        reads++
        const label = `read/${index}`
        // By turns: a root that is held until it was read, one that is let go while it is read, and a tree that goes wholly.
        if (turn % 3 === 0) {
          const root = commit()
          store.blocks.addRoot(OTHER_JOB, label, root)
          const looked = await thread.read(root, () => {
            commit()
            while (store.blocks.collect(COLLECTED) > 0);
          })
          assert.deepEqual(looked.missing, [], 'what a root holds is there')
          assert.ok(isWhole(store, root))
          store.blocks.releaseRoot(OTHER_JOB, label)
        } else if (turn % 3 === 1) {
          const root = commit()
          store.blocks.addRoot(OTHER_JOB, label, root)
          const looked = await thread.read(root, () => {
            store.blocks.releaseRoot(OTHER_JOB, label)
            commit()
            while (store.blocks.collect(COLLECTED) > 0);
          })
          assert.deepEqual(looked.missing, [], 'a view keeps what it began with')
        } else {
          const { root, blocks } = treeOf({
            a: bytesOf(CHUNK * (4 + (turn % 5)), turn * READERS + index),
            'shared/b': bytesOf(CHUNK, 1),
          })
          store.blocks.addTree(OTHER_JOB, label, root, blocks)
          const looked = await thread.read(root, () => {
            store.blocks.releaseRoot(OTHER_JOB, label)
            while (store.blocks.collect(COLLECTED) > 0);
            assert.ok(!store.blocks.has(root), 'an orphan goes')
          })
          assert.deepEqual(looked.missing, [], 'a view keeps what it began with')
          largest = Math.max(largest, looked.blocks)
        }
        const head = store.certified.head(JOB)
        assert.ok(head === undefined || isWhole(store, head.stateRoot), 'the head is whole')
      }
    })
    await Promise.all(reading)
    assert.ok(largest > 4)
    while (store.blocks.collect(COLLECTED) > 0);
    const head = store.certified.head(JOB)
    assert.ok(head !== undefined)
    const { orphans, missing } = store.stats()
    assert.deepEqual(
      { orphans, missing, roots: store.blocks.roots(OTHER_JOB).size },
      { orphans: 0, missing: 0, roots: 0 },
    )
  }
  assert.equal(wrongCounts(directory.path), 0)
})
