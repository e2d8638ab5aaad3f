// From one epoch of a group to the next (agreement §6): who the members are, the request of a RECONFIG block, and the proof that an epoch
// has started. How it is verified stands in `protocol/agreement/door.ts`, what a member does with it in `protocol/agreement/epoch.ts`.
//
//   START{e+1} = CERT(RECONFIG{e+1}) of e, or ≥ q CLOSEs of e with the highest certificate and the highest QC1 that they name

import { bytesEqual, bytesFromHex, hexFromBytes } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, sha256, taggedHash } from '#protocol/codec/digest.ts'
import { array, cid, digest, nullable, object, readCbor, type Shaped, uint } from '#protocol/codec/shape.ts'
import { signature } from '#protocol/identity/keys.ts'
import { certShape, type Group, MEMBERS_MAX, QC1S_MAX, qc1Shape } from '#protocol/message/certificate.ts'
import { HEADER_VALUE_BYTES_MAX, type Request, requestShape, SALT_BYTES } from '#protocol/message/request.ts'
import { EPOCH_MAX, signedShape } from '#protocol/message/statement.ts'

/** A job's first epoch: the only one that needs no proof of its start. */
export const FIRST_EPOCH = 0

const hashByGroup = new WeakMap<Group, Digest>()

/** What CLOSE and RECONFIG name the next epoch's group by. */
export function membersHash(group: Group): Digest {
  const known = hashByGroup.get(group)
  if (known !== undefined) return known
  const { job, epoch, members, quorum } = group
  const hash = taggedHash('members', cborFromValue({ epoch, job, members, quorum }))
  hashByGroup.set(group, hash)
  return hash
}

export const startShape = object({
  job: digest(),
  /** The epoch that starts. */
  epoch: uint(EPOCH_MAX),
  /** Of the RECONFIG block, or the highest that a CLOSE names; null at height 0. */
  cert: nullable(certShape),
  /** The request of the RECONFIG block; null when CLOSEs prove the start. */
  reconfig: nullable(requestShape),
  closes: array(signedShape('close'), MEMBERS_MAX),
  /** The last is the highest QC1 that a CLOSE names above `cert`; those before it are what its votes rely on. */
  qc1s: array(qc1Shape, QC1S_MAX),
})
export type Start = Shaped<typeof startShape>

/** The head that the epoch starts from. */
export function startHeight(start: Start): number {
  return start.cert?.block.height ?? 0
}

/** The QC1 that the epoch inherits: its block is the only one to be voted for above the start's head. */
export function inheritedOf(start: Start): Start['qc1s'][number] | null {
  return start.qc1s.at(-1) ?? null
}

/** The method of the one request of a RECONFIG block; nobody's visitor may use it. */
export const RECONFIG_METHOD = 'RECONFIG'
/** Hexadecimal characters of the READY set that one header holds. */
const CHUNK_CHARS = HEADER_VALUE_BYTES_MAX

/** READYs: [member index in the next group, height, state root, signature], indices rising. */
const readySetShape = array(
  object({ index: uint(MEMBERS_MAX - 1), height: uint(), state_root: cid(), signature }),
  MEMBERS_MAX,
)
export type ReadySet = Shaped<typeof readySetShape>

export type Reconfig = { readonly epoch: number; readonly membersHash: Digest; readonly ready: ReadySet }

export function reconfigRequest(job: Digest, time: number, reconfig: Reconfig): Request {
  const set = hexFromBytes(cborFromValue(reconfig.ready))
  const headers: (readonly [string, string])[] = []
  for (let at = 0; at < set.length; at += CHUNK_CHARS) headers.push(['ready', set.slice(at, at + CHUNK_CHARS)])
  return {
    job,
    method: RECONFIG_METHOD,
    target: `/${reconfig.epoch}/${hexFromBytes(reconfig.membersHash)}`,
    headers,
    body_hash: EMPTY_HASH,
    body_bytes: 0,
    salt: new Uint8Array(SALT_BYTES),
    time,
  }
}

const EMPTY_HASH = sha256(new Uint8Array(0))
const TARGET = /^\/(0|[1-9][0-9]{0,9})\/([0-9a-f]{64})$/
const READY_SET_BYTES_MAX = 64 * 1024

const reconfigs = new WeakMap<Request, { readonly read: Reconfig | undefined }>()

/** Undefined when it is no well-formed RECONFIG, down to the byte. The same object is read once. */
export function reconfigOf(request: Request): Reconfig | undefined {
  const known = reconfigs.get(request)
  if (known !== undefined) return known.read
  const read = readReconfig(request)
  reconfigs.set(request, { read })
  return read
}

function readReconfig(request: Request): Reconfig | undefined {
  const named = TARGET.exec(request.target)
  const epoch = Number(named?.[1] ?? Number.NaN)
  const hash = bytesFromHex(named?.[2] ?? '')
  if (request.method !== RECONFIG_METHOD || !(epoch <= EPOCH_MAX) || !hash.ok) return undefined
  const encoded = bytesFromHex(request.headers.map(([, value]) => value).join(''))
  if (!encoded.ok) return undefined
  const ready = readCbor(readySetShape, encoded.value, READY_SET_BYTES_MAX)
  if (!ready.ok) return undefined
  const reconfig = { epoch, membersHash: hash.value as Digest, ready: ready.value }
  const again = reconfigRequest(request.job, request.time, reconfig)
  const same = bytesEqual(cborFromValue(again), cborFromValue(request))
  return same ? reconfig : undefined
}
