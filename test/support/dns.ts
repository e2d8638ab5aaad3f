// DNS messages for tests: queries put together byte by byte, so that wrong ones can be too, and answers read by another implementation.

import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
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

/** What the codec reads of EDNS, and its own types lack. */
export type DecodedOpt = {
  readonly udpPayloadSize: number
  readonly extendedRcode: number
  readonly ednsVersion: number
  readonly flag_do: boolean
}

export function optIn({ additionals }: Decoded): DecodedOpt | undefined {
  return additionals?.find(({ type }) => type === 'OPT') as unknown as DecodedOpt | undefined
}

export function rcodeOf(bytes: Uint8Array): number {
  return (bytes[3] ?? 0) & 15
}

const REPLY_MS = 10_000

/** Over UDP to an address of this machine; undefined: nothing came within `waitMs`. */
export async function askUdp(
  at: { readonly address: string; readonly port: number },
  message: Uint8Array,
  waitMs = REPLY_MS,
): Promise<Uint8Array | undefined> {
  const socket = createSocket(at.address.includes(':') ? 'udp6' : 'udp4')
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>()
  const timer = setTimeout(() => resolve(undefined), waitMs)
  socket.on('message', (bytes) => resolve(Uint8Array.from(bytes)))
  socket.on('error', reject)
  socket.send(message, at.port, at.address)
  return promise.finally(() => {
    clearTimeout(timer)
    socket.close()
  })
}

export function framed(message: Uint8Array): Uint8Array {
  return Uint8Array.from([message.length >> 8, message.length & 255, ...message])
}

/** Sends bytes over TCP and gives back the messages that came before the server closed, or before `count` were there. */
export function askTcp(
  at: { readonly address: string; readonly port: number },
  bytes: Uint8Array,
  count = 1,
): Promise<Uint8Array[]> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array[]>()
  const messages: Uint8Array[] = []
  let held = Buffer.alloc(0)
  const socket = connect(at.port, at.address, () => socket.write(bytes))
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk])
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const end = 2 + held.readUInt16BE(0)
      messages.push(Uint8Array.from(held.subarray(2, end)))
      held = held.subarray(end)
    }
    if (messages.length >= count) socket.destroy()
  })
  socket.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'ECONNRESET' && cause.code !== 'EPIPE') reject(cause)
  })
  socket.on('close', () => resolve(messages))
  return promise
}
