// A visitor's WebSocket at the edge. The runtime tells nobody when a message was taken, sends no pings of ours and cannot leave a socket unread: so
// all that was ever said counts as not taken, and a socket has a life's length, after which the page opens another one.

import type { SocketListener, Sockets } from '#gateway/carry/socket-port.ts'
import { SOCKET_LIFE_MS } from '#gateway/settings.ts'
import { bytesFromText } from '#protocol/codec/bytes.ts'
import { SOCKET_CLOSE } from '#protocol/socket/talk.ts'

export const pairedSockets: Sockets = {
  canAccept: () => true,
  accept(_request, begin) {
    const [client, socket] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    socket.accept()
    socket.binaryType = 'arraybuffer'
    let said = 0
    const close = (code: number, reason: string): void => {
      clearTimeout(life)
      try {
        socket.close(code, reason)
      } catch {
        // It was closed by the visitor in the meantime.
      }
    }
    const life = setTimeout(() => {
      close(SOCKET_CLOSE.restart, 'come again')
      listener.gone()
    }, SOCKET_LIFE_MS)
    const listener: SocketListener = begin({
      say(message) {
        said += message.length
        try {
          socket.send(message)
        } catch {
          // The visitor has gone; its end is on its way.
        }
      },
      unsent: () => said,
      drained: async () => {},
      pause() {},
      resume() {},
      close,
    })
    socket.addEventListener('message', ({ data }) => {
      if (typeof data === 'string') listener.heard(bytesFromText(data), true)
      else listener.heard(new Uint8Array(data as ArrayBuffer), false)
    })
    const over = (): void => {
      clearTimeout(life)
      listener.gone()
    }
    socket.addEventListener('close', ({ code }) => {
      close(code === NO_CODE ? NORMAL : code, '')
      over()
    })
    socket.addEventListener('error', over)
    return new Response(null, { status: 101, webSocket: client })
  },
}

/** RFC 6455 §7.4.1: the visitor named none, which cannot be said back. */
const NO_CODE = 1005
const NORMAL = 1000
