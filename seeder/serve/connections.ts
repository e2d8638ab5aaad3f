// The connections of visitors: how many, whose, and what waits in them to be taken.
//
//   too many              the newcomer displaces the one that has rested longest of the source that has most (which may be its own)
//   pipelined too deep    cut: no browser sends a second request before the first is answered; what it sent beyond is not parsed
//   takes nothing         cut after `stallMs`, and at once the slowest when all together hold `unsentBytesMax`
//
// Invariant: a visitor with fewer connections than another is never the one that has to go for it.

import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { sourceOf } from '#protocol/bounds/share.ts'
import type { ServeLimits } from '#seeder/serve/limits.ts'

const LOOK_MS = 1_000
/** As soon as so much of `unsentBytesMax` has come to wait since the last look, there is another one. */
const LOOK_SHARE = 1 / 8

type Facts = {
  readonly source: string
  /** Requests without their whole answer. */
  readonly open: Set<ServerResponse>
  /** Bytes that had left for the visitor at the last look, and when that last changed. */
  taken: number
  movedAt: number
}

export type Connections = Disposable & {
  /** False: there is no place for it, and it was cut. */
  add(socket: Socket): boolean
  remove(socket: Socket): void
  /** A request came; false: it was one too many, and the connection is cut. */
  asked(response: ServerResponse): boolean
  /** No request of it is without its whole answer. */
  rests(socket: Socket): boolean
  /** An answer was handed over, whole or not. */
  given(response: ServerResponse): void
  /** Lets go who has to go; the timer's work. */
  look(): void
  readonly all: ReadonlySet<Socket>
  /** Why connections were cut, since the start. */
  readonly cut: Readonly<Record<'displaced' | 'no_place' | 'pipelined' | 'stalled' | 'unsent', number>>
}

type ConnectionLimits = Pick<ServeLimits, 'connectionsMax' | 'pipelinedMax' | 'stallMs' | 'unsentBytesMax'>

type ParsedSocket = Socket & { readonly parser?: { onIncoming?: (...head: never[]) => number } | null }
type QueueingSocket = Socket & {
  readonly _handle?: { readonly bytesWritten?: number; readonly writeQueueSize?: number } | null
}
/** What tells the parser of `node:http` that a head was refused: anything but what it has a meaning for (0, 1, 2 and its pauses). */
const PARSE_NO_MORE = -1

/**
 * Of a connection that was cut, the rest of what was read is not parsed: 64 KiB are some thousand requests, each would take its time, and all would
 * be held until the loop comes round to the connection's end. Node has no public way to say so; where this one is missing, they are parsed for
 * nothing.
 */
function parseUntilCut(socket: ParsedSocket): void {
  const { parser } = socket
  const parse = parser?.onIncoming
  if (parser == null || parse === undefined) return
  parser.onIncoming = (...head) => (socket.destroyed ? PARSE_NO_MORE : parse(...head))
}

/** Bytes that have left for the visitor: of one large answer the system takes a part after the other. */
function takenOf(socket: QueueingSocket): number {
  const { bytesWritten, writeQueueSize } = socket._handle ?? {}
  if (bytesWritten === undefined || writeQueueSize === undefined) return socket.bytesWritten - socket.writableLength
  return bytesWritten - writeQueueSize
}

/** Bytes that wait in this connection, in answers that have to wait for another one too. */
function unsentOf(socket: Socket, open: ReadonlySet<ServerResponse>): number {
  let bytes = socket.writableLength
  for (const response of open) if (response.socket === null) bytes += response.writableLength
  return bytes
}

export function watchConnections(limits: ConnectionLimits, now: () => number = () => performance.now()): Connections {
  /** In the order in which they last rested: a connection goes to the end when it is answered. */
  const facts = new Map<Socket, Facts>()
  const all = new Set<Socket>()
  const bySource = new Map<string, number>()
  /** Bytes that came to wait since the last look. */
  let grown = 0
  let lookedAt = now()
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
      if (of !== most || open.size > 0) continue
      end(socket, 'displaced')
      return true
    }
    return false
  }

  function look(): void {
    const time = now()
    // While this process stood still nobody could take anything.
    const still = Math.max(0, time - lookedAt - 2 * LOOK_MS)
    lookedAt = time
    let unsent = 0
    grown = 0
    const slow: { readonly socket: Socket; readonly unsent: number; readonly movedAt: number }[] = []
    for (const [socket, known] of facts) {
      known.movedAt += still
      const waits = unsentOf(socket, known.open)
      const taken = takenOf(socket)
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

  const timer = setInterval(look, LOOK_MS)
  timer.unref()
  return {
    look,
    all,
    cut,
    add(socket) {
      const source = sourceOf(socket.remoteAddress)
      if (facts.size >= limits.connectionsMax && !displace(source)) {
        cut.no_place++
        socket.destroy()
        return false
      }
      parseUntilCut(socket)
      facts.set(socket, { source, open: new Set(), taken: 0, movedAt: now() })
      all.add(socket)
      bySource.set(source, (bySource.get(source) ?? 0) + 1)
      return true
    },
    remove,
    asked(response) {
      const { socket } = response.req
      const known = facts.get(socket)
      if (known === undefined) return false
      known.open.add(response)
      if (known.open.size > limits.pipelinedMax) {
        end(socket, 'pipelined')
        return false
      }
      response.once('close', () => {
        known.open.delete(response)
        // To the end of the row of those that rest.
        if (facts.delete(socket)) facts.set(socket, known)
      })
      return true
    },
    rests: (socket) => facts.get(socket)?.open.size === 0,
    given(response) {
      const waits = response.writableLength
      if (waits === 0) return
      grown += waits
      if (grown > limits.unsentBytesMax * LOOK_SHARE) look()
    },
    [Symbol.dispose]: () => clearInterval(timer),
  }
}
