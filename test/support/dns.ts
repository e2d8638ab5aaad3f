// DNS messages for tests: queries put together byte by byte, so that wrong ones can be too, and answers read by another implementation.

import * as oracle from '@dnsquery/dns-packet'
import { questionToBytes } from '#protocol/dns/name.ts'

export const HEADER_BYTES = 12

export type QueryParts = {
  readonly id?: number
  readonly flags?: number
  /** Questions, answers, authority, additional. */
  readonly counts?: readonly [number, number, number, number]
  /** Everything behind the header. */
  readonly rest: Uint8Array
}

export function messageOf({ id = 0, flags = 0x0100, counts = [1, 0, 0, 0], rest }: QueryParts): Uint8Array {
  return Uint8Array.from([...[id, flags, ...counts].flatMap((word) => [word >> 8, word & 255]), ...rest])
}

export function questionOf(name: string, type: number): Uint8Array {
  const bytes = questionToBytes(name, type)
  if (bytes === undefined) throw new Error(`${name} is no name`)
  return bytes
}

export function optOf(payload = 1232, ttl = 0, options: readonly number[] = []): Uint8Array {
  const words = [41, payload, ttl >>> 16, ttl & 0xffff, options.length]
  return Uint8Array.from([0, ...words.flatMap((word) => [word >> 8, word & 255]), ...options])
}

/** A plain query; with `opt` one with EDNS. */
export function queryOf(name: string, type: number, opt?: Uint8Array, id = 0): Uint8Array {
  const question = questionOf(name, type)
  if (opt === undefined) return messageOf({ id, rest: question })
  return messageOf({ id, counts: [1, 0, 0, 1], rest: Uint8Array.from([...question, ...opt]) })
}

export function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

export type Decoded = ReturnType<typeof oracle.decode>

/** By a codec that is not ours. */
export function decoded(bytes: Uint8Array): Decoded {
  return oracle.decode(bytes)
}

export function rcodeOf(bytes: Uint8Array): number {
  return (bytes[3] ?? 0) & 15
}
