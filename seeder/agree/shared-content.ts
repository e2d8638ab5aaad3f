// What of the store belongs to a job: the trees under the roots that are kept for it. A seeder hosts sites of several groups in one store, and the
// state root of each stands in every answer of it: a co-member of one job must not read another job's state by naming its blocks.
//
// Trees of one height and the next share most of their nodes: a node is read once, and what is asked for later costs what has changed.
// A tree that is met for the first time is read in turns, so that a large one holds nobody else up.

import { type Cid, CODEC_RAW, cidCodec, cidKey } from '#protocol/content/cid.ts'
import { linksOfBlock, WALK_BLOCKS_MAX } from '#protocol/content/walk.ts'
import type { Store } from '#seeder/store/port.ts'

/** Nodes that are read before sockets and timers come in between. */
const NODES_PER_TURN = 256

type Blocks = Pick<Store, 'blocks'>

export class SharedContent {
  readonly #known = new Set<string>()
  /** Nodes whose bytes were not here when they were come upon. */
  readonly #unread = new Map<string, Cid>()
  #reading: Promise<void> = Promise.resolve()

  /** Of each block, whether it stands in one of the job's trees; `roots` is asked when the reading begins. */
  async has(store: Blocks, roots: () => Iterable<Cid>, cids: readonly Cid[]): Promise<readonly boolean[]> {
    const known = (cid: Cid): boolean => this.#known.has(cidKey(cid))
    if (!cids.every(known)) {
      // One reading at a time: whoever waited may find what it looks for.
      const reading = this.#reading.then(() => (cids.every(known) ? undefined : this.#readAll(store, roots())))
      this.#reading = reading.catch(() => {})
      await reading
    }
    return cids.map(known)
  }

  async #readAll(store: Blocks, roots: Iterable<Cid>): Promise<void> {
    const pending = [...this.#unread.values(), ...roots]
    this.#unread.clear()
    let nodes = 0
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (!this.#read(store, next, pending)) continue
      if (++nodes % NODES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** True when a node was read. */
  #read(store: Blocks, cid: Cid, pending: Cid[]): boolean {
    const key = cidKey(cid)
    if (this.#known.has(key)) return false
    if (this.#known.size >= WALK_BLOCKS_MAX) this.#known.clear()
    const isLeaf = cidCodec(cid) === CODEC_RAW
    if (!isLeaf) {
      const bytes = store.blocks.get(cid)
      if (bytes === undefined) {
        if (this.#unread.size >= WALK_BLOCKS_MAX) this.#unread.clear()
        this.#unread.set(key, cid)
        return false
      }
      pending.push(...linksOfBlock(cid, bytes))
    }
    this.#known.add(key)
    return !isLeaf
  }
}
