// One connection to one peer and the two streams on it: agreement messages, and questions about content.
// It is whole or not at all: when either stream ends, the connection is cut and the link is over.

import type { Connection, Stream } from '@libp2p/interface'
import { DIGEST_BYTES } from '#protocol/codec/digest.ts'
import type { Result } from '#protocol/codec/result.ts'
import { TRANSFER_BYTES_MAX, WIRE_BYTES_MAX } from '#protocol/message/wire.ts'
import { Channel, type ChannelClose, type ChannelLimits } from '#seeder/network/channel.ts'
import { cut } from '#seeder/network/cut.ts'
import { Exchange } from '#seeder/network/exchange.ts'
import { FRAME_KIND, type Frame } from '#seeder/network/frame.ts'

export const AGREE_PROTOCOL = '/interpeer/agree/1'
export const CONTENT_PROTOCOL = '/interpeer/content/1'
export type LinkProtocol = typeof AGREE_PROTOCOL | typeof CONTENT_PROTOCOL

/** The job that it is about, then the message. */
export const AGREE_MESSAGE_BYTES_MAX = WIRE_BYTES_MAX + DIGEST_BYTES
/** Certified blocks with their bodies are the largest answer. */
export const CONTENT_MESSAGE_BYTES_MAX = TRANSFER_BYTES_MAX + 64 * 1024

const LIMITS: Record<LinkProtocol, ChannelLimits> = {
  [AGREE_PROTOCOL]: { payloadBytesMax: AGREE_MESSAGE_BYTES_MAX, sendBytesMax: 8 * 1024 * 1024 },
  [CONTENT_PROTOCOL]: { payloadBytesMax: CONTENT_MESSAGE_BYTES_MAX, sendBytesMax: 3 * CONTENT_MESSAGE_BYTES_MAX },
}

export type LinkEnd = ChannelClose | 'unexpected_kind' | 'malformed'

export type LinkHandlers = {
  onMessage(bytes: Uint8Array): undefined | Promise<void>
  onRequest(bytes: Uint8Array): Promise<Result<Uint8Array, string>>
  onReady(): void
  onEnd(reason: LinkEnd): void
}

export class Link {
  readonly connection: Connection
  readonly #handlers: LinkHandlers
  readonly #now: () => number
  readonly #wall: () => number
  readonly exchange: Exchange
  #agree: Channel | undefined
  #content: Channel | undefined
  #ended = false

  constructor(connection: Connection, handlers: LinkHandlers, now: () => number, wall: () => number) {
    this.connection = connection
    this.#handlers = handlers
    this.#now = now
    this.#wall = wall
    this.exchange = new Exchange(
      () => (this.ready ? this.#content : undefined),
      (question) => handlers.onRequest(question),
    )
    connection.addEventListener('close', () => this.end('stream_closed'), { once: true })
  }

  get ready(): boolean {
    return !this.#ended && this.#agree !== undefined && this.#content !== undefined
  }

  get ended(): boolean {
    return this.#ended
  }

  get agree(): Channel | undefined {
    return this.#agree
  }

  get heardAt(): number {
    return Math.max(this.#agree?.heardAt ?? 0, this.#content?.heardAt ?? 0)
  }

  channels(): readonly Channel[] {
    return [this.#agree, this.#content].filter((channel) => channel !== undefined)
  }

  has(protocol: LinkProtocol): boolean {
    return (protocol === AGREE_PROTOCOL ? this.#agree : this.#content) !== undefined
  }

  adopt(protocol: LinkProtocol, stream: Stream): void {
    const channel = new Channel(
      stream,
      LIMITS[protocol],
      { onFrame: (frame) => this.#frame(protocol, frame), onClose: (reason) => this.end(reason) },
      this.#now,
      this.#wall,
    )
    if (protocol === AGREE_PROTOCOL) this.#agree = channel
    else this.#content = channel
    if (this.ready) this.#handlers.onReady()
  }

  send(bytes: Uint8Array): boolean {
    return this.ready ? (this.#agree?.send(FRAME_KIND.data, bytes) ?? false) : false
  }

  end(reason: LinkEnd): void {
    if (this.#ended) return
    this.#ended = true
    this.#agree?.close('stopped')
    this.#content?.close('stopped')
    this.exchange.end()
    if (this.connection.status === 'open') cut(this.connection, reason)
    this.#handlers.onEnd(reason)
  }

  #frame(protocol: LinkProtocol, frame: Frame): undefined | Promise<void> {
    if (protocol === AGREE_PROTOCOL) {
      if (frame.kind === FRAME_KIND.data) return this.#handlers.onMessage(frame.payload)
      this.end('unexpected_kind')
    } else if (frame.kind === FRAME_KIND.data) this.end('unexpected_kind')
    else if (!this.exchange.take(frame)) this.end('malformed')
    return undefined
  }
}
