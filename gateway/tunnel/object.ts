// A seeder's tunnel at the edge: one Durable Object a peer, which holds the peer's WebSocket and sleeps while nobody asks.
//
//   seeder ══ WebSocket ══> this object <── ask ── the Worker, for a visitor
//
// What it must not lose while it sleeps stands in the socket's attachment: who it is, and whether that is proven. Streams are
// not kept: nothing sleeps while one is under way, and whoever wakes without its memory says RESET first.

import { DurableObject } from 'cloudflare:workers'
import {
  type AskError,
  CLOSE,
  type TunnelAnswer,
  TunnelConnection,
  type TunnelSocket,
} from '#gateway/tunnel/connection.ts'
import { CHALLENGE_BYTES, checkProof, PING, PONG, PROOF_MS, PROVEN } from '#gateway/tunnel/proof.ts'
import { verify } from '#gateway/web-crypto.ts'
import { bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { type Digest, digestFromBytes } from '#protocol/codec/digest.ts'
import { assert, err, type Result } from '#protocol/codec/result.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import type { OpenHead } from '#protocol/tunnel/frame.ts'

/** Sockets that have not proven themselves yet, each for `PROOF_MS` at most; one more displaces the oldest. */
const UNPROVEN_MAX = 4
/** RFC 6455 §7.4.1: it has done what it was for. */
const CLOSED = 1000
/** Sockets that came together are closed together. */
const ALARM_SLACK_MS = 1_000
/** What the Worker tells this object of a socket; no visitor's header gets here. */
export const TUNNEL_FIELDS = {
  peer: 'interpeer-tunnel-peer',
  gateway: 'interpeer-tunnel-gateway',
  chain: 'interpeer-tunnel-chain',
  generation: 'interpeer-tunnel-generation',
} as const

type Attachment = {
  readonly peer: string
  readonly gateway: string
  readonly chain: string
  readonly generation: number
  readonly challenge: string
  readonly since: number
  readonly isProven: boolean
}

export class Tunnel extends DurableObject {
  /** Of sockets that are proven, as far as it remembers; an attachment is read for the others alone. */
  readonly #connections = new Map<WebSocket, TunnelConnection>()

  constructor(context: DurableObjectState, env: unknown) {
    super(context, env as never)
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
  }

  /** A WebSocket that claims to be the peer's, as the Worker hands it on. */
  override fetch(request: Request): Promise<Response> {
    return this.#accept(request)
  }

  /** A visitor's request, called by the Worker. */
  async ask(
    head: Omit<OpenHead, 'body'>,
    body: ReadableStream<Uint8Array> | undefined,
    headMs: number,
  ): Promise<Result<TunnelAnswer, AskError>> {
    const connection = this.#proven()
    return connection === undefined ? err({ code: 'gone' }) : connection.ask(head, body, { headMs })
  }

  async #accept(request: Request): Promise<Response> {
    const { headers } = request
    const unproven = this.ctx
      .getWebSockets()
      .map((socket) => ({ socket, ...attachmentOf(socket) }))
      .filter(({ isProven }) => !isProven)
      .sort((a, b) => a.since - b.since)
    for (const { socket } of unproven.slice(0, Math.max(0, unproven.length - UNPROVEN_MAX + 1)))
      socket.close(CLOSE.unproven, 'another one came')
    const [client, socket] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    const challenge = crypto.getRandomValues(new Uint8Array(CHALLENGE_BYTES))
    const attachment: Attachment = {
      peer: headers.get(TUNNEL_FIELDS.peer) ?? '',
      gateway: headers.get(TUNNEL_FIELDS.gateway) ?? '',
      chain: headers.get(TUNNEL_FIELDS.chain) ?? '',
      generation: Number(headers.get(TUNNEL_FIELDS.generation) ?? 0),
      challenge: hexFromBytes(challenge),
      since: Date.now(),
      isProven: false,
    }
    this.ctx.acceptWebSocket(socket)
    socket.serializeAttachment(attachment)
    socket.send(challenge)
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now() + PROOF_MS)
    return new Response(null, { status: 101, webSocket: client })
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    if (typeof message === 'string') {
      socket.close(CLOSE.protocol, 'messages are bytes')
      return
    }
    const bytes = new Uint8Array(message)
    const known = this.#connections.get(socket)
    if (known !== undefined) {
      known.receive(bytes)
      return
    }
    const attachment = attachmentOf(socket)
    if (attachment.isProven) this.#connection(socket).receive(bytes)
    else await this.#prove(socket, attachment, bytes)
  }

  override webSocketClose(socket: WebSocket): void {
    this.#connections.get(socket)?.closed()
    this.#connections.delete(socket)
    // Whoever said it waits for the answer (RFC 6455 §7.1.2), which the runtime does not give by itself.
    try {
      socket.close(CLOSED)
    } catch {
      // It is gone altogether.
    }
  }

  override webSocketError(socket: WebSocket): void {
    this.webSocketClose(socket)
  }

  /** Closes who did not prove itself in time. */
  override async alarm(): Promise<void> {
    let next = Number.POSITIVE_INFINITY
    for (const socket of this.ctx.getWebSockets()) {
      const { isProven, since } = attachmentOf(socket)
      if (isProven) continue
      if (since + PROOF_MS <= Date.now() + ALARM_SLACK_MS) socket.close(CLOSE.unproven, 'no proof came')
      else next = Math.min(next, since + PROOF_MS)
    }
    if (Number.isFinite(next)) await this.ctx.storage.setAlarm(next)
  }

  async #prove(socket: WebSocket, attachment: Attachment, message: Uint8Array): Promise<void> {
    const claim = {
      peer: attachment.peer as PeerName,
      gateway: attachment.gateway,
      challenge: digestFromHex(attachment.challenge),
      domain: { chainId: digestFromHex(attachment.chain), generation: attachment.generation },
    }
    const proof = await checkProof(claim, message, verify)
    if (!proof.ok) {
      socket.close(CLOSE.unproven, proof.error.code)
      return
    }
    for (const other of this.ctx.getWebSockets()) {
      if (other === socket || !attachmentOf(other).isProven) continue
      const connection = this.#connections.get(other)
      this.#connections.delete(other)
      if (connection === undefined) other.close(CLOSE.replaced, 'a newer one is here')
      else connection.close(CLOSE.replaced, 'a newer one is here')
    }
    socket.serializeAttachment({ ...attachment, isProven: true } satisfies Attachment)
    this.#connections.set(socket, new TunnelConnection(portOf(socket), { anew: false }))
    socket.send(PROVEN)
  }

  #proven(): TunnelConnection | undefined {
    for (const [socket, connection] of this.#connections) if (socket.readyState === WebSocket.OPEN) return connection
    for (const socket of this.ctx.getWebSockets()) {
      if (socket.readyState === WebSocket.OPEN && attachmentOf(socket).isProven) return this.#connection(socket)
    }
    return undefined
  }

  /** Of a proven socket; after a sleep it is made again, and says that it remembers nothing. */
  #connection(socket: WebSocket): TunnelConnection {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    const made = new TunnelConnection(portOf(socket), { anew: true })
    this.#connections.set(socket, made)
    return made
  }
}

function attachmentOf(socket: WebSocket): Attachment {
  return socket.deserializeAttachment() as Attachment
}

function portOf(socket: WebSocket): TunnelSocket {
  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(message)
    },
    close: (code, reason) => socket.close(code, reason),
  }
}

function digestFromHex(hex: string): Digest {
  const bytes = bytesFromHex(hex)
  assert(bytes.ok, 'the Worker writes hexadecimal')
  const digest = digestFromBytes(bytes.value)
  assert(digest.ok, 'the Worker writes 32 bytes')
  return digest.value
}
