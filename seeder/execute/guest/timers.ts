// Timers that never wait: within a request they run in the order of their due time, once all promises have settled.
// The clock stands still meanwhile; an interval runs until it is cleared or the request has its answer.

const TIMERS_MAX = 10_000

type Timer = { id: number; due: number; order: number; every: number | undefined; run: () => void }

let timers: Timer[] = []
let nextId = 1
let nextOrder = 1
/** The virtual time that timers compare by: the due time of the last one that ran, ms. */
let virtualNow = 0

function add(run: () => void, delay: unknown, repeat: boolean): number {
  if (timers.length >= TIMERS_MAX) throw new RangeError(`A request may have ${TIMERS_MAX} timers.`)
  // Web IDL's long, as everywhere.
  const ms = Math.max(0, Number(delay) | 0)
  const timer = {
    id: nextId++,
    due: virtualNow + ms,
    order: nextOrder++,
    every: repeat ? Math.max(1, ms) : undefined,
    run,
  }
  timers.push(timer)
  return timer.id
}

export function setTimer(callback: unknown, delay?: unknown, ...rest: unknown[]): number {
  if (typeof callback !== 'function') throw new TypeError('setTimeout needs a function')
  return add(() => callback(...rest), delay, false)
}

export function setRepeating(callback: unknown, delay?: unknown, ...rest: unknown[]): number {
  if (typeof callback !== 'function') throw new TypeError('setInterval needs a function')
  return add(() => callback(...rest), delay, true)
}

export function clearTimer(id: unknown): void {
  timers = timers.filter((timer) => timer.id !== id)
}

/** Runs the timer that is due first; false when there is none. */
export function runNextTimer(): boolean {
  let next: Timer | undefined
  for (const timer of timers) {
    if (next === undefined || timer.due < next.due || (timer.due === next.due && timer.order < next.order)) next = timer
  }
  if (next === undefined) return false
  virtualNow = next.due
  if (next.every === undefined) clearTimer(next.id)
  else {
    next.due += next.every
    next.order = nextOrder++
  }
  next.run()
  return true
}

export function forgetTimers(): void {
  timers = []
  virtualNow = 0
}
