// The JSON form of an answer (`application/dns-json`), as the public resolvers that speak it have it: numbers for types and codes, data as
// in a zone file (RFC 1035 §5.1).

import { assert } from '#protocol/codec/result.ts'
import { addressToText } from '#protocol/dns/address.ts'
import { CLASS_IN, TYPE } from '#protocol/dns/constants.ts'
import { httpsFromData, httpsToText } from '#protocol/dns/https-record.ts'
import type { Answer, DnsRecord, Query } from '#protocol/dns/message.ts'
import { questionToBytes, readWholeName } from '#protocol/dns/name.ts'

const TYPE_NUMBER_MAX = 0xffff
const FLAG_DESIRED = 0x0100
const FLAG_UNCHECKED = 0x0010

export type JsonRecord = { readonly name: string; readonly type: number; readonly TTL: number; readonly data: string }

export type JsonAnswer = {
  /** The response code. */
  readonly Status: number
  readonly TC: boolean
  readonly RD: boolean
  readonly RA: boolean
  readonly AD: boolean
  readonly CD: boolean
  readonly Question: readonly { readonly name: string; readonly type: number }[]
  readonly Answer?: readonly JsonRecord[]
  readonly Authority?: readonly JsonRecord[]
}

/** A number, or a name of those that the zones know; undefined: neither. */
function typeOf(text: string): number | undefined {
  if (/^\d{1,5}$/.test(text)) return Number(text) <= TYPE_NUMBER_MAX ? Number(text) : undefined
  const name = text.toUpperCase()
  return Object.hasOwn(TYPE, name) ? TYPE[name as keyof typeof TYPE] : undefined
}

/** `name` and `type` as a query; undefined: no name of ASCII, or no type. */
export function queryOfNames(name: string, type: string, isUnchecked: boolean): Query | undefined {
  const number = typeOf(type)
  const bytes = number === undefined || name === '' ? undefined : questionToBytes(name, number)
  const read = bytes === undefined ? undefined : readWholeName(bytes, 0)
  if (number === undefined || bytes === undefined || read === undefined) return undefined
  const question = { labels: read.labels, type: number, class: CLASS_IN, bytes }
  return { id: 0, flags: FLAG_DESIRED | (isUnchecked ? FLAG_UNCHECKED : 0), question, edns: undefined }
}

export function jsonOfAnswer({ flags, question }: Query, { rcode, answers, authority }: Answer): JsonAnswer {
  const name = `${question.labels.join('.')}.`
  const zone = `${question.labels.at(-1) ?? ''}.`
  const records = (owner: string, all: readonly DnsRecord[]): readonly JsonRecord[] =>
    all.map((record) => ({ name: owner, type: record.type, TTL: record.ttl, data: dataText(record) }))
  return {
    Status: rcode,
    TC: false,
    RD: true,
    RA: false,
    AD: false,
    CD: (flags & FLAG_UNCHECKED) !== 0,
    Question: [{ name, type: question.type }],
    ...(answers.length === 0 ? {} : { Answer: records(name, answers) }),
    ...(authority.length === 0 ? {} : { Authority: records(zone, authority) }),
  }
}

function dataText({ type, data }: DnsRecord): string {
  switch (type) {
    case TYPE.A:
    case TYPE.AAAA:
      return addressToText(data)
    case TYPE.HTTPS: {
      const service = httpsFromData(data)
      assert(service !== undefined, 'a record that is given is of our own form')
      return httpsToText(service)
    }
    case TYPE.NS:
      return nameAt(data, 0).text
    case TYPE.SOA: {
      const server = nameAt(data, 0)
      const mailbox = nameAt(data, server.end)
      const numbers = new DataView(data.buffer, data.byteOffset + mailbox.end, 20)
      return [server.text, mailbox.text, ...[0, 4, 8, 12, 16].map((at) => numbers.getUint32(at))].join(' ')
    }
    default:
      return strings(data)
  }
}

function nameAt(data: Uint8Array, at: number): { readonly text: string; readonly end: number } {
  const name = readWholeName(data, at)
  return name === undefined ? { text: '.', end: data.length } : { text: `${name.labels.join('.')}.`, end: name.end }
}

/** Each in quotes, what is not printable or would end them as `\DDD` or behind a backslash. */
function strings(data: Uint8Array): string {
  const all: string[] = []
  for (let at = 0; at < data.length; at += 1 + (data[at] ?? 0)) {
    const part = data.subarray(at + 1, at + 1 + (data[at] ?? 0))
    const text = Array.from(part, (byte) => {
      if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
      return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\${String(byte).padStart(3, '0')}`
    })
    all.push(`"${text.join('')}"`)
  }
  return all.join(' ')
}
