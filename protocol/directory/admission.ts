// How the network file grows: a published job is admitted, a peer's record is taken, a job is ended by its uploader. Each is
// a pure function from one file to the next; the holder of the network key signs the result with the version raised by one.
//
// A job that ended is never admitted again: its members have forgotten what they signed, and would sign other blocks at the same places.
//
// Members of a job are the peers whose H("member" ‖ job ‖ peer) is lowest: nobody chooses, and everybody can recompute it.

import { bytesCompare, hexFromBytes } from '#protocol/codec/bytes.ts'
import { taggedHash } from '#protocol/codec/digest.ts'
import { assert, err, ok, type Result } from '#protocol/codec/result.ts'
import {
  JOBS_MAX,
  type NetworkFile,
  type NetworkJob,
  type NetworkPeer,
  PAST_EPOCHS_MAX,
  PEERS_MAX,
  type UnsignedNetworkFile,
} from '#protocol/directory/network-file.ts'
import { peerName, publicKeyFromName } from '#protocol/identity/keys.ts'
import type { Signed } from '#protocol/message/domain.ts'
import { type JobEnd, type JobNew, jobId, type Members, type PeerRecord } from '#protocol/message/statement.ts'

/** A statement's time may be this far from the admitting clock. */
export const STATEMENT_SKEW_MS = 10 * 60_000
/** A JOB_NEW of a time ahead, ended at once, could be posted again for so long. */
const ENDED_KEPT_MS = 2 * STATEMENT_SKEW_MS
/** Crawlers come again within so long, and are told that what had the name is gone. */
export const GONE_KEPT_MS = 90 * 24 * 60 * 60_000
/** Of those that only crawlers are told of: the ones that ended last. */
export const GONE_MAX = 1024
/** Groups are of three at least (§5.4) and hold heads enough for their quorum. */
export const GROUP_SIZE_MIN = 3

/** Names that the gateway needs for itself, or that would mislead. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'about',
  'admin',
  'api',
  'assets',
  'bootstrap',
  'deny',
  'dns-query',
  'docs',
  'evidence',
  'favicon',
  'gateway',
  'health',
  'help',
  'info',
  'interpeer',
  'localhost',
  'lookup',
  'metrics',
  'network',
  'register',
  'robots',
  'search',
  'security',
  'sitemap',
  'sites',
  'static',
  'status',
  'tunnel',
  'well-known',
  'www',
])

export type AdmissionError =
  | { readonly code: 'name_taken'; readonly name: string }
  | { readonly code: 'name_reserved'; readonly name: string }
  | { readonly code: 'group_too_small'; readonly expected: number; readonly actual: number }
  | { readonly code: 'too_few_peers'; readonly expected: number; readonly actual: number }
  | { readonly code: 'full' }
  | { readonly code: 'clock_skew'; readonly skewMs: number }
  | { readonly code: 'job_ended' }
  | { readonly code: 'unknown_job' }
  | { readonly code: 'not_the_uploader' }
  | { readonly code: 'not_newer'; readonly sequence: number }
  | { readonly code: 'not_the_peer' }
  /** A member that is no peer of the network, or named twice. */
  | { readonly code: 'unknown_peer'; readonly peer: string }
  | { readonly code: 'not_the_network_key' }
  /** The group went on meanwhile: the statement is about another epoch. */
  | { readonly code: 'other_epoch'; readonly expected: number; readonly actual: number }

function unsigned(file: NetworkFile): UnsignedNetworkFile {
  const { signature: _, ...rest } = file
  return rest
}

function raised(file: NetworkFile, now: number, change: Partial<UnsignedNetworkFile>): UnsignedNetworkFile {
  return { ...unsigned(file), ...change, version: file.version + 1, time: Math.max(now, file.time) }
}

/** The `size` peers with the lowest member hash, in that order. */
export function membersByHash(
  job: Uint8Array,
  peers: readonly Pick<NetworkPeer, 'peer'>[],
  size: number,
): readonly string[] {
  return peers
    .map(({ peer }) => {
      const key = publicKeyFromName(peer)
      assert(key.ok, 'a network file names peers by their keys')
      return { peer, rank: taggedHash('member', job, key.value) }
    })
    .sort((a, b) => bytesCompare(a.rank, b.rank))
    .slice(0, size)
    .map(({ peer }) => peer)
}

/** The file with the job in it. A job that is there already is no error: the same file comes back. `statement` is verified. */
export function applyJobNew(
  file: NetworkFile,
  statement: Signed<JobNew>,
  now: number,
): Result<UnsignedNetworkFile, AdmissionError> {
  const { name, account, quorum, size, time } = statement.body
  const id = jobId(statement.from, statement.body)
  const job = hexFromBytes(id)
  if (file.jobs.some((known) => known.job === job)) return ok(unsigned(file))
  if (file.ended?.some((known) => known.job === job)) return err({ code: 'job_ended' })
  if (RESERVED_NAMES.has(name)) return err({ code: 'name_reserved', name })
  if (file.jobs.some((known) => known.name === name)) return err({ code: 'name_taken', name })
  if (Math.abs(now - time) > STATEMENT_SKEW_MS) return err({ code: 'clock_skew', skewMs: time - now })
  if (size < GROUP_SIZE_MIN) return err({ code: 'group_too_small', expected: GROUP_SIZE_MIN, actual: size })
  if (file.peers.length < size) return err({ code: 'too_few_peers', expected: size, actual: file.peers.length })
  if (file.jobs.length >= JOBS_MAX) return err({ code: 'full' })
  const members = membersByHash(id, file.peers, size)
  const admitted: NetworkJob = { job, name, uploader: peerName(statement.from), account, epoch: 0, quorum, members }
  return ok(raised(file, now, { jobs: [...file.jobs, admitted] }))
}

export function applyJobEnd(
  file: NetworkFile,
  statement: Signed<JobEnd>,
  now: number,
): Result<UnsignedNetworkFile, AdmissionError> {
  const job = hexFromBytes(statement.body.job)
  const found = file.jobs.find((known) => known.job === job)
  if (found === undefined) return err({ code: 'unknown_job' })
  if (found.uploader !== peerName(statement.from)) return err({ code: 'not_the_uploader' })
  if (Math.abs(now - statement.body.time) > STATEMENT_SKEW_MS)
    return err({ code: 'clock_skew', skewMs: statement.body.time - now })
  const bars = (file.ended ?? []).filter(({ time }) => now - time <= ENDED_KEPT_MS)
  if (bars.length >= JOBS_MAX) return err({ code: 'full' })
  const gone = (file.ended ?? []).filter(({ time }) => now - time > ENDED_KEPT_MS && now - time <= GONE_KEPT_MS)
  const room = Math.min(GONE_MAX, JOBS_MAX - 1 - bars.length)
  const ended = [...gone.slice(Math.max(0, gone.length - room)), ...bars]
  const jobs = file.jobs.filter((known) => known.job !== job)
  return ok(raised(file, now, { jobs, ended: [...ended, { job, name: found.name, time: now }] }))
}

/**
 * The file with another group for a job: its epoch rises by one, and the former group stays named, for it has to hand over. `statement` is
 * verified, and counts only when the network's own key signed it. The group keeps its size.
 */
export function applyMembers(
  file: NetworkFile,
  statement: Signed<Members>,
  now: number,
): Result<UnsignedNetworkFile, AdmissionError> {
  const { job: id, epoch, members: keys, time } = statement.body
  if (peerName(statement.from) !== file.network_key) return err({ code: 'not_the_network_key' })
  if (Math.abs(now - time) > STATEMENT_SKEW_MS) return err({ code: 'clock_skew', skewMs: time - now })
  const at = file.jobs.findIndex((known) => known.job === hexFromBytes(id))
  const job = file.jobs[at]
  if (job === undefined) return err({ code: 'unknown_job' })
  if (epoch !== job.epoch + 1) return err({ code: 'other_epoch', expected: job.epoch + 1, actual: epoch })
  const members = keys.map(peerName)
  const expected = job.members.length
  if (members.length !== expected) return err({ code: 'group_too_small', expected, actual: members.length })
  for (const [index, peer] of members.entries())
    if (members.indexOf(peer) !== index || !file.peers.some((known) => known.peer === peer))
      return err({ code: 'unknown_peer', peer })
  const past = [{ epoch: job.epoch, members: job.members }, ...(job.past ?? [])].slice(0, PAST_EPOCHS_MAX)
  const since = Math.max(now, file.time)
  return ok(raised(file, now, { jobs: file.jobs.with(at, { ...job, epoch, members, since, past }) }))
}

/** The file with a peer's newest addresses. A record that says nothing new gives the same file back. */
export function applyPeerRecord(
  file: NetworkFile,
  statement: Signed<PeerRecord>,
  now: number,
): Result<UnsignedNetworkFile, AdmissionError> {
  const { peer, addresses, http, sequence, time } = statement.body
  const name = peerName(peer)
  if (name !== peerName(statement.from)) return err({ code: 'not_the_peer' })
  if (Math.abs(now - time) > STATEMENT_SKEW_MS) return err({ code: 'clock_skew', skewMs: time - now })
  const record: NetworkPeer = { peer: name, addresses, http, sequence, time, proof: hexFromBytes(statement.signature) }
  const at = file.peers.findIndex((known) => known.peer === name)
  const known = file.peers[at]
  if (known === undefined) {
    if (file.peers.length >= PEERS_MAX) return err({ code: 'full' })
    return ok(raised(file, now, { peers: [...file.peers, record] }))
  }
  if (known.http === http && known.addresses.join() === addresses.join()) return ok(unsigned(file))
  if (sequence <= known.sequence) return err({ code: 'not_newer', sequence: known.sequence })
  return ok(raised(file, now, { peers: file.peers.with(at, record) }))
}
