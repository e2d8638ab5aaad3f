// A thread that reads trees of a store: it opens a view, says so, and reads everything below a root when it is told to go on.
// `workerData` is the store's path.

import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { assert } from '#protocol/codec/result.ts'
import { type Cid, textFromCid } from '#protocol/content/cid.ts'
import { linksOfBlock } from '#protocol/content/walk.ts'
import { openReader } from '#seeder/store/reader.ts'

export type ToRead = { readonly root: Cid } | { readonly go: true }
/** `missing`: CIDs below the root that were not there, or not as they should be. */
export type Looked = { readonly state: 'looks' | 'read'; readonly blocks: number; readonly missing: readonly string[] }

const GO_MS = 10
assert(parentPort !== null, 'this module runs in a worker thread')
const port = parentPort
const reader = openReader(workerData as string)

/** Within a view nothing can be awaited: the word to go on is looked for. */
function waitForGo(): void {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  while (receiveMessageOnPort(port) === undefined) Atomics.wait(clock, 0, 0, GO_MS)
}

port.on('message', (asked: ToRead) => {
  if (!('root' in asked)) return
  const { root } = asked
  reader.snapshot(() => {
    // The first read opens the view.
    const missing: string[] = []
    const seen = new Set<string>()
    const stack = [root]
    reader.get(root)
    port.postMessage({ state: 'looks', blocks: 0, missing } satisfies Looked)
    waitForGo()
    for (let cid = stack.pop(); cid !== undefined; cid = stack.pop()) {
      const key = textFromCid(cid)
      if (seen.has(key)) continue
      seen.add(key)
      const bytes = reader.get(cid)
      if (bytes === undefined) missing.push(key)
      else stack.push(...linksOfBlock(cid, bytes))
    }
    port.postMessage({ state: 'read', blocks: seen.size, missing } satisfies Looked)
  })
})
