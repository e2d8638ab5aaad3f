// Who is served next when more come than can be served at once: the sources in turn, one each, and within a source the order of asking.
// So a visitor waits for as many turns as there are other visitors, not for as many requests as one of them sent.
//
//   enter ──> free? ──> now
//        └──> its source's line ──> round robin ──> when somebody leaves      no share left, or waited too long: refused

import { Share } from '#protocol/bounds/share.ts'

export type TurnLimits = {
  readonly atOnce: number
  /** Inside and waiting together. */
  readonly max: number
  readonly waitMsMax: number
}

export type Turns = {
  /** What gives the place back, once; undefined: refused. */
  enter(source: string): undefined | (() => void) | Promise<undefined | (() => void)>
  /** Inside and waiting. */
  readonly total: number
}

type Waiting = { readonly begin: () => void }

export function createTurns(limits: TurnLimits): Turns {
  const share = new Share(limits.max)
  /** In the order in which their turn comes; a line is never empty. */
  const lines = new Map<string, Set<Waiting>>()
  let inside = 0

  function next(): void {
    const [first] = lines
    if (first === undefined || inside >= limits.atOnce) return
    const [source, line] = first
    const [waiting] = line
    lines.delete(source)
    if (waiting === undefined) return
    line.delete(waiting)
    if (line.size > 0) lines.set(source, line)
    waiting.begin()
  }

  function leaver(source: string): () => void {
    let left = false
    return () => {
      if (left) return
      left = true
      inside--
      share.give(source)
      next()
    }
  }

  function wait(source: string): Promise<undefined | (() => void)> {
    const { promise, resolve } = Promise.withResolvers<undefined | (() => void)>()
    const line = lines.get(source) ?? new Set()
    const waiting: Waiting = {
      begin: () => {
        clearTimeout(timer)
        inside++
        resolve(leaver(source))
      },
    }
    const timer = setTimeout(() => {
      line.delete(waiting)
      if (line.size === 0 && lines.get(source) === line) lines.delete(source)
      share.give(source)
      resolve(undefined)
    }, limits.waitMsMax)
    timer.unref()
    lines.set(source, line.add(waiting))
    return promise
  }

  return {
    enter(source) {
      if (!share.take(source)) return undefined
      if (inside >= limits.atOnce) return wait(source)
      inside++
      return leaver(source)
    },
    get total() {
      return share.total
    },
  }
}
