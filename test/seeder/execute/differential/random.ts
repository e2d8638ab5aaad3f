// Repeatable chance for tests: mulberry32 under a hash of the seed's text.

export class Random {
  #state: number

  constructor(seed: string) {
    let state = 0x811c9dc5
    for (let index = 0; index < seed.length; index++) state = Math.imul(state ^ seed.charCodeAt(index), 0x01000193)
    this.#state = state
  }

  /** From 0 up to below 2³². */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }

  below(count: number): number {
    return this.next() % count
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}
