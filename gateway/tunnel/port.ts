// What the gateway asks of whoever keeps the tunnels: a Durable Object a seeder at the edge, a table of sockets on Node.

import type { AskError, AskOptions, TunnelAnswer } from '#gateway/tunnel/connection.ts'
import type { Result } from '#protocol/codec/result.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import type { Domain } from '#protocol/message/domain.ts'
import type { OpenHead } from '#protocol/tunnel/frame.ts'

export type Tunnels = {
  /** Takes a WebSocket that claims to be the peer's; the proof is asked for on it. */
  accept(request: Request, peer: PeerName, domain: Domain): Promise<Response>
  /** A visitor's request, by the peer's tunnel. `gone` when it has none. */
  ask(
    peer: PeerName,
    head: Omit<OpenHead, 'body'>,
    body: ReadableStream<Uint8Array> | undefined,
    options: AskOptions,
  ): Promise<Result<TunnelAnswer, AskError>>
}
