// The messages of circuit relay v2, as far as a relay reads and writes them (libp2p's specification, relay/circuit-v2.md).
//
//   hop    who wants to be reached ── RESERVE ──> relay ── STATUS {reservation} ──>
//          who dials ──────────────── CONNECT {peer} ──> relay ── STATUS ──> and from then on the circuit
//   stop   relay ──────────────────── CONNECT {peer} ──> who is reached ── STATUS ──> and from then on the circuit
//
// Protobuf, each message behind its length. The library has these messages for itself alone; here is what of them is needed. What comes is a
// stranger's: it is read whole or not at all, and unknown fields are passed over.

import { err, ok, type Result } from '#protocol/codec/result.ts'

/** No honest message comes near. */
export const RELAY_MESSAGE_BYTES_MAX = 4096

export const RELAY_STATUS = {
  ok: 100,
  reservationRefused: 200,
  resourceLimitExceeded: 201,
  permissionDenied: 202,
  connectionFailed: 203,
  noReservation: 204,
  malformedMessage: 400,
  unexpectedMessage: 401,
} as const
export type RelayStatus = (typeof RELAY_STATUS)[keyof typeof RELAY_STATUS]

const HOP_TYPE = { reserve: 0, connect: 1, status: 2 } as const
const STOP_TYPE = { connect: 0, status: 1 } as const
const HOP = { type: 1, peer: 2, reservation: 3, status: 5 } as const
const STOP = { type: 1, peer: 2, status: 4 } as const
const PEER = { id: 1 } as const
const RESERVATION = { expire: 1, addresses: 2 } as const

const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const
/** A 64-bit number in groups of seven bits. */
const VARINT_BYTES_MAX = 10
/** A key is 32 bits: readers that cut a longer one off would see another field. */
const KEY_MAX = 0xffff_ffff

/** `peer`: the multihash of a peer id. */
export type HopRequest = { readonly type: 'reserve' } | { readonly type: 'connect'; readonly peer: Uint8Array }
export type HopRequestError = { readonly code: 'malformed' } | { readonly code: 'unexpected' }

export function hopRequestFromBytes(bytes: Uint8Array): Result<HopRequest, HopRequestError> {
  const message = fieldsOf(bytes)
  const type = message?.get(HOP.type)
  if (message === undefined || typeof type !== 'number') return err({ code: 'malformed' })
  if (type === HOP_TYPE.reserve) return ok({ type: 'reserve' })
  if (type !== HOP_TYPE.connect) return err({ code: 'unexpected' })
  const peer = message.get(HOP.peer)
  const id = peer instanceof Uint8Array ? fieldsOf(peer)?.get(PEER.id) : undefined
  return id instanceof Uint8Array ? ok({ type: 'connect', peer: id }) : err({ code: 'malformed' })
}

export type ReservationAnswer = {
  /** When it ends, in seconds since the epoch. */
  readonly expire: number
  /** Multiaddrs of the relay, in binary. */
  readonly addresses: readonly Uint8Array[]
}

export function hopStatusToBytes(status: RelayStatus, reservation?: ReservationAnswer): Uint8Array {
  const parts = [numberField(HOP.type, HOP_TYPE.status)]
  if (reservation !== undefined) {
    const fields = [
      numberField(RESERVATION.expire, reservation.expire),
      ...reservation.addresses.map((address) => bytesField(RESERVATION.addresses, address)),
    ]
    parts.push(bytesField(HOP.reservation, Buffer.concat(fields)))
  }
  parts.push(numberField(HOP.status, status))
  return Buffer.concat(parts)
}

/** `peer`: the multihash of the id of who wants to reach it. There is no limit in it: what the circuit may carry is not bounded. */
export function stopConnectToBytes(peer: Uint8Array): Uint8Array {
  return Buffer.concat([numberField(STOP.type, STOP_TYPE.connect), bytesField(STOP.peer, bytesField(PEER.id, peer))])
}

/** undefined: it is no STATUS. */
export function stopStatusFromBytes(bytes: Uint8Array): number | undefined {
  const message = fieldsOf(bytes)
  const status = message?.get(STOP.status)
  return message?.get(STOP.type) === STOP_TYPE.status && typeof status === 'number' ? status : undefined
}

/** The last value of each field, as the format wants it; undefined: it is no such message. */
function fieldsOf(bytes: Uint8Array): ReadonlyMap<number, number | Uint8Array> | undefined {
  const fields = new Map<number, number | Uint8Array>()
  let at = 0
  const varint = (): number | undefined => {
    let value = 0
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      const byte = bytes[at++]
      if (byte === undefined) return undefined
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) return value
    }
    return undefined
  }
  while (at < bytes.length) {
    const key = varint()
    if (key === undefined || key > KEY_MAX) return undefined
    const field = Math.floor(key / 8)
    const wire = key % 8
    if (wire === WIRE.varint) {
      const value = varint()
      if (value === undefined) return undefined
      fields.set(field, value)
      continue
    }
    const length = wire === WIRE.bytes ? varint() : wire === WIRE.fixed64 ? 8 : wire === WIRE.fixed32 ? 4 : undefined
    if (length === undefined || at + length > bytes.length) return undefined
    if (wire === WIRE.bytes) fields.set(field, bytes.subarray(at, at + length))
    at += length
  }
  return fields
}

function varintOf(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80)
    rest = Math.floor(rest / 0x80)
  }
  bytes.push(rest)
  return Uint8Array.from(bytes)
}

function numberField(field: number, value: number): Uint8Array {
  return Buffer.concat([varintOf(field * 8 + WIRE.varint), varintOf(value)])
}

function bytesField(field: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([varintOf(field * 8 + WIRE.bytes), varintOf(value.length), value])
}
