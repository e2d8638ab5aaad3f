// The tunnels as the Worker reaches them: the Durable Object of the peer's name, by calls that carry heads and streams as they are.

import type { AskError, TunnelAnswer } from '#gateway/tunnel/connection.ts'
import { TUNNEL_FIELDS, type Tunnel } from '#gateway/tunnel/object.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import { hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, type Result } from '#protocol/codec/result.ts'

export function durableTunnels(namespace: DurableObjectNamespace<Tunnel>, gateway: string): Tunnels {
  return {
    async accept(_request, peer, domain) {
      const { status, webSocket } = await namespace.getByName(peer).fetch('http://tunnel/', {
        headers: {
          Upgrade: 'websocket',
          [TUNNEL_FIELDS.peer]: peer,
          [TUNNEL_FIELDS.gateway]: gateway,
          [TUNNEL_FIELDS.chain]: hexFromBytes(domain.chainId),
          [TUNNEL_FIELDS.generation]: String(domain.generation),
        },
      })
      // A new answer: the object's own cannot be changed on its way out.
      return new Response(null, { status, webSocket })
    },
    async ask(peer, head, body, { headMs }) {
      try {
        const asked = await namespace.getByName(peer).ask(head, body, headMs)
        return asked as Result<TunnelAnswer, AskError>
      } catch {
        // The object was moved or stopped in the midst: as if the tunnel had ended.
        return err({ code: 'gone' })
      }
    },
  }
}
