// The statements that members, seeders and uploaders sign, and the shape of each body. A vote names everything it is about:
// two of them side by side are evidence with nothing else at hand.

import { cborFromValue } from '#protocol/codec/cbor.ts'
import { type Digest, taggedHash } from '#protocol/codec/digest.ts'
import {
  array,
  boolean,
  bytesExactly,
  cid,
  digest,
  nullable,
  object,
  oneOf,
  optional,
  type Shape,
  type Shaped,
  text,
  uint,
} from '#protocol/codec/shape.ts'
import { type PublicKey, publicKey, signature } from '#protocol/identity/keys.ts'
import type { Signed } from '#protocol/message/domain.ts'
import { placeShape } from '#protocol/place/place.ts'

export const EPOCH_MAX = 0xffff_ffff
export const VIEW_MAX = 0xffff_ffff

const place = { job: digest(), epoch: uint(EPOCH_MAX), height: uint(), view: uint(VIEW_MAX) }

/** The leader's word for one block in one view. */
export const proposeBody = object({ ...place, block_hash: digest() })
/** `jview`: the view of the highest QC1 the voter relies on, or null (R3). */
export const vote1Body = object({ ...place, block_hash: digest(), jview: nullable(uint(VIEW_MAX)) })
export const vote2Body = object({ ...place, block_hash: digest() })
/** "I executed it and got other roots" (R2). */
export const nayBody = object({ ...place, block_hash: digest(), receipts_root: digest(), state_root: cid() })
/** `high`: the sender's highest QC1 at `height`, or null. */
export const timeoutBody = object({ ...place, high: nullable(object({ view: uint(VIEW_MAX), block_hash: digest() })) })

const certNamed = object({ epoch: uint(EPOCH_MAX), height: uint(), view: uint(VIEW_MAX), block_hash: digest() })
const lastVote = object({ height: uint(), view: uint(VIEW_MAX) })

/**
 * "I vote in `epoch` no more" (§6). `high_cert`: its head's certificate, null at height 0. `high_qc1`: its lock above that head, or the
 * QC1 that its epoch started from. The last votes it gave in the epoch, so that a later one is proof of a lie.
 */
export const closeBody = object({
  job: digest(),
  epoch: uint(EPOCH_MAX),
  high_cert: nullable(certNamed),
  high_qc1: nullable(certNamed),
  last_vote1: nullable(lastVote),
  last_vote2: nullable(lastVote),
  /** `membersHash` of the next epoch's group. */
  members_hash: digest(),
})
/** A member of `epoch`, which is to come, has the state of `height` and can vote (§6). */
export const readyBody = object({ job: digest(), epoch: uint(EPOCH_MAX), height: uint(), state_root: cid() })

/** A read's answer, signed by who served it (agreement §5). `nonce` only when the script asked for chance. */
export const receiptBody = object({
  job: digest(),
  epoch: uint(EPOCH_MAX),
  height: uint(),
  state_root: cid(),
  request_hash: digest(),
  response_hash: digest(),
  nonce: optional(bytesExactly(16)),
})

/** The uploader's account on the vote chain: where donations go and hosting is paid from. */
export const account = text(128, /^[a-z0-9:._-]+$/)

export const siteName = text(63, /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/)

/** A new job (§5): the name it is reached by and the group it asks for. The job's id is `jobId` of this and its uploader. */
export const jobNewBody = object({
  name: siteName,
  account,
  quorum: oneOf('bft', 'all'),
  size: uint(64),
  /** 16 random bytes, so that no two jobs of one uploader share an id. */
  nonce: bytesExactly(16),
  time: uint(),
})

/** The holder of the network's key names the group of a job's next epoch, in its order. */
export const membersBody = object({
  job: digest(),
  epoch: uint(EPOCH_MAX),
  members: array(publicKey, 64),
  time: uint(),
})

/** The uploader ends its job. */
export const jobEndBody = object({ job: digest(), time: uint() })

/** The uploader asks a member for the whole state: it holds what visitors trust the site with, sessions above all. */
export const exportBody = object({ job: digest(), time: uint() })

/**
 * The signed half of a bundle (§5): job id, uploader (`from`), account, and by `code_root` the configuration, scripts and first data. The uploader's order
 * to run this from now on; `sequence` is higher than that of every one before.
 */
export const updateBody = object({ job: digest(), sequence: uint(), code_root: cid(), account, time: uint() })

export const LOAD_MAX = 1_000

/** A seeder's word to the gateway: where its sites are reached, and which fellow members answer it (§5.2). */
export const REGISTRATION_SITES_MAX = 256
export const registerBody = object({
  gateway: text(256),
  /** ms since the epoch; the gateway refuses more than 30 s of skew and any time not above the last. */
  time: uint(),
  expires: uint(),
  sites: array(
    object({
      job: digest(),
      /** Where visitors reach it here by themselves; null: only through the tunnel. */
      origin: nullable(text(256, /^https?:\/\/[a-z0-9.:[\]-]+$/)),
      /** It logs people in, and wants one origin for all its members. */
      stable: boolean(),
    }),
    REGISTRATION_SITES_MAX,
  ),
  /** It holds a tunnel to this gateway. */
  tunnel: boolean(),
  /** How much of what it can do it does, in thousandths; absent: it does not say. */
  load: optional(uint(LOAD_MAX)),
  /** Where its operator says it stands; absent: nowhere. */
  place: optional(placeShape),
  /** Members of its groups that answered it within the last few seconds. */
  sees: array(publicKey, 256),
  /** Members against which it holds evidence of a lie. */
  accuses: array(object({ peer: publicKey, evidence: digest() }), 64),
})

/** Where a peer is reached by peers. */
export const peerRecordBody = object({
  peer: publicKey,
  addresses: array(text(256), 8),
  /** The base of its HTTP origins, for people's eyes and for `status`; sites are announced by REGISTER. */
  http: text(256),
  sequence: uint(),
  time: uint(),
})

/** Whoever says it holds the key behind the tunnel that the gateway is asked to keep: `challenge` is of this one connection. */
export const tunnelBody = object({ gateway: text(256), challenge: bytesExactly(32) })

/** "This origin is mine": asked for at the origin itself, with bytes that the asker chose, before visitors are sent there. */
export const reachBody = object({ gateway: text(256), origin: text(256), challenge: bytesExactly(32) })

export const STATEMENTS = {
  propose: proposeBody,
  vote1: vote1Body,
  vote2: vote2Body,
  nay: nayBody,
  timeout: timeoutBody,
  close: closeBody,
  ready: readyBody,
  receipt: receiptBody,
  job_new: jobNewBody,
  job_end: jobEndBody,
  members: membersBody,
  export: exportBody,
  update: updateBody,
  register: registerBody,
  peer_record: peerRecordBody,
  tunnel: tunnelBody,
  reach: reachBody,
} as const satisfies Record<string, Shape<unknown>>
export type StatementType = keyof typeof STATEMENTS
export type StatementBody<T extends StatementType> = Shaped<(typeof STATEMENTS)[T]>

export type Propose = StatementBody<'propose'>
export type Vote1 = StatementBody<'vote1'>
export type Vote2 = StatementBody<'vote2'>
export type Nay = StatementBody<'nay'>
export type Timeout = StatementBody<'timeout'>
export type Close = StatementBody<'close'>
export type Ready = StatementBody<'ready'>
export type Receipt = StatementBody<'receipt'>
export type JobNew = StatementBody<'job_new'>
export type Export = StatementBody<'export'>
export type Members = StatementBody<'members'>
export type JobEnd = StatementBody<'job_end'>
export type Update = StatementBody<'update'>
export type Register = StatementBody<'register'>
export type PeerRecord = StatementBody<'peer_record'>
export type Tunnel = StatementBody<'tunnel'>
export type Reach = StatementBody<'reach'>

/** `{from, body, signature}` of one type, as it stands on the wire and in evidence. */
export function signedShape<T extends StatementType>(type: T): Shape<Signed<StatementBody<T>>> {
  return object({ from: publicKey, body: STATEMENTS[type] as Shape<StatementBody<T>>, signature }) as unknown as Shape<
    Signed<StatementBody<T>>
  >
}

/** A job's id follows from who asked for it and how: nobody can claim another's. */
export function jobId(uploader: PublicKey, body: JobNew): Digest {
  return taggedHash('job', uploader, cborFromValue(body))
}

/** Where a vote stands. */
export type Place = { readonly job: Digest; readonly epoch: number; readonly height: number; readonly view: number }
export type { PublicKey }
