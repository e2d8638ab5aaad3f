// Frames of the other members on their way to the machine: a queue each, taken in turn, so that one that floods costs itself.
//
// Invariant: at most `FRAMES_MAX` frames a member are held. From `FRAMES_HIGH` on the member's channel is held back until its
// queue is half that again; what comes all the same beyond the bound is lost and counted. Once closed, nobody is held.

import { assert } from '#protocol/codec/result.ts'

export const FRAMES_HIGH = 128
export const FRAMES_MAX = 1024

export type InboxFrame = { readonly from: number; readonly bytes: Uint8Array }

type Queue = { frames: Uint8Array[]; held: PromiseWithResolvers<void> | undefined }

export class Inbox {
  readonly #queues: Queue[]
  #turn = 0
  #size = 0
  #holds = true
  lost = 0

  constructor(members: number) {
    this.#queues = Array.from({ length: members }, () => ({ frames: [], held: undefined }))
  }

  /** Somebody more may send. */
  grow(): void {
    this.#queues.push({ frames: [], held: undefined })
  }

  get size(): number {
    return this.#size
  }

  /** The promise holds the member back until its queue has room. */
  add(from: number, bytes: Uint8Array): undefined | Promise<void> {
    const queue = this.#queues[from]
    assert(queue !== undefined, 'frames come from members')
    if (queue.frames.length >= FRAMES_MAX) {
      this.lost++
      return undefined
    }
    queue.frames.push(bytes)
    this.#size++
    if (!this.#holds || queue.frames.length < FRAMES_HIGH) return undefined
    queue.held ??= Promise.withResolvers()
    return queue.held.promise
  }

  /** The next frame of whose turn it is. */
  take(): InboxFrame | undefined {
    for (let step = 0; step < this.#queues.length; step++) {
      const from = (this.#turn + step) % this.#queues.length
      const queue = this.#queues[from]
      const bytes = queue?.frames.shift()
      if (queue === undefined || bytes === undefined) continue
      this.#turn = from + 1
      this.#size--
      if (queue.frames.length <= FRAMES_HIGH / 2) release(queue)
      return { from, bytes }
    }
    return undefined
  }

  /** While nothing is taken nobody is to be held back: a channel carries other sites too. */
  hold(holds: boolean): void {
    this.#holds = holds
    if (!holds) for (const queue of this.#queues) release(queue)
  }
}

function release(queue: Queue): void {
  queue.held?.resolve()
  queue.held = undefined
}
