// Bytes and nodes that were read lately, bounded by their size: least recently used go first (a Map keeps its order of insertion).

export class LruCache<Value> {
  readonly #entries = new Map<string, { readonly value: Value; readonly cost: number }>()
  readonly #costMax: number
  #cost = 0

  constructor(costMax: number) {
    this.#costMax = costMax
  }

  get(key: string): Value | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  set(key: string, value: Value, cost: number): void {
    this.#cost += cost - (this.#entries.get(key)?.cost ?? 0)
    this.#entries.delete(key)
    this.#entries.set(key, { value, cost })
    for (const [oldest, entry] of this.#entries) {
      if (this.#cost <= this.#costMax || oldest === key) break
      this.#entries.delete(oldest)
      this.#cost -= entry.cost
    }
  }
}
