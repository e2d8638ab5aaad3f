// What waits, by whom: one queue a site, served in turn, so that a site that asks for much waits for itself and not in front of others.
//
// Invariant: at most `max` items wait in all. When a new one would be above that, the longest queue gives up its newest, unless the
// newcomer's own is that queue: then the newcomer is refused.

export class FairQueue<T> {
  readonly #max: number
  /** In the order of their turns; none is empty. */
  readonly #queues = new Map<string, T[]>()
  #length = 0

  constructor(max: number) {
    this.#max = max
  }

  get length(): number {
    return this.#length
  }

  /** What has to go for it: nothing, the newest of another site, or the item itself. */
  push(site: string, item: T): T | undefined {
    const refused = this.#length >= this.#max ? this.#giveUp(site, item) : undefined
    if (refused === item) return item
    const own = this.#queues.get(site)
    if (own === undefined) this.#queues.set(site, [item])
    else own.push(item)
    this.#length++
    return refused
  }

  /** The oldest of the site whose turn it is; that site is then the last. */
  shift(): T | undefined {
    const [next] = this.#queues
    if (next === undefined) return undefined
    const [site, queue] = next
    const item = queue.shift()
    this.#length--
    this.#queues.delete(site)
    if (queue.length > 0) this.#queues.set(site, queue)
    return item
  }

  /** Everything, and nothing waits any more. */
  drain(): T[] {
    const all = [...this.#queues.values()].flat()
    this.#queues.clear()
    this.#length = 0
    return all
  }

  #giveUp(site: string, item: T): T {
    let longest: [string, T[]] | undefined
    for (const entry of this.#queues) if (entry[1].length > (longest?.[1].length ?? 0)) longest = entry
    const own = this.#queues.get(site)?.length ?? 0
    if (longest === undefined || longest[1].length <= own + 1) return item
    const [name, queue] = longest
    const newest = queue.pop()
    this.#length--
    if (queue.length === 0) this.#queues.delete(name)
    return newest ?? item
  }
}
