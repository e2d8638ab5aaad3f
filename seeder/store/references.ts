// Changes to reference counts, netted within a transaction before any row is touched.
//
// A new node of a big file shares all but one of its children with the node it replaces; when the old root is released in
// the transaction that adds the new one, their +1 and −1 cancel here and only what truly changed is written.

import { type Cid, cidKey } from '#protocol/content/cid.ts'

/** How much a count will change; 0 once it was taken. */
export type Reference = { readonly key: string; readonly cid: Cid; change: number }

export class PendingReferences {
  #pending = new Map<string, Reference>()

  add(cid: Cid, change: number): Reference {
    const key = cidKey(cid)
    const known = this.#pending.get(key)
    if (known !== undefined) {
      known.change += change
      return known
    }
    const reference = { key, cid, change }
    this.#pending.set(key, reference)
    return reference
  }

  has(cid: Cid): boolean {
    return (this.#pending.get(cidKey(cid))?.change ?? 0) > 0
  }

  /** The pending change of one CID, which is not pending any more. */
  take(cid: Cid): number {
    const reference = this.#pending.get(cidKey(cid))
    return reference === undefined ? 0 : this.remove(reference)
  }

  remove(reference: Reference): number {
    const { change } = reference
    reference.change = 0
    this.#pending.delete(reference.key)
    return change
  }

  /** What is pending at the moment of the call. */
  list(): Reference[] {
    return Array.from(this.#pending.values())
  }

  save(): () => void {
    const saved = Array.from(this.#pending.values(), (reference) => ({ ...reference }))
    return () => {
      this.#pending = new Map(saved.map((reference) => [reference.key, reference]))
    }
  }
}
