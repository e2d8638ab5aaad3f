// The connections of visitors: how many, whose, and what waits in them to be taken.
//
//   too many              the newcomer displaces the one that has rested longest of the source that has most (which may be its own)
//   pipelined too deep    cut: no browser sends a second request before the first is answered
//   takes nothing         cut after `stallMs`, and at once the slowest when all together hold `unsentBytesMax`
//
// Invariant: a visitor with fewer connections than another is never the one that has to go for it.

import type { Socket } from 'node:net'
import type { ServeLimits } from '#seeder/serve/limits.ts'
import { sourceOf } from '#seeder/serve/share.ts'

const SWEEP_MS = 1_000

type Facts = {
  readonly source: string
  /** Requests without their whole answer. */
  open: number
  /** Bytes that the visitor had taken at the last look, and when that last changed. */
  taken: number
  movedAt: number
}

export type Connections = Disposable & {
  /** False: there is no place for it, and it was cut. */
  add(socket: Socket): boolean
  remove(socket: Socket): void
  /** A request came; false: it was one too many, and the connection is cut. */
  asked(socket: Socket): boolean
  answered(socket: Socket): void
  readonly all: ReadonlySet<Socket>
  /** Why connections were cut, since the start. */
  readonly cut: Readonly<Record<'displaced' | 'no_place' | 'pipelined' | 'stalled' | 'unsent', number>>
}

type ConnectionLimits = Pick<ServeLimits, 'connectionsMax' | 'pipelinedMax' | 'stallMs' | 'unsentBytesMax'>

export function watchConnections(limits: ConnectionLimits, now: () => number = () => performance.now()): Connections {
  /** In the order in which they last rested: a connection goes to the end when it is answered. */
  const facts = new Map<Socket, Facts>()
  const all = new Set<Socket>()
  const bySource = new Map<string, number>()
  const cut = { displaced: 0, no_place: 0, pipelined: 0, stalled: 0, unsent: 0 }

  function end(socket: Socket, why: keyof typeof cut): void {
    cut[why]++
    remove(socket)
    socket.destroy()
  }

  function remove(socket: Socket): void {
    const known = facts.get(socket)
    if (known === undefined) return
    facts.delete(socket)
    all.delete(socket)
    const left = (bySource.get(known.source) ?? 1) - 1
    if (left > 0) bySource.set(known.source, left)
    else bySource.delete(known.source)
  }

  /** Room for one more of this source, by the end of another. */
  function displace(source: string): boolean {
    let most = source
    for (const [other, count] of bySource) if (count > (bySource.get(most) ?? 0)) most = other
    for (const [socket, { source: of, open }] of facts) {
      if (of !== most || open > 0) continue
      end(socket, 'displaced')
      return true
    }
    return false
  }

  function sweep(): void {
    const time = now()
    let unsent = 0
    const slow: { readonly socket: Socket; readonly unsent: number; readonly movedAt: number }[] = []
    for (const [socket, known] of facts) {
      const waits = socket.writableLength
      const taken = socket.bytesWritten - waits
      if (taken !== known.taken || waits === 0) {
        known.taken = taken
        known.movedAt = time
      } else if (time - known.movedAt > limits.stallMs) {
        end(socket, 'stalled')
        continue
      }
      unsent += waits
      if (waits > 0) slow.push({ socket, unsent: waits, movedAt: known.movedAt })
    }
    if (unsent <= limits.unsentBytesMax) return
    slow.sort((a, b) => a.movedAt - b.movedAt || b.unsent - a.unsent)
    for (const { socket, unsent: waits } of slow) {
      if (unsent <= limits.unsentBytesMax) return
      unsent -= waits
      end(socket, 'unsent')
    }
  }

  const timer = setInterval(sweep, SWEEP_MS)
  timer.unref()
  return {
    all,
    cut,
    add(socket) {
      const source = sourceOf(socket.remoteAddress)
      if (facts.size >= limits.connectionsMax && !displace(source)) {
        cut.no_place++
        socket.destroy()
        return false
      }
      facts.set(socket, { source, open: 0, taken: 0, movedAt: now() })
      all.add(socket)
      bySource.set(source, (bySource.get(source) ?? 0) + 1)
      return true
    },
    remove,
    asked(socket) {
      const known = facts.get(socket)
      if (known === undefined) return false
      known.open++
      if (known.open <= limits.pipelinedMax) return true
      end(socket, 'pipelined')
      return false
    },
    answered(socket) {
      const known = facts.get(socket)
      if (known === undefined) return
      known.open--
      facts.delete(socket)
      facts.set(socket, known)
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
