// The gateway as a Hono app: a value that `worker.ts` serves and tests call. What is not an address of the gateway's own is
// a site's: `/<name>/<path>`, any method. Under the sites domain the site itself answers, and none of these addresses does.
//
// A request whose host is `<name>.peer` or `<name>.ipn` is one for `/<name>/…`.
//
//   GET  /  /-/about/<name>[.json]  /bootstrap  /lookup/{name,peer}/<x>  /network  /robots.txt  /sitemap.xml  /tunnel/<peer>  /dns-query  /deny  /deny/<issuer>
//   PUT  /network  /deny/<issuer>      POST /register  /evidence  /dns-query

import { Hono } from 'hono'
import { etag } from 'hono/etag'
import { aboutSite } from '#gateway/about/about.ts'
import { bootstrapOf } from '#gateway/bootstrap/bootstrap.ts'
import { siteOfHost, visitSite } from '#gateway/carry/site-host.ts'
import { visitSocket } from '#gateway/carry/socket.ts'
import type { RequestKind } from '#gateway/counts.ts'
import { CRAWL_HEADERS, robotsText, sitemapIndex } from '#gateway/crawl/files.ts'
import { carryDenyList, denied } from '#gateway/deny/denials.ts'
import { securityText } from '#gateway/deny/security.ts'
import { answerGet, answerPost, type DohAnswer } from '#gateway/dns/doh.ts'
import { takeEvidence } from '#gateway/evidence/evidence.ts'
import type { Gateway, Later } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { pagePolicy, securityHeaders, wantsPage } from '#gateway/http/headers.ts'
import { refuse } from '#gateway/http/refusal.ts'
import type { Target } from '#gateway/locate/locations.ts'
import { lookupName, lookupPeer } from '#gateway/locate/lookup.ts'
import { carryNetwork } from '#gateway/network/carry.ts'
import { denyPage } from '#gateway/pages/deny.ts'
import { homePage, wantedOf } from '#gateway/pages/home.ts'
import { ICON } from '#gateway/pages/icon.ts'
import { sitePage } from '#gateway/pages/site.ts'
import { FRAME_STYLE, framePage, framePolicy, wantsFrame, withoutFrame } from '#gateway/redirect/frame.ts'
import { nextOrigin, redirectTo } from '#gateway/redirect/redirect.ts'
import { register } from '#gateway/register/register.ts'
import { siteUrl, targetOf } from '#gateway/resolve/site-url.ts'
import { REGISTRATION_BYTES_MAX, TARGET_BYTES_MAX } from '#gateway/settings.ts'
import { OWN_SCRIPT } from '#page/own-script.ts'
import { OWN_STYLE } from '#page/own-style.ts'
import { sourceOf } from '#protocol/bounds/share.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { DENY_LIST_LENGTH_MAX } from '#protocol/directory/deny-list.ts'
import { groupOf, NETWORK_FILE_BYTES_MAX } from '#protocol/directory/network-file.ts'
import { siteNamedBy } from '#protocol/dns/named-host.ts'
import type { PeerName } from '#protocol/identity/keys.ts'
import { quorumOf } from '#protocol/message/certificate.ts'
import { WIRE_BYTES_MAX } from '#protocol/message/wire.ts'
import { canonicalLink } from '#protocol/site/canonical.ts'
import { asksForSocket } from '#protocol/socket/handshake.ts'

const READ = 'GET, HEAD, OPTIONS'

/** Each path of the gateway's own with the methods it takes, and what it counts as; everything else is a site's. */
const METHODS: readonly (readonly [path: string, allow: string, readableAcrossOrigins: boolean, kind: RequestKind])[] =
  [
    ['/', READ, false, 'page'],
    ['/robots.txt', READ, false, 'page'],
    ['/sitemap.xml', READ, false, 'page'],
    ['/favicon.ico', READ, false, 'page'],
    ['/-/about/*', READ, true, 'page'],
    ['/-/*', READ, false, 'page'],
    ['/bootstrap', READ, true, 'api'],
    ['/lookup/*', READ, true, 'api'],
    ['/network', `${READ}, PUT`, true, 'api'],
    ['/register', 'POST, OPTIONS', false, 'api'],
    ['/evidence', 'POST, OPTIONS', false, 'api'],
    ['/tunnel/*', READ, false, 'tunnel'],
    ['/dns-query', `${READ}, POST`, true, 'names'],
    ['/deny', READ, true, 'page'],
    ['/deny/*', `${READ}, PUT`, true, 'api'],
    ['/.well-known/security.txt', READ, false, 'page'],
  ]

/** Who is asking, for the limits: everybody together where no address is known. */
function addressOf(gateway: Gateway, request: Request): string {
  return gateway.ports.addressOf(request) ?? 'local'
}

/** `later` absent: nothing goes on behind an answer. */
type Env = {
  Bindings: { readonly later?: Later }
  /** `kind` absent: it leads to a site. `refused`: by which code. */
  Variables: { kind?: RequestKind; refused?: GatewayError['code'] }
}

export function createApp(gateway: Gateway): Hono<Env> {
  const app = new Hono<Env>()
  const { ports } = gateway
  const { counts } = ports

  if (counts !== undefined)
    app.use(async (context, next) => {
      const began = counts.now()
      await next()
      const kind = context.get('kind') ?? 'redirect'
      const code = context.get('refused')
      const { status } = context.res
      // What a WebSocket is accepted with where there is no 101 to answer with.
      const isOpened = status === 204 && asksForSocket(context.req.method, context.req.header('Upgrade'))
      counts.answered(kind, isOpened ? 101 : status, began)
      if (code === undefined) return
      counts.refused(code)
      ports.log('debug', 'refused', { kind, code })
    })
  app.use(async (context, next) => {
    // A host, or a target such as `*`, of which no address can be made: a stranger's doing, and no bug to be written down.
    if (!URL.canParse(context.req.url)) return context.body(null, 400)
    return next()
  })
  app.use(async (context, next) => {
    const name = siteOfHost(new URL(context.req.url).host, gateway.config.sitesDomain)
    if (name === undefined) return next()
    context.set('kind', 'carried')
    const request = context.req.raw
    const address = addressOf(gateway, request)
    const { sockets } = ports
    const isAsked = asksForSocket(request.method, request.headers.get('upgrade'))
    const answered = await (isAsked && sockets?.canAccept(request)
      ? visitSocket(gateway, sockets, request, name, address)
      : visitSite(gateway, request, name, address, context.env?.later))
    return answered.ok ? answered.value : refuse(context, answered.error, gateway.config.publicUrl)
  })
  app.use(async (context, next) => {
    const name = siteNamedBy(new URL(context.req.url).host)
    if (name === undefined) return next()
    return redirectToSite(gateway, context, name, targetOf(context.req.url), gateway.config.publicUrl)
  })
  app.onError((cause, context) => {
    ports.log('error', 'internal_error', {
      cause: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
    })
    return refuse(context, { code: 'internal' })
  })
  app.use(securityHeaders(gateway.config.publicUrl.startsWith('https:')))
  app.use(async (context, next) => {
    const actualBytes = targetOf(context.req.url).length
    if (actualBytes > TARGET_BYTES_MAX)
      return refuse(context, { code: 'target_too_long', actualBytes, maxBytes: TARGET_BYTES_MAX })
    return next()
  })
  for (const [path, allow, readableAcrossOrigins, kind] of METHODS) {
    app.use(path, async (context, next) => {
      if (context.get('kind') === undefined) context.set('kind', kind)
      if (readableAcrossOrigins) context.header('Access-Control-Allow-Origin', '*')
      const { method } = context.req
      if (method === 'OPTIONS') {
        if (readableAcrossOrigins) {
          context.header('Access-Control-Allow-Methods', READ)
          context.header('Access-Control-Max-Age', '86400')
        }
        return context.body(null, 204, { Allow: allow })
      }
      if (!allow.split(', ').includes(method)) return refuse(context, { code: 'method_not_allowed', allow })
      return next()
    })
  }

  app.get('/', (context) => {
    context.header('Cache-Control', 'no-cache')
    context.header('Link', `<${gateway.config.publicUrl}/>; rel="canonical"`)
    return context.html(homePage(gateway, wantedOf(new URL(context.req.url).searchParams)))
  })
  app.get('/robots.txt', etag(), (context) => context.text(robotsText(gateway), 200, CRAWL_HEADERS))
  app.get('/sitemap.xml', etag(), (context) =>
    context.body(sitemapIndex(gateway), 200, { ...CRAWL_HEADERS, 'Content-Type': 'application/xml; charset=utf-8' }),
  )
  app.get('/-/style.css', etag(), (context) => asset(context.body(OWN_STYLE), 'text/css; charset=utf-8'))
  app.get('/-/page.js', etag(), (context) => asset(context.body(OWN_SCRIPT), 'text/javascript; charset=utf-8'))
  app.get('/-/frame.css', etag(), (context) => asset(context.body(FRAME_STYLE), 'text/css; charset=utf-8'))
  app.get('/-/icon.svg', etag(), (context) => asset(context.body(ICON), 'image/svg+xml'))
  app.get('/favicon.ico', etag(), (context) => asset(context.body(ICON), 'image/svg+xml'))

  app.get('/-/about/:name', (context) => about(gateway, context, context.req.param('name')))

  app.get('/bootstrap', async (context) => answer(context, await bootstrapOf(gateway)))
  app.get('/lookup/name/:name', (context) => {
    const name = context.req.param('name')
    const why = denied(gateway, name, context.req.raw)
    return answer(context, why === undefined ? lookupName(gateway, name) : err(why))
  })
  app.get('/lookup/peer/:peer', (context) => answer(context, lookupPeer(gateway, context.req.param('peer'))))
  app.get('/network', (context) => {
    const { network } = gateway
    if (network === undefined) return refuse(context, { code: 'no_network' })
    const tag = `"${network.hash}"`
    context.header('ETag', tag)
    context.header('Cache-Control', 'no-cache')
    const known = context.req.header('If-None-Match')
    if (known?.split(',').some((entry) => entry.trim().replace(/^W\//, '') === tag)) return context.body(null, 304)
    return context.body(network.text, 200, { 'Content-Type': 'application/json' })
  })

  app.get('/deny', (context) => {
    context.header('Cache-Control', 'no-cache')
    context.header('Vary', 'Accept')
    if (wantsPage(context.req.header('Accept'))) return context.html(denyPage(gateway))
    const lists = Array.from(gateway.denials.lists(), ({ list, hash }) => {
      const { issuer, title, appeal, version, time, entries } = list
      return { issuer, title, appeal, version, time, entries: entries.length, hash }
    })
    return context.json({ lists })
  })
  app.get('/deny/:issuer', (context) => {
    const held = gateway.denials.list(context.req.param('issuer'))
    if (held === undefined) return refuse(context, { code: 'unknown_issuer' })
    return context.body(held.text, 200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' })
  })
  app.put('/deny/:issuer', async (context) => {
    const body = await limitedBody(gateway, context.req.raw, 3 * DENY_LIST_LENGTH_MAX)
    if (!body.ok) return refuse(context, body.error)
    const text = new TextDecoder().decode(body.value)
    const taken = await carryDenyList(gateway, context.req.param('issuer'), text)
    return answer(context, taken.ok ? ok({ version: taken.value.list.version, hash: taken.value.hash }) : taken)
  })
  app.get('/.well-known/security.txt', (context) => {
    const text = securityText(gateway)
    if (text === undefined) return refuse(context, { code: 'not_found' })
    return context.text(text, 200, { 'Cache-Control': 'public, max-age=86400' })
  })

  app.put('/network', async (context) => {
    const body = await limitedBody(gateway, context.req.raw, NETWORK_FILE_BYTES_MAX)
    if (!body.ok) return refuse(context, body.error)
    const taken = await carryNetwork(gateway, new TextDecoder().decode(body.value))
    if (!taken.ok) return refuse(context, taken.error)
    return context.json({ version: taken.value.file.version, hash: taken.value.hash })
  })
  app.post('/register', async (context) => {
    const body = await gateway.bodies.read(context.req.raw, REGISTRATION_BYTES_MAX)
    const lease = body.ok ? await register(gateway, body.value, addressOf(gateway, context.req.raw)) : body
    counts?.registered(lease.ok ? 'taken' : lease.error.code)
    return answer(context, lease)
  })
  app.post('/evidence', async (context) => {
    const body = await limitedBody(gateway, context.req.raw, WIRE_BYTES_MAX)
    return answer(context, body.ok ? await takeEvidence(gateway, body.value) : body)
  })

  app.get('/dns-query', (context) => dnsAnswer(context, answerGet(gateway, context.req.url, ports.now())))
  app.post('/dns-query', async (context) => dnsAnswer(context, await answerPost(gateway, context.req.raw)))

  app.get('/tunnel/:peer', (context) => openTunnel(gateway, context, context.req.param('peer')))

  app.notFound((context) => toSite(gateway, context))
  return app
}

function asset(response: Response, type: string): Response {
  response.headers.set('Content-Type', type)
  response.headers.set('Cache-Control', 'public, max-age=3600')
  return response
}

type Context = Parameters<typeof refuse>[0]

function answer<T extends object>(context: Context, result: Result<T, GatewayError>): Response | Promise<Response> {
  if (!result.ok) return refuse(context, result.error)
  context.header('Cache-Control', 'no-store')
  return context.json(result.value)
}

const JSON_ENDING = '.json'

/** A site's own page for people; as JSON for programs, and for whoever asks for it by its ending, which no name has. */
async function about(gateway: Gateway, context: Context, asked: string): Promise<Response> {
  const isNamedJson = asked.endsWith(JSON_ENDING)
  const name = (isNamedJson ? asked.slice(0, -JSON_ENDING.length) : asked).toLowerCase()
  const why = denied(gateway, name, context.req.raw)
  const found =
    why === undefined ? await aboutSite(gateway, name, sourceOf(addressOf(gateway, context.req.raw))) : err(why)
  if (!isNamedJson) context.header('Vary', 'Accept')
  if (isNamedJson || !found.ok || !wantsPage(context.req.header('Accept'))) return answer(context, found)
  context.header('Cache-Control', 'no-store')
  context.header('Content-Security-Policy', pagePolicy("'self'"))
  return context.html(sitePage(found.value, gateway.config.publicUrl))
}

function dnsAnswer(context: Context, result: Result<DohAnswer, GatewayError>): Response | Promise<Response> {
  if (!result.ok) return refuse(context, result.error)
  const { bytes, type, cacheControl } = result.value
  return context.body(bytes as Uint8Array<ArrayBuffer>, 200, { 'Content-Type': type, 'Cache-Control': cacheControl })
}

/** A seeder's WebSocket; whose it is has to be proven on it. */
async function openTunnel(gateway: Gateway, context: Context, peer: string): Promise<Response> {
  const { network, locations, ports } = gateway
  if (ports.tunnels === undefined) return refuse(context, { code: 'no_tunnels' })
  if (network === undefined) return refuse(context, { code: 'no_network' })
  if (context.req.header('Upgrade')?.toLowerCase() !== 'websocket') return refuse(context, { code: 'upgrade_required' })
  // Sockets of one peer that prove nothing displace each other: nobody is to open them faster than an honest one proves itself.
  if (!(await ports.carryLimit(`${addressOf(gateway, context.req.raw)} tunnel`)))
    return refuse(context, { code: 'rate_limited' })
  if (locations.jobsOf(peer as PeerName).length === 0)
    return refuse(context, { code: 'not_a_member', network_version: network.file.version })
  return ports.tunnels.accept(context.req.raw, peer as PeerName, network.domain)
}

async function limitedBody(
  gateway: Gateway,
  request: Request,
  maxBytes: number,
): Promise<Result<Uint8Array, GatewayError>> {
  if (!(await gateway.ports.carryLimit(addressOf(gateway, request))))
    return { ok: false, error: { code: 'rate_limited' } }
  return gateway.bodies.read(request, maxBytes)
}

/** 410 while the network remembers that there was one. */
function noSite({ locations }: Gateway, name: string): GatewayError {
  return { code: locations.isGone(name) ? 'gone_name' : 'unknown_name', name }
}

/** `/name/…` → 307 to a living member, `/name` → 308 `/name/`, upper case → 308 lower. */
function toSite(gateway: Gateway, context: Context): Response | Promise<Response> {
  const site = siteUrl(targetOf(context.req.url))
  if (site.kind === 'other') return refuse(context, { code: 'not_found' })
  const name = site.name.toLowerCase()
  const isCanonical = site.kind === 'page' && name === site.name
  const { method, url } = context.req
  if (isCanonical && (method === 'GET' || method === 'HEAD') && wantsFrame(url))
    return frameSite(gateway, context, name, withoutFrame(site.rest))
  if (isCanonical || gateway.locations.jobByName(name) === undefined)
    return redirectToSite(gateway, context, name, site.kind === 'page' ? site.rest : '/')
  context.header('Cache-Control', 'public, max-age=3600')
  return context.redirect(`/${name}${site.kind === 'bare' ? `/${site.query}` : site.rest}`, 308)
}

/** Where the site is now, or why nobody is led there. `rest`: path and query at the site. */
async function siteTarget(
  gateway: Gateway,
  request: Request,
  name: string,
  rest: string,
): Promise<Result<Target, GatewayError>> {
  if (rest.length > TARGET_BYTES_MAX)
    return err({ code: 'target_too_long', actualBytes: rest.length, maxBytes: TARGET_BYTES_MAX })
  const why = denied(gateway, name, request)
  if (why !== undefined) return err(why)
  const { locations, ports, reach } = gateway
  let target = locations.target(name, ports.now())
  if (target?.origins.length === 0 && (reach.isTrying || reach.isDue(ports.now()))) {
    // Its members may have nothing but HTTPS origins that nobody came for until now.
    await reach.turn(locations.registrations())
    target = locations.target(name, ports.now())
  }
  if (target === undefined) return err(gateway.network === undefined ? { code: 'no_network' } : noSite(gateway, name))
  return target.origins.length === 0 ? err({ code: 'no_living_member', name }) : ok(target)
}

/** `base`: our own address, where the host of the request is a site's. */
async function redirectToSite(
  gateway: Gateway,
  context: Context,
  name: string,
  rest: string,
  base = '',
): Promise<Response> {
  const request = context.req.raw
  const target = await siteTarget(gateway, request, name, rest)
  if (!target.ok) return refuse(context, target.error, base)
  return redirectTo(target.value, gateway.locations.choiceFor(target.value, request), rest)
}

/** The site in a frame, its present host below the bar. */
async function frameSite(gateway: Gateway, context: Context, name: string, rest: string): Promise<Response> {
  const request = context.req.raw
  const target = await siteTarget(gateway, request, name, rest)
  if (!target.ok) return refuse(context, target.error)
  const { config, locations } = gateway
  const first = nextOrigin(locations.choiceFor(target.value, request))
  const job = locations.jobByName(name)
  const isCarried = siteOfHost(new URL(first).host, config.sitesDomain) === name
  const framed = {
    siteName: name,
    origins: [first, ...target.value.origins.filter((origin) => origin !== first)],
    rest,
    publicUrl: config.publicUrl,
    checked:
      job === undefined || !isCarried ? undefined : { quorum: quorumOf(groupOf(job)), members: job.members.length },
    acceptLanguage: context.req.header('Accept-Language'),
  }
  context.header('Cache-Control', 'no-store')
  context.header('Vary', 'Accept-Language')
  context.header('Content-Security-Policy', framePolicy(framed))
  const link = canonicalLink(locations.canonicalBase, name, rest)
  if (link !== undefined) context.header('Link', link)
  return context.html(framePage(framed))
}
