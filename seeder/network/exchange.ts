// Questions and answers on a channel: many in flight, matched by a u32 id, each answered exactly once or given up at its deadline.
//
//   request  [id u32][question]      response [id u32][answer]      refusal [id u32][code in ASCII]

import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import type { Channel } from '#seeder/network/channel.ts'
import { FRAME_KIND, type Frame, type FrameKind } from '#seeder/network/frame.ts'
import type { RequestError } from '#seeder/network/port.ts'

/** Questions to one peer that may be in flight; it answers no more than this many at once. */
export const IN_FLIGHT_MAX = 64
const REASON_BYTES_MAX = 64
const ID_BYTES = 4

type Waiting = { readonly settle: (result: Result<Uint8Array, RequestError>) => void; readonly timer: NodeJS.Timeout }

export class Exchange {
  readonly #channel: () => Channel | undefined
  readonly #answer: (question: Uint8Array) => Promise<Result<Uint8Array, string>>
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 0
  #answering = 0

  constructor(
    channel: () => Channel | undefined,
    answer: (question: Uint8Array) => Promise<Result<Uint8Array, string>>,
  ) {
    this.#channel = channel
    this.#answer = answer
  }

  ask(question: Uint8Array, deadlineMs: number): Promise<Result<Uint8Array, RequestError>> {
    const channel = this.#channel()
    if (channel === undefined) return Promise.resolve(err({ code: 'not_connected' }))
    if (this.#waiting.size >= IN_FLIGHT_MAX) return Promise.resolve(err({ code: 'busy' }))
    const id = this.#nextId
    this.#nextId = (this.#nextId + 1) >>> 0
    return new Promise((resolve) => {
      const settle = (result: Result<Uint8Array, RequestError>): void => {
        const waiting = this.#waiting.get(id)
        if (waiting === undefined) return
        this.#waiting.delete(id)
        clearTimeout(waiting.timer)
        resolve(result)
      }
      const timer = setTimeout(() => settle(err({ code: 'deadline', deadlineMs })), deadlineMs)
      this.#waiting.set(id, { settle, timer })
      if (!channel.send(FRAME_KIND.request, withId(id, question))) settle(err({ code: 'busy' }))
    })
  }

  /** A frame of kind request, response or refusal. Returns false when it is malformed. */
  take(frame: Frame): boolean {
    if (frame.payload.length < ID_BYTES) return false
    const view = new DataView(frame.payload.buffer, frame.payload.byteOffset, frame.payload.length)
    const id = view.getUint32(0)
    const rest = frame.payload.subarray(ID_BYTES)
    if (frame.kind === FRAME_KIND.request) {
      void this.#reply(id, rest)
      return true
    }
    const waiting = this.#waiting.get(id)
    // An answer after its deadline: the question was given up, the answer is not an offence.
    if (waiting === undefined) return true
    if (frame.kind === FRAME_KIND.response) waiting.settle(ok(rest))
    else if (rest.length > REASON_BYTES_MAX) return false
    else waiting.settle(err({ code: 'refused', reason: Buffer.from(rest).toString('latin1') }))
    return true
  }

  /** The link ended: every question in flight fails. */
  end(): void {
    for (const waiting of [...this.#waiting.values()]) waiting.settle(err({ code: 'not_connected' }))
  }

  async #reply(id: number, question: Uint8Array): Promise<void> {
    const channel = this.#channel()
    if (channel === undefined) return
    if (this.#answering >= IN_FLIGHT_MAX) {
      channel.send(FRAME_KIND.refusal, withId(id, Buffer.from('busy')))
      return
    }
    this.#answering++
    try {
      const answer = await this.#answer(question)
      const kind: FrameKind = answer.ok ? FRAME_KIND.response : FRAME_KIND.refusal
      const body = answer.ok ? answer.value : Buffer.from(answer.error)
      assert(answer.ok || body.length <= REASON_BYTES_MAX, 'a refusal is a short code')
      if (!channel.send(kind, withId(id, body))) channel.send(FRAME_KIND.refusal, withId(id, Buffer.from('too_large')))
    } finally {
      this.#answering--
    }
  }
}

function withId(id: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ID_BYTES + body.length)
  new DataView(bytes.buffer).setUint32(0, id)
  bytes.set(body, ID_BYTES)
  return bytes
}
