// What the HTTP edge asks of a hosted site: `seeder/agree` implements it, `seeder/serve` and the control port use it.

import type { Digest } from '#protocol/codec/digest.ts'
import type { Cid } from '#protocol/content/cid.ts'
import type { PeerName, PublicKey } from '#protocol/identity/keys.ts'
import type { Cert, Group } from '#protocol/message/certificate.ts'
import type { Signed } from '#protocol/message/domain.ts'
import type { Request } from '#protocol/message/request.ts'
import type { Receipt } from '#protocol/message/statement.ts'
import type { LogLine, ReadJob, ReadResult, ScriptResponse } from '#seeder/execute/port.ts'

/** The newest certified height that this member holds and has the state of. */
export type Head = {
  readonly height: number
  readonly cert: Cert
  readonly stateRoot: Cid
  readonly codeRoot: Cid
  /** Block time, ms. */
  readonly time: number
}

/** A read as its visitor asked for it; the site adds where and within what limits it runs. */
export type AskedRead = Pick<ReadJob, 'request' | 'requestHash' | 'nonce'>

export type Committed = {
  readonly height: number
  readonly cert: Cert
  readonly response: ScriptResponse
  readonly requestHash: Digest
  readonly responseHash: Digest
  readonly saltHash: Digest
  readonly fuel: number
  /** Where the receipt leaf stands in the block, of how many, and its Merkle path. */
  readonly index: number
  readonly count: number
  readonly path: readonly Digest[]
}

/** Why a write was not taken; the edge answers 503 with Retry-After for all but `too_old`. */
export type Refusal = {
  readonly code: 'queue_full' | 'disputed' | 'not_ready' | 'degraded' | 'stopping' | 'timed_out'
  readonly retryAfterSeconds: number
}

export type MemberStatus = {
  readonly peer: PublicKey
  readonly state: 'self' | 'connected' | 'silent' | 'behind'
  /** Who relays the link to it; absent: nobody does. */
  readonly relay?: PeerName
  readonly height: number
}

export type EvidenceSummary = {
  readonly kind: string
  readonly accused: PublicKey
  readonly hash: Digest
  /** Canonical CBOR of the whole evidence: two signed statements, or a statement and the certificate it contradicts. */
  readonly proof: Uint8Array
}

export type SiteStatus = {
  readonly epoch: number
  readonly height: number
  readonly view: number
  readonly leader: PublicKey
  readonly stateRoot: Cid
  /** `left`: the group goes on without it; `joining`: catching up, or not in the group yet; `disputed`: members' results differ and no certificate forms; `degraded`: cannot persist or execute. */
  readonly state: 'agreeing' | 'joining' | 'disputed' | 'degraded' | 'left'
  readonly degraded?: string
  readonly members: readonly MemberStatus[]
  readonly evidence: readonly EvidenceSummary[]
  /** Counted, never punished: silence, staleness. */
  readonly counts: Readonly<Record<string, number>>
  readonly queued: number
  /** R6: how long the present view's leader is waited for, ms. */
  readonly viewTimerMs: number
}

export type HostedSite = {
  readonly job: Digest
  readonly name: string
  readonly group: Group
  /** The group went on without this member: visitors are sent on. */
  hasLeft?(): boolean
  /** It takes the state over from other members: in a moment there is a head. */
  isComing?(): boolean
  head(): Head | undefined
  status(): SiteStatus
  /** Runs a read on the state of a head, which stays until the read ended. Rejects when that state is no longer here. */
  read(at: Head, asked: AskedRead): Promise<ReadResult>
  /** Orders a request; resolves when it is certified and durable here, or refused. Its body is already whole. */
  submit(request: Request, body: Uint8Array): Promise<Committed | Refusal>
  receipt(body: Receipt): Signed<Receipt>
  /** A certificate by height, while it is kept. */
  certificate(height: number): Cert | undefined
  /** Bytes of a file of the state by path, streamed by the caller in ranges; undefined when absent. */
  file(stateRoot: Cid, path: string): SiteFile | undefined
  logs(options: { limit: number; after?: number }): readonly (LogLine & { readonly sequence: number })[]
  /** Calls back after each new head; returns how to stop. */
  onHead(listener: (head: Head) => void): () => void
}

export type SiteFile = {
  readonly cid: Cid
  readonly size: number
  /** Up to `length` bytes from `offset`. */
  read(offset: number, length: number): Uint8Array
}

/** The sites of this seeder by name; a site that left still answers by redirect. */
export type HostedSites = {
  byName(name: string): HostedSite | undefined
  all(): readonly HostedSite[]
  onChange(listener: () => void): () => void
}
