// The gateway in workerd: the only place that reads its environment.

import { pairedSockets } from '#gateway/carry/socket-pair.ts'
import { evidenceJudge } from '#gateway/evidence/judge.ts'
import type { AsyncSigner } from '#gateway/gateway.ts'
import { fetchProbe } from '#gateway/locate/fetch-probe.ts'
import { createService, type Service } from '#gateway/service.ts'
import { d1Sql } from '#gateway/store/d1.ts'
import { sqlStore } from '#gateway/store/sql.ts'
import { durableTunnels } from '#gateway/tunnel/edge.ts'
import type { Tunnel } from '#gateway/tunnel/object.ts'
import { signerFromPem, verify } from '#gateway/web-crypto.ts'
import { isWideCountry, type Place, placeFromDegrees, placeFromText, placeOfCountry } from '#protocol/place/place.ts'

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
  /** What is spoken in TLS there on port 443 for `<site>.peer` (`h2,http/1.1`), with a certificate that visitors trust; empty: there is none. */
  readonly NAMES_TLS?: string
  /** Keys whose deny-lists are followed, with commas between; empty: none. */
  readonly DENY_KEYS?: string
  /** For `security.txt`: a URL or a `mailto:`; empty: there is none. */
  readonly SECURITY_CONTACT?: string
  /** Where it stands (`DE`, `52.5,13.4`), for a gateway of one place; empty: at the edge, near whoever asks. */
  readonly POSITION?: string
  readonly TUNNEL?: DurableObjectNamespace<Tunnel>
}

type Cf = IncomingRequestCfProperties | undefined

/**
 * As Cloudflare has it. A header costs much less to read than `cf`, which is parsed when it is touched: so it is touched for those alone of whom the
 * country says little.
 */
function visitorPlace(request: Request): Place | undefined {
  const named = request.headers.get(COUNTRY_HEADER)
  const near = named === null || isWideCountry(named) ? undefined : placeOfCountry(named)
  if (near !== undefined) return near
  const { cf } = request as Request<unknown, Cf>
  if (cf?.latitude === undefined || cf.longitude === undefined) return placeOfCountry(cf?.country ?? named ?? '')
  return placeFromDegrees(Number(cf.latitude), Number(cf.longitude))
}

const COUNTRY_HEADER = 'cf-ipcountry'
/** Set by Cloudflare, over whatever a visitor sends. */
const ADDRESS_HEADER = 'cf-connecting-ip'

function limiter(binding: RateLimit): (key: string) => Promise<boolean> {
  return async (key) => (await binding.limit({ key })).success
}

function listed(text: string | undefined): readonly string[] {
  return (text ?? '').split(',').flatMap((each) => (each.trim() === '' ? [] : [each.trim()]))
}

function open(env: Env): Service {
  const namesTls = listed(env.NAMES_TLS)
  let signer: Promise<AsyncSigner> | undefined
  return createService(
    {
      publicUrl: env.PUBLIC_URL,
      networkKey: env.NETWORK_KEY,
      ...(env.SITES_DOMAIN === undefined || env.SITES_DOMAIN === '' ? {} : { sitesDomain: env.SITES_DOMAIN }),
      addresses: listed(env.ADDRESSES),
      ...(namesTls.length === 0 ? {} : { namesTls }),
      here: env.POSITION === undefined || env.POSITION === '' ? 'edge' : placeFromText(env.POSITION),
      denyKeys: listed(env.DENY_KEYS),
      ...(env.SECURITY_CONTACT === undefined || env.SECURITY_CONTACT === ''
        ? {}
        : { securityContact: env.SECURITY_CONTACT }),
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
      placeOf: (request) => (request as Request<unknown, IncomingRequestCfProperties>).cf?.country,
      visitorPlace,
      probe: fetchProbe,
      addressOf: (request) => request.headers.get(ADDRESS_HEADER) ?? undefined,
      registerLimit: limiter(env.REGISTER_LIMIT),
      carryLimit: limiter(env.CARRY_LIMIT),
      ...(env.TUNNEL === undefined ? {} : { tunnels: durableTunnels(env.TUNNEL, env.PUBLIC_URL) }),
      sockets: pairedSockets,
      random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
      log: (level, event, facts) => {
        if (level !== 'debug') console.log(JSON.stringify({ level, event, ...facts }))
      },
    },
  )
}

let service: Service | undefined

export default {
  fetch(request, env, context) {
    service ??= open(env)
    return service.answer(request, (work) => context.waitUntil(work))
  },

  async scheduled(_event, env) {
    service ??= open(env)
    await service.expire()
  },
} satisfies ExportedHandler<Env>
