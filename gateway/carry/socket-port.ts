// What the gateway asks of whoever holds a visitor's WebSocket: a pair of them at the edge, `ws` on Node.

export type VisitorSocket = {
  /** Text, or bytes. */
  say(message: string | Uint8Array): void
  /** Bytes that were said and, as far as can be known here, are not taken. */
  unsent(): number
  /** Resolves when more may be said, or nothing any more. */
  drained(): Promise<void>
  /** Leaves what the visitor says unread, where that can be done. */
  pause(): void
  resume(): void
  close(code: number, reason: string): void
}

export type SocketListener = {
  /** A message. */
  heard(bytes: Uint8Array, isText: boolean): void
  /** Some of what was said was taken. */
  taken(): void
  /** It is over; called once or more. */
  gone(): void
}

export type Sockets = {
  /** Whether this request's connection can become a socket; if not, it is a request like any other. */
  canAccept(request: Request): boolean
  /** Takes the handshake of this request; `begin` is called when its socket is open, or with one that is gone. */
  accept(request: Request, begin: (socket: VisitorSocket) => SocketListener): Response
}
