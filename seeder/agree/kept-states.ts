// The heights whose state tree is here. The machine says which it needs; one that a reader holds stays until the reader lets it go.

export class KeptStates {
  readonly #heights: Set<number>
  /** How many readers hold a height. */
  readonly #held = new Map<number, number>()

  constructor(heights: Iterable<number>) {
    this.#heights = new Set(heights)
  }

  has(height: number): boolean {
    return this.#heights.has(height)
  }

  /** Holds a height that is here; what comes back lets it go, once. */
  hold(height: number): () => void {
    this.#held.set(height, (this.#held.get(height) ?? 0) + 1)
    let holds = true
    return () => {
      if (!holds) return
      holds = false
      const left = (this.#held.get(height) ?? 0) - 1
      if (left > 0) this.#held.set(height, left)
      else this.#held.delete(height)
    }
  }

  /** What may go when these are needed: what is held now goes another time. */
  dispensable(needed: readonly number[]): number[] {
    const keep = new Set(needed)
    return [...this.#heights].filter((height) => !keep.has(height) && !this.#held.has(height))
  }

  /** The store has another state, and has let these go. */
  committed(height: number, released: readonly number[]): void {
    for (const each of released) this.#heights.delete(each)
    this.#heights.add(height)
  }
}
