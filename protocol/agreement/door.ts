// The door of the agreement: bytes from others become `Verified<…>` here and nowhere else, and the core takes nothing but that.
// Every signature inside a message is checked, those of carried QC1s and TIMEOUTs too: one bad one refuses the whole.
//
//   wireFromBytes ──> wireChecks (form, places, hashes) ──> signatures by the one rule (protocol/identity) ──> Verified<WireMessage>
//
// What was verified once costs nothing again: a bounded memory of (key, statement, signature) that were found good.

import { keyOf, memberIndex } from '#protocol/agreement/members.ts'
import type { FetchedBlock } from '#protocol/agreement/port.ts'
import { bytesEqual } from '#protocol/codec/bytes.ts'
import { type Sha256, sha256 } from '#protocol/codec/digest.ts'
import { err, ok, type Result, unreachable } from '#protocol/codec/result.ts'
import type { PublicKey, Signature } from '#protocol/identity/keys.ts'
import { type Block, blockHash } from '#protocol/message/block.ts'
import {
  type Cert,
  type CertError,
  certChecks,
  type Group,
  type Qc1,
  qc1Checks,
  quorumOf,
  type SignatureCheck,
} from '#protocol/message/certificate.ts'
import { type Domain, type Signed, statementHash } from '#protocol/message/domain.ts'
import { type Request, requestsRoot } from '#protocol/message/request.ts'
import type { Place, StatementType, Timeout } from '#protocol/message/statement.ts'
import type { WireMessage } from '#protocol/message/wire.ts'

declare const verified: unique symbol
/** A value whose signatures were all checked against the group of its door. */
export type Verified<T> = T & { readonly [verified]: true }

/** Signatures remembered as good: some hundred blocks' worth of a group of four. */
export const REMEMBERED_SIGNATURES = 4096

export type Door = {
  readonly domain: Domain
  readonly group: Group
  /** Hashes inline bodies. */
  readonly hash: Sha256
  readonly good: Set<string>
}

export type DoorError =
  | CertError
  | { readonly code: 'wrong_view'; readonly expected: number; readonly actual: number }
  | { readonly code: 'wrong_height'; readonly expected: number; readonly actual: number }
  | { readonly code: 'unknown_signer' }
  | { readonly code: 'wrong_requests_root' }
  | { readonly code: 'wrong_body'; readonly expectedBytes: number; readonly actualBytes: number }

export type Verify = (key: PublicKey, message: Uint8Array, signature: Signature) => boolean
export type VerifyAsync = (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>

/** `hash`: a native SHA-256 where there is one. */
export function createDoor(domain: Domain, group: Group, hash: Sha256 = sha256): Door {
  return { domain, group, hash, good: new Set() }
}

type Checks = Result<readonly SignatureCheck[], DoorError>

function statement(door: Door, type: StatementType, signed: Signed<Place>): Checks {
  const { job, epoch } = signed.body
  if (!bytesEqual(job, door.group.job)) return err({ code: 'wrong_job' })
  if (epoch !== door.group.epoch) return err({ code: 'wrong_epoch', expected: door.group.epoch, actual: epoch })
  const index = memberIndex(door.group, signed.from)
  if (index === undefined) return err({ code: 'unknown_signer' })
  const message = statementHash(door.domain, type, signed.body)
  return ok([{ key: signed.from, message, signature: signed.signature, index }])
}

function all(...parts: readonly (() => Checks)[]): Checks {
  const checks: SignatureCheck[] = []
  for (const part of parts) {
    const result = part()
    if (!result.ok) return result
    checks.push(...result.value)
  }
  return ok(checks)
}

const each =
  <T>(items: readonly T[], check: (item: T) => Checks) =>
  (): Checks =>
    all(...items.map((item) => () => check(item)))

const qc1sOf = (door: Door, qc1s: readonly Qc1[]) => each(qc1s, (qc1) => qc1Checks(door.domain, door.group, qc1))

/** TC = TIMEOUT[≥ q] of one (epoch, view) by distinct members, heights may differ (R6). */
export function tcChecks(door: Door, timeouts: readonly Signed<Timeout>[]): Checks {
  const q = quorumOf(door.group)
  if (timeouts.length < q) return err({ code: 'too_few_votes', expected: q, actual: timeouts.length })
  const view = timeouts[0]?.body.view ?? 0
  const seen = new Set<number>()
  for (const { from, body } of timeouts) {
    if (body.view !== view) return err({ code: 'wrong_view', expected: view, actual: body.view })
    const index = memberIndex(door.group, from)
    if (index === undefined) return err({ code: 'unknown_signer' })
    if (seen.has(index)) return err({ code: 'voter_order', index })
    seen.add(index)
  }
  return each(timeouts, (timeout) => statement(door, 'timeout', timeout))()
}

function content(door: Door, block: Block, requests: readonly Request[]): Checks {
  if (!bytesEqual(block.job, door.group.job) || requests.some(({ job }) => !bytesEqual(job, door.group.job)))
    return err({ code: 'wrong_job' })
  return bytesEqual(requestsRoot(requests), block.requests_root) ? ok([]) : err({ code: 'wrong_requests_root' })
}

/** Everything about a message but the signatures themselves, and the list of those. */
export function wireChecks(door: Door, message: WireMessage): Checks {
  const { domain, group } = door
  switch (message.type) {
    case 'request': {
      const { request, body } = message
      if (!bytesEqual(request.job, group.job)) return err({ code: 'wrong_job' })
      if (body === null) return ok([])
      const good = body.length === request.body_bytes && bytesEqual(door.hash(body), request.body_hash)
      return good ? ok([]) : err({ code: 'wrong_body', expectedBytes: request.body_bytes, actualBytes: body.length })
    }
    case 'propose': {
      const { propose, block, requests, tc, qc1s } = message
      const { height, view, block_hash } = propose.body
      if (block.height !== height) return err({ code: 'wrong_height', expected: height, actual: block.height })
      if (!bytesEqual(blockHash(domain, block), block_hash)) return err({ code: 'wrong_block_hash' })
      const before = tc?.[0]?.body.view
      if (tc !== null && before !== view - 1)
        return err({ code: 'wrong_view', expected: view - 1, actual: before ?? 0 })
      return all(
        () => statement(door, 'propose', propose),
        () => content(door, block, requests),
        () => (tc === null ? ok([]) : tcChecks(door, tc)),
        qc1sOf(door, qc1s),
      )
    }
    case 'vote1': {
      const { vote, qc1s } = message
      if (vote.body.jview !== null && vote.body.jview >= vote.body.view)
        return err({ code: 'jview_not_below_view', index: memberIndex(group, vote.from) ?? 0 })
      return all(() => statement(door, 'vote1', vote), qc1sOf(door, qc1s))
    }
    case 'vote2':
      return statement(door, 'vote2', message.vote)
    case 'nay':
      return statement(door, 'nay', message.nay)
    case 'qc1':
      return all(
        () => (message.content === null ? ok([]) : content(door, message.content.block, message.content.requests)),
        qc1sOf(door, message.qc1s),
      )
    case 'cert':
      return certChecks(domain, group, message.cert)
    case 'timeout':
      return all(() => statement(door, 'timeout', message.timeout), qc1sOf(door, message.qc1s))
    case 'tc':
      return all(() => tcChecks(door, message.timeouts), qc1sOf(door, message.qc1s))
    case 'status':
      if (!bytesEqual(message.job, group.job)) return err({ code: 'wrong_job' })
      return message.epoch === group.epoch
        ? ok([])
        : err({ code: 'wrong_epoch', expected: group.epoch, actual: message.epoch })
    default:
      return unreachable(message)
  }
}

/** A certified block as it came from another member: the certificate, and requests that are the block's. */
export function fetchedChecks(door: Door, fetched: FetchedBlock): Checks {
  return all(
    () => certChecks(door.domain, door.group, fetched.cert),
    () => content(door, fetched.cert.block, fetched.requests),
  )
}

function rememberedKey(check: SignatureCheck): string {
  return keyOf(check.key) + keyOf(check.message) + keyOf(check.signature)
}

function remember(door: Door, key: string): void {
  if (door.good.size >= REMEMBERED_SIGNATURES) {
    const oldest = door.good.values().next()
    if (!oldest.done) door.good.delete(oldest.value)
  }
  door.good.add(key)
}

function through<T>(door: Door, value: T, checks: Checks, verify: Verify): Result<Verified<T>, DoorError> {
  if (!checks.ok) return checks
  for (const check of checks.value) {
    const key = rememberedKey(check)
    if (door.good.has(key)) continue
    if (!verify(check.key, check.message, check.signature)) return err({ code: 'bad_signature', index: check.index })
    remember(door, key)
  }
  return ok(value as Verified<T>)
}

async function throughAsync<T>(
  door: Door,
  value: T,
  checks: Checks,
  verify: VerifyAsync,
): Promise<Result<Verified<T>, DoorError>> {
  if (!checks.ok) return checks
  for (const check of checks.value) {
    const key = rememberedKey(check)
    if (door.good.has(key)) continue
    if (!(await verify(check.key, check.message, check.signature)))
      return err({ code: 'bad_signature', index: check.index })
    remember(door, key)
  }
  return ok(value as Verified<T>)
}

/** `verify` is the one rule with the native primitive inside (`verifySignature`). */
export function verifyWire(door: Door, message: WireMessage, verify: Verify): Result<Verified<WireMessage>, DoorError> {
  return through(door, message, wireChecks(door, message), verify)
}

export function verifyWireAsync(
  door: Door,
  message: WireMessage,
  verify: VerifyAsync,
): Promise<Result<Verified<WireMessage>, DoorError>> {
  return throughAsync(door, message, wireChecks(door, message), verify)
}

export function verifyCert(door: Door, cert: Cert, verify: Verify): Result<Verified<Cert>, DoorError> {
  return through(door, cert, certChecks(door.domain, door.group, cert), verify)
}

export function verifyFetched(
  door: Door,
  fetched: FetchedBlock,
  verify: Verify,
): Result<Verified<FetchedBlock>, DoorError> {
  return through(door, fetched, fetchedChecks(door, fetched), verify)
}
