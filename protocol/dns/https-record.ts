// The HTTPS record (RFC 9460) as the zones have it: ServiceMode at the name itself, with what TLS there speaks and the addresses where it does.
//
//   priority 1 · target "." · key 1 alpn · key 4 ipv4hint · key 6 ipv6hint        each key with its length, in this order
//
// Invariant: what is read has one form alone, and leads nowhere but to the addresses that it names: no other target, no other port, no key that
// a reader of ours would not know.

import { bytesConcat, bytesFromText } from '#protocol/codec/bytes.ts'
import { addressToText } from '#protocol/dns/address.ts'

/** Of those that a gateway may say it speaks; the last one is every client's and is not written (RFC 9460 §9.1: it is the default). */
export const TLS_PROTOCOLS = ['h3', 'h2', 'http/1.1'] as const
const DEFAULT_PROTOCOL = 'http/1.1'

const START = Uint8Array.of(0, 1, 0)
const KEY = { alpn: 1, ipv4hint: 4, ipv6hint: 6 } as const
const PROTOCOL = /^[a-z0-9./-]{1,255}$/i

export type HttpsService = {
  /** Beside HTTP/1.1; in the order of preference. */
  readonly protocols: readonly string[]
  /** IPv4 before IPv6. */
  readonly hints: readonly Uint8Array[]
}

/** Of what is served there, `http/1.1` with it or not. */
export function httpsToData({ protocols, hints }: HttpsService): Uint8Array {
  const alpn = protocols.filter((each) => each !== DEFAULT_PROTOCOL).map(bytesFromText)
  return bytesConcat(
    START,
    parameter(KEY.alpn, bytesConcat(...alpn.flatMap((text) => [Uint8Array.of(text.length), text]))),
    parameter(KEY.ipv4hint, bytesConcat(...hints.filter(({ length }) => length === 4))),
    parameter(KEY.ipv6hint, bytesConcat(...hints.filter(({ length }) => length === 16))),
  )
}

function parameter(key: number, value: Uint8Array): Uint8Array {
  if (value.length === 0) return value
  return bytesConcat(Uint8Array.of(0, key, value.length >> 8, value.length), value)
}

/** Undefined: not of this form. */
export function httpsFromData(data: Uint8Array): HttpsService | undefined {
  if (data.length < START.length || START.some((byte, index) => data[index] !== byte)) return undefined
  let protocols: readonly string[] = []
  const hints: Uint8Array[] = []
  let last = 0
  for (let at = START.length; at < data.length; ) {
    if (at + 4 > data.length) return undefined
    const key = u16(data, at)
    const end = at + 4 + u16(data, at + 2)
    const value = data.subarray(at + 4, end)
    if (key <= last || end > data.length || value.length === 0) return undefined
    if (key === KEY.alpn) {
      const read = protocolsOf(value)
      if (read === undefined) return undefined
      protocols = read
    } else if (key === KEY.ipv4hint || key === KEY.ipv6hint) {
      const size = key === KEY.ipv4hint ? 4 : 16
      if (value.length % size !== 0) return undefined
      for (let hint = 0; hint < value.length; hint += size) hints.push(value.slice(hint, hint + size))
    } else return undefined
    last = key
    at = end
  }
  return { protocols, hints }
}

function u16(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
}

function protocolsOf(value: Uint8Array): readonly string[] | undefined {
  const protocols: string[] = []
  for (let at = 0; at < value.length; at += 1 + (value[at] ?? 0)) {
    const end = at + 1 + (value[at] ?? 0)
    const text = String.fromCharCode(...value.subarray(at + 1, end))
    if (end > value.length || !PROTOCOL.test(text) || text === DEFAULT_PROTOCOL) return undefined
    protocols.push(text)
  }
  return protocols
}

/** As in a zone file (RFC 9460 §2.1). */
export function httpsToText({ protocols, hints }: HttpsService): string {
  const list = (name: string, size: number): readonly string[] => {
    const texts = hints.filter(({ length }) => length === size).map(addressToText)
    return texts.length === 0 ? [] : [`${name}=${texts.join(',')}`]
  }
  const alpn = protocols.length === 0 ? [] : [`alpn="${protocols.join(',')}"`]
  return ['1', '.', ...alpn, ...list('ipv4hint', 4), ...list('ipv6hint', 16)].join(' ')
}
