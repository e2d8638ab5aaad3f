// What a gateway on Node tells of itself to Prometheus: counted as answers leave, everything else looked up when somebody asks.
//
// Invariant: labels are kinds, codes and statuses of our own; no site, peer, host or address is one. Of an answer from memory one number rises, and
// nothing else happens.

import { type Counts, REQUEST_KINDS, type RequestKind } from '#gateway/counts.ts'
import type { Gateway, Limiter } from '#gateway/gateway.ts'
import { VISITS_BYTES_MAX } from '#gateway/settings.ts'
import { RCODE } from '#protocol/dns/constants.ts'
import { one, type Registry } from '#protocol/metrics/registry.ts'

/** RFC 1035 §4.1.1. */
const RCODE_NAMES: ReadonlyMap<number, string> = new Map(Object.entries(RCODE).map(([name, rcode]) => [rcode, name]))

/** All that a member's answer can fail. */
const CHECKS: Readonly<Record<Parameters<Counts['lied']>[0], true>> = {
  wrong_job: true,
  cert_epoch: true,
  cert_too_few_votes: true,
  cert_voter_order: true,
  cert_not_a_member: true,
  cert_jview: true,
  cert_signature: true,
  cert_different_blocks: true,
  cert_block_hash: true,
  stale: true,
  from_the_future: true,
  receipt_not_member: true,
  receipt_epoch: true,
  receipt_height: true,
  receipt_signature: true,
  state_root: true,
  request_hash: true,
  response_hash: true,
  path: true,
  receipt_form: true,
  no_certificate: true,
  certificate_form: true,
  path_form: true,
  no_salt_hash: true,
  salt_hash_form: true,
  no_receipt: true,
  certificate_elsewhere: true,
  body_root: true,
  chunk: true,
  certificate: true,
}

export type NodeCounts = Counts & {
  /** The same limit, which counts whom it refuses. */
  limited(limit: 'register' | 'carry', limiter: Limiter): Limiter
  /** A statement that the database did not carry out. */
  readonly storeFailed: () => void
  /** A connection that came while there were as many as may be. */
  readonly dropped: () => void
}

export function countAnswers(registry: Registry): NodeCounts {
  const requests = registry.counter('interpeer_gateway_requests_total', 'Answered requests.', ['kind', 'status'])
  const seconds = registry.histogram(
    'interpeer_gateway_request_duration_seconds',
    'From a request to the head of its answer, of those that are not answered from memory at once.',
    ['kind'],
  )
  const refused = registry.counter('interpeer_gateway_refusals_total', 'Requests that were refused.', ['code'])
  const limits = registry.counter('interpeer_gateway_limited_total', 'Requests of addresses that ask too often.', [
    'limit',
  ])
  const registered = registry.counter('interpeer_gateway_registrations_total', 'Registrations of seeders.', ['outcome'])
  const named = registry.counter('interpeer_gateway_dns_answers_total', 'Answers of DNS over HTTPS.', ['rcode'])
  const judged = registry.counter('interpeer_gateway_evidence_total', 'Proofs of lies that were judged.', ['outcome'])
  const lied = registry.counter(
    'interpeer_gateway_lies_total',
    'Answers of members that did not hold, by what they failed; no visitor saw one.',
    ['check'],
  )
  const failures = registry.counter('interpeer_gateway_store_failures_total', 'What the database did not carry out.')
  const dropped = registry.counter(
    'interpeer_gateway_connections_dropped_total',
    'Connections that came while there were as many as may be.',
  )
  const bytes = { received: 0, sent: 0 }
  registry.observed('interpeer_gateway_carried_bytes_total', 'Bodies of sites that it carries.', ['direction'], () => [
    { labels: ['received'], value: bytes.received },
    { labels: ['sent'], value: bytes.sent },
  ])
  // Known before they are met, so that a rate shows the first of them too.
  for (const code of ['rate_limited', 'internal', 'no_honest_member']) refused.inc([code], 0)
  for (const check of Object.keys(CHECKS)) lied.inc([check], 0)
  requests.inc(['unread', '500'], 0)
  for (const limit of ['register', 'carry']) limits.inc([limit], 0)
  for (const outcome of ['proven', 'unproven', 'known', 'bad_evidence']) judged.inc([outcome], 0)
  registered.inc(['taken'], 0)
  const observe = new Map(REQUEST_KINDS.map((kind) => [kind, seconds.bound([kind])]))
  const nameOf = (rcode: number): string => RCODE_NAMES.get(rcode) ?? String(rcode)
  const answers = Array.from({ length: RCODE.BADVERS + 1 }, (_, rcode) => named.bound([nameOf(rcode)]))
  const limitedBy = { register: limits.bound(['register']), carry: limits.bound(['carry']) }
  return {
    hotRedirect: requests.bound(['redirect', '307']),
    hotNames: requests.bound(['names', '200']),
    unread: (status) => requests.inc(['unread', String(status)]),
    now: () => performance.now(),
    answered(kind: RequestKind, status, began) {
      requests.inc([kind, String(status)])
      observe.get(kind)?.((performance.now() - began) / 1000)
    },
    refused: (code) => refused.inc([code]),
    named: (rcode) => answers[rcode]?.(),
    registered: (outcome) => registered.inc([outcome]),
    judged: (outcome) => judged.inc([outcome]),
    lied: (check) => lied.inc([check]),
    received: (count) => {
      bytes.received += count
    },
    sent: (count) => {
      bytes.sent += count
    },
    limited: (limit, limiter) => async (key) => {
      const mayGoOn = await limiter(key)
      if (!mayGoOn) limitedBy[limit]()
      return mayGoOn
    },
    storeFailed: () => failures.inc(),
    dropped: () => dropped.inc(),
  }
}

export type Observed = {
  readonly gateway: Gateway
  readonly connections: () => number
  readonly tunnels: { readonly open: number }
  readonly sockets: { readonly open: number }
}

/** What is so when somebody looks. */
export function observeGateway(registry: Registry, { gateway, connections, tunnels, sockets }: Observed): void {
  const { locations, ports, rooms, copies } = gateway
  const plain = (name: string, help: string, value: () => number): void =>
    registry.observed(name, help, [], () => one(value()))
  registry.observed(
    'interpeer_gateway_sites',
    'Sites of the network, by whether visitors are led there.',
    ['state'],
    () => {
      const counted = { reached: 0, unreached: 0 }
      const now = ports.now()
      for (const { name } of locations.jobs())
        counted[(locations.target(name, now)?.origins.length ?? 0) > 0 ? 'reached' : 'unreached']++
      return Object.entries(counted).map(([state, value]) => ({ labels: [state], value }))
    },
  )
  registry.observed(
    'interpeer_gateway_seeders',
    'Seeders that registered: living by a word of a moment ago, on a lease that stands, or silent.',
    ['state'],
    () => {
      const counted = { living: 0, leased: 0, silent: 0 }
      const now = ports.now()
      for (const { freshUntil, leaseUntil } of locations.registrations())
        counted[freshUntil > now ? 'living' : leaseUntil > now ? 'leased' : 'silent']++
      return Object.entries(counted).map(([state, value]) => ({ labels: [state], value }))
    },
  )
  plain('interpeer_gateway_liars', 'Seeders that were proven liars, to whom nobody is led.', () => locations.liarCount)
  registry.observed('interpeer_gateway_network_file_version', 'Version of the network file.', [], () =>
    gateway.network === undefined ? [] : one(gateway.network.file.version),
  )
  plain('interpeer_gateway_tunnels', 'Tunnels of seeders that are open.', () => tunnels.open)
  plain('interpeer_gateway_websockets', 'Open WebSockets of visitors.', () => sockets.open)
  plain('interpeer_gateway_connections', 'Open connections.', connections)
  plain('interpeer_gateway_visits_held_bytes', 'What visits of carried sites hold in memory.', () => rooms.held)
  plain('interpeer_gateway_visits_limit_bytes', 'What they may hold.', () => VISITS_BYTES_MAX)
  plain('interpeer_gateway_copies_bytes', 'What is kept for when nobody of a group answers.', () => copies.held)
}
