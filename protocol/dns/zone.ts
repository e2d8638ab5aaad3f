// The zones `peer` and `ipn`: `<site>.peer` is the site of that name, its apex has SOA and NS, nothing else exists in them.
//
//   query ── settle ──┬─> an answer: refused, no such name, the apex, what no zone answers
//                     └─> a site ── its records ── siteAnswer ──> those of the type asked, or NODATA
//
// Invariant: about any other zone nothing is said but REFUSED.

import { bytesConcat } from '#protocol/codec/bytes.ts'
import { CLASS_IN, RCODE, type Rcode, TYPE } from '#protocol/dns/constants.ts'
import type { Answer, DnsRecord, Query, RecordData } from '#protocol/dns/message.ts'
import { nameToBytes } from '#protocol/dns/name.ts'

export const ZONES: ReadonlySet<string> = new Set(['peer', 'ipn'])

/** How long "no such name" may be kept, seconds: a name that is published is found so long afterwards. */
export const NO_NAME_SECONDS = 30
/** Of SOA and NS themselves. */
const APEX_SECONDS = 300
/** For secondaries, of which there are none: refresh, retry, expire. */
const SOA_TIMES = [300, 60, 3600] as const

export type ZoneFacts = {
  /** Host name of the gateway, the only name server. */
  readonly server: string
  /** Version of the network file. */
  readonly serial: number
  isSite(name: string): boolean
}

/** The facts with what is said of the apex, written once. */
export type Zone = Pick<ZoneFacts, 'isSite'> & { readonly soa: Uint8Array; readonly ns: Uint8Array }

export type SiteRecords = {
  /** How long they, and that there are no others, may be kept: seconds. */
  readonly ttl: number
  readonly records: readonly RecordData[]
}

export type Settled =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'site'; readonly name: string }

export function refused(rcode: Rcode): Answer {
  return { rcode, answers: [], authority: [] }
}

function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value)
}

/** An address and a host name that is none are not names of servers. */
function serverName(server: string): Uint8Array {
  const isName = /[a-z]/i.test(server) && !server.includes(':')
  return (
    (isName ? nameToBytes(server) : undefined) ??
    Uint8Array.of(9, ...Array.from('localhost', (c) => c.charCodeAt(0)), 0)
  )
}

export function createZone({ server, serial, isSite }: ZoneFacts): Zone {
  const ns = serverName(server)
  const mailbox = bytesConcat(Uint8Array.of(10, ...Array.from('hostmaster', (c) => c.charCodeAt(0))), ns)
  const numbers = [serial, ...SOA_TIMES, NO_NAME_SECONDS].map(u32)
  return { isSite, ns, soa: bytesConcat(ns, mailbox, ...numbers) }
}

function soa(zone: Zone, ttl: number): DnsRecord {
  return { type: TYPE.SOA, ttl, data: zone.soa }
}

/** RFC 8482 §4.2: what is said to whoever asks for everything. */
const MINIMAL: RecordData = {
  type: TYPE.HINFO,
  data: Uint8Array.of(7, ...Array.from('RFC8482', (c) => c.charCodeAt(0)), 0),
}

function positive(records: readonly RecordData[], ttl: number): Answer {
  return { rcode: RCODE.NOERROR, answers: records.map((record) => ({ ...record, ttl })), authority: [] }
}

function noData(zone: Zone, ttl: number): Answer {
  return { rcode: RCODE.NOERROR, answers: [], authority: [soa(zone, Math.min(ttl, NO_NAME_SECONDS))] }
}

/** `zone` undefined: it is not known yet. */
export function settle({ question, edns }: Query, zone: Zone | undefined): Settled {
  const no = (rcode: Rcode): Settled => ({ kind: 'answer', answer: refused(rcode) })
  const { labels, type } = question
  if (edns !== undefined && edns.version > 0) return no(RCODE.BADVERS)
  if (question.class !== CLASS_IN || !ZONES.has(labels.at(-1) ?? '')) return no(RCODE.REFUSED)
  if (type === TYPE.AXFR || type === TYPE.IXFR) return no(RCODE.REFUSED)
  if (type === TYPE.OPT) return no(RCODE.FORMERR)
  if (type >= TYPE.TKEY && type < TYPE.ANY) return no(RCODE.NOTIMP)
  if (zone === undefined) return no(RCODE.SERVFAIL)
  const [name = ''] = labels
  if (labels.length === 2 && zone.isSite(name)) return { kind: 'site', name }
  if (labels.length > 1)
    return {
      kind: 'answer',
      answer: { rcode: RCODE.NXDOMAIN, answers: [], authority: [soa(zone, NO_NAME_SECONDS)] },
    }
  const apex: SiteRecords = {
    ttl: APEX_SECONDS,
    records: [soa(zone, APEX_SECONDS), { type: TYPE.NS, data: zone.ns }],
  }
  return { kind: 'answer', answer: siteAnswer(type, zone, apex) }
}

/** What is said of a name that exists. */
export function siteAnswer(type: number, zone: Zone, { ttl, records }: SiteRecords): Answer {
  const found = type === TYPE.ANY ? [MINIMAL] : records.filter((record) => record.type === type)
  return found.length > 0 ? positive(found, ttl) : noData(zone, ttl)
}
