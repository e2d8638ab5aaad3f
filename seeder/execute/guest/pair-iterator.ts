// Iterators over pairs as Web IDL has them (§3.7.9): one prototype an interface, below %IteratorPrototype%, with `next` alone; they look
// at the list at each step, so that what is added meanwhile is seen.

type Pair<V> = readonly [string, V]
export type Pairs<V> = () => readonly Pair<V>[]
type Kind = 'entries' | 'keys' | 'values'

const ITERATOR_PROTOTYPE = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]())) as object

/** Makes the iterators of one interface. */
export function pairIterators(name: string) {
  class PairIterator {
    readonly #pairs: Pairs<unknown>
    readonly #kind: Kind
    #index = 0

    constructor(pairs: Pairs<unknown>, kind: Kind) {
      this.#pairs = pairs
      this.#kind = kind
    }

    next(): { value: unknown; done: boolean } {
      const pair = this.#pairs()[this.#index]
      if (pair === undefined) return { value: undefined, done: true }
      this.#index++
      const value = this.#kind === 'keys' ? pair[0] : this.#kind === 'values' ? pair[1] : [pair[0], pair[1]]
      return { value, done: false }
    }
  }
  const { prototype } = PairIterator
  Object.setPrototypeOf(prototype, ITERATOR_PROTOTYPE)
  Reflect.deleteProperty(prototype, 'constructor')
  Object.defineProperty(prototype, 'next', { enumerable: true })
  Object.defineProperty(prototype, Symbol.toStringTag, { value: `${name} Iterator`, configurable: true })
  return <V, K extends Kind>(pairs: Pairs<V>, kind: K) =>
    new PairIterator(pairs, kind) as unknown as IterableIterator<
      K extends 'values' ? V : K extends 'keys' ? string : [string, V]
    >
}
