// What the zones say of one site: where plain HTTP at the name itself is answered, and who has it.
//
//   A, AAAA   1. members that answer plain HTTP at its own port, for the address that they gave
//             2. none: the gateway's own addresses, where the name is sent on as `/<name>/` is
//             3. none: members at other ports; the port stands in TXT
//   HTTPS     where the gateway's own addresses have TLS for these names, and then those are all that A and AAAA have; else none
//   TXT       v=interpeer1; job=<64 hex digits>; epoch=<number>          one
//             v=interpeer1; peer=<64 hex digits>[; origin=<origin>]       one a member
//
// Invariant: with an HTTPS record (RFC 9460) no member's address is given. A client that is given one opens `https://<site>.peer` at whatever address
// it has, and no member has a certificate for that name.

import { bytesConcat, bytesEqual, bytesFromText } from '#protocol/codec/bytes.ts'
import { addressFromText, isGlobal } from '#protocol/dns/address.ts'
import { TYPE } from '#protocol/dns/constants.ts'
import { httpsToData } from '#protocol/dns/https-record.ts'
import type { RecordData } from '#protocol/dns/message.ts'

/** Members and addresses that are named at most: an answer stays small. */
export const NAMED_MAX = 8
const STRING_BYTES_MAX = 255
/** In the other profile `localhost` and all names under it (RFC 6761 §6.3) are places of members. */
const LOOPBACK = Uint8Array.of(127, 0, 0, 1)
const ORIGIN = /^http:\/\/(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?$/i

export type PlacedMember = {
  readonly peer: string
  /** Where it has the site; undefined: visitors reach it through a gateway only. */
  readonly origin: string | undefined
  /** Where the seeder itself answers, which serves its sites there under these names too. */
  readonly http: string | undefined
}

export type SitePlace = {
  /** Hexadecimal. */
  readonly job: string
  readonly epoch: number
  /** Who has it now, best first. */
  readonly members: readonly PlacedMember[]
  /** Those of them whom visitors are sent to directly. */
  readonly direct: readonly PlacedMember[]
  /** Addresses where any name of these zones is answered on port 80. */
  readonly gateway: readonly string[]
  /** What is spoken there on port 443 for any of them, with a certificate that visitors trust; absent: no TLS. */
  readonly tls?: readonly string[]
  /** Of the profile `local`, where loopback is an address. */
  readonly isLocal: boolean
}

export function siteRecords(place: SitePlace): readonly RecordData[] {
  const hosts = addressesOf(place)
  const addresses = hosts.map((data) => ({ type: data.length === 4 ? TYPE.A : TYPE.AAAA, data }))
  const https =
    place.tls === undefined || hosts.length === 0
      ? []
      : [{ type: TYPE.HTTPS, data: httpsToData({ protocols: place.tls, hints: hosts }) }]
  const about = [
    `v=interpeer1; job=${place.job}; epoch=${place.epoch}`,
    ...place.members.slice(0, NAMED_MAX).map(aboutMember),
  ]
  return [...addresses, ...https, ...about.map((text) => ({ type: TYPE.TXT, data: textData(text) }))]
}

function aboutMember({ peer, origin }: PlacedMember): string {
  return `v=interpeer1; peer=${peer}${origin === undefined ? '' : `; origin=${origin}`}`
}

/** One text in as many strings as it needs; readers join them without anything between (RFC 7208 §3.3). */
export function textData(text: string): Uint8Array {
  const bytes = bytesFromText(text)
  const strings: Uint8Array[] = []
  for (let at = 0; at === 0 || at < bytes.length; at += STRING_BYTES_MAX) {
    const part = bytes.subarray(at, at + STRING_BYTES_MAX)
    strings.push(Uint8Array.of(part.length), part)
  }
  return bytesConcat(...strings)
}

function addressesOf({ direct, gateway, tls, isLocal }: SitePlace): readonly Uint8Array[] {
  const itself = gateway.flatMap((text) => addressFromText(text) ?? [])
  if (tls !== undefined) return distinct(itself)
  const own: Uint8Array[] = []
  const others: Uint8Array[] = []
  for (const { origin, http } of direct) {
    // Whoever is reached by HTTPS is not to be reached without it for its name.
    const isPlain = origin?.startsWith('http:') === true
    for (const place of [origin, http]) {
      const [, host = '', port] = ORIGIN.exec(place ?? '') ?? []
      const address = addressOf(host, isLocal)
      if (address !== undefined) (isPlain && (port === undefined || port === ':80') ? own : others).push(address)
    }
  }
  return [own, itself, others].map(distinct).find((addresses) => addresses.length > 0) ?? []
}

function addressOf(host: string, isLocal: boolean): Uint8Array | undefined {
  const name = host.toLowerCase()
  if (isLocal && (name === 'localhost' || name.endsWith('.localhost'))) return LOOPBACK
  const address = addressFromText(name.startsWith('[') ? name.slice(1, -1) : name)
  return address !== undefined && (isLocal || isGlobal(address)) ? address : undefined
}

function distinct(addresses: readonly Uint8Array[]): readonly Uint8Array[] {
  const kept: Uint8Array[] = []
  for (const address of addresses)
    if (kept.length < NAMED_MAX && !kept.some((each) => bytesEqual(each, address))) kept.push(address)
  return kept
}
