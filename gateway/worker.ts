// The gateway in workerd: the only place that reads its environment. A redirect to a site that this isolate knows is
// answered before anything else is looked at.
//
//   request ── slice, Map ──> 307                                       (hot: no router, no D1, no await)
//           └─ Hono ────────> everything else                           D1 is read behind the answer, every few seconds

import { createApp } from '#gateway/app.ts'
import { evidenceJudge } from '#gateway/evidence/judge.ts'
import { type AsyncSigner, createGateway, type Gateway } from '#gateway/gateway.ts'
import { hostOf, hotAnswer } from '#gateway/hot.ts'
import { EXPIRED_KEPT_MS } from '#gateway/settings.ts'
import { d1Sql } from '#gateway/store/d1.ts'
import { refill, refillIsDue } from '#gateway/store/refill.ts'
import { sqlStore } from '#gateway/store/sql.ts'
import { durableTunnels } from '#gateway/tunnel/edge.ts'
import type { Tunnel } from '#gateway/tunnel/object.ts'
import { signerFromPem, verify } from '#gateway/web-crypto.ts'

export { Tunnel } from '#gateway/tunnel/object.ts'

type Env = {
  readonly DB: D1Database
  readonly REGISTER_LIMIT: RateLimit
  readonly CARRY_LIMIT: RateLimit
  readonly PUBLIC_URL: string
  readonly NETWORK_KEY: string
  readonly GATEWAY_KEY?: string
  /** Under which sites have origins of their own here, with its port; empty: none. */
  readonly SITES_DOMAIN?: string
  /** Of this gateway on port 80, for DNS: literal addresses, with commas between; empty: none. */
  readonly ADDRESSES?: string
  readonly TUNNEL?: DurableObjectNamespace<Tunnel>
}

function log(event: string, facts: Readonly<Record<string, unknown>>): void {
  console.log(JSON.stringify({ event, ...facts }))
}

function limiter(binding: RateLimit): (key: string) => Promise<boolean> {
  return async (key) => (await binding.limit({ key })).success
}

function open(env: Env): { gateway: Gateway; app: ReturnType<typeof createApp> } {
  let signer: Promise<AsyncSigner> | undefined
  const gateway = createGateway(
    {
      publicUrl: env.PUBLIC_URL,
      networkKey: env.NETWORK_KEY,
      ...(env.SITES_DOMAIN === undefined || env.SITES_DOMAIN === '' ? {} : { sitesDomain: env.SITES_DOMAIN }),
      addresses: env.ADDRESSES?.split(',').map((address) => address.trim()) ?? [],
    },
    {
      store: sqlStore(d1Sql(env.DB)),
      now: () => Date.now(),
      verify,
      signer: async () => {
        if (env.GATEWAY_KEY === undefined || env.GATEWAY_KEY === '') return undefined
        signer ??= signerFromPem(env.GATEWAY_KEY)
        return signer
      },
      judge: evidenceJudge(verify),
      registerLimit: limiter(env.REGISTER_LIMIT),
      carryLimit: limiter(env.CARRY_LIMIT),
      ...(env.TUNNEL === undefined ? {} : { tunnels: durableTunnels(env.TUNNEL, env.PUBLIC_URL) }),
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
      log,
    },
  )
  return { gateway, app: createApp(gateway) }
}

let opened: ReturnType<typeof open> | undefined

/** The database could not be reached: said in the log, and memory goes on serving. */
function refillFailed(cause: unknown): void {
  log('refill_failed', { cause: String(cause) })
}

async function viaRouter(request: Request, { gateway, app }: ReturnType<typeof open>): Promise<Response> {
  if (gateway.startedAt === undefined) await refill(gateway).catch(refillFailed)
  return app.fetch(request)
}

export default {
  fetch(request, env, context) {
    opened ??= open(env)
    const { gateway } = opened
    const now = Date.now()
    if (gateway.startedAt !== undefined && refillIsDue(gateway, now))
      context.waitUntil(refill(gateway).catch(refillFailed))
    const { sitesDomain } = gateway.config
    const isCarried = sitesDomain !== undefined && hostOf(request.url).endsWith(sitesDomain)
    return (isCarried ? undefined : hotAnswer(gateway, request, now)) ?? viaRouter(request, opened)
  },

  async scheduled(_event, env) {
    opened ??= open(env)
    await opened.gateway.ports.store.expire(Date.now() - EXPIRED_KEPT_MS)
  },
} satisfies ExportedHandler<Env>
