// POST /register: a seeder says where its sites are, signed, every few seconds (§5.2).
//
// Checks from cheap to dear, then one change. Refused are other gateways' registrations, clocks that are off, times not
// above the last, keys in no group, jobs of other groups, and what does not verify. The database is written when
// something changed, when the lease is half over, or when another isolate wrote last: not for a plain renewal.

import type { Gateway, StoredMark } from '#gateway/gateway.ts'
import type { GatewayError } from '#gateway/http/errors.ts'
import { registrationOf } from '#gateway/locate/registration.ts'
import { contentOf } from '#gateway/register/content.ts'
import {
  CLOCK_SKEW_MS_MAX,
  FRESH_MS,
  LEASE_MS,
  LEASE_RENEW_MS,
  REGISTRATION_BYTES_MAX,
  REGISTRATION_LIFE_MS_MAX,
  RENEW_MS,
  SKEW_DRIFT_MS,
} from '#gateway/settings.ts'
import { refill, timeFloor } from '#gateway/store/refill.ts'
import { base64FromBytes, hexFromBytes } from '#protocol/codec/bytes.ts'
import { err, ok, type Result } from '#protocol/codec/result.ts'
import { readCbor } from '#protocol/codec/shape.ts'
import { siteNamedBy } from '#protocol/dns/named-host.ts'
import { type PeerName, peerName } from '#protocol/identity/keys.ts'
import { statementHash } from '#protocol/message/domain.ts'
import { type Register, signedShape } from '#protocol/message/statement.ts'

const registerShape = signedShape('register')

/** What a seeder is told. Times in ms. */
export type Lease = {
  /** Without another registration it is out after this long. */
  readonly lease_ms: number
  /** When it should register again. */
  readonly renew_ms: number
  /** Our clock. */
  readonly time: number
  readonly network_version: number
  /** Hashes that it accused with and whose proof is wanted at `POST /evidence`. */
  readonly evidence_wanted: readonly string[]
  /** Seeders that nobody can dial may keep a tunnel to this gateway. */
  readonly tunnels: boolean
  /** HTTPS origins that it declared and that nobody is sent to from here, with why. */
  readonly unproven: readonly { readonly origin: string; readonly reason: string }[]
}

/** Named in an answer. */
const UNPROVEN_MAX = 16

/** An origin in its one form that leads neither to this gateway nor back to it. */
export function isFitOrigin(
  origin: string,
  { publicUrl, sitesDomain }: Pick<Gateway['config'], 'publicUrl' | 'sitesDomain'>,
): boolean {
  if (origin === publicUrl) return false
  try {
    const parsed = new URL(origin)
    // The same host spelt otherwise (RFC 1034 §3.1) would be another one to every rule here.
    if (parsed.hostname.endsWith('.')) return false
    // What this gateway carries itself is no member's.
    if (sitesDomain !== undefined && parsed.host.endsWith(`.${sitesDomain}`)) return false
    // One of the names that lead here would lead in a circle.
    return parsed.origin === origin && parsed.username === '' && siteNamedBy(parsed.host) === undefined
  } catch {
    return false
  }
}

/** Everything that can be said without the signature. */
function check(gateway: Gateway, peer: PeerName, body: Register, now: number): GatewayError | undefined {
  const { config, locations, network } = gateway
  if (network === undefined) return { code: 'no_network' }
  if (body.gateway !== config.publicUrl) return { code: 'wrong_gateway', expected: config.publicUrl }
  const skewMs = body.time - now
  if (Math.abs(skewMs) > CLOCK_SKEW_MS_MAX) return { code: 'clock_skew', skewMs, maxMs: CLOCK_SKEW_MS_MAX, time: now }
  const lifeMs = body.expires - body.time
  if (lifeMs < 0 || lifeMs > REGISTRATION_LIFE_MS_MAX) return { code: 'bad_expiry', maxMs: REGISTRATION_LIFE_MS_MAX }
  if (locations.jobsOf(peer).length === 0) return { code: 'not_a_member', network_version: network.file.version }
  const places = new Set<string>()
  for (const site of body.sites) {
    const job = hexFromBytes(site.job)
    if (!locations.isOf(peer, job)) return { code: 'not_of_this_job', job, network_version: network.file.version }
    if (site.origin !== null && !isFitOrigin(site.origin, gateway.config))
      return { code: 'bad_origin', origin: site.origin }
    if (site.origin === null) continue
    // Two sites at one place would share what browsers keep for it; cookies do not tell ports apart (RFC 6265 §8.5).
    const place = site.origin.startsWith('https:') ? new URL(site.origin).hostname : site.origin
    if (places.has(place)) return { code: 'bad_origin', origin: site.origin }
    places.add(place)
  }
  return undefined
}

function replayed(gateway: Gateway, peer: PeerName, time: number): GatewayError | undefined {
  const last = timeFloor(gateway, peer, SKEW_DRIFT_MS)
  return time > last ? undefined : { code: 'replay', last }
}

const statementOf = (bytes: Uint8Array) => readCbor(registerShape, bytes, REGISTRATION_BYTES_MAX)

/** `address`: who sends it. A member's registrations are counted apart from all others of its address, so that no flood keeps a member out. */
export async function register(
  gateway: Gateway,
  bytes: Uint8Array,
  address: string,
): Promise<Result<Lease, GatewayError>> {
  const read = statementOf(bytes)
  const claimed = read.ok ? peerName(read.value.from) : undefined
  const lease = await taken(gateway, read, claimed, bytes, address)
  if (!lease.ok) gateway.ports.log('debug', 'registration_refused', { claimed, ...lease.error })
  return lease
}

/** `claimed`: whose it says it is. */
async function taken(
  gateway: Gateway,
  read: ReturnType<typeof statementOf>,
  claimed: PeerName | undefined,
  bytes: Uint8Array,
  address: string,
): Promise<Result<Lease, GatewayError>> {
  const { ports, locations } = gateway
  const isOfGroup = claimed !== undefined && locations.jobsOf(claimed).length > 0
  if (!(await ports.registerLimit(isOfGroup ? `${address} ${claimed}` : address))) return err({ code: 'rate_limited' })
  if (!read.ok) {
    const { error } = read
    return err({ code: 'malformed', detail: error.code === 'shape' ? `${error.path}: ${error.expected}` : error.code })
  }
  const { from, body, signature } = read.value
  const peer = peerName(from)
  const now = ports.now()
  const wrong = check(gateway, peer, body, now) ?? replayed(gateway, peer, body.time)
  if (wrong !== undefined) return err(wrong)
  const { network } = gateway
  if (network === undefined) return err({ code: 'no_network' })
  if (!(await ports.verify(from, statementHash(network.domain, 'register', body), signature)))
    return err({ code: 'bad_signature' })
  // The same bytes may have come twice and the other copy been quicker.
  const late = replayed(gateway, peer, body.time)
  if (late !== undefined) return err(late)
  gateway.lastTime.set(peer, body.time)

  const mark = dueMark(gateway, peer, body, now)
  if (mark !== undefined) {
    try {
      const row = { peer, record: base64FromBytes(bytes), updated: now, ...mark }
      const { content: _, ours: __, ...stored } = row
      if (await ports.store.saveRegistration(stored)) gateway.marks.set(peer, mark)
      else {
        // Another isolate took a later one: learn which.
        await refill(gateway)
        return err({ code: 'replay', last: timeFloor(gateway, peer, SKEW_DRIFT_MS) })
      }
    } catch (cause) {
      // Memory still serves it, and its next registration tries again.
      ports.log('warn', 'store_failed', { what: 'registration', peer, cause: String(cause) })
    }
  }
  if ((locations.registration(peer)?.time ?? 0) < body.time) {
    const freshUntil = now + Math.min(FRESH_MS, body.expires - body.time)
    locations.setRegistration(registrationOf(peer, body, { freshUntil, leaseUntil: freshUntil }))
  }
  const wanted = body.accuses
    .filter((accusation) => !locations.isLiar(peerName(accusation.peer)))
    .map((accusation) => hexFromBytes(accusation.evidence))
  return ok({
    lease_ms: Math.min(FRESH_MS, body.expires - body.time),
    renew_ms: RENEW_MS,
    time: now,
    network_version: network.file.version,
    tunnels: ports.tunnels !== undefined && gateway.config.sitesDomain !== undefined,
    unproven: unprovenOf(gateway, peer, body),
    evidence_wanted: [...new Set(wanted)].filter((hash) => !gateway.judged.has(hash)),
  })
}

function unprovenOf({ reach }: Gateway, peer: PeerName, { sites }: Register): Lease['unproven'] {
  return sites
    .flatMap(({ origin }) => {
      const reason = origin === null ? undefined : reach.problem(peer, origin)
      return origin === null || reason === undefined ? [] : [{ origin, reason }]
    })
    .slice(0, UNPROVEN_MAX)
}

/** What has to be written for this registration, or undefined when the database says as much already. */
function dueMark(gateway: Gateway, peer: PeerName, body: Register, now: number): StoredMark | undefined {
  const mark = gateway.marks.get(peer)
  const content = contentOf(body)
  const skewMs = body.time - now
  const stands =
    mark?.ours === true &&
    mark.content === content &&
    mark.leaseUntil - now > LEASE_RENEW_MS &&
    Math.abs(mark.skewMs - skewMs) <= SKEW_DRIFT_MS
  if (stands) return undefined
  // Who asks for less than the usual life, as one that stops does, is not kept longer than it asked.
  const lifeMs = body.expires - body.time
  const leaseUntil = now + (lifeMs < FRESH_MS ? lifeMs : LEASE_MS)
  return { time: body.time, skewMs, leaseUntil, content, ours: true }
}
