// Changes to reference counts, netted within a transaction before any row is touched.
//
// A new node of a big file shares all but one of its children with the node it replaces; when the old root is released in
// the transaction that adds the new one, their +1 and −1 cancel here and only what truly changed is written.

import { type Cid, cidKey } from '#protocol/content/cid.ts'

export class PendingReferences {
  #pending = new Map<string, { readonly cid: Cid; readonly change: number }>()

  get size(): number {
    return this.#pending.size
  }

  add(cid: Cid, change: number): void {
    const key = cidKey(cid)
    const next = (this.#pending.get(key)?.change ?? 0) + change
    if (next === 0) this.#pending.delete(key)
    else this.#pending.set(key, { cid, change: next })
  }

  /** The pending change of one CID. */
  of(cid: Cid): number {
    return this.#pending.get(cidKey(cid))?.change ?? 0
  }

  has(cid: Cid): boolean {
    return this.of(cid) > 0
  }

  /** The pending change of one CID, which is not pending any more. */
  take(cid: Cid): number {
    const change = this.of(cid)
    this.#pending.delete(cidKey(cid))
    return change
  }

  /** What is pending at the moment of the call; entries may be added and taken while it is walked. */
  list(): { readonly cid: Cid; readonly change: number }[] {
    return Array.from(this.#pending.values())
  }

  save(): () => void {
    const saved = new Map(this.#pending)
    return () => {
      this.#pending = saved
    }
  }
}
