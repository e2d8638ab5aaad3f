// When a stream's receiver tells its sender that there is room again.
//
// The muxer says so after every frame: a packet to encrypt, a write and a wake-up of the peer for each message of a few hundred bytes. Here it is
// said when half of the window is used up, as the other implementations of yamux do. Invariant: a sender whose frames all came has half a window.

import type { Stream } from '@libp2p/interface'

/** What the pinned muxer's streams have beside their interface. */
type Windowed = {
  /** Bytes that the sender may have on their way, and those that it may still send. */
  readonly recvWindow: number
  readonly recvWindowCapacity: number
  sendWindowUpdate: () => void
}

function isWindowed(stream: object): stream is Windowed {
  const { recvWindow, recvWindowCapacity, sendWindowUpdate } = stream as Partial<Windowed>
  return (
    typeof recvWindow === 'number' && typeof recvWindowCapacity === 'number' && typeof sendWindowUpdate === 'function'
  )
}

/** False, and nothing is changed, for the streams of another muxer. */
export function spareWindowUpdates(stream: Stream): boolean {
  if (!isWindowed(stream)) return false
  const update = stream.sendWindowUpdate
  let isFirst = true
  stream.sendWindowUpdate = () => {
    // The first one accepts the stream.
    if (!isFirst && stream.recvWindowCapacity > stream.recvWindow / 2) return
    isFirst = false
    update.call(stream)
  }
  return true
}
