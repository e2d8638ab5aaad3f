// What the HTTP edge tells of itself: answers counted as they leave, everything else looked up when somebody asks.

import type { Share } from '#protocol/bounds/share.ts'
import type { Registry } from '#protocol/metrics/registry.ts'
import type { Bandwidth } from '#seeder/serve/bandwidth.ts'
import type { Connections } from '#seeder/serve/connections.ts'
import type { EventStreams } from '#seeder/serve/event-streams.ts'
import type { Reads } from '#seeder/serve/reads.ts'
import type { Sockets } from '#seeder/serve/sockets.ts'
import type { Writes } from '#seeder/serve/writes.ts'

/** What a request was. */
export type RequestKind = 'read' | 'write' | 'well_known' | 'refused'

export type Answers = {
  /** `began`: of `performance.now()`, when its head was here. */
  answered(kind: RequestKind, status: number, began: number): void
  /** What came was no request. */
  refused(status: number): void
  /** Somebody asked for a site that is hosted here. */
  asked(site: string): void
  /** How often, since the start. */
  askedFor(site: string): number
  /** Where the answer of a read came from. */
  readonly cache: { readonly hit: () => void; readonly miss: () => void; readonly shared: () => void }
}

export function countAnswers(registry: Registry): Answers {
  const requests = registry.counter('interpeer_http_requests_total', 'Answered requests.', ['kind', 'status'])
  const seconds = registry.histogram(
    'interpeer_http_request_duration_seconds',
    'From the head of a request to its answer.',
    ['kind'],
  )
  const cached = registry.counter('interpeer_read_cache_requests_total', 'Reads by where the answer came from.', [
    'result',
  ])
  /** By kind and status: a read from memory is counted without a look at its labels. */
  const bound = new Map<RequestKind, Map<number, (began: number) => void>>()
  const asked = new Map<string, number>()
  registry.observed('interpeer_site_requests_total', 'Requests for a site that is hosted here.', ['site'], () =>
    Array.from(asked, ([site, value]) => ({ labels: [site], value })),
  )
  return {
    asked: (site) => void asked.set(site, (asked.get(site) ?? 0) + 1),
    askedFor: (site) => asked.get(site) ?? 0,
    answered(kind, status, began) {
      const byStatus = bound.get(kind) ?? new Map<number, (began: number) => void>()
      bound.set(kind, byStatus)
      let count = byStatus.get(status)
      if (count === undefined) {
        const inc = requests.bound([kind, String(status)])
        const observe = seconds.bound([kind])
        count = (from) => {
          inc()
          observe((performance.now() - from) / 1000)
        }
        byStatus.set(status, count)
      }
      count(began)
    },
    refused: (status) => requests.inc(['refused', String(status)]),
    cache: { hit: cached.bound(['hit']), miss: cached.bound(['miss']), shared: cached.bound(['shared']) },
  }
}

export type Observed = {
  readonly connections: Connections
  readonly bandwidth: Bandwidth
  /** Bytes a second; infinite: as many as visitors take. */
  readonly bandwidthLimit: number
  readonly reads: Reads
  readonly writes: Writes
  readonly events: EventStreams
  readonly sockets: Sockets
  /** Of request bodies in memory. */
  readonly bodies: Share
  /** Of connections that are closed. */
  readonly moved: { readonly received: number; readonly sent: number }
}

export function observeServing(registry: Registry, observed: Observed): void {
  const { connections, bandwidth, reads, writes } = observed
  const plain = (name: string, help: string, value: () => number): void =>
    registry.observed(name, help, [], () => [{ labels: [], value: value() }])
  registry.observed('interpeer_visitor_bytes_total', 'To and from visitors.', ['direction'], () => {
    let { received, sent } = observed.moved
    for (const socket of connections.all) {
      received += socket.bytesRead
      sent += socket.bytesWritten
    }
    return [
      { labels: ['received'], value: received },
      { labels: ['sent'], value: sent },
    ]
  })
  plain('interpeer_bandwidth_limit_bytes', 'What visitors may use a second.', () => observed.bandwidthLimit)
  plain('interpeer_bandwidth_waiting', 'Visitors that wait for bandwidth.', () => bandwidth.waiting)
  plain(
    'interpeer_bandwidth_waited_seconds_total',
    'What visitors waited for bandwidth.',
    () => bandwidth.waitedMs / 1000,
  )
  plain('interpeer_http_connections', 'Open connections.', () => connections.all.size)
  registry.observed(
    'interpeer_http_connections_cut_total',
    'Connections ended for others to be served.',
    ['reason'],
    () => Object.entries(connections.cut).map(([reason, value]) => ({ labels: [reason], value })),
  )
  registry.observed('interpeer_http_requests_waiting', 'Requests under way.', ['kind'], () => [
    { labels: ['read'], value: reads.running },
    { labels: ['write'], value: writes.waiting },
  ])
  plain('interpeer_event_streams', 'Streams of events that go on or wait.', () => observed.events.count)
  plain('interpeer_websockets', 'Open WebSockets of visitors.', () => observed.sockets.count)
  plain('interpeer_http_body_bytes', 'Request bodies in memory.', () => observed.bodies.total)
  plain('interpeer_read_cache_bytes', 'Certified answers in memory.', () => reads.cacheBytes)
}
