// What the visits of carried sites may hold of this gateway's memory, shared by source: one that takes all it can leaves half to the others,
// n of them leave 1/(n+1) (`protocol/bounds/share.ts`).
//
//   visit ── its place ── + request's body ── + answer to be checked whole, or a stream's window and leaves ──> given back with its last byte

import { Share } from '#protocol/bounds/share.ts'

/** Head of the request and of the answer, receipt and certificate. */
const PLACE_BYTES = 32 * 1024
/** Of an answer that streams: its window at the tunnel's end, and the chunk that is checked. */
export const STREAM_BYTES = 320 * 1024

export type Room = {
  /** False, and nothing taken, when it does not fit. */
  take(bytes: number): boolean
  give(bytes: number): void
  /** All of it is given back, and nothing is taken any more. */
  leave(): void
  /** It was left. */
  isOver(): boolean
}

export type Rooms = {
  /** A place for one more visit; undefined: none for this source now. */
  enter(source: string): Room | undefined
  /** Bytes, of all. */
  readonly held: number
}

export function createRooms(bytesMax: number): Rooms {
  const share = new Share(bytesMax)
  return {
    enter(source) {
      if (!share.take(source, PLACE_BYTES)) return undefined
      let held = PLACE_BYTES
      let isOver = false
      return {
        take(bytes) {
          if (isOver || !share.take(source, bytes)) return false
          held += bytes
          return true
        },
        give(bytes) {
          if (isOver) return
          share.give(source, bytes)
          held -= bytes
        },
        leave() {
          if (!isOver) share.give(source, held)
          isOver = true
        },
        isOver: () => isOver,
      }
    },
    get held() {
      return share.total
    },
  }
}
