// What of the store belongs to a job: the trees under the roots that are kept for it. A seeder hosts sites of several groups in one store, and the
// state root of each stands in every answer of it: a co-member of one job must not read another job's state by naming its blocks.
//
// Trees of one height and the next share most of their nodes: a node is read once, and what is asked for later costs what has changed.

import { type Cid, CODEC_RAW, cidCodec, cidKey } from '#protocol/content/cid.ts'
import { linksOfBlock, WALK_BLOCKS_MAX } from '#protocol/content/walk.ts'
import type { Store } from '#seeder/store/port.ts'

export class SharedContent {
  readonly #known = new Set<string>()
  /** Nodes whose bytes were not here when they were come upon. */
  readonly #unread = new Map<string, Cid>()

  /** True when the block stands in one of the job's trees. */
  has(store: Pick<Store, 'blocks'>, roots: Iterable<Cid>, cid: Cid): boolean {
    const key = cidKey(cid)
    if (this.#known.has(key)) return true
    const pending = [...this.#unread.values(), ...roots]
    this.#unread.clear()
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) this.#read(store, next, pending)
    return this.#known.has(key)
  }

  #read(store: Pick<Store, 'blocks'>, cid: Cid, pending: Cid[]): void {
    const key = cidKey(cid)
    if (this.#known.has(key)) return
    if (this.#known.size >= WALK_BLOCKS_MAX) this.#known.clear()
    if (cidCodec(cid) !== CODEC_RAW) {
      const bytes = store.blocks.get(cid)
      if (bytes === undefined) {
        this.#unread.set(key, cid)
        return
      }
      pending.push(...linksOfBlock(cid, bytes))
    }
    this.#known.add(key)
  }
}
