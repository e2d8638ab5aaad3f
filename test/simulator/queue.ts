// What is still to happen, in order of time and, at one time, in order of insertion: a binary heap.

export type EventQueue<T> = {
  readonly size: number
  push(at: number, event: T): void
  pop(): { readonly at: number; readonly event: T } | undefined
}

type Entry<T> = { readonly at: number; readonly order: number; readonly event: T }

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

export function eventQueue<T>(): EventQueue<T> {
  const heap: Entry<T>[] = []
  let order = 0
  return {
    get size() {
      return heap.length
    },
    push(at, event) {
      const entry = { at, order: order++, event }
      let index = heap.length
      heap.push(entry)
      while (index > 0) {
        const parent = (index - 1) >> 1
        const above = heap[parent] as Entry<T>
        if (before(above, entry)) break
        heap[index] = above
        index = parent
      }
      heap[index] = entry
    },
    pop() {
      const first = heap[0]
      const last = heap.pop()
      if (first === undefined || last === undefined) return undefined
      if (heap.length > 0) {
        let index = 0
        for (;;) {
          let child = 2 * index + 1
          if (child >= heap.length) break
          const right = heap[child + 1]
          if (right !== undefined && before(right, heap[child] as Entry<T>)) child++
          const lower = heap[child] as Entry<T>
          if (before(last, lower)) break
          heap[index] = lower
          index = child
        }
        heap[index] = last
      }
      return first
    },
  }
}
