// The door of the agreement: bytes from others become `Verified<…>` here and nowhere else, and the core takes nothing but that.
// Every signature inside a message is checked, those of carried QC1s and TIMEOUTs too: one bad one refuses the whole.
//
//   wireFromBytes ──> wireChecks (form, places, hashes) ──> signatures by the one rule (protocol/identity) ──> Verified<WireMessage>
//
// What was verified once costs nothing again: a bounded memory of (key, statement, signature) that were found good.

import { keyOf, memberIndex } from '#protocol/agreement/members.ts'
import type { FetchedBlock } from '#protocol/agreement/port.ts'
import { acceptQc1, createRound } from '#protocol/agreement/round.ts'
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
import { membersHash, reconfigOf, type Start } from '#protocol/message/epoch.ts'
import { type Request, requestsRoot } from '#protocol/message/request.ts'
import type { Close, Place, Ready, StatementType, Timeout } from '#protocol/message/statement.ts'
import type { WireMessage, WireOf } from '#protocol/message/wire.ts'

declare const verified: unique symbol
/** A value whose signatures were all checked against the group of its door. */
export type Verified<T> = T & { readonly [verified]: true }

/** Signatures remembered as good: some hundred blocks' worth of a group of four. */
export const REMEMBERED_SIGNATURES = 4096

export type Door = {
  readonly domain: Domain
  /** Of the newest epoch that is known. */
  group: Group
  /** Groups by epoch: a signature counts only by the group of the epoch that its statement names. */
  readonly groups: Map<number, Group>
  /** Hashes inline bodies. */
  readonly hash: Sha256
  /** By the signature: good as a signature of this key on this statement. */
  readonly good: Map<string, Pick<SignatureCheck, 'key' | 'message'>>
}

export type StartError =
  /** A RECONFIG that is none, or of another group than the one that is to come. */
  | { readonly code: 'wrong_reconfig' }
  /** What a CLOSE names is not what is shown with it, or not the highest. */
  | { readonly code: 'wrong_close' }

export type DoorError =
  | CertError
  | { readonly code: 'wrong_view'; readonly expected: number; readonly actual: number }
  | { readonly code: 'wrong_height'; readonly expected: number; readonly actual: number }
  | { readonly code: 'unknown_signer' }
  | StartError
  | { readonly code: 'wrong_requests_root' }
  | { readonly code: 'wrong_body'; readonly expectedBytes: number; readonly actualBytes: number }

export type Verify = (key: PublicKey, message: Uint8Array, signature: Signature) => boolean
export type VerifyAsync = (key: PublicKey, message: Uint8Array, signature: Signature) => Promise<boolean>

/** `hash`: a native SHA-256 where there is one. */
export function createDoor(domain: Domain, group: Group, hash: Sha256 = sha256): Door {
  return { domain, group, groups: new Map([[group.epoch, group]]), hash, good: new Map() }
}

/** Statements of this group's epoch are known from now on. */
export function admitGroup(door: Door, group: Group): void {
  door.groups.set(group.epoch, group)
  if (group.epoch > door.group.epoch) door.group = group
}

function groupOfEpoch(door: Door, epoch: number): Result<Group, DoorError> {
  const group = door.groups.get(epoch)
  return group === undefined ? err({ code: 'wrong_epoch', expected: door.group.epoch, actual: epoch }) : ok(group)
}

type Checks = Result<readonly SignatureCheck[], DoorError>

function statement(door: Door, type: StatementType, signed: Signed<Pick<Place, 'job' | 'epoch'>>): Checks {
  const { job, epoch } = signed.body
  if (!bytesEqual(job, door.group.job)) return err({ code: 'wrong_job' })
  const group = groupOfEpoch(door, epoch)
  if (!group.ok) return group
  const index = memberIndex(group.value, signed.from)
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

function qc1Of(door: Door, qc1: Qc1): Checks {
  const group = groupOfEpoch(door, qc1.epoch)
  return group.ok ? qc1Checks(door.domain, group.value, qc1) : group
}

const qc1sOf = (door: Door, qc1s: readonly Qc1[]) => each(qc1s, (qc1) => qc1Of(door, qc1))

function certOf(door: Door, cert: Cert): Checks {
  const group = groupOfEpoch(door, cert.qc1.epoch)
  return group.ok ? certChecks(door.domain, group.value, cert) : group
}

/** TC = TIMEOUT[≥ q] of one (epoch, view) by distinct members, heights may differ (R6). */
export function tcChecks(door: Door, timeouts: readonly Signed<Timeout>[]): Checks {
  const first = timeouts[0]
  const group = groupOfEpoch(door, first?.body.epoch ?? door.group.epoch)
  if (!group.ok) return group
  const q = quorumOf(group.value)
  if (timeouts.length < q || first === undefined)
    return err({ code: 'too_few_votes', expected: q, actual: timeouts.length })
  const { view, epoch } = first.body
  const seen = new Set<number>()
  for (const { from, body } of timeouts) {
    if (body.view !== view) return err({ code: 'wrong_view', expected: view, actual: body.view })
    if (body.epoch !== epoch) return err({ code: 'wrong_epoch', expected: epoch, actual: body.epoch })
    const index = memberIndex(group.value, from)
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

type Named = NonNullable<Close['high_cert']>

const names = (named: Named | null, qc: Qc1 | undefined): boolean =>
  named === null || qc === undefined
    ? named === null && qc === undefined
    : named.epoch === qc.epoch &&
      named.height === qc.height &&
      named.view === qc.view &&
      bytesEqual(named.block_hash, qc.block_hash)

/** The last of these QC1s counts: those that its votes rely on are there (R3), all of one height and epoch. */
function relies(qc1s: readonly Qc1[]): boolean {
  const last = qc1s.at(-1)
  if (last === undefined) return true
  if (qc1s.some(({ height, epoch }) => height !== last.height || epoch !== last.epoch)) return false
  const round = createRound(last.height, 0)
  for (const qc1 of qc1s) acceptQc1(round, qc1)
  return round.qc1s.get(last.view) === last
}

/** CLOSE of a member, of the group that is to come after its epoch, and the shape that an honest one has. */
function closed(door: Door, signed: Signed<Close>): Checks {
  const { epoch, members_hash, high_cert, high_qc1 } = signed.body
  const next = groupOfEpoch(door, epoch + 1)
  if (!next.ok) return next
  const above = high_qc1 === null || high_qc1.height === (high_cert?.height ?? 0) + 1
  const past = (high_cert?.epoch ?? 0) <= epoch && (high_qc1?.epoch ?? 0) <= epoch
  if (!above || !past || !bytesEqual(members_hash, membersHash(next.value))) return err({ code: 'wrong_close' })
  return statement(door, 'close', signed)
}

function closeChecks(door: Door, { close, cert, qc1s }: WireOf<'close'>): Checks {
  const shown = names(close.body.high_cert, cert?.qc1) && names(close.body.high_qc1, qc1s.at(-1)) && relies(qc1s)
  if (!shown) return err({ code: 'wrong_close' })
  return all(
    () => closed(door, close),
    () => (cert === null ? ok([]) : certOf(door, cert)),
    qc1sOf(door, qc1s),
  )
}

function higher(a: Named, b: Named): boolean {
  if (a.height !== b.height) return a.height > b.height
  return a.epoch === b.epoch ? a.view > b.view : a.epoch > b.epoch
}

const highest = (named: readonly (Named | null)[]): Named | null =>
  named.reduce((best, one) => (one !== null && (best === null || higher(one, best)) ? one : best), null)

/** The proof that an epoch has started: what it shows is the highest that its CLOSEs name. */
export function startChecks(door: Door, start: Start): Checks {
  if (!bytesEqual(start.job, door.group.job)) return err({ code: 'wrong_job' })
  const group = groupOfEpoch(door, start.epoch - 1)
  if (!group.ok) return group
  const next = groupOfEpoch(door, start.epoch)
  if (!next.ok) return next
  return start.reconfig === null ? closesCheck(door, start, group.value) : reconfigCheck(door, start, next.value)
}

function reconfigCheck(door: Door, { epoch, cert, reconfig: request, closes, qc1s }: Start, next: Group): Checks {
  const reconfig = request === null ? undefined : reconfigOf(request)
  const fits =
    request !== null &&
    cert !== null &&
    closes.length === 0 &&
    qc1s.length === 0 &&
    cert.block.kind === 'reconfig' &&
    cert.qc1.epoch === epoch - 1 &&
    bytesEqual(requestsRoot([request]), cert.block.requests_root) &&
    reconfig?.epoch === epoch &&
    bytesEqual(reconfig.membersHash, membersHash(next))
  return fits ? certOf(door, cert) : err({ code: 'wrong_reconfig' })
}

function closesCheck(door: Door, { epoch, cert, closes, qc1s }: Start, group: Group): Checks {
  const q = quorumOf(group)
  if (closes.length < q) return err({ code: 'too_few_votes', expected: q, actual: closes.length })
  const seen = new Set<number>()
  for (const { from, body } of closes) {
    const index = memberIndex(group, from)
    if (index === undefined) return err({ code: 'unknown_signer' })
    if (body.epoch !== epoch - 1) return err({ code: 'wrong_epoch', expected: epoch - 1, actual: body.epoch })
    if (seen.has(index)) return err({ code: 'voter_order', index })
    seen.add(index)
  }
  const top = highest(closes.map(({ body }) => body.high_cert))
  const above = highest(
    closes.map(({ body }) => (body.high_qc1?.height === (top?.height ?? 0) + 1 ? body.high_qc1 : null)),
  )
  const sameHeight = (top?.height ?? 0) === (cert?.block.height ?? 0)
  if (!sameHeight || !names(above, qc1s.at(-1)) || !relies(qc1s)) return err({ code: 'wrong_close' })
  return all(
    each(closes, (close) => closed(door, close)),
    () => (cert === null ? ok([]) : certOf(door, cert)),
    qc1sOf(door, qc1s),
  )
}

/** READY of ≥ q members of the group that a RECONFIG names; of a block of another kind nothing. */
function readyChecks(door: Door, block: Block, requests: readonly Request[]): Checks {
  if (block.kind !== 'reconfig') return ok([])
  const reconfig = requests[0] === undefined ? undefined : reconfigOf(requests[0])
  if (reconfig === undefined || requests.length !== 1) return err({ code: 'wrong_reconfig' })
  const next = groupOfEpoch(door, reconfig.epoch)
  if (!next.ok) return next
  const q = quorumOf(next.value)
  if (!bytesEqual(reconfig.membersHash, membersHash(next.value))) return err({ code: 'wrong_reconfig' })
  if (reconfig.ready.length < q) return err({ code: 'too_few_votes', expected: q, actual: reconfig.ready.length })
  const checks: SignatureCheck[] = []
  let previous = -1
  for (const { index, height, state_root, signature } of reconfig.ready) {
    const key = next.value.members[index]
    if (index <= previous) return err({ code: 'voter_order', index })
    if (key === undefined) return err({ code: 'not_a_member', index })
    previous = index
    const body: Ready = { job: door.group.job, epoch: reconfig.epoch, height, state_root }
    checks.push({ key, message: statementHash(door.domain, 'ready', body), signature, index })
  }
  return ok(checks)
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
      const { propose, block, requests, tc, qc1s, start } = message
      const { height, view, block_hash } = propose.body
      if (block.height !== height) return err({ code: 'wrong_height', expected: height, actual: block.height })
      if (!bytesEqual(blockHash(domain, block), block_hash)) return err({ code: 'wrong_block_hash' })
      const before = tc?.[0]?.body.view
      if (tc !== null && before !== view - 1)
        return err({ code: 'wrong_view', expected: view - 1, actual: before ?? 0 })
      return all(
        () => statement(door, 'propose', propose),
        () => content(door, block, requests),
        () => readyChecks(door, block, requests),
        () => (tc === null ? ok([]) : tcChecks(door, tc)),
        qc1sOf(door, qc1s),
        () => (start === null ? ok([]) : startChecks(door, start)),
      )
    }
    case 'vote1': {
      const { vote, qc1s } = message
      if (vote.body.jview !== null && vote.body.jview >= vote.body.view)
        return err({
          code: 'jview_not_below_view',
          index: memberIndex(door.groups.get(vote.body.epoch) ?? group, vote.from) ?? 0,
        })
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
      return certOf(door, message.cert)
    case 'timeout':
      return all(() => statement(door, 'timeout', message.timeout), qc1sOf(door, message.qc1s))
    case 'tc':
      return all(() => tcChecks(door, message.timeouts), qc1sOf(door, message.qc1s))
    case 'status':
      return bytesEqual(message.job, group.job) ? ok([]) : err({ code: 'wrong_job' })
    case 'ready':
      return statement(door, 'ready', message.ready)
    case 'close':
      return closeChecks(door, message)
    case 'start':
      return startChecks(door, message.start)
    default:
      return unreachable(message)
  }
}

/** A certified block as it came from another member: the certificate, and requests that are the block's. */
export function fetchedChecks(door: Door, fetched: FetchedBlock): Checks {
  return all(
    () => certOf(door, fetched.cert),
    () => content(door, fetched.cert.block, fetched.requests),
  )
}

function isRemembered(door: Door, { key, message, signature }: SignatureCheck): boolean {
  const known = door.good.get(keyOf(signature))
  return known !== undefined && bytesEqual(known.message, message) && bytesEqual(known.key, key)
}

function remember(door: Door, check: SignatureCheck): void {
  if (door.good.size >= REMEMBERED_SIGNATURES) {
    const oldest = door.good.keys().next()
    if (!oldest.done) door.good.delete(oldest.value)
  }
  door.good.set(keyOf(check.signature), check)
}

function through<T>(door: Door, value: T, checks: Checks, verify: Verify): Result<Verified<T>, DoorError> {
  if (!checks.ok) return checks
  for (const check of checks.value) {
    if (isRemembered(door, check)) continue
    if (!verify(check.key, check.message, check.signature)) return err({ code: 'bad_signature', index: check.index })
    remember(door, check)
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
    if (isRemembered(door, check)) continue
    if (!(await verify(check.key, check.message, check.signature)))
      return err({ code: 'bad_signature', index: check.index })
    remember(door, check)
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
  return through(door, cert, certOf(door, cert), verify)
}

export function verifyFetched(
  door: Door,
  fetched: FetchedBlock,
  verify: Verify,
): Result<Verified<FetchedBlock>, DoorError> {
  return through(door, fetched, fetchedChecks(door, fetched), verify)
}
