// Tunnels where the gateway is one process: a table of sockets by peer, in place of a Durable Object each.
//
//   HTTP upgrade ──> the app says who may ──> challenge ──> proof ──> TunnelConnection, in the place of an older one

import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { GatewayLog } from '#gateway/gateway.ts'
import { CLOSE, TunnelConnection } from '#gateway/tunnel/connection.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import { CHALLENGE_BYTES, checkProof, PING, PONG, PROOF_MS, PROVEN } from '#gateway/tunnel/proof.ts'
import { err } from '#protocol/codec/result.ts'
import type { PeerName, PublicKey, Signature } from '#protocol/identity/keys.ts'
import type { Domain } from '#protocol/message/domain.ts'
import { FRAME_BYTES_MAX } from '#protocol/tunnel/frame.ts'

/** Sockets of one peer that have not proven themselves yet, each for `PROOF_MS` at most; one more displaces the oldest. */
const UNPROVEN_MAX = 4

/** Of answers to pings that lie here unsent: who asks without reading is cut off. */
const PONGS_BYTES_MAX = 64 * 1024
/** Of requests that lie here unsent: whoever asked has given up long before a seeder that reads at all gets so far behind. */
const UNSENT_BYTES_MAX = 16 * 1024 * 1024

type Claimed = { readonly peer: PeerName; readonly domain: Domain }

export type SocketTunnels = Tunnels & {
  /** Goes on with an upgrade that the app has let in by `accept`; false: it has not. */
  upgrade(request: Request, message: IncomingMessage, socket: Duplex, head: Buffer): boolean
  close(): void
  /** So many have proven whose they are. */
  readonly open: number
}

export type SocketTunnelOptions = {
  /** The gateway's own address, which proofs name. */
  readonly gateway: string
  readonly verify: (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>
  readonly log: GatewayLog
}

export function socketTunnels({ gateway, verify, log }: SocketTunnelOptions): SocketTunnels {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: FRAME_BYTES_MAX,
    perMessageDeflate: false,
    autoPong: false,
  })
  const letIn = new WeakMap<Request, Claimed>()
  const unproven = new Map<PeerName, Set<WebSocket>>()
  const proven = new Map<PeerName, TunnelConnection>()

  function take(socket: WebSocket, { peer, domain }: Claimed): void {
    const waiting = unproven.get(peer) ?? new Set<WebSocket>()
    unproven.set(peer, waiting.add(socket))
    for (const oldest of waiting) {
      if (waiting.size <= UNPROVEN_MAX) break
      waiting.delete(oldest)
      oldest.close(CLOSE.unproven, 'another one came')
    }
    const challenge = new Uint8Array(randomBytes(CHALLENGE_BYTES))
    let connection: TunnelConnection | undefined
    const noProof = setTimeout(() => socket.close(CLOSE.unproven, 'no proof came'), PROOF_MS)
    const decided = (): void => {
      clearTimeout(noProof)
      waiting.delete(socket)
      if (waiting.size === 0 && unproven.get(peer) === waiting) unproven.delete(peer)
    }

    function say(message: string | Uint8Array, unsentMax: number): void {
      if (socket.readyState !== socket.OPEN) return
      if (socket.bufferedAmount > unsentMax) socket.terminate()
      else socket.send(message)
    }

    async function prove(message: Uint8Array): Promise<void> {
      const proof = await checkProof({ peer, gateway, challenge, domain }, message, verify)
      if (socket.readyState !== socket.OPEN) return
      decided()
      if (!proof.ok) return socket.close(CLOSE.unproven, proof.error.code)
      const older = proven.get(peer)
      connection = new TunnelConnection(
        {
          send: (bytes) => say(bytes, UNSENT_BYTES_MAX),
          close: (code, reason) => socket.close(code, reason),
        },
        { anew: false },
      )
      proven.set(peer, connection)
      older?.close(CLOSE.replaced, 'a newer one is here')
      log('debug', 'tunnel_open', { peer })
      socket.send(PROVEN)
    }

    let proving: Promise<void> | undefined
    socket.on('message', (data, isBinary) => {
      const message = data as Buffer
      if (!isBinary) {
        if (message.toString() === PING) say(PONG, PONGS_BYTES_MAX)
        else socket.close(CLOSE.protocol, 'messages are bytes')
        return
      }
      const bytes = new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
      if (connection !== undefined) connection.receive(bytes)
      else if (proving === undefined) proving = prove(bytes).catch(() => socket.terminate())
      else socket.close(CLOSE.protocol, 'nothing comes before the proof holds')
    })
    socket.on('ping', (data: Buffer) => {
      if (socket.bufferedAmount > PONGS_BYTES_MAX) socket.terminate()
      else socket.pong(data)
    })
    socket.on('error', () => socket.terminate())
    socket.once('close', (code) => {
      decided()
      connection?.closed()
      log('debug', connection === undefined ? 'tunnel_unproven' : 'tunnel_closed', { peer, code })
      if (connection !== undefined && proven.get(peer) === connection) proven.delete(peer)
    })
    socket.send(challenge)
  }

  return {
    async accept(request, peer, domain) {
      letIn.set(request, { peer, domain })
      return new Response(null, { status: 204 })
    },
    upgrade(request, message, socket, head) {
      const claimed = letIn.get(request)
      if (claimed === undefined) return false
      server.handleUpgrade(message, socket, head, (webSocket) => take(webSocket, claimed))
      return true
    },
    async ask(peer, head, body, options) {
      const connection = proven.get(peer)
      return connection === undefined ? err({ code: 'gone' }) : connection.ask(head, body, options)
    },
    close() {
      for (const socket of server.clients) socket.close(CLOSE.stopping, 'the gateway stops')
      server.close()
    },
    get open() {
      return proven.size
    },
  }
}
