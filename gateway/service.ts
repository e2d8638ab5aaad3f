// A gateway as whoever runs it calls it: the Worker at the edge, and one process on Node.
//
//   request ── slice, Map ──> answer from memory                        (no router, no store, no await)
//           └─ Hono ────────> everything else                           the store is read behind the answer, every few seconds

import { createApp } from '#gateway/app.ts'
import { siteOfHost } from '#gateway/carry/site-host.ts'
import { createGateway, type Gateway, type GatewayConfig, type GatewayPorts, type Later } from '#gateway/gateway.ts'
import { hostOf, hotAnswer, isPlainHost } from '#gateway/hot.ts'
import { EXPIRED_KEPT_MS } from '#gateway/settings.ts'
import { refill, refillIsDue } from '#gateway/store/refill.ts'

export type Service = {
  readonly gateway: Gateway
  answer(request: Request, later: Later): Response | Promise<Response>
  /** Forgets what nobody renewed; called every minute or so. */
  expire(): Promise<void>
}

export function createService(config: GatewayConfig, ports: GatewayPorts): Service {
  const gateway = createGateway(config, ports)
  const app = createApp(gateway)

  /** The database could not be reached: said in the log, and memory goes on serving. */
  const refilled = (): Promise<void> =>
    refill(gateway).catch((cause: unknown) => ports.log('warn', 'refill_failed', { cause: String(cause) }))

  async function viaRouter(request: Request, later: Later): Promise<Response> {
    if (gateway.startedAt === undefined) await refilled()
    return app.fetch(request, { later })
  }

  return {
    gateway,
    answer(request, later) {
      const host = hostOf(request.url)
      if (!isPlainHost(host)) {
        ports.counts?.unread(400)
        return new Response(null, { status: 400 })
      }
      const now = ports.now()
      if (gateway.startedAt !== undefined && refillIsDue(gateway, now)) later(refilled())
      if (gateway.reach.isDue(now)) later(gateway.reach.turn(gateway.locations.registrations()))
      const { sitesDomain } = config
      const isCarried = siteOfHost(host, sitesDomain) !== undefined
      return (isCarried ? undefined : hotAnswer(gateway, request, now)) ?? viaRouter(request, later)
    },
    expire: () => ports.store.expire(ports.now() - EXPIRED_KEPT_MS),
  }
}
