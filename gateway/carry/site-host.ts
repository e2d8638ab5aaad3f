// The sites domain: `<name>.<domain>` is a site's origin at this gateway, and nothing of the gateway's own answers there.

import { type Carried, carry, type NotCarried } from '#gateway/carry/carry.ts'
import { keyedPage } from '#gateway/carry/page.ts'
import { isClient, originOf, questionOf } from '#gateway/carry/question.ts'
import type { Room } from '#gateway/carry/room.ts'
import { sending } from '#gateway/carry/sending.ts'
import { placedPage, withOwnLinks } from '#gateway/crawl/carried.ts'
import type { Gateway, HeldNetwork } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import type { Host } from '#gateway/locate/locations.ts'
import { targetOf } from '#gateway/resolve/site-url.ts'
import { TARGET_BYTES_MAX } from '#gateway/settings.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import type { Conditions } from '#protocol/answer/condition.ts'
import { sourceOf } from '#protocol/bounds/share.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { groupOf, handingOver, type NetworkJob } from '#protocol/directory/network-file.ts'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'

/** The site's name when the host is under the sites domain; undefined: it is not. */
export function siteOfHost(host: string, sitesDomain: string | undefined): string | undefined {
  if (sitesDomain === undefined) return undefined
  const lower = host.toLowerCase()
  return lower.endsWith(`.${sitesDomain}`) ? lower.slice(0, -sitesDomain.length - 1) : undefined
}

/** Of one connection, or made anew by whoever sends the answer on (RFC 9110 §7.6.1); and a coding, of which what was checked has none. */
const NOT_PASSED =
  /^(?:connection|content-encoding|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length|date)$/i

const CONDITION_FIELDS = {
  ifMatch: 'if-match',
  ifNoneMatch: 'if-none-match',
  ifModifiedSince: 'if-modified-since',
  ifUnmodifiedSince: 'if-unmodified-since',
  ifRange: 'if-range',
  range: 'range',
} as const satisfies Record<keyof Conditions, string>

function conditionsOf(headers: Headers): Conditions {
  const found: Conditions = {}
  for (const key of Object.keys(CONDITION_FIELDS) as (keyof Conditions)[]) {
    const value = headers.get(CONDITION_FIELDS[key])
    if (value !== null) found[key] = value
  }
  return found
}

/** What a visitor of the site's own origin here is answered. */
export async function visitSite(
  gateway: Gateway,
  request: Request,
  name: string,
  source: string,
): Promise<Result<Response, GatewayError>> {
  const { network, locations, ports } = gateway
  const { tunnels } = ports
  if (network === undefined) return err({ code: 'no_network' })
  const now = ports.now()
  const job = locations.jobByName(name)
  const target = locations.target(name, now)
  if (job === undefined || target === undefined)
    return err({ code: locations.isGone(name) ? 'gone_name' : 'unknown_name', name })
  const asked = targetOf(request.url)
  if (asked.length > TARGET_BYTES_MAX)
    return err({ code: 'target_too_long', actualBytes: asked.length, maxBytes: TARGET_BYTES_MAX })
  if (tunnels === undefined || target.hosts.length === 0) return err({ code: 'no_living_member', name })
  const room = gateway.rooms.enter(sourceOf(source))
  if (room === undefined) return err({ code: 'overloaded' })
  let isSending = false
  try {
    const body = await gateway.visitBodies.read(request, BODY_BYTES_MAX, room.take)
    if (!body.ok) return body
    const site = { name, job, network, hosts: turned(target.hosts, target.next++) }
    const visited = { body: body.value, target: asked, source, room }
    const carried = await answered(gateway, tunnels, request, site, visited)
    if (!carried.ok) return carried
    isSending = true
    return ok(responseOf(request.method, carried.value, room.leave))
  } finally {
    if (!isSending) room.leave()
  }
}

type VisitedSite = {
  readonly name: string
  readonly job: NetworkJob
  readonly network: HeldNetwork
  readonly hosts: readonly Host[]
}

type Visited = {
  readonly body: Uint8Array
  readonly target: string
  readonly source: string
  readonly room: Room
}

async function answered(
  gateway: Gateway,
  tunnels: Tunnels,
  request: Request,
  { name, job, network, hosts }: VisitedSite,
  { body, target, source, room }: Visited,
): Promise<Result<Carried, GatewayError>> {
  const { ports } = gateway
  const { random } = ports
  const question = questionOf(request, body, { url: new URL(request.url), target, source, random })
  const group = groupOf(job)
  const former = handingOver(job, ports.now())
  const carried = await carry({
    gateway,
    tunnels,
    site: {
      name,
      job: group.job,
      rules: () => ({
        domain: network.domain,
        group,
        ...(former === undefined ? {} : { former }),
        now: ports.now(),
        freshMs: network.file.settings.fresh_ms,
      }),
    },
    question,
    conditions: conditionsOf(request.headers),
    hosts,
    room,
  })
  if (!carried.ok) return err(errorOf(name, carried.error))
  const { status, headers, body: certified } = carried.value
  const page = { status, headers, body: certified instanceof Uint8Array ? certified : undefined }
  const at = { base: gateway.locations.canonicalBase, siteName: name, target }
  const placed = isClient(request) ? undefined : placedPage(page, at)
  const keyed =
    isClient(request) || !(certified instanceof Uint8Array)
      ? undefined
      : keyedPage({ status, headers, body: certified }, { origin: originOf(question), siteName: name }, ports.random)
  const edited = keyed ?? placed
  const sent = edited === undefined ? carried.value : { ...edited, length: edited.body?.length }
  return ok({ ...sent, headers: withOwnLinks({ ...page, headers: sent.headers }, at) })
}

/** Each visit begins with another member. */
function turned<T>(list: readonly T[], by: number): readonly T[] {
  const start = by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

/** `left` is called when nothing of the answer is held here any more. */
function responseOf(method: string, { status, headers, body, length }: Carried, left: () => void): Response {
  const fields = new Headers()
  for (const [name, value] of headers) {
    if (NOT_PASSED.test(name)) continue
    fields.append(name, name.toLowerCase() === 'set-cookie' ? hostOnly(value) : value)
  }
  const isBare = body === undefined || status === 204 || status === 205 || status === 304
  if (isBare) {
    left()
    if (method === 'HEAD' && length !== undefined) fields.set('Content-Length', String(length))
    return new Response(null, { status, headers: fields })
  }
  if (length !== undefined) fields.set('Content-Length', String(length))
  const sent = sending(body, length, left)
  return new Response(sent as Uint8Array<ArrayBuffer> | ReadableStream, { status, headers: fields })
}

/** A cookie for the whole sites domain would be every site's (RFC 6265 §4.1.2.3). */
function hostOnly(cookie: string): string {
  return cookie
    .split(';')
    .filter((attribute, index) => index === 0 || !/^\s*domain\s*=/i.test(attribute))
    .join(';')
}

function errorOf(name: string, { status, reasons }: NotCarried): GatewayError {
  if (status !== undefined && status >= 400 && status < 500 && status !== 404)
    return { code: 'site_refuses', name, status }
  if (reasons.some((reason) => reason.code === 'unreachable' && reason.why === 'no_room')) return { code: 'overloaded' }
  return reasons.some(({ code }) => code === 'lie')
    ? { code: 'no_honest_member', name }
    : { code: 'no_living_member', name }
}
