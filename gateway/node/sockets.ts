// A visitor's WebSocket where the gateway is one process: held by `ws`, left unread while too much waits, asked whether it lives.

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { SocketListener, Sockets, VisitorSocket } from '#gateway/carry/socket-port.ts'
import { SOCKET_PING_MS, SOCKET_SILENCE_MS } from '#gateway/settings.ts'
import {
  MESSAGE_BYTES_MAX,
  MESSAGE_PARTS_MAX,
  SOCKET_CLOSE,
  SOCKET_CLOSE_MS,
  UNSENT_BYTES_PAUSE,
} from '#protocol/socket/talk.ts'

export type NodeSockets = Sockets & {
  /** This request is an upgrade: once it is answered, `upgrade` is called. */
  expect(request: Request): void
  /** Goes on with a handshake that was accepted; false: it was not. */
  upgrade(request: Request, message: IncomingMessage, socket: Duplex, head: Buffer): boolean
  close(): void
  /** So many are open. */
  readonly open: number
}

type Begin = (socket: VisitorSocket) => SocketListener

export function nodeSockets(pingMs = SOCKET_PING_MS, silenceMs = SOCKET_SILENCE_MS): NodeSockets {
  const server = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: MESSAGE_BYTES_MAX,
    maxFragments: MESSAGE_PARTS_MAX,
    maxBufferedChunks: MESSAGE_PARTS_MAX,
    // None of those that a page offers: a site is told of none.
    handleProtocols: () => false,
  })
  const expected = new WeakSet<Request>()
  const accepted = new WeakMap<Request, Begin>()

  function take(webSocket: WebSocket, begin: Begin): void {
    let heardAt = performance.now()
    let closing: NodeJS.Timeout | undefined
    let drained = Promise.withResolvers<void>()
    const isFull = (): boolean =>
      webSocket.readyState === webSocket.OPEN && webSocket.bufferedAmount > UNSENT_BYTES_PAUSE
    const end = (): void => {
      closing ??= setTimeout(() => webSocket.terminate(), SOCKET_CLOSE_MS)
    }
    const listener = begin({
      say(message) {
        webSocket.send(message, () => {
          listener.taken()
          if (!isFull()) drained.resolve()
        })
      },
      unsent: () => webSocket.bufferedAmount,
      async drained() {
        if (!isFull()) return
        drained = Promise.withResolvers<void>()
        await drained.promise
      },
      pause: () => webSocket.pause(),
      resume: () => webSocket.resume(),
      close(code, reason) {
        // The end of a socket that is not read would never be seen.
        webSocket.resume()
        webSocket.close(code, reason)
        end()
      },
    })
    const beat = setInterval(() => {
      // Whom nobody reads is not heard; that it is gone shows when it is written to.
      if (webSocket.isPaused) heardAt = performance.now()
      if (performance.now() - heardAt > silenceMs) webSocket.terminate()
      else webSocket.ping()
    }, pingMs)
    const heard = (): void => {
      heardAt = performance.now()
    }
    webSocket.on('ping', heard)
    webSocket.on('pong', heard)
    webSocket.on('message', (data: Buffer, isBinary) => {
      heard()
      listener.heard(data, !isBinary)
    })
    // Frames that are none: it ends by itself, and its peer may not answer.
    webSocket.on('error', end)
    webSocket.once('close', () => {
      clearInterval(beat)
      clearTimeout(closing)
      drained.resolve()
      listener.gone()
    })
  }

  return {
    expect: (request) => void expected.add(request),
    canAccept: (request) => expected.has(request),
    accept(request, begin) {
      accepted.set(request, begin)
      return new Response(null, { status: 204 })
    },
    upgrade(request, message, socket, head) {
      const begin = accepted.get(request)
      if (begin === undefined) return false
      let isOpen = false
      server.handleUpgrade(message, socket, head, (webSocket) => {
        isOpen = true
        take(webSocket, begin)
      })
      if (!isOpen) begin(GONE).gone()
      return true
    },
    close() {
      for (const socket of server.clients) {
        socket.resume()
        socket.close(SOCKET_CLOSE.restart, 'the gateway stops')
        setTimeout(() => socket.terminate(), SOCKET_CLOSE_MS).unref()
      }
      server.close()
    },
    get open() {
      return server.clients.size
    },
  }
}

/** Of a visitor that went before its handshake was answered. */
const GONE: VisitorSocket = {
  say() {},
  unsent: () => 0,
  drained: async () => {},
  pause() {},
  resume() {},
  close() {},
}
