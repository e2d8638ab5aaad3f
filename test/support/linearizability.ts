// Is a history of concurrent operations linearizable? Each operation must seem to happen at one instant between its call and its return
// (Herlihy and Wing), checked as Wing and Gong did, with Lowe's memory of (operations done, state) pairs that were tried before.
//
//   history ──> by key ──> [ operations that may come first ──> model says the same answer? ──> state' ]* ──> an order, or none
//
// What was never answered may have happened at any time after its call, or never. Keys are independent: a history is linearizable when
// each key's part is (Herlihy and Wing's locality).

/** What one client did. Times are of one clock, in any unit. */
export type Operation<I, O> = {
  readonly key: string
  readonly client: number
  readonly calledAt: number
  /** null: no answer came, and nobody knows whether it happened. */
  readonly returnedAt: number | null
  readonly input: I
  /** Of no meaning when no answer came. */
  readonly output?: O
}

/** A sequential object. Two states of one `name` are the same. */
export type Model<S, I, O> = {
  readonly begin: S
  /** The state after this input, or undefined when it would not have answered `output`. `unknown`: any answer may have been given. */
  readonly apply: (state: S, input: I, output: O | undefined, unknown: boolean) => S | undefined
  readonly name: (state: S) => string
}

export type Linearization<I, O> =
  | {
      readonly linearizable: true
      readonly orders: ReadonlyMap<string, readonly Operation<I, O>[]>
      readonly tried: number
    }
  /** `longest`: as far as any order went; one of `stuck` had to come next and could not. */
  | {
      readonly linearizable: false
      readonly key: string
      readonly longest: readonly Operation<I, O>[]
      readonly stuck: readonly Operation<I, O>[]
      readonly tried: number
    }

/** Orders that are tried of one key before the search is given up. */
export const TRIES_MAX = 5_000_000

export class UndecidedError extends Error {}

type Frame<S> = {
  readonly state: S
  readonly done: bigint
  readonly next: readonly number[]
  at: number
  readonly chose: number
}

export function linearize<S, I, O>(history: readonly Operation<I, O>[], model: Model<S, I, O>): Linearization<I, O> {
  const byKey = Map.groupBy(history, ({ key }) => key)
  const orders = new Map<string, readonly Operation<I, O>[]>()
  let tried = 0
  for (const [key, operations] of byKey) {
    const found = linearizeKey(operations, model)
    tried += found.tried
    if (found.order === undefined)
      return { linearizable: false, key, longest: found.longest, stuck: found.stuck, tried }
    orders.set(key, found.order)
  }
  return { linearizable: true, orders, tried }
}

function linearizeKey<S, I, O>(unsorted: readonly Operation<I, O>[], model: Model<S, I, O>) {
  const operations = unsorted.toSorted((a, b) => a.calledAt - b.calledAt)
  const endOf = ({ returnedAt }: Operation<I, O>) => returnedAt ?? Number.POSITIVE_INFINITY
  let answered = 0n
  for (const [index, { returnedAt }] of operations.entries()) if (returnedAt !== null) answered |= 1n << BigInt(index)
  const at = (index: number): Operation<I, O> => operations[index] as Operation<I, O>

  /** Those that no other open operation precedes: called before the first return of all that are not done. */
  const candidates = (done: bigint): number[] => {
    let firstReturn = Number.POSITIVE_INFINITY
    const open: number[] = []
    for (const [index, operation] of operations.entries()) {
      if (operation.calledAt > firstReturn) break
      if ((done >> BigInt(index)) & 1n) continue
      open.push(index)
      firstReturn = Math.min(firstReturn, endOf(operation))
    }
    // What was answered first: an order usually ends soon after it.
    return open.filter((index) => at(index).calledAt <= firstReturn).sort((a, b) => endOf(at(a)) - endOf(at(b)))
  }

  const memory = new Set<string>()
  const stack: Frame<S>[] = [{ state: model.begin, done: 0n, next: candidates(0n), at: 0, chose: -1 }]
  let longest: readonly number[] = []
  let stuck: readonly number[] = []
  let tried = 0
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    if ((frame.done & answered) === answered) {
      const order = stack.slice(1).map(({ chose }) => at(chose))
      return { order, longest: order, stuck: [], tried }
    }
    const index = frame.next[frame.at++]
    if (index === undefined) {
      if (stack.length - 1 >= longest.length) {
        longest = stack.slice(1).map(({ chose }) => chose)
        stuck = frame.next
      }
      stack.pop()
      continue
    }
    const { input, output, returnedAt } = at(index)
    if (++tried > TRIES_MAX) throw new UndecidedError(`no order and no proof after ${TRIES_MAX} tries`)
    const state = model.apply(frame.state, input, output, returnedAt === null)
    if (state === undefined) continue
    const done = frame.done | (1n << BigInt(index))
    const name = `${done.toString(36)} ${model.name(state)}`
    if (memory.has(name)) continue
    memory.add(name)
    stack.push({ state, done, next: candidates(done), at: 0, chose: index })
  }
  return { order: undefined, longest: longest.map(at), stuck: stuck.map(at), tried }
}

export type RegisterInput = { readonly type: 'read' } | { readonly type: 'write'; readonly value: string }

/** One value; a read answers the last one written. */
export const register: Model<string, RegisterInput, string> = {
  begin: '',
  apply(state, input, output, unknown) {
    if (input.type === 'write') return input.value
    return unknown || output === state ? state : undefined
  },
  name: (state) => state,
}

export type CounterInput = { readonly type: 'read' } | { readonly type: 'add' }

/** Counts from 0; both inputs answer the count after themselves. */
export const counter: Model<number, CounterInput, number> = {
  begin: 0,
  apply(state, input, output, unknown) {
    const after = input.type === 'add' ? state + 1 : state
    return unknown || output === after ? after : undefined
  },
  name: String,
}
