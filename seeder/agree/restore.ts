// What a member finds again in its store after a stop or a crash, re-verified before it is believed.

import { type Door, verifyCert } from '#protocol/agreement/door.ts'
import { evidenceFromBytes } from '#protocol/agreement/evidence-shape.ts'
import { WINDOW_MS } from '#protocol/agreement/limits.ts'
import type { Restored } from '#protocol/agreement/port.ts'
import type { Digest } from '#protocol/codec/digest.ts'
import { type Cid, textFromCid } from '#protocol/content/cid.ts'
import { publicKeyFromBytes } from '#protocol/identity/keys.ts'
import { type Cert, certChecks, type Group, runChecks } from '#protocol/message/certificate.ts'
import type { Domain } from '#protocol/message/domain.ts'
import { orderedRequestHash } from '#protocol/message/request.ts'
import type { BodyKeeper } from '#seeder/agree/body-keeper.ts'
import { certFromBytes, heightFromBytes, voteFromBytes } from '#seeder/agree/record.ts'
import { verify } from '#seeder/identity/keys.ts'
import type { EvidenceSummary, Head } from '#seeder/serve/port.ts'
import type { StartChecks, Store } from '#seeder/store/port.ts'

/** The tree of a state under way from another member. */
export function incomingLabel(height: number): string {
  return `incoming/${height}`
}

const INCOMING_LABEL = /^incoming\/(\d+)$/

/** Lets half fetched states up to a height go, but for the newest `keep`. */
export function letIncomingGo(store: Store, job: Digest, height: number, keep: number): void {
  const heights = [...store.blocks.roots(job).keys()]
    .map((label) => Number(INCOMING_LABEL.exec(label)?.[1] ?? Number.POSITIVE_INFINITY))
    .filter((incoming) => incoming <= height)
    .sort((a, b) => b - a)
  for (const incoming of heights.slice(keep)) store.blocks.releaseRoot(job, incomingLabel(incoming))
}

/** A state that another member fetches from here; each lease has a name of its own. */
export function leaseLabel(height: number, number: number): string {
  return `lease/${height}/${number}`
}

function isLease(label: string): boolean {
  return label.startsWith('lease/')
}

/** A bundle that waits for its UPDATE. */
export function bundleLabel(codeRoot: Cid): string {
  return `bundle/${textFromCid(codeRoot)}`
}

/** What `Store.verify` asks at start. `groupsOf` is empty for a job that this seeder does not host any more: left alone. */
export function startChecks(domain: Domain, groupsOf: (job: Digest) => readonly Group[]): StartChecks {
  return {
    head(job, head) {
      const groups = groupsOf(job)
      if (groups.length === 0) return true
      const cert = certFromBytes(head.certificate)
      if (!cert.ok || cert.value.block.height !== head.height) return false
      if (textFromCid(cert.value.block.state_root) !== textFromCid(head.stateRoot)) return false
      const { epoch } = cert.value.qc1
      const group = groups.find((known) => known.epoch === epoch)
      const checks = group === undefined ? undefined : certChecks(domain, group, cert.value)
      return checks?.ok === true && runChecks(checks.value, verify).ok
    },
    votes: (_job, record) => voteFromBytes(record).ok,
  }
}

export type RestoredSite = {
  /** Absent: nothing was ever signed or committed here. */
  readonly member?: Restored
  readonly head?: Head
  readonly evidence: EvidenceSummary[]
}

type Found = {
  readonly store: Store
  readonly job: Digest
  readonly door: Door
  readonly bodies: BodyKeeper
}

/** Throws when the head does not verify: `Store.verify` is asked first, and a damaged job is cleared. */
export function restoreMember(found: Found): RestoredSite {
  const { store, job, door, bodies } = found
  const evidence = evidenceOf(store, job)
  const row = store.certified.head(job)
  const saved = store.votes.load(job)
  // What was given to others in the last run is let go, and what was half fetched below what is here now.
  letIncomingGo(store, job, row?.height ?? 0, 0)
  for (const label of store.blocks.roots(job).keys()) {
    if (isLease(label) || label.startsWith('export/')) store.blocks.releaseRoot(job, label)
  }
  if (row === undefined && saved.ok && saved.value === undefined) return { evidence }
  const votes = saved.ok && saved.value !== undefined ? voteFromBytes(saved.value) : undefined
  const bodiesWhole = votes?.ok === true && bodies.restore(votes.value.bodies)
  const member = {
    ...(votes?.ok === true ? { record: votes.value.record } : {}),
    abstain: !bodiesWhole,
    bodies: bodiesWhole && votes?.ok === true ? votes.value.bodies : [],
  }
  if (row === undefined)
    return { evidence, member: { ...member, recent: [], states: [{ height: 0, time: 0 }], firstBlock: 1 } }
  const cert = certFromBytes(row.certificate)
  const checked = cert.ok ? verifyCert(door, cert.value, verify) : cert
  if (!checked.ok) throw new Error(`the head does not verify: ${checked.error.code}`)
  const { block } = checked.value
  return {
    evidence,
    head: {
      height: block.height,
      cert: checked.value,
      stateRoot: block.state_root,
      codeRoot: block.code_root,
      time: block.time,
    },
    member: {
      ...member,
      cert: checked.value,
      ...recentBlocks(store, job, checked.value),
      states: keptStates(store, job),
    },
  }
}

function evidenceOf(store: Store, job: Digest): EvidenceSummary[] {
  return store.evidence.list(job).flatMap((row) => {
    const accused = publicKeyFromBytes(row.accused)
    const readable = evidenceFromBytes(row.record)
    if (!accused.ok || !readable.ok) return []
    return [{ kind: row.kind, accused: accused.value, hash: row.hash, proof: row.record }]
  })
}

/** What R9's window may reach, from the head down to the first height that is not whole here: of a state that was taken over, or damaged. */
function recentBlocks(store: Store, job: Digest, head: Cert): Pick<Restored, 'recent' | 'firstBlock'> {
  const recent: Restored['recent'][number][] = []
  for (let height = head.block.height; height > 0; height--) {
    const row = store.certified.at(job, height)
    const cert = row === undefined ? undefined : certFromBytes(row.certificate)
    const record = row === undefined || row.requests.length === 0 ? undefined : heightFromBytes(row.requests)
    if (!cert?.ok || !record?.ok) return { recent: recent.reverse(), firstBlock: height + 1 }
    const { time } = cert.value.block
    if (time < head.block.time - WINDOW_MS) return { recent: recent.reverse(), firstBlock: firstWhole(store, job) }
    recent.push({ height, time, requestHashes: record.value.requests.map(orderedRequestHash) })
  }
  return { recent: recent.reverse(), firstBlock: 1 }
}

/** The lowest height is that of a state when this member began with one: the blocks come after it. */
function firstWhole(store: Store, job: Digest): number {
  const first = store.certified.first(job) ?? 0
  const isTaken = store.certified.at(job, first)?.requests.length === 0
  return isTaken ? first + 1 : Math.max(1, first)
}

const STATE_LABEL = /^state\/(\d+)$/

function keptStates(store: Store, job: Digest): Restored['states'] {
  const states: Restored['states'][number][] = []
  for (const label of store.blocks.roots(job).keys()) {
    const height = Number(STATE_LABEL.exec(label)?.[1] ?? 0)
    const row = height > 0 ? store.certified.at(job, height) : undefined
    const cert = row === undefined ? undefined : certFromBytes(row.certificate)
    if (cert?.ok) states.push({ height, time: cert.value.block.time })
  }
  return states.sort((a, b) => a.height - b.height)
}
