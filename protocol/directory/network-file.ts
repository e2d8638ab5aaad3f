// The network file: who hosts what, signed and versioned. It stands behind the `Directory` port (names → jobs → groups → keys);
// seeders and gateway take only a higher version under the network key they were given first.
//
// On disk and on the wire it is JSON of text and whole numbers only; the signature is over the canonical DAG-CBOR of the
// same value without `signature`, type `network` in the domain of its own chain id.

import { bytesFromHex } from '#protocol/codec/bytes.ts'
import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, digestFromBytes } from '#protocol/codec/digest.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import {
  array,
  object,
  oneOf,
  optional,
  readShape,
  type Shaped,
  type ShapeError,
  text,
  uint,
} from '#protocol/codec/shape.ts'
import {
  type PublicKey,
  publicKeyFromName,
  SIGNATURE_BYTES,
  type Signature,
  type Signer,
} from '#protocol/identity/keys.ts'
import { type Group, MEMBERS_MAX } from '#protocol/message/certificate.ts'
import { type Domain, domainHash } from '#protocol/message/domain.ts'
import { EPOCH_MAX } from '#protocol/message/statement.ts'

export const NETWORK_FILE_BYTES_MAX = 4 * 1024 * 1024
export const JOBS_MAX = 4096
export const PEERS_MAX = 4096
/** Former groups of a job that the file names: who was away that long begins anew. */
export const PAST_EPOCHS_MAX = 8
/** §5: so long after an epoch was named, certificates of the one before it count: the hand-over takes its time. */
export const HANDOVER_GRACE_MS = 15 * 60_000

const hex32 = text(64, /^[0-9a-f]{64}$/)
const url = text(256, /^https?:\/\/[^\s/]+$/)
/** §6: a site's name. */
export const SITE_NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/

export const settingsShape = object({
  /** Δ of R6, ms. */
  delta_ms: uint(),
  heartbeat_ms: uint(),
  /** R9: how long agreed answers are kept. */
  idempotency_ms: uint(),
  /** Fuel of one request; a block's sum is four times it (R8). */
  request_fuel: uint(),
  /** A read's certificate may be this old. */
  fresh_ms: uint(),
  /** Heights between snapshots. */
  snapshot_heights: uint(),
})
export type NetworkSettings = Shaped<typeof settingsShape>

const networkShape = object({
  format: oneOf('interpeer-network/1'),
  chain_id: hex32,
  generation: uint(0xffff_ffff),
  profile: oneOf('local', 'main'),
  network_key: hex32,
  version: uint(),
  /** ms since the epoch. */
  time: uint(),
  /** The runtime image every member runs. */
  image: hex32,
  settings: settingsShape,
  gateways: array(url, 16),
  /** Where a job is published and a peer record is posted. */
  admission: url,
  peers: array(
    object({
      peer: hex32,
      addresses: array(text(256), 8),
      http: text(256),
      sequence: uint(),
      time: uint(),
      proof: text(128, /^[0-9a-f]{128}$/),
    }),
    PEERS_MAX,
  ),
  jobs: array(
    object({
      job: hex32,
      name: text(63, SITE_NAME),
      uploader: hex32,
      /** The uploader's account on the vote chain; shown, not used yet by anything that decides. */
      account: text(128),
      epoch: uint(EPOCH_MAX),
      quorum: oneOf('bft', 'all'),
      members: array(hex32, MEMBERS_MAX),
      /** When `epoch` was named here, ms since the epoch; absent in the first one. */
      since: optional(uint()),
      /** The groups of the epochs before it, newest first, without a gap; older ones than so many are forgotten. */
      past: optional(array(object({ epoch: uint(EPOCH_MAX), members: array(hex32, MEMBERS_MAX) }), PAST_EPOCHS_MAX)),
    }),
    JOBS_MAX,
  ),
  /**
   * Jobs that ended; `time`: when, ms since the epoch. While their JOB_NEW could be posted again they have to stand here; for some time after
   * that they do, so that crawlers are told that what had this name is gone.
   */
  ended: optional(array(object({ job: hex32, name: optional(text(63, SITE_NAME)), time: uint() }), JOBS_MAX)),
  signature: text(2 * SIGNATURE_BYTES, /^[0-9a-f]{128}$/),
})
export type NetworkFile = Shaped<typeof networkShape>
export type UnsignedNetworkFile = Omit<NetworkFile, 'signature'>

export type NetworkFileError =
  | { readonly code: 'not_json' }
  | { readonly code: 'too_large'; readonly actualBytes: number }
  | ShapeError
  | { readonly code: 'wrong_network_key' }
  | { readonly code: 'wrong_chain' }
  | { readonly code: 'bad_signature' }
  /** Former epochs of this job leave a gap, or are not former ones. */
  | { readonly code: 'past_epochs'; readonly job: string }
  | { readonly code: 'duplicate'; readonly what: string }

/** Verifies `signature` over `message`; injected, sync or async. */
export type Verdict = (key: PublicKey, message: Uint8Array, signature: Signature) => boolean

/** Whom a holder trusts: the first file it was given pins these. */
export type NetworkAnchor = { readonly networkKey: string; readonly chainId: string; readonly generation: number }

export function anchorOf(file: NetworkFile): NetworkAnchor {
  return { networkKey: file.network_key, chainId: file.chain_id, generation: file.generation }
}

function knownHex(value: string): Uint8Array {
  const bytes = bytesFromHex(value)
  assert(bytes.ok, 'the shape allows hexadecimal only')
  return bytes.value
}

export function domainOf(file: Pick<NetworkFile, 'chain_id' | 'generation'>): Domain {
  const chainId = digestFromBytes(knownHex(file.chain_id))
  assert(chainId.ok, 'the shape allows 32 bytes only')
  return { chainId: chainId.value, generation: file.generation }
}

/** The 32 bytes that the network key signs. */
export function networkFileHash(file: UnsignedNetworkFile | NetworkFile): Digest {
  const { signature: _, ...unsigned } = file as NetworkFile
  return domainHash(domainOf(file), 'network', cborFromValue(unsigned))
}

export function signNetworkFile(file: UnsignedNetworkFile, signer: Signer): NetworkFile {
  const signed = signer.sign(networkFileHash(file))
  return { ...file, signature: Array.from(signed, (byte) => byte.toString(16).padStart(2, '0')).join('') }
}

/** Everything but the signature: form, the anchor, no name, job or peer twice. Returns the check that is left to run. */
export function readNetworkFile(
  textOfFile: string,
  anchor?: NetworkAnchor,
): Result<{ file: NetworkFile; key: PublicKey; message: Digest; signature: Signature }, NetworkFileError> {
  if (textOfFile.length > NETWORK_FILE_BYTES_MAX) return err({ code: 'too_large', actualBytes: textOfFile.length })
  let parsed: unknown
  try {
    parsed = JSON.parse(textOfFile)
  } catch {
    return err({ code: 'not_json' })
  }
  const shaped = readShape(networkShape, parsed)
  if (!shaped.ok) return shaped
  const file = shaped.value
  if (anchor !== undefined && anchor.networkKey !== file.network_key) return err({ code: 'wrong_network_key' })
  if (anchor !== undefined && (anchor.chainId !== file.chain_id || anchor.generation !== file.generation))
    return err({ code: 'wrong_chain' })
  const seen = new Set<string>()
  for (const key of [
    ...file.peers.map((peer) => `peer ${peer.peer}`),
    ...file.jobs.flatMap((job) => [`job ${job.job}`, `name ${job.name}`]),
  ]) {
    if (seen.has(key)) return err({ code: 'duplicate', what: key })
    seen.add(key)
  }
  for (const job of file.jobs)
    if (new Set(job.members).size !== job.members.length)
      return err({ code: 'duplicate', what: `member of ${job.name}` })
  for (const { job, epoch, past = [] } of file.jobs)
    if (past.some((former, index) => former.epoch !== epoch - 1 - index)) return err({ code: 'past_epochs', job })
  const key = publicKeyFromName(file.network_key)
  assert(key.ok, 'the shape allows 32 bytes only')
  return ok({ file, key: key.value, message: networkFileHash(file), signature: knownHex(file.signature) as Signature })
}

export function verifyNetworkFile(
  textOfFile: string,
  verify: Verdict,
  anchor?: NetworkAnchor,
): Result<NetworkFile, NetworkFileError> {
  const read = readNetworkFile(textOfFile, anchor)
  if (!read.ok) return read
  const { file, key, message, signature } = read.value
  return verify(key, message, signature) ? ok(file) : err({ code: 'bad_signature' })
}

export type NetworkJob = NetworkFile['jobs'][number]
export type NetworkPeer = NetworkFile['peers'][number]

/** The groups of a job that the file knows, oldest first; the last is of the epoch that it names. */
export function groupsOf(job: NetworkJob): readonly [Group, ...Group[]] {
  const [first = groupOf(job), ...later] = [
    ...(job.past ?? []).map((former) => groupOf({ ...job, ...former })).reverse(),
    groupOf(job),
  ]
  return [first, ...later]
}

/** §5: the group whose certificates count beside the present one's, while it may not have handed over yet. */
export function handingOver(job: NetworkJob, now: number): Group | undefined {
  const [former] = job.past ?? []
  if (former === undefined || job.since === undefined || now > job.since + HANDOVER_GRACE_MS) return undefined
  return groupOf({ ...job, ...former })
}

export function groupOf(job: NetworkJob): Group {
  const id = digestFromBytes(knownHex(job.job))
  assert(id.ok, 'the shape allows 32 bytes only')
  const members = job.members.map((name) => {
    const key = publicKeyFromName(name)
    assert(key.ok, 'the shape allows 32 bytes only')
    return key.value
  })
  return { job: id.value, epoch: job.epoch, members, quorum: job.quorum }
}
