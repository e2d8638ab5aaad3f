// Every state of the group that was met, compact and exact: numbers of inner states, the number of what is in the air with the crashes used, the key
// under which it is known (states that differ only in which of two alike members is which share one), where it came from and how deep it lies.
// 38 bytes a state of four and some 12 for finding it again, so that 10⁸ of them fit into memory.

import { assert } from '#protocol/codec/result.ts'

export type States = {
  readonly count: number
  /** Its number when its key is new, else -1. `locals`: one number below 2¹⁶ each; `rest` and those of the key: below 2³². */
  add(locals: readonly number[], rest: number, key: readonly number[], parent: number, depth: number): number
  localsOf(state: number, into: number[]): void
  restOf(state: number): number
  /** -1 for the first. */
  parentOf(state: number): number
  depthOf(state: number): number
}

const FIRST = 1 << 16
const LOCALS_MAX = 1 << 16

/** `width`: numbers of inner states; a key has one more. */
export function createStates(width: number): States {
  const wide = width + 1
  let count = 0
  let room = FIRST
  let locals = new Uint16Array(FIRST * width)
  let keys = new Uint32Array(FIRST * wide)
  let rests = new Uint32Array(FIRST)
  let parents = new Int32Array(FIRST)
  let depths = new Uint16Array(FIRST)
  /** Open addressing, at most two thirds full: the state's number + 1. */
  let table = new Uint32Array(2 * FIRST)

  const hashOf = (of: ArrayLike<number>, from: number): number => {
    let hash = 0x9e3779b9
    for (let at = 0; at < wide; at++) {
      hash = Math.imul(hash ^ (of[from + at] ?? 0), 0xcc9e2d51)
      hash = (hash << 15) | (hash >>> 17)
    }
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    return (hash ^ (hash >>> 16)) >>> 0
  }

  const more = (): void => {
    room *= 2
    const kept = { locals, keys, rests, parents, depths }
    locals = new Uint16Array(room * width)
    locals.set(kept.locals)
    keys = new Uint32Array(room * wide)
    keys.set(kept.keys)
    rests = new Uint32Array(room)
    rests.set(kept.rests)
    parents = new Int32Array(room)
    parents.set(kept.parents)
    depths = new Uint16Array(room)
    depths.set(kept.depths)
    table = new Uint32Array(2 * room)
    const mask = table.length - 1
    for (let state = 0; state < count; state++) {
      let place = hashOf(keys, state * wide) & mask
      while (table[place] !== 0) place = (place + 1) & mask
      table[place] = state + 1
    }
  }

  return {
    get count() {
      return count
    },
    add(of, rest, key, parent, depth) {
      const mask = table.length - 1
      let place = hashOf(key, 0) & mask
      for (let there = table[place] ?? 0; there !== 0; there = table[place] ?? 0) {
        const state = there - 1
        let same = true
        for (let at = 0; same && at < wide; at++) same = keys[state * wide + at] === key[at]
        if (same) return -1
        place = (place + 1) & mask
      }
      for (let at = 0; at < width; at++) {
        const local = of[at] ?? 0
        assert(local < LOCALS_MAX, 'inner states fit into two bytes')
        locals[count * width + at] = local
      }
      for (let at = 0; at < wide; at++) keys[count * wide + at] = key[at] ?? 0
      rests[count] = rest
      parents[count] = parent
      depths[count] = depth
      table[place] = count + 1
      count++
      if (count === room) more()
      return count - 1
    },
    localsOf(state, into) {
      for (let at = 0; at < width; at++) into[at] = locals[state * width + at] ?? 0
    },
    restOf: (state) => rests[state] ?? 0,
    parentOf: (state) => parents[state] ?? -1,
    depthOf: (state) => depths[state] ?? 0,
  }
}
