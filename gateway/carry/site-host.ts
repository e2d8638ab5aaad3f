// The sites domain: `<name>.<domain>` is a site's origin at this gateway, and nothing of the gateway's own answers there but the bar's script.

import { type Carried, carry, type NotCarried, type Visit } from '#gateway/carry/carry.ts'
import type { Copy } from '#gateway/carry/copies.ts'
import { ageSecondsOf, carriedCopy, copyFields, isDue, isOfAnybody, renew } from '#gateway/carry/copy.ts'
import { type Following, followed, isFollowed } from '#gateway/carry/events.ts'
import { type Floor, floorField, floorOf } from '#gateway/carry/floor.ts'
import {
  barScript,
  editedHeaders,
  type ShownAt,
  shownHead,
  shownPage,
  shownTag,
  withOwnWord,
} from '#gateway/carry/page.ts'
import { isClient, isSafe, originOf, type Question, questionOf } from '#gateway/carry/question.ts'
import type { Room } from '#gateway/carry/room.ts'
import { sending, streamOf } from '#gateway/carry/sending.ts'
import { type CarriedAt, placedPage, withOwnLinks } from '#gateway/crawl/carried.ts'
import { denied } from '#gateway/deny/denials.ts'
import type { Gateway, Later } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { targetOf } from '#gateway/resolve/site-url.ts'
import { AWAY_MS, TARGET_BYTES_MAX } from '#gateway/settings.ts'
import type { Tunnels } from '#gateway/tunnel/port.ts'
import { isBarPath } from '#page/bar/barred.ts'
import { hostOnly } from '#page/cookies.ts'
import type { CheckRules } from '#protocol/answer/check.ts'
import type { Conditions } from '#protocol/answer/condition.ts'
import { HOP_FIELDS } from '#protocol/answer/hop-fields.ts'
import { sourceOf } from '#protocol/bounds/share.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { groupOf, handingOver } from '#protocol/directory/network-file.ts'
import { quorumOf } from '#protocol/message/certificate.ts'
import { BODY_BYTES_MAX } from '#protocol/message/request.ts'
import type { Headers as CertifiedHeaders } from '#protocol/site/response-hash.ts'

/** The site's name when the host is under the sites domain; undefined: it is not. */
export function siteOfHost(host: string, sitesDomain: string | undefined): string | undefined {
  if (sitesDomain === undefined) return undefined
  // A name may be written with the dot of the root (RFC 1034 §3.1), and is the same.
  const lower = host.replace(/\.(?=:|$)/, '').toLowerCase()
  return lower.endsWith(`.${sitesDomain}`) ? lower.slice(0, -sitesDomain.length - 1) : undefined
}

/** Of one connection, or made anew by whoever sends the answer on; and a coding, of which what was checked has none. */
const NOT_PASSED: ReadonlySet<string> = new Set([
  ...HOP_FIELDS,
  'age',
  'content-encoding',
  'content-length',
  'date',
  'interpeer-copy',
])

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

/** What a visitor of the site's own origin here is answered; `later` absent: copies are not made behind it. `floor` rises with what is written. */
export async function visitSite(
  gateway: Gateway,
  request: Request,
  name: string,
  source: string,
  later?: Later,
  floor: Floor = { height: floorOf(request) },
): Promise<Result<Response, GatewayError>> {
  const { network, locations, ports } = gateway
  const { tunnels, random, now } = ports
  if (network === undefined) return err({ code: 'no_network' })
  const found = locations.target(name, now())
  if (found === undefined) return err({ code: locations.isGone(name) ? 'gone_name' : 'unknown_name', name })
  const why = denied(gateway, name, request)
  if (why !== undefined) return err(why)
  const target = targetOf(request.url)
  if (target.length > TARGET_BYTES_MAX)
    return err({ code: 'target_too_long', actualBytes: target.length, maxBytes: TARGET_BYTES_MAX })
  if (isSafe(request.method) && isBarPath(target)) return ok(barScript(request.method, target))
  const job = locations.jobByName(name)
  if (tunnels === undefined || job === undefined) return err({ code: 'no_living_member', name })
  if (found.hosts.length === 0 && !isOfAnybody({ method: request.method, target }))
    return err({ code: 'no_living_member', name })
  const room = gateway.rooms.enter(sourceOf(source))
  if (room === undefined) return err({ code: 'overloaded' })
  // Of a visit whose visitor went away workerd runs nothing any more, neither what follows here nor the end of a body.
  request.signal.addEventListener('abort', room.leave, { once: true })
  let isSending = false
  try {
    const sent = await gateway.visitBodies.read(request, BODY_BYTES_MAX, room.take)
    if (!sent.ok) return sent
    ports.counts?.received(sent.value.length)
    const question = questionOf(request, sent.value, { url: askedUrl(gateway, request), target, source, random })
    const asked = { gateway, tunnels, request, name, job: job.job }
    const visit: SiteVisit = { ...asked, question, room, floor, turn: found.next++ }
    const answered = await answerTo(visit, source, later)
    isSending = answered.ok
    return answered
  } finally {
    if (!isSending) room.leave()
  }
}

/** One visitor's request, read. */
type SiteVisit = {
  readonly gateway: Gateway
  readonly tunnels: Tunnels
  readonly request: Request
  readonly name: string
  /** Hexadecimal. */
  readonly job: string
  readonly question: Question
  readonly room: Room
  readonly floor: Floor
  readonly turn: number
}

/** What the members say, or what they last said. */
async function answerTo(
  visit: SiteVisit,
  source: string,
  later: Later | undefined,
): Promise<Result<Response, GatewayError>> {
  const { gateway, request, name, job, question, room, floor } = visit
  const { copies, ports } = gateway
  const { now } = ports
  const kept = isOfAnybody(question) ? copies.find(job, question.target, now()) : undefined
  // What it wrote is not in an earlier state: better nothing for two minutes than that it writes it again.
  const copy = kept !== undefined && kept.height >= floor.height ? kept : undefined
  const isHasty = copy !== undefined && copies.isAway(job, now())
  const shownAt = shownAtOf(gateway, request, name, originOf(question))
  const tagOf = shownAt === undefined ? {} : { tagOf: (headers: CertifiedHeaders) => shownTag(headers, shownAt) }
  const ask: AskSite = (asked, conditions, waitMs) =>
    askNow(visit, { question: asked, conditions, room, floor, waitMs, isHasty, ...tagOf })
  const answer = await ask(question, conditionsOf(request.headers), 0)
  if (answer.ok) {
    copies.back(job)
    if (later !== undefined && isDue({ copies, job, question, now }, answer.value)) later(renewed(visit, source))
    return ok(sent(visit, shownAt, ask, answer.value))
  }
  if (answer.error.code !== 'no_living_member') return answer
  if (isSafe(question.method) && !isHasty) copies.away(job, now() + AWAY_MS)
  if (copy === undefined) return answer
  if (!room.take(copy.body.length)) return err({ code: 'overloaded' })
  const ageSeconds = ageSecondsOf(copy, now())
  const agedAt: ShownAt | undefined =
    shownAt === undefined
      ? undefined
      : { ...shownAt, facts: { ...shownAt.facts, checked: { ...shownAt.facts.checked, ageSeconds } } }
  return ok(sent(visit, agedAt, ask, carriedCopy(copy, question.method), copy))
}

type AskSite = (question: Question, conditions: Conditions, waitMs: number) => Promise<Result<Carried, GatewayError>>

/** The answer as this visitor gets it; `copy`: it is one. */
function sent(
  { gateway, request, name, question, room, floor }: SiteVisit,
  shownAt: ShownAt | undefined,
  ask: AskSite,
  carried: Carried,
  copy?: Copy,
): Response {
  const { now, random } = gateway.ports
  const following: Following = {
    ...{ question, room, now },
    ask: async (asked, waitMs) => {
      const why = denied(gateway, name, request)
      return why === undefined ? ask(asked, {}, waitMs) : err(why)
    },
  }
  const at = { base: gateway.locations.canonicalBase, siteName: name, target: question.target }
  const certified = { ...carried, headers: withOwnWord(carried.headers) }
  const shown = shownTo(shownAt, following, at, random, certified)
  const body = certified.body instanceof Uint8Array ? certified.body : undefined
  const linked = withOwnLinks({ ...shown, body }, at)
  const { wrote } = carried
  if (wrote !== undefined) floor.height = Math.max(floor.height, wrote)
  const floors = wrote === undefined || isClient(request) ? [] : [floorField(wrote, question.scheme)]
  const fields = copy === undefined ? [] : copyFields(copy, now(), isClient(request))
  const took = gateway.ports.counts?.sent
  return responseOf(request.method, { ...shown, headers: [...linked, ...floors] }, fields, room.leave, took)
}

/** Behind the answer to a visitor: the same address, asked on nobody's behalf. */
function renewed(visit: SiteVisit, source: string): Promise<void> {
  const { gateway, job, question } = visit
  const { copies, rooms, locations, ports } = gateway
  return renew({
    ...{ copies, job, question, now: ports.now },
    enter: () => rooms.enter(sourceOf(source)),
    ask: (asked, room) =>
      askNow(visit, { question: asked, conditions: {}, room, floor: { height: 0 }, waitMs: 0, isHasty: true }),
    isThere: () => locations.jobById(job) !== undefined,
  })
}

/** As the visitor asked for it: behind a proxy that speaks TLS a request comes by plain HTTP. */
export function askedUrl({ config }: Gateway, request: Request): URL {
  const url = new URL(request.url)
  url.protocol = new URL(config.publicUrl).protocol
  return url
}

/** The answer of the members that there are now. */
async function askNow(
  { gateway, tunnels, name, turn }: SiteVisit,
  visit: Pick<Visit, 'question' | 'conditions' | 'room' | 'floor' | 'waitMs' | 'isHasty' | 'tagOf'>,
): Promise<Result<Carried, GatewayError>> {
  const { locations, network, ports } = gateway
  const job = locations.jobByName(name)
  const hosts = locations.target(name, ports.now())?.hosts ?? []
  if (network === undefined || job === undefined || hosts.length === 0) return err({ code: 'no_living_member', name })
  const group = groupOf(job)
  const former = handingOver(job, ports.now())
  const rules = (): CheckRules => ({
    domain: network.domain,
    group,
    ...(former === undefined ? {} : { former }),
    now: ports.now(),
    freshMs: network.file.settings.fresh_ms,
  })
  const site = { name, job: group.job, rules }
  const carried = await carry({
    gateway,
    tunnels,
    site,
    hosts: () => turned(locations.target(name, ports.now())?.hosts ?? [], turn),
    ...visit,
  })
  return carried.ok ? carried : err(errorOf(name, carried.error))
}

/** What the bar says of this site's pages here; undefined: whoever asks checks answers, and gets them as they are. */
function shownAtOf(
  { locations, config }: Gateway,
  request: Request,
  siteName: string,
  origin: string,
): ShownAt | undefined {
  const job = locations.jobByName(siteName)
  if (job === undefined || isClient(request)) return undefined
  const group = groupOf(job)
  const checked = { quorum: quorumOf(group), members: group.members.length }
  const destination = request.headers.get('sec-fetch-dest') ?? undefined
  return { origin, siteName, destination, facts: { siteName, gateway: config.publicUrl, checked } }
}

/** What was certified, as this visitor gets it: pages with bar and keys, addresses in files for crawlers, events that go on. */
function shownTo(
  shownAt: ShownAt | undefined,
  following: Following,
  at: CarriedAt,
  random: (bytes: number) => Uint8Array,
  answer: Carried,
): Carried {
  const { question } = following
  if (shownAt === undefined) return answer
  const page = { status: answer.status, headers: answer.headers, body: undefined }
  const { body } = answer
  if (!(body instanceof Uint8Array)) {
    if (body !== undefined) return answer
    const head = placedPage(page, at)
    if (head !== undefined) return { ...head, length: undefined }
    const headers = question.method === 'HEAD' ? shownHead(answer.headers, shownAt) : undefined
    return headers === undefined ? answer : { ...answer, headers, length: undefined }
  }
  if (isFollowed(question, answer)) {
    const events = streamOf(followed(following, body))
    return { status: answer.status, headers: editedHeaders(answer.headers), body: events, length: undefined }
  }
  const edited = shownPage({ ...page, body }, shownAt, random) ?? placedPage({ ...page, body }, at)
  return edited === undefined ? answer : { ...edited, length: edited.body?.length }
}

/** Each visit begins with another member. */
function turned<T>(list: readonly T[], by: number): readonly T[] {
  const start = list.length === 0 ? 0 : by % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}

/** `own`: in the place of what a member said under these names. `left` is called when nothing of the answer is held here any more, `took` with each piece. */
function responseOf(
  method: string,
  { status, headers, body, length }: Carried,
  own: CertifiedHeaders,
  left: () => void,
  took: ((bytes: number) => void) | undefined,
): Response {
  const fields = new Headers()
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (NOT_PASSED.has(lower)) continue
    fields.append(name, lower === 'set-cookie' ? hostOnly(value) : value)
  }
  for (const [name, value] of own) fields.set(name, value)
  const isBare = body === undefined || status === 204 || status === 205 || status === 304
  if (isBare) {
    left()
    if (method === 'HEAD' && length !== undefined) fields.set('Content-Length', String(length))
    return new Response(null, { status, headers: fields })
  }
  if (length !== undefined) fields.set('Content-Length', String(length))
  const sent = sending(body, length, left, took)
  return new Response(sent as Uint8Array<ArrayBuffer> | ReadableStream, { status, headers: fields })
}

function errorOf(name: string, { status, reasons }: NotCarried): GatewayError {
  if (status !== undefined && status >= 400 && status < 500 && status !== 404)
    return { code: 'site_refuses', name, status }
  if (reasons.some((reason) => reason.code === 'unreachable' && reason.why === 'no_room')) return { code: 'overloaded' }
  // One that is alone, or cut off, has certificates that are too old: no answer, and no lie.
  return reasons.some((reason) => reason.code === 'unshown' || (reason.code === 'lie' && reason.check !== 'stale'))
    ? { code: 'no_honest_member', name }
    : { code: 'no_living_member', name }
}
